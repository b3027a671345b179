"""App push: what each answer of a gateway, and each way of not answering, comes to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from activities.channels import FOR_EVER, Accepted, ChannelAdapter, Delivery, Message, Postponed, Refused, Unknown
from activities.channels.calls import AT_ONCE, LONGEST_PAUSE, TOTAL_TIMEOUT
from activities.channels.gateway import GatewayChannel, app_push
from activities.channels.signature import SigningKey
from journeys.names import Channel, CustomerId, MessageClass, TemplateName
from tests.activities.channels.peers import KEY as PEERS_KEY
from tests.activities.channels.peers import Gateway
from tests.loopback import TRUSTS_NOBODY
from web.app import gateway_app
from web.gateway import PushGateway
from web.server import LOOPBACK, listen, served

KEY = SigningKey("broker-1", SecretStr("a long secret"))
SHORT = timedelta(milliseconds=300)
MESSAGE = Message(
    customer_id=CustomerId("C-1024"),
    key="C-1024/win-back/1/last-word/1",
    template=TemplateName("last-word"),
    message_class=MessageClass.MARKETING,
    title="【旅程证券】您好",
    body='说明在这里 "<b>" 。',
)


@pytest.fixture
async def gateway() -> AsyncIterator[str]:
    """The address of a push gateway that knows our key."""
    async with served(gateway_app(PushGateway(KEY))) as address:
        yield address


@pytest.fixture(scope="module")
async def statuses() -> AsyncIterator[str]:
    """A gateway that answers as its address says: `/404/push` with 404, `/429/7/push` with `Retry-After: 7`, too."""

    async def respond(request: Request) -> Response:
        pause = request.path_params.get("pause")
        return Response(status_code=request.path_params["status"], headers={"Retry-After": pause} if pause else None)

    routes = [Route(path, respond, methods=["POST"]) for path in ("/{status:int}/push", "/{status:int}/{pause}/push")]
    async with served(Starlette(routes=routes)) as address:
        yield address


@asynccontextmanager
async def answering(answer: Response) -> AsyncIterator[str]:
    """A gateway that gives one answer to everything."""

    async def respond(request: Request) -> Response:
        return answer

    async with served(Starlette(routes=[Route("/push", respond, methods=["POST"])])) as address:
        yield address


async def deliver(
    address: str, message: Message = MESSAGE, key: SigningKey = KEY, limit: timedelta = TOTAL_TIMEOUT
) -> Delivery:
    """One message to the gateway at an address; `limit` is how long to wait for the answer."""
    async with app_push(f"{address}/push", key, limit) as channel:
        return await channel.deliver(message)


async def break_next(address: str, mode: str, times: int = 1) -> None:
    """Let the gateway's next pushes go wrong."""
    async with httpx.AsyncClient(trust_env=False, verify=TRUSTS_NOBODY) as client:
        (await client.post(f"{address}/faults", json={"mode": mode, "times": times})).raise_for_status()


async def pushes(address: str) -> list[dict[str, Any]]:
    """What the gateway got."""
    async with httpx.AsyncClient(trust_env=False, verify=TRUSTS_NOBODY) as client:
        got: list[dict[str, Any]] = (await client.get(f"{address}/pushes")).json()["pushes"]
        return got


async def test_a_message_arrives_as_it_was_written(gateway: str) -> None:
    """Every letter of the message reaches the gateway, under its key."""
    assert await deliver(gateway) == Accepted()
    (push,) = await pushes(gateway)
    assert {name: push[name] for name in ("key", "customer_id", "template", "class", "title", "body")} == {
        "key": MESSAGE.key,
        "customer_id": "C-1024",
        "template": "last-word",
        "class": "marketing",
        "title": MESSAGE.title,
        "body": MESSAGE.body,
    }


async def test_the_gateway_is_told_until_when_a_message_may_show_up() -> None:
    """A phone that is off gets it later: with the offset, to the second."""
    peer = Gateway(fields=frozenset({"key", "customer_id", "template", "class", "title", "body", "good_until"}))
    until = datetime(2026, 11, 22, 13, tzinfo=UTC)
    async with served(peer.app) as address, app_push(f"{address}/messages", PEERS_KEY) as channel:
        assert await channel.deliver(replace(MESSAGE, good_until=until)) == Accepted()
    assert peer.got[0]["good_until"] == "2026-11-22T13:00:00+00:00"


