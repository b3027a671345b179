"""App push by JPush, the aggregator that reaches APNs and the phone makers' own services (its Push API, REST v3).

JPush shows a push with a known `cid` once, but only one that it gave out itself, and a worker that died takes the
cid of its call with it. So a call is repeated once with its cid when the answer is lost, and beyond the call nothing
is known: what is open then is in doubt until a receipt settles it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import httpx
from pydantic import SecretStr

from activities.channels import Accepted, Delivery, Message, Postponed, Refused, Unknown
from activities.channels.calls import TOTAL_TIMEOUT, OneFetch, Provider, compact, object_of, provider, seconds_of
from journeys.channels import CARRIES, INTERRUPTS
from journeys.names import Channel, CustomerId, MessageClass

THROTTLE = 9.0
"""Messages a second: an application without a contract may make 600 calls a minute, and ten pushes take eleven."""
CIDS_AT_ONCE = 1000
CIDS_LAST = timedelta(hours=12)
"""A cid is good for a day from when it was given out."""
MOST_DEVICES = 1000
LONGEST_LIFE = timedelta(days=1)
"""What JPush keeps a push for by itself."""

Call = Callable[[str, str, bytes | None], Awaitable[httpx.Response | Postponed | Unknown]]

_ALIAS = re.compile(r"[A-Za-z0-9_@!#$&*+=.|]{1,40}")
_RATE_LIMIT_RESET = "X-Rate-Limit-Reset"


@dataclass(frozen=True, slots=True)
class JPushAccount:
    """An application at JPush. `third_party_channel` says how each phone maker's service is used, as JPush has it."""

    app_key: str
    master_secret: SecretStr
    address: str
    apns_production: bool = True
    third_party_channel: Mapping[str, Any] = field(default_factory=dict)


class JPush:
    """Shows up on the customer's phone at once."""

    channel = Channel.APP_PUSH
    interrupts = Channel.APP_PUSH in INTERRUPTS
    deduplicates_for = timedelta(0)
    classes = CARRIES[Channel.APP_PUSH]

    def __init__(self, provider: Provider, account: JPushAccount, throttle: float | None = None) -> None:
        self._provider = provider
        self._account = account
        self._cids = CidPool(self._call)
        self.throttle = throttle or THROTTLE

    def reaches(self, customer_id: CustomerId, addresses: Sequence[str]) -> bool:
        """Whose devices the books have, or whose id can be an alias."""
        return audience_of(customer_id, addresses) is not None

    async def deliver(self, message: Message) -> Delivery:
        """Push the message, under one cid: again if the answer to the first try says nothing."""
        audience = audience_of(message.customer_id, message.addresses)
        if audience is None:
            return Refused("unreachable")
        cid = await self._cids.take()
        if not isinstance(cid, str):
            return cid
        first = await self._push(cid, audience, message)
        if not isinstance(first, Unknown):
            return first
        again = await self._push(cid, audience, message)
        # That the second was not taken says nothing of the first.
        return again if isinstance(again, Accepted) else first

    async def _push(self, cid: str, audience: Mapping[str, object], message: Message) -> Delivery:
        answer = await self._call("POST", "/v3/push", compact(self._content(cid, audience, message)))
        return _delivery(answer, audience) if isinstance(answer, httpx.Response) else answer

    async def _call(self, method: str, path: str, body: bytes | None = None) -> httpx.Response | Postponed | Unknown:
        account = self._account
        return await self._provider.call(
            method,
            f"{account.address.rstrip('/')}{path}",
            content=body,
            headers={"Content-Type": "application/json"},
            auth=(account.app_key, account.master_secret.get_secret_value()),
        )

    def _content(self, cid: str, audience: Mapping[str, object], message: Message) -> dict[str, object]:
        """A push as the API has it. `classification` says that service is no promotion: phone makers ask.

        `time_to_live` is how long JPush keeps it for a phone that is off.
        """
        extras = {"key": message.key}
        options: dict[str, object] = {
            "apns_production": self._account.apns_production,
            "classification": int(message.message_class is MessageClass.SERVICE),
            "time_to_live": _seconds_left(message.good_until),
        }
        if self._account.third_party_channel:
            options["third_party_channel"] = self._account.third_party_channel
        return {
            "cid": cid,
            "platform": ["android", "ios"],
            "audience": audience,
            "notification": {
                "android": {"title": message.title, "alert": message.body, "extras": extras},
                "ios": {
                    "alert": {"title": message.title, "body": message.body},
                    "sound": "default",
                    "extras": extras,
                },
            },
            "options": options,
        }


