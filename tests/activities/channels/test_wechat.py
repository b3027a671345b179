"""WeChat template messages: who they go to, what they look like, and the token of the account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from time import monotonic

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from activities.channels import Accepted, Delivery, Postponed, Refused
from activities.channels.wechat import QUOTA_PAUSE, WeChat, WeChatAccount, wechat
from errors import TemplateError
from journeys.names import Channel, Language, MessageClass, TemplateName
from journeys.templates import Template, Text
from journeys.variables import VariableType
from tests.activities.channels.peers import APP_ID, APP_SECRET, MESSAGE, OPENID, WeChatPeer
from web.server import served

NOTICE = replace(MESSAGE, addresses=(OPENID,), template_id="T-1", data={"thing1": "开户", "time2": "09:00"})


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[WeChat, WeChatPeer]]:
    """The channel, and WeChat."""
    peer = WeChatPeer()
    async with served(peer.app) as address, wechat(WeChatAccount(APP_ID, SecretStr(APP_SECRET), address)) as channel:
        yield channel, peer


async def test_a_notice_fills_in_the_words_that_wechat_has() -> None:
    """The openid, the template's id and its fields; not our own text."""
    async with opened() as (channel, peer):
        assert await channel.deliver(NOTICE) == Accepted("200163836")
        (sent,) = peer.got
    del sent["client_msg_id"]
    assert sent == {
        "touser": OPENID,
        "template_id": "T-1",
        "data": {"thing1": {"value": "开户"}, "time2": {"value": "09:00"}},
    }


async def test_the_same_message_has_the_same_name_at_wechat() -> None:
    """So it is shown once; another one is another."""
    async with opened() as (channel, peer):
        for key in (NOTICE.key, NOTICE.key, "C-1024/notices/2/welcome/1"):
            await channel.deliver(replace(NOTICE, key=key))
        first, again, other = (sent["client_msg_id"] for sent in peer.got)
        assert first == again != other


async def test_a_customer_without_an_openid_is_unreachable() -> None:
    """The gates are told so; nothing is asked of WeChat then."""
    async with opened() as (channel, peer):
        assert channel.reaches(NOTICE.customer_id, NOTICE.addresses)
        assert not channel.reaches(NOTICE.customer_id, ())
        assert await channel.deliver(replace(NOTICE, addresses=())) == Refused("unreachable")
        assert peer.token_calls == []


async def test_a_customer_who_does_not_follow_the_account_is_unreachable() -> None:
    """Nor one who has left it."""
    async with opened() as (channel, peer):
        peer.followers.clear()
        assert await channel.deliver(NOTICE) == Refused("unreachable", gone=True)


async def test_the_token_is_fetched_once_for_all_who_wait_for_it() -> None:
    """Fifty messages at once ask for one."""
    async with opened() as (channel, peer):
        await asyncio.gather(*(channel.deliver(replace(NOTICE, key=str(number))) for number in range(50)))
        assert peer.token_calls == [False]


async def test_a_token_that_cannot_be_fetched_is_not_asked_for_by_each_who_waits() -> None:
    """Otherwise the last of them would wait for all before, while WeChat does not answer."""
    async with opened() as (channel, peer):
        peer.token_fault = Response(status_code=500)
        answers = await asyncio.gather(*(channel.deliver(replace(NOTICE, key=str(number))) for number in range(50)))
        assert answers == [Postponed("busy")] * 50
        assert peer.token_calls == [False]