async def test_a_key_that_was_seen_before_is_accepted_and_shown_once(gateway: str) -> None:
    """Asking again with the same key is answered as the first time, and the customer sees one message."""
    assert [await deliver(gateway) for _ in range(3)] == [Accepted()] * 3
    assert [push["times"] for push in await pushes(gateway)] == [3]


async def test_two_keys_are_two_messages(gateway: str) -> None:
    """Only the key makes a message the same."""
    await deliver(gateway)
    await deliver(gateway, replace(MESSAGE, key="C-1024/win-back/2/last-word/1"))
    assert len(await pushes(gateway)) == 2


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Refused("bad_request")),
        (401, Unknown("unauthorized")),
        (403, Unknown("unauthorized")),
        (404, Refused("unreachable")),
        (405, Refused("bad_request")),
        (409, Accepted()),
        (410, Refused("unreachable", gone=True)),
        (413, Refused("too_large")),
        (422, Refused("bad_request")),
        (408, Unknown("busy")),
        (425, Unknown("busy")),
        (429, Unknown("busy")),
        (500, Unknown("gateway_failed")),
        (502, Unknown("gateway_failed")),
        (503, Unknown("gateway_failed")),
        (302, Unknown("unreadable_answer")),
        (200, Accepted()),
        (202, Accepted()),
        (204, Accepted()),
    ],
)
async def test_each_status_has_one_meaning(statuses: str, status: int, expected: Delivery) -> None:
    """A status that says no is a refusal; one that says neither leaves the delivery unknown."""
    assert await deliver(f"{statuses}/{status}") == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"id": "7"}', Accepted()),
        (b"<html>Welcome</html>", Unknown("unreadable_answer")),
        (b'{"id": ', Unknown("unreadable_answer")),
        (b'"fine"', Unknown("unreadable_answer")),
        (b"\xff\xfe\x00", Unknown("unreadable_answer")),
    ],
)
async def test_a_success_counts_only_in_the_gateways_own_words(body: bytes, expected: Delivery) -> None:
    """A page of some proxy with status 200 is not taken for a delivery."""
    async with answering(Response(body)) as address:
        assert await deliver(address) == expected


async def test_a_body_that_is_not_what_it_says_is_unreadable() -> None:
    """An answer that claims to be compressed and is not leaves the delivery unknown."""
    async with answering(Response(b"not gzip", headers={"Content-Encoding": "gzip"})) as address:
        assert await deliver(address) == Unknown("unreadable_answer")


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ("7", timedelta(seconds=7)),
        ("999999999", LONGEST_PAUSE),
        ("9" * 50, LONGEST_PAUSE),
        ("-1", timedelta(0)),
        ("soon", timedelta(0)),
        ("Sun, 22 Nov 2009 09:00:00 GMT", timedelta(0)),
        ("Sun, 22 Nov 2009 09:00:00", timedelta(0)),
        ("Fri, 22 Nov 2999 09:00:00 GMT", LONGEST_PAUSE),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_gateway_says_for_how_long(statuses: str, status: int, said: str, understood: timedelta) -> None:
    """Retry-After, in seconds or as a date, is passed on, an hour at most; anything else is ignored."""
    answer = await deliver(f"{statuses}/{status}/{said}")
    assert isinstance(answer, Unknown)
    assert answer.pause == understood


@pytest.mark.parametrize(
    ("mode", "first"),
    [
        ("500", Unknown("gateway_failed")),
        ("429", Unknown("busy", timedelta(seconds=1))),
        ("hang", Unknown("timed_out")),
        ("reset", Unknown("answer_lost")),
        ("lose_answer", Unknown("answer_lost")),
        ("half_body", Unknown("answer_lost")),
        ("garbage", Unknown("unreadable_answer")),
    ],
)
async def test_whatever_goes_wrong_asking_again_gives_one_message(gateway: str, mode: str, first: Delivery) -> None:
    """After each fault the delivery is unknown, and the same key again brings it to one message."""
    await break_next(gateway, mode)
    assert await deliver(gateway, limit=SHORT if mode == "hang" else TOTAL_TIMEOUT) == first
    assert await deliver(gateway) == Accepted()
    assert len(await pushes(gateway)) == 1


