"""App push by JPush: who it goes to, what it looks like, and the identifiers that JPush gives out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import Response

from activities.channels import Accepted, Postponed, Refused, Unknown
from activities.channels.jpush import CIDS_LAST, JPush, JPushAccount, alias_of, audience_of, jpush
from journeys.names import CustomerId, MessageClass
from tests.activities.channels.peers import APP_KEY, DEVICE, MASTER_SECRET, MESSAGE, JPushPeer, jpush_error
from web.server import served


@asynccontextmanager
async def opened(**account: Any) -> AsyncIterator[tuple[JPush, JPushPeer]]:
    """The channel, and JPush."""
    peer = JPushPeer()
    async with (
        served(peer.app) as address,
        jpush(JPushAccount(APP_KEY, SecretStr(MASTER_SECRET), address=address, **account)) as channel,
    ):
        yield channel, peer


async def test_a_push_goes_to_both_kinds_of_phones() -> None:
    """Title and text for each, the touch's key for the app, and what phone makers want to know."""
    makers = {"xiaomi": {"distribution": "secondary_push"}}
    async with opened(apns_production=False, third_party_channel=makers) as (channel, peer):
        assert await channel.deliver(MESSAGE) == Accepted("msg-1")
        (push,) = peer.got
    assert push["notification"] == {
        "android": {"title": MESSAGE.title, "alert": MESSAGE.body, "extras": {"key": MESSAGE.key}},
        "ios": {
            "alert": {"title": MESSAGE.title, "body": MESSAGE.body},
            "sound": "default",
            "extras": {"key": MESSAGE.key},
        },
    }
    assert push["platform"] == ["android", "ios"]
    assert push["options"] == {
        "apns_production": False,
        "classification": 1,
        "time_to_live": 86_400,
        "third_party_channel": makers,
    }


@pytest.mark.parametrize(
    ("left", "seconds"),
    [(timedelta(minutes=30), 1_800), (timedelta(days=3), 86_400), (timedelta(minutes=-5), 0)],
)
async def test_a_push_is_kept_for_a_phone_that_is_off_until_it_must_not_show_up_any_more(
    left: timedelta, seconds: int
) -> None:
    """Not into the night, and a day at most; when the time is over only a phone that is on gets it."""
    async with opened() as (channel, peer):
        await channel.deliver(replace(MESSAGE, good_until=datetime.now(UTC) + left))
        kept = peer.got[0]["options"]["time_to_live"]
    assert seconds - 10 <= kept <= seconds


@pytest.mark.parametrize(
    ("kind", "classification"), [(kind, int(kind is MessageClass.SERVICE)) for kind in MessageClass]
)
async def test_only_service_is_said_to_be_no_promotion(kind: MessageClass, classification: int) -> None:
    """Phone makers limit promotion, and punish who calls it something else."""
    async with opened() as (channel, peer):
        await channel.deliver(replace(MESSAGE, message_class=kind))
        assert peer.got[0]["options"]["classification"] == classification


async def test_a_push_goes_to_the_devices_that_the_books_have() -> None:
    """With none, to the alias: the customer's id, in the letters that an alias may have."""
    assert audience_of(MESSAGE.customer_id, (DEVICE, "another")) == {"registration_id": [DEVICE, "another"]}
    assert audience_of(MESSAGE.customer_id, ()) == {"alias": ["C=1024"]}
    async with opened() as (channel, _):
        assert await channel.deliver(replace(MESSAGE, addresses=(DEVICE,))) == Accepted("msg-1")


def test_two_customers_never_share_an_alias() -> None:
    """An id has no `=`, so the alias says which one it was."""
    assert len({alias_of(CustomerId(name)) for name in ("C-1", "C_1", "C.1", "C1")}) == 4


async def test_a_customer_whose_id_is_too_long_for_an_alias_is_reached_by_device_only() -> None:
    """The gates are told so; nothing is asked of JPush then."""
    long = replace(MESSAGE, customer_id=CustomerId("C" * 41))
    async with opened() as (channel, peer):
        assert channel.reaches(MESSAGE.customer_id, ())
        assert not channel.reaches(long.customer_id, ())
        assert channel.reaches(long.customer_id, (DEVICE,))
        assert await channel.deliver(long) == Refused("unreachable")
        assert peer.cid_calls == 0
        assert await channel.deliver(replace(long, addresses=(DEVICE,))) == Accepted("msg-1")


async def test_a_customer_without_the_app_is_unreachable() -> None:
    """JPush knows no device with the alias."""
    async with opened() as (channel, peer):
        peer.known.clear()
        assert await channel.deliver(MESSAGE) == Refused("unreachable", gone=True)


async def test_a_value_that_does_not_fit_is_ours_unless_it_is_the_device() -> None:
    """The devices are all that differs from one customer to the next, but the text."""
    async with opened() as (channel, peer):
        peer.always = jpush_error(400, 1003)
        assert await channel.deliver(MESSAGE) == Refused("bad_request")
        assert await channel.deliver(replace(MESSAGE, addresses=(DEVICE,))) == Refused("unreachable")


async def test_identifiers_are_fetched_once_and_used_once() -> None:
    """JPush gives out ten at a time: eleven pushes take two calls for them, and no two the same."""
    async with opened() as (channel, peer):
        for number in range(11):
            await channel.deliver(replace(MESSAGE, key=f"C-1024/j/1/s/{number}"))
        assert peer.cid_calls == 2
        assert len({push["cid"] for push in peer.got}) == 11


async def test_identifiers_that_are_old_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """JPush remembers them for a day."""
    async with opened() as (channel, peer):
        await channel.deliver(MESSAGE)
        monkeypatch.setattr("activities.channels.jpush.monotonic", _later(CIDS_LAST))
        await channel.deliver(MESSAGE)
        assert peer.cid_calls == 2


def _later(by: timedelta) -> Any:
    from time import monotonic

    return lambda: monotonic() + by.total_seconds()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (jpush_error(401, 1004), Postponed("unauthorized")),
        (jpush_error(429, 2002), Postponed("busy")),
        (Response(status_code=500), Postponed("busy")),
        (Response(b"<p>", status_code=200), Postponed("busy")),
    ],
)
async def test_without_an_identifier_nothing_is_pushed(fault: Response, expected: Postponed) -> None:
    """A push without one could be shown twice."""
    async with opened() as (channel, peer):
        peer.cid_fault = fault
        assert await channel.deliver(MESSAGE) == expected
        assert peer.got == []


@pytest.mark.parametrize("second", [jpush_error(429, 2002), jpush_error(400, 1011)])
async def test_what_a_second_try_says_of_itself_is_not_said_of_the_first(second: Response) -> None:
    """The first may have been taken: that the second certainly was not does not help."""
    async with opened() as (channel, peer):
        peer.faults.extend(["reset", second])
        assert await channel.deliver(MESSAGE) == Unknown("answer_lost")
