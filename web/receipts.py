"""Receipts from providers: what became of the messages that they took.

    POST /receipts/{channel}    a receipt, or a list of them, as JSON; signed as pushes are (activities/channels)

Each is answered by its place: `recorded`, `known` from before, or `rejected` with the reason. What was taken is in the
books, and journeys that wait for it have been told; if that is not possible now, the answer is 503 and the sender
sends all of it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from pydantic import SecretStr, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from temporalio.client import Client
from temporalio.service import RPCError

from activities.channels.signature import KEY_ID, SIGNATURE, TIMESTAMP, SigningKey, Verdict, verify
from activities.contracts import RECORD_EVENT, TASK_QUEUE, WORKFLOW_TYPE, workflow_id
from activities.json_text import read_json
from activities.problems import Place, path_of, problems_of
from activities.receipts import MOST, MessageEvent, Receipt, Recorded, record_receipts, tell_events
from errors import EngineError
from journeys.names import Channel

LARGEST_BATCH = 1024 * 1024
ReceiptKeys = Mapping[Channel, Mapping[str, SecretStr]]
PATIENCE = timedelta(seconds=5)
"""How long Temporal may take for one event: the provider waits."""

_LOG = logging.getLogger(__name__)

_REMEDIES = {
    Verdict.MISSING: f"send the headers {KEY_ID}, {TIMESTAMP} and {SIGNATURE}",
    Verdict.UNKNOWN_KEY: f"{KEY_ID} names no key of this channel; its keys are those of SOJOURN_RECEIPT_KEYS and the"
    " gateway's own",
    Verdict.FORGED: f"{SIGNATURE} does not fit: make it of `timestamp + '.' + body`, byte for byte, with the secret of"
    " the key that is named",
    Verdict.OUTDATED: f"{TIMESTAMP} is not within 5 minutes of the time here: sign anew, in seconds since 1970",
}


class Receipts:
    """The route. `keys` are the secrets of those who may send for a channel, by the name of the key.

    It finds the database as `request.state.pool`. `connect` is called with the first event for a workflow, so that
    this runs, and takes deliveries, while Temporal is away.
    """

    def __init__(self, keys: ReceiptKeys, connect: Callable[[], Awaitable[Client]], tolerance: timedelta) -> None:
        self._keys = keys
        self._connect = connect
        self._tolerance = tolerance
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    def route(self) -> Route:
        """POST /receipts/{channel}."""
        return Route("/receipts/{channel}", self.receive, methods=["POST"], max_body_size=LARGEST_BATCH)

    async def receive(self, request: Request) -> JSONResponse:
        """Take a batch."""
        channel = _channel(request)
        key = self._key(request, channel)
        body = await request.body()
        if (verdict := verify(key, request.headers, body, datetime.now(UTC))) is not Verdict.VALID:
            _refuse(verdict)
        receipts, refused = self._read(_items(body), channel)
        async with request.state.pool.acquire() as connection:
            recorded = await record_receipts(connection, list(receipts.values()), f"webhook {key.key_id}")
        # With no connection held: Temporal may take its time, and others need the books meanwhile.
        await tell_events(recorded.events, self._tell)
        answers = _answers(list(receipts), recorded, refused)
        _note(channel, answers)
        if recorded.early:
            said = "A message is not known by its provider_id yet. Send all of it again in a minute: it counts once."
            raise HTTPException(503, said, {"Retry-After": "60"})
        return JSONResponse({"receipts": answers})

    def _key(self, request: Request, channel: Channel) -> SigningKey:
        """The key that the sender names; HTTPException 401, before anything is read, if the channel has none such."""
        if not (key_id := request.headers.get(KEY_ID, "")):
            _refuse(Verdict.MISSING)
        if (secret := self._keys.get(channel, {}).get(key_id)) is None:
            _refuse(Verdict.UNKNOWN_KEY)
        return SigningKey(key_id, secret)

    def _read(self, items: Sequence[Any], channel: Channel) -> tuple[dict[int, Receipt], dict[int, str]]:
        """The receipts by place, and why what is none is none."""
        context = {"latest": datetime.now(UTC) + self._tolerance}
        receipts: dict[int, Receipt] = {}
        refused: dict[int, str] = {}
        for place, item in enumerate(items):
            if not isinstance(item, dict) or "channel" in item:
                refused[place] = "is not an object with receipt_id, kind, at and key or provider_id: correct it"
                continue
            try:
                receipts[place] = Receipt.model_validate({**item, "channel": channel}, context=context)
            except ValidationError as error:
                refused[place] = problems_of(error, _place)
        return receipts, refused

    async def _tell(self, event: MessageEvent) -> None:
        """Signal-with-start. EngineError if Temporal does not take it now."""
        try:
            client = await self._connected()
            await client.start_workflow(
                WORKFLOW_TYPE,
                {},
                id=workflow_id(event.customer_id),
                task_queue=TASK_QUEUE,
                start_signal=RECORD_EVENT,
                start_signal_args=[event.argument],
                rpc_timeout=PATIENCE,
            )
        except RPCError as error:
            raise EngineError(f"Temporal does not take events now ({error.status.name})") from error
        except TimeoutError as error:
            raise EngineError("Temporal does not answer: start it, or correct TEMPORAL_ADDRESS") from error

    async def _connected(self) -> Client:
        async with asyncio.timeout(PATIENCE.total_seconds()), self._connecting:
            if self._client is None:
                self._client = await self._connect()
            return self._client


def _refuse(verdict: Verdict) -> NoReturn:
    """HTTPException 401: a signature is not valid."""
    _LOG.warning("receipts were refused: signature %s", verdict)
    raise HTTPException(401, f"{verdict}: {_REMEDIES[verdict]} (docs/contract.md, Receipts).")


def _channel(request: Request) -> Channel:
    name = request.path_params["channel"]
    if name not in tuple(Channel):
        raise HTTPException(404, f"There is no such channel: the channels are {', '.join(Channel)}.")
    return Channel(name)


def _items(body: bytes) -> Sequence[Any]:
    try:
        said = read_json(body.decode("utf-8-sig"))
    except ValueError:
        raise HTTPException(400, "The body is not JSON: send a receipt, or a list of receipts.") from None
    items = said if isinstance(said, list) else [said]
    if len(items) > MOST:
        raise HTTPException(413, f"More than {MOST} receipts: send them in several requests.")
    return items


def _place(place: Place) -> str:
    return path_of(place) or "the receipt"


def _answers(places: Sequence[int], recorded: Recorded, refused: Mapping[int, str]) -> list[dict[str, str]]:
    """One answer for each receipt, by its place in the request."""
    answers = {place: {"result": "rejected", "reason": reason} for place, reason in refused.items()}
    for taken, place in enumerate(places):
        if taken in recorded.refused:
            answers[place] = {"result": "rejected", "reason": recorded.refused[taken]}
        else:
            answers[place] = {"result": "recorded" if taken in recorded.new else "known"}
    return [answers[place] for place in sorted(answers)]


def _note(channel: Channel, answers: Sequence[Mapping[str, str]]) -> None:
    """Receipts that could not be taken are to be found by whoever runs this: a provider may never look."""
    count = Counter(answer["result"] for answer in answers)
    if count["rejected"]:
        _LOG.warning("%d of %d receipts of %s were rejected", count["rejected"], len(answers), channel)
