"""Providers tell what became of messages: signed, each receipt answered, nothing lost while something is away."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from activities.channels.signature import KEY_ID, SIGNATURE, TIMESTAMP, SigningKey, sign
from activities.contracts import workflow_id
from activities.database import Pool, open_pool
from activities.receipts import MessageEvent
from embedded import EmbeddedStack
from engine import connect
from errors import SettingsError
from journeys.events import app_registered, message_clicked
from journeys.language import data, days, end, journey, send, wait_for
from journeys.names import Channel
from journeys.published import with_templates
from journeys.templates import templates
from settings import Settings
from tests.activities.touches import put_touch, rows
from tests.live import live
from tests.loopback import TRUSTS_NOBODY
from web.app import receipts_app
from web.receipts import Receipts
from web.server import served

KEY = SigningKey("gateway-1", SecretStr("a long enough secret"))
NOBODY = "127.0.0.1:1"


def settings(database_url: str) -> Settings:
    """What the endpoint needs."""
    return Settings(
        database_url=SecretStr(database_url),
        environment="embedded",
        receipt_keys={Channel.APP_PUSH: {KEY.key_id: KEY.secret}, Channel.INBOX: {KEY.key_id: KEY.secret}},
        pool_size=2,
    )


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """The books."""
    opened = await open_pool(database_url, size=2)
    yield opened
    await opened.close()


@pytest.fixture
async def client(
    stack: EmbeddedStack, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """A provider's client. Events go to a queue that nobody works on."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    monkeypatch.setattr("web.receipts.TASK_QUEUE", "nobody")
    async with (
        served(receipts_app(settings(database_url))) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, verify=TRUSTS_NOBODY) as opened,
    ):
        yield opened


def receipt(key: str, kind: str = "delivered", **more: Any) -> dict[str, Any]:
    """A receipt as a provider writes it."""
    return {"receipt_id": "r-1", "kind": kind, "at": datetime.now(UTC).isoformat(), "key": key, **more}


async def post(
    client: httpx.AsyncClient, said: object, *, channel: str = "app_push", key: SigningKey = KEY, **headers: str
) -> httpx.Response:
    """Send what is said, signed now; further headers win."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    signed: Mapping[str, str] = {**sign(key, body, datetime.now(UTC)), **headers}
    return await client.post(f"/receipts/{channel}", content=body, headers=signed)


def results(answer: httpx.Response) -> Sequence[str]:
    """The answer for each receipt."""
    assert answer.status_code == 200, answer.text
    return [each["result"] for each in answer.json()["receipts"]]


async def test_a_delivery_settles_the_touch_and_wakes_nobody(
    stack: EmbeddedStack, client: httpx.AsyncClient, pool: Pool
) -> None:
    """The books only."""
    key = await put_touch(pool, "in_doubt", customer="quiet")
    assert results(await post(client, receipt(key))) == ["recorded"]
    assert await rows(pool, "SELECT outcome, source FROM touch JOIN receipt USING (touch_id)") == [
        ("sent", "webhook gateway-1")
    ]
    assert await signals(stack, "quiet") == []


async def signals(stack: EmbeddedStack, customer: str) -> list[dict[str, Any]]:
    """What the customer's workflow was told; nothing if there is none."""
    temporal = await connect({"target_host": stack.temporal_address})
    told = []
    async for one in temporal.list_workflows(f"WorkflowId = '{workflow_id(customer)}'"):
        history = await temporal.get_workflow_handle(one.id, run_id=one.run_id).fetch_history()
        for event in history.events:
            if event.HasField("workflow_execution_signaled_event_attributes"):
                (payload,) = event.workflow_execution_signaled_event_attributes.input.payloads
                told.append(json.loads(payload.data))
    return told


async def test_each_receipt_of_a_batch_has_its_own_answer(client: httpx.AsyncClient, pool: Pool) -> None:
    """By its place: what cannot be taken says why, without the values, and stands in nobody's way."""
    key = await put_touch(pool)
    batch: list[Any] = [
        receipt(key),
        "seen",
        receipt(key, receipt_id="r-2", at="yesterday"),
        receipt("C-9/guide/1/welcome/1", receipt_id="r-3"),
        receipt(key, receipt_id="r-4", channel="inbox"),
        receipt(key, receipt_id="r-5", at=(datetime.now(UTC) + timedelta(hours=1)).isoformat()),
        {},
    ]
    answer = await post(client, batch)
    assert results(answer) == ["recorded", *["rejected"] * 6]
    reasons = [each.get("reason", "") for each in answer.json()["receipts"]]
    assert "at: write the date" in reasons[2]
    assert "yesterday" not in answer.text
    assert "in the future" in reasons[5]
    assert results(await post(client, batch))[0] == "known"


