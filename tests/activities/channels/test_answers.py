"""Every channel that speaks to a provider: what each answer, and each way of not answering, comes to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from activities.channels import Accepted, ChannelAdapter, Delivery, Message, Postponed, Refused, Unknown
from activities.channels.calls import TOTAL_TIMEOUT
from activities.channels.gateway import app_push, sms
from activities.channels.jpush import JPushAccount, jpush
from activities.channels.wechat import WeChatAccount, wechat
from tests.activities.channels.peers import (
    APP_ID,
    APP_KEY,
    APP_SECRET,
    DEVICE,
    KEY,
    MASTER_SECRET,
    MESSAGE,
    OPENID,
    Fault,
    Gateway,
    JPushPeer,
    Peer,
    WeChatPeer,
    jpush_error,
)
from web.server import LOOPBACK, listen, served

SHORT = timedelta(milliseconds=300)
TO_OPENID = replace(MESSAGE, addresses=(OPENID,), template_id="T-1", data={"thing1": "开户", "time2": "09:00"})
TO_DEVICE = replace(MESSAGE, addresses=(DEVICE,))
IN_COMMON = {"key", "customer_id", "template", "class", "body", "good_until"}
PROVIDERS = ("app_push", "sms", "jpush", "wechat")


@dataclass
class Open:
    """A channel, and the provider that it speaks to."""

    channel: ChannelAdapter
    peer: Peer
    message: Message

    async def deliver(self) -> Delivery:
        return await self.channel.deliver(self.message)


@asynccontextmanager
async def opened(provider: str, limit: timedelta = TOTAL_TIMEOUT, secret: str | None = None) -> AsyncIterator[Open]:
    """A channel with a provider on loopback; the secret is the right one unless another is given."""
    match provider:
        case "app_push":
            gateway = Gateway(fields=frozenset({*IN_COMMON, "title"}))
            key = replace(KEY, secret=SecretStr(secret)) if secret else KEY
            async with served(gateway.app) as address, app_push(f"{address}/messages", key, limit) as push:
                yield Open(push, gateway, MESSAGE)
        case "sms":
            gateway = Gateway(fields=frozenset({*IN_COMMON, "sender"}))
            key = replace(KEY, secret=SecretStr(secret)) if secret else KEY
            url = "/messages"
            async with (
                served(gateway.app) as address,
                sms(address + url, key, "旅程证券", total_timeout=limit) as texts,
            ):
                yield Open(texts, gateway, MESSAGE)
        case "jpush":
            pushes = JPushPeer()
            async with served(pushes.app) as address:
                account = JPushAccount(APP_KEY, SecretStr(secret or MASTER_SECRET), address=address)
                async with jpush(account, limit) as aggregator:
                    yield Open(aggregator, pushes, TO_DEVICE)
        case "wechat":
            followers = WeChatPeer()
            async with served(followers.app) as address:
                account_ = WeChatAccount(APP_ID, SecretStr(secret or APP_SECRET), address)
                async with wechat(account_, limit) as notices:
                    yield Open(notices, followers, TO_OPENID)
        case _:
            raise AssertionError(provider)


def code(number: int) -> Response:
    """An answer of WeChat."""
    return JSONResponse({"errcode": number, "errmsg": "…"})


def busy() -> Response:
    return Response(status_code=429, headers={"Retry-After": "7"})


WEBHOOK: dict[str, tuple[Fault, Delivery]] = {
    "200": (Response(status_code=200), Accepted()),
    "202": (Response(status_code=202), Accepted()),
    "400": (Response(status_code=400), Refused("bad_request")),
    "401": (Response(status_code=401), Unknown("unauthorized")),
    "404": (Response(status_code=404), Refused("unreachable")),
    "410": (Response(status_code=410), Refused("unreachable", gone=True)),
    "413": (Response(status_code=413), Refused("too_large")),
    "429": (busy(), Unknown("busy", timedelta(seconds=7))),
    "500": (Response(status_code=500), Unknown("gateway_failed")),
    "hang": ("hang", Unknown("timed_out")),
    "reset": ("reset", Unknown("answer_lost")),
    "half a body": ("half_body", Unknown("answer_lost")),
    "wrong JSON": ("garbage", Unknown("unreadable_answer")),
}
JPUSH: dict[str, tuple[Fault, Delivery]] = {
    "200": (JSONResponse({"sendno": "0", "msg_id": "18"}), Accepted("18")),
    "202": (Response(status_code=202), Unknown("unreadable_answer")),
    "400": (jpush_error(400, 1002), Refused("bad_request")),
    "401": (jpush_error(401, 1004), Postponed("unauthorized")),
    "404": (jpush_error(400, 1011), Refused("unreachable", gone=True)),
    "413": (jpush_error(400, 1005), Refused("too_large")),
    "429": (
        JSONResponse({"error": {"code": 2002, "message": "…"}}, 429, {"X-Rate-Limit-Reset": "7"}),
        Postponed("busy", timedelta(seconds=7)),
    ),
    "500": (jpush_error(500, 1000), Unknown("gateway_failed")),
    "hang": ("hang", Unknown("timed_out")),
    "reset": ("reset", Unknown("answer_lost")),
    "half a body": ("half_body", Unknown("answer_lost")),
    "wrong JSON": ("garbage", Unknown("unreadable_answer")),
    "400 of a device": (jpush_error(400, 1003), Refused("unreachable")),
    "403 of the account": (jpush_error(403, 2003), Postponed("unauthorized")),
    "403 too many": (jpush_error(403, 2005), Postponed("busy")),
    "503": (jpush_error(503, 1030), Unknown("gateway_failed")),
    "400 without a code": (Response(status_code=400), Refused("bad_request")),
    "401 without a code": (Response(status_code=401), Postponed("unauthorized")),
    "404 without a code": (Response(status_code=404), Refused("unreachable")),
    "413 without a code": (Response(status_code=413), Refused("too_large")),
    "429 without a code": (busy(), Postponed("busy", timedelta(seconds=7))),
    "502 without a code": (Response(status_code=502), Unknown("gateway_failed")),
    "no message id": (JSONResponse({"sendno": "0"}), Unknown("unreadable_answer")),
    "an error that is text": (JSONResponse({"error": "…"}, 400), Refused("bad_request")),
}
WECHAT: dict[str, tuple[Fault, Delivery]] = {
    "200": (JSONResponse({"errcode": 0, "errmsg": "ok", "msgid": 18}), Accepted("18")),
    "202": (Response(status_code=202), Unknown("unreadable_answer")),
    "400": (code(47003), Refused("bad_request")),
    "401": (code(42001), Postponed("unauthorized")),
    "404": (code(40003), Refused("unreachable", gone=True)),
    "413": (code(45002), Refused("too_large")),
    "429": (code(45009), Postponed("busy", timedelta(hours=1))),
    "500": (code(-1), Unknown("busy")),
    "hang": ("hang", Unknown("timed_out")),
    "reset": ("reset", Unknown("answer_lost")),
    "half a body": ("half_body", Unknown("answer_lost")),
    "wrong JSON": ("garbage", Unknown("unreadable_answer")),
    "no follower": (code(43004), Refused("unreachable", gone=True)),
    "refuses messages": (code(43101), Refused("unreachable")),
    "unknown template": (code(40037), Refused("bad_request")),
    "account may not": (code(48001), Postponed("unauthorized")),
    "a list": (JSONResponse([]), Unknown("unreadable_answer")),
    "400 without a code": (Response(status_code=400), Postponed("unauthorized")),
    "404 without a code": (Response(status_code=404), Postponed("unauthorized")),
    "413 without a code": (Response(status_code=413), Refused("too_large")),
    "429 without a code": (busy(), Postponed("busy", timedelta(seconds=7))),
    "500 without a code": (Response(status_code=500), Unknown("gateway_failed")),
}
ANSWERS = {"app_push": WEBHOOK, "sms": WEBHOOK, "jpush": JPUSH, "wechat": WECHAT}


@pytest.mark.parametrize(
    ("provider", "name"), [pytest.param(one, name, id=f"{one}: {name}") for one in ANSWERS for name in ANSWERS[one]]
)
async def test_each_answer_comes_to_one_thing(provider: str, name: str) -> None:
    """The table of a channel: what the provider says again and again is what the delivery comes to."""
    fault, expected = ANSWERS[provider][name]
    async with opened(provider, SHORT if fault == "hang" else TOTAL_TIMEOUT) as here:
        here.peer.always = fault
        assert await here.deliver() == expected


@pytest.mark.parametrize("fault", ["hang", "reset", "half_body", "garbage", "500"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_answer_that_was_lost_leads_to_no_second_message(provider: str, fault: str) -> None:
    """The provider took the message and could not say so. Whoever asks again, with the same name for it, gets there."""
    async with opened(provider, SHORT if fault == "hang" else TOTAL_TIMEOUT) as here:
        here.peer.faults.append(Response(status_code=500) if fault == "500" else fault)
        first = await here.deliver()
        # JPush knows a push by a cid that only the call knows: it asks again itself.
        assert isinstance(first, Accepted if provider == "jpush" else Unknown)
        if provider != "jpush":
            assert isinstance(await here.deliver(), Accepted)
        assert len(here.peer.got) == 2
        assert len(getattr(here.peer, "shown")) == 1  # noqa: B009 - each peer has its own kind


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_wrong_secret_costs_no_message(provider: str) -> None:
    """It says something about us, nothing about the message: that one goes out once the secret is right."""
    async with opened(provider, secret="a wrong one") as here:
        answer = await here.deliver()
        assert isinstance(answer, Postponed | Unknown)
        assert answer.reason == "unauthorized"
        assert here.peer.got == []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_provider_that_is_down_has_certainly_taken_nothing(provider: str) -> None:
    """A port that nobody listens on."""
    with listen(0) as taken:
        address = f"http://{LOOPBACK}:{taken.getsockname()[1]}"
        async with (
            app_push(address, KEY) as push,
            sms(address, KEY, "旅程证券") as texts,
            jpush(JPushAccount(APP_KEY, SecretStr(MASTER_SECRET), address=address)) as aggregator,
            wechat(WeChatAccount(APP_ID, SecretStr(APP_SECRET), address)) as notices,
        ):
            channels: dict[str, ChannelAdapter] = dict(zip(PROVIDERS, (push, texts, aggregator, notices), strict=True))
            assert await channels[provider].deliver(TO_OPENID) == Postponed("not_connected")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_many_messages_at_once_share_the_connections(provider: str) -> None:
    """A hundred at once are all accepted, each as a message of its own."""
    async with opened(provider) as here:
        messages = [replace(here.message, key=f"C-1024/j/1/s/{number}") for number in range(100)]
        answers = await asyncio.gather(*map(here.channel.deliver, messages))
        assert all(isinstance(answer, Accepted) for answer in answers)
        assert len(here.peer.got) == 100


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_secrets_and_addresses_show_up_nowhere(provider: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not in what is logged at the level of operation, not in what prints, not in an answer that is recorded."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    async with opened(provider) as here:
        answers = [await here.deliver()]
        here.peer.always = "garbage"
        answers.append(await here.deliver())
        said = f"{caplog.text} {here.channel!r} {vars(here.channel)!r} {answers!r} {here.message!r}"
    for secret in (KEY.secret.get_secret_value(), MASTER_SECRET, APP_SECRET, "token-1", OPENID, DEVICE, "说明", "开户"):
        assert secret not in said