class CidPool:
    """Identifiers of pushes, as JPush gives them out: fetched once for all who wait for them."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._fetch_once = OneFetch()
        self._cids: deque[str] = deque()
        self._end = 0.0

    async def take(self) -> str | Postponed:
        """One that was never used; without one nothing is pushed."""
        return await self._fetch_once.get(self._next, self._fetch)

    def _next(self) -> str | None:
        return self._cids.popleft() if self._cids and monotonic() < self._end else None

    async def _fetch(self) -> str | Postponed:
        answer = await self._call("GET", f"/v3/push/cid?count={CIDS_AT_ONCE}&type=push", None)
        if not isinstance(answer, httpx.Response):
            return Postponed("not_connected")
        cids = (object_of(answer) or {}).get("cidlist") if answer.status_code == 200 else None
        if not isinstance(cids, list) or not cids:
            meant = _delivery(answer, {})
            return meant if isinstance(meant, Postponed) else Postponed("busy", _pause(answer))
        self._cids, self._end = deque(map(str, cids)), monotonic() + CIDS_LAST.total_seconds()
        return self._cids.popleft()


@asynccontextmanager
async def jpush(
    account: JPushAccount, total_timeout: timedelta = TOTAL_TIMEOUT, throttle: float | None = None
) -> AsyncIterator[JPush]:
    """The channel, open until the end of the block."""
    async with provider(total_timeout) as opened:
        yield JPush(opened, account, throttle)


def audience_of(customer_id: CustomerId, addresses: Sequence[str]) -> dict[str, object] | None:
    """The customer's devices as the books have them, else the alias that the app has set; none if it can be neither."""
    if addresses:
        return {"registration_id": list(addresses[:MOST_DEVICES])}
    alias = alias_of(customer_id)
    return {"alias": [alias]} if _ALIAS.fullmatch(alias) else None


def alias_of(customer_id: CustomerId) -> str:
    """What the app sets as the alias: the customer's id with `=` for `-`, which an alias may not have."""
    return customer_id.replace("-", "=")


def _seconds_left(good_until: datetime | None) -> int:
    """Until then, a day at most; none left means that only a phone that is on gets the push."""
    left = LONGEST_LIFE if good_until is None else min(good_until - datetime.now(UTC), LONGEST_LIFE)
    return max(0, int(left.total_seconds()))


def _delivery(response: httpx.Response, audience: Mapping[str, object]) -> Delivery:
    """What an answer means: by its error code, or else by its status."""
    content = object_of(response)
    if response.status_code == 200:
        sent = content is not None and content.get("msg_id")
        return Accepted(str(sent)) if sent else Unknown("unreadable_answer")
    error = (content or {}).get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return _by_code(code, response, audience) or _by_status(response)


def _by_code(code: object, response: httpx.Response, audience: Mapping[str, object]) -> Delivery | None:
    match code:
        case 1011:
            return Refused("unreachable", gone=True)
        case 1003 if "registration_id" in audience:
            # A value does not fit, and the devices are the only one that is the customer's.
            return Refused("unreachable")
        case 1005:
            return Refused("too_large")
        case 1001 | 1002 | 1003 | 1009 | 1012 | 1016:
            return Refused("bad_request")
        case 1004 | 1008 | 1020 | 2003 | 2004 | 2006 | 2007:
            # It says something about our account, nothing about the message.
            return Postponed("unauthorized", _pause(response))
        case 2002 | 2005 | 2008:
            return Postponed("busy", _pause(response))
        case 1000 | 1030:
            return Unknown("gateway_failed", _pause(response))
        case _:
            return None


def _by_status(response: httpx.Response) -> Delivery:
    match response.status_code:
        case 401 | 403:
            return Postponed("unauthorized", _pause(response))
        case 404 | 410:
            return Refused("unreachable")
        case 413:
            return Refused("too_large")
        case 408 | 425 | 429:
            return Postponed("busy", _pause(response))
        case status if 400 <= status < 500:
            return Refused("bad_request")
        case status if status >= 500:
            return Unknown("gateway_failed", _pause(response))
        case _:
            return Unknown("unreadable_answer")


def _pause(response: httpx.Response) -> timedelta:
    return max(seconds_of(response), seconds_of(response, _RATE_LIMIT_RESET))