async def test_the_token_is_fetched_again_shortly_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five minutes before: from then on WeChat gives out the next."""
    async with opened() as (channel, peer):
        await channel.deliver(NOTICE)
        for later, calls in ((6899, 1), (6901, 2)):
            monkeypatch.setattr("activities.channels.wechat.monotonic", lambda by=later: monotonic() + by)
            await channel.deliver(NOTICE)
            assert len(peer.token_calls) == calls


async def test_a_token_that_wechat_does_not_take_any_more_is_replaced_and_the_message_sent() -> None:
    """Somebody else may have asked for a new one. All who wait share the next."""
    async with opened() as (channel, peer):
        await channel.deliver(NOTICE)
        peer.expire()
        messages = [replace(NOTICE, key=str(number)) for number in range(20)]
        answers: list[Delivery] = await asyncio.gather(*map(channel.deliver, messages))
        assert all(isinstance(answer, Accepted) for answer in answers)
        assert peer.token_calls == [False, False]


async def test_workers_do_not_spoil_each_others_token() -> None:
    """Somebody else had a new one given out: each asks for it, and none forces another."""
    peer = WeChatPeer()
    async with served(peer.app) as address, AsyncExitStack() as stack:
        account = WeChatAccount(APP_ID, SecretStr(APP_SECRET), address)
        workers = [await stack.enter_async_context(wechat(account)) for _ in range(6)]
        for worker in workers:
            await worker.deliver(NOTICE)
        peer.expire()
        assert [await worker.deliver(NOTICE) for worker in workers] == [Accepted("200163836")] * 6
    assert peer.token_calls == [False] * 12


async def test_a_token_that_is_given_out_again_after_it_was_refused_is_forced() -> None:
    """Once, by the worker that saw it; the others get the new one."""
    peer = WeChatPeer()
    async with served(peer.app) as address, AsyncExitStack() as stack:
        account = WeChatAccount(APP_ID, SecretStr(APP_SECRET), address)
        one, other = [await stack.enter_async_context(wechat(account)) for _ in range(2)]
        await other.deliver(NOTICE)
        peer.faults.append(JSONResponse({"errcode": 40001}))
        assert await one.deliver(NOTICE) == Accepted("200163836")
        assert peer.token_calls == [False, False, False, True]
        assert await other.deliver(NOTICE) == Accepted("200163836")
        assert peer.token_calls == [False, False, False, True, False]


async def test_a_token_that_is_never_taken_is_replaced_once() -> None:
    """Then it is somebody else's turn to look; the message was certainly not taken."""
    async with opened() as (channel, peer):
        peer.always = JSONResponse({"errcode": 40001})
        assert await channel.deliver(NOTICE) == Postponed("unauthorized")
        assert peer.token_calls == [False, False, True]
        assert await channel.deliver(NOTICE) == Postponed("unauthorized")
        assert peer.token_calls == [False, False, True, False, False], "a token may be forced twenty times a day"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (JSONResponse({"errcode": 40164}), Postponed("unauthorized")),
        (JSONResponse({"errcode": 45009}), Postponed("busy", QUOTA_PAUSE)),
        (JSONResponse({"errcode": -1}), Postponed("busy")),
        (Response(status_code=500), Postponed("busy")),
        (Response(status_code=429, headers={"Retry-After": "7"}), Postponed("busy", timedelta(seconds=7))),
        (Response(b"<p>"), Postponed("unauthorized")),
    ],
)
async def test_without_a_token_nothing_is_sent(fault: Response, expected: Postponed) -> None:
    """Whatever the reason, the message was certainly not taken."""
    async with opened() as (channel, peer):
        peer.token_fault = fault
        assert await channel.deliver(NOTICE) == expected
        assert peer.got == []


def test_the_fields_of_a_notice_are_filled_in() -> None:
    """As title and body are; what is missing is named."""
    from activities.rendering import render

    template = Template(
        name=TemplateName("welcome"),
        message_class=MessageClass.SERVICE,
        sender="Sojourn Securities",
        variables={"event.channel": VariableType.TEXT},
        texts={
            Language.ENGLISH: {
                Channel.WECHAT: Text(title="t", body="b", template_id="T-1", data={"thing1": "{{ event.channel }}"})
            }
        },
    )
    assert render(template, Language.ENGLISH, Channel.WECHAT, {"event.channel": "app"}).data == {"thing1": "app"}
    with pytest.raises(TemplateError, match="thing1"):
        render(template, Language.ENGLISH, Channel.WECHAT, {})