async def test_what_was_rejected_is_to_be_found_in_the_log(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """How many, of which channel; a provider may never look at answers."""
    with caplog.at_level(logging.WARNING, "web.receipts"):
        await post(client, [receipt("C-1/guide/1/welcome/1")])
    assert caplog.messages == ["1 of 1 receipts of app_push were rejected"]


@pytest.mark.parametrize(("minutes", "status"), [(0, 503), (9, 503), (11, 200)])
async def test_a_message_that_is_not_known_yet_by_the_providers_id_is_to_be_told_again(
    client: httpx.AsyncClient, pool: Pool, minutes: int, status: int
) -> None:
    """The receipt may overtake the answer with the id. Minutes later it is nobody's; all else of the batch is kept."""
    key = await put_touch(pool, "in_doubt", provider_id="msg-1")
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    early = {"receipt_id": "r-2", "kind": "delivered", "at": at.isoformat(), "provider_id": "msg-9"}
    batch = [early, receipt(key)]
    answer = await post(client, batch)
    assert answer.status_code == status
    assert await rows(pool, "SELECT receipt_id FROM receipt") == [("r-1",)]
    if status == 503:
        assert (answer.json()["error"], answer.headers["Retry-After"]) == ("unavailable", "60")
        await put_touch(pool, step="reminder", provider_id="msg-9")
        assert results(await post(client, batch)) == ["recorded", "known"]
    else:
        assert results(answer) == ["rejected", "recorded"]


async def test_while_a_workflow_is_told_the_books_are_free(
    client: httpx.AsyncClient, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal takes its time with as many requests as there are connections: the next delivery is taken."""
    told, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slowly(self: Receipts, event: MessageEvent) -> None:
        told.release()
        await go_on.wait()

    monkeypatch.setattr(Receipts, "_tell", slowly)
    keys = [await put_touch(pool, step=step) for step in ("one", "two", "three")]
    clicks = [receipt(key, "clicked", receipt_id=key) for key in keys]
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(post(client, click)) for click in clicks]
        for _ in clicks:
            await told.acquire()
        assert results(await post(client, receipt(keys[0]))) == ["recorded"]
        go_on.set()
    assert [results(each.result()) for each in waiting] == [["recorded"]] * 3


BODY = b"{}"


@pytest.mark.parametrize("headers", [{}, {KEY_ID: "gateway-2"}])
async def test_a_sender_who_is_not_known_is_refused_before_the_body_comes(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """Nobody without a key makes it wait, or take a megabyte."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    said = {"Host": "x", "Content-Length": "1000000", **headers}
    lines = [b"POST /receipts/app_push HTTP/1.1", *(f"{name}: {value}".encode() for name, value in said.items())]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    assert b" 401 " in await asyncio.wait_for(reader.readline(), 10)
    writer.close()


async def test_a_key_counts_on_its_own_channels(client: httpx.AsyncClient, pool: Pool) -> None:
    """Whoever sends SMS says nothing of pushes."""
    key = await put_touch(pool, "in_doubt", channel="sms")
    answer = await post(client, receipt(key), channel="sms")
    assert (answer.status_code, "unknown_key: Sojourn-Key-Id names no key" in answer.json()["message"]) == (401, True)
    assert await rows(pool, "SELECT outcome FROM touch") == [("in_doubt",)]


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({SIGNATURE: "0" * 64}, "forged: Sojourn-Signature does not fit"),
        ({SIGNATURE: "é"}, "forged"),
        ({SIGNATURE: ""}, "missing: send the headers Sojourn-Key-Id, "),
        ({KEY_ID: "gateway-2"}, "unknown_key"),
        ({TIMESTAMP: "1"}, "forged"),
    ],
)
async def test_what_is_not_signed_by_a_provider_of_ours_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str], said: str
) -> None:
    """Before anything of it is read."""
    said_of_it = {**sign(KEY, BODY, datetime.now(UTC)), **headers}
    signed = [(name.encode(), value.encode("latin-1")) for name, value in said_of_it.items()]
    answer = await client.post("/receipts/app_push", content=BODY, headers=signed)
    assert answer.status_code == 401
    assert said in answer.json()["message"]


@pytest.mark.parametrize("seconds", [-360, 360])
async def test_an_old_request_is_refused(client: httpx.AsyncClient, seconds: int) -> None:
    """Who overheard one cannot send it again later."""
    signed = sign(KEY, BODY, datetime.now(UTC) + timedelta(seconds=seconds))
    answer = await client.post("/receipts/app_push", content=BODY, headers=signed)
    assert (answer.status_code, "outdated" in answer.json()["message"]) == (401, True)