async def test_an_answer_that_trickles_is_not_waited_for() -> None:
    """The limit is on the whole answer: a byte now and then does not extend it."""

    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" "
            await asyncio.sleep(0.1)

    async with answering(StreamingResponse(trickle())) as address:
        assert await deliver(address, limit=SHORT) == Unknown("timed_out")


async def test_a_gateway_that_is_down_is_not_connected() -> None:
    """A port that nobody listens on has certainly taken nothing, and is asked again."""
    with listen(0) as taken:
        assert await deliver(f"http://{LOOPBACK}:{taken.getsockname()[1]}") == Postponed("not_connected")


async def test_a_gateway_that_hangs_up_at_once_loses_the_answer() -> None:
    """A connection closed before any answer leaves the delivery unknown."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        async with await asyncio.start_server(hang_up, sock=listener):
            assert await deliver(f"http://{LOOPBACK}:{listener.getsockname()[1]}") == Unknown("answer_lost")


@pytest.mark.parametrize("wrong", [SigningKey("broker-1", SecretStr("?")), SigningKey("broker-2", KEY.secret)])
async def test_a_wrong_key_of_ours_costs_no_message(gateway: str, wrong: SigningKey) -> None:
    """With a wrong secret or a wrong key id nothing is shown; once the key is right the message goes out."""
    assert await deliver(gateway, key=wrong) == Unknown("unauthorized")
    assert await pushes(gateway) == []
    assert await deliver(gateway) == Accepted()
    assert len(await pushes(gateway)) == 1


async def test_many_messages_at_once_share_the_connections(gateway: str) -> None:
    """As many as a worker hands over at once, and once more: each finds a connection, and waits for none to be free."""
    async with app_push(f"{gateway}/push", KEY, timedelta(minutes=1)) as channel:
        for entry in (1, 2):
            messages = [replace(MESSAGE, key=f"C-{number}/j/{entry}/s/1") for number in range(AT_ONCE)]
            assert await asyncio.gather(*map(channel.deliver, messages)) == [Accepted()] * AT_ONCE


async def test_a_message_that_got_no_connection_was_certainly_not_taken() -> None:
    """More at once than there are connections, to a gateway that hangs: only those that were sent are in doubt."""
    reached = 0

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        if await reader.read(1):
            reached += 1
        await reader.read()
        writer.close()

    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        async with await asyncio.start_server(hang, sock=listener, backlog=2 * AT_ONCE):
            address = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
            async with app_push(address, KEY, timedelta(seconds=4)) as channel:
                many = [replace(MESSAGE, key=f"C-{number}/j/1/s/1") for number in range(AT_ONCE + 50)]
                answers = await asyncio.gather(*map(channel.deliver, many))
    assert set(answers) == {Unknown("timed_out"), Postponed("not_connected")}
    assert AT_ONCE <= answers.count(Unknown("timed_out")) == reached


async def test_proxies_of_the_environment_are_not_used(gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages go to the gateway itself, whatever the environment says."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert await deliver(gateway) == Accepted()


def test_a_message_does_not_print_its_text() -> None:
    """What is written to a customer does not get into logs."""
    assert MESSAGE.title not in repr(MESSAGE)
    assert MESSAGE.body not in repr(MESSAGE)


async def test_the_gates_know_the_channel() -> None:
    """App push interrupts, and may be asked again."""
    async with app_push("http://127.0.0.1:9/push", KEY) as opened:
        channel: ChannelAdapter = opened
        assert isinstance(opened, GatewayChannel)
        assert (channel.channel, channel.interrupts, channel.deduplicates_for) == (Channel.APP_PUSH, True, FOR_EVER)