@pytest.mark.parametrize("timestamp", ["soon", "1e9", "-1", "9" * 400])
async def test_a_timestamp_that_is_none_is_outdated(client: httpx.AsyncClient, timestamp: str) -> None:
    """Even if it is signed well."""

    proof = hmac.digest(KEY.secret.get_secret_value().encode(), timestamp.encode() + b"." + BODY, "sha256").hex()
    signed = {KEY_ID: KEY.key_id, TIMESTAMP: timestamp, SIGNATURE: proof}
    answer = await client.post("/receipts/app_push", content=BODY, headers=signed)
    assert (answer.status_code, "outdated" in answer.json()["message"]) == (401, True)


@pytest.mark.parametrize(
    ("said", "channel", "status"),
    [
        (b"[", "app_push", 400),
        (b"[" * 100_000, "app_push", 400),
        (b"\xff", "app_push", 400),
        ([{}] * 1001, "app_push", 413),
        (b" " * (1024 * 1024 + 1), "app_push", 413),
        ({}, "pigeon", 404),
    ],
)
async def test_what_is_no_batch_is_refused_as_a_whole(
    client: httpx.AsyncClient, said: object, channel: str, status: int
) -> None:
    """Nothing of it is taken."""
    answer = await post(client, said, channel=channel)
    assert answer.status_code == status
    assert "Traceback" not in answer.text


async def test_while_temporal_is_away_clicks_are_to_be_sent_again_and_deliveries_are_taken(
    client: httpx.AsyncClient, pool: Pool, stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503; then, once it is back, the same request tells what was not told."""
    key = await put_touch(pool, customer="back-again")
    click = receipt(key, "clicked", receipt_id="r-2")
    monkeypatch.setenv("TEMPORAL_ADDRESS", NOBODY)
    assert results(await post(client, receipt(key))) == ["recorded"]
    answer = await post(client, click)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Traceback" not in answer.text
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    assert results(await post(client, click)) == ["known"]
    (told,) = await signals(stack, "back-again")
    assert (told["name"], told["data"]["touch"]) == ("message_clicked", key)


async def test_a_journey_goes_on_with_the_click_on_its_own_message(
    stack: EmbeddedStack, database_url: str, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The click on another message of the same journey leaves it waiting."""
    clicked = wait_for(
        message_clicked,
        within=days(3),
        where=(data("journey") == "guide") & (data("step") == "welcome"),
        then=[end("clicked")],
        otherwise=[end("no interest")],
    )
    guide = journey(
        name="guide",
        version=1,
        state="live",
        starts_on=app_registered,
        ends_after=days(9),
        purpose="service",
        steps=(send("welcome"), send("first-product"), clicked),
    )
    async with live(stack, database_url, [with_templates(guide, templates())]) as world:
        monkeypatch.setattr("web.receipts.TASK_QUEUE", world.task_queue)
        amy = world.customer("amy")
        await world.consent(amy)
        await world.event(amy, "app_registered", datetime.now(UTC) - timedelta(seconds=5))
        await world.until(lambda: world.pool.fetchval("SELECT count(*) = 2 FROM touch WHERE outcome = 'sent'"))
        keys = [message.key for channel in Channel for message in world.channels[channel].got]
        welcome, other = sorted(keys, key=lambda key: "welcome" not in key)
        channel = await world.pool.fetchval("SELECT channel FROM touch WHERE step = 'welcome'")
        assert results(await post(client, receipt(other, "clicked", receipt_id="r-2"), channel=channel)) == ["recorded"]
        (run,) = (await world.settled(amy)).state.runs
        assert run.step == "message_clicked-within-3d"
        assert results(await post(client, receipt(welcome, "clicked"), channel=channel)) == ["recorded"]
        await world.until(lambda: world.pool.fetchval("SELECT outcome FROM journey_run"))
        assert await world.rows("SELECT outcome FROM journey_run") == [("clicked",)]


def test_without_a_key_it_does_not_start(database_url: str) -> None:
    """It would take receipts from everybody. The gateway that takes pushes may sign with the key of those."""
    url = SecretStr(database_url)
    with pytest.raises(SettingsError, match="SOJOURN_RECEIPT_KEYS"):
        receipts_app(Settings(database_url=url, environment="embedded"))
    with pytest.raises(SettingsError, match="SOJOURN_PAYLOAD_KEYS"):
        receipts_app(Settings(database_url=url, receipt_keys={Channel.SMS: {"a": KEY.secret}}))
    receipts_app(
        Settings(database_url=url, environment="embedded", push_gateway_key_id="a", push_gateway_secret=KEY.secret)
    )
