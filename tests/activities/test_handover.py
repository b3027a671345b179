"""What becomes of a claimed touch, by what the channel says and for how long it remembers a message."""

from __future__ import annotations

from datetime import timedelta

import pytest

from activities.channels import FOR_EVER, Accepted, Delivery, Postponed, Refused, Unknown
from rules.gates import TouchSettled, TryLater
from tests.activities.test_send_message import DROP, AskedFor, touch

__all__ = ["touch"]

TEN_MINUTES = timedelta(minutes=10)
NOT_AT_ALL = timedelta(0)
BUSY = Postponed("busy", timedelta(minutes=5))


async def asked(touch: AskedFor, *answers: Delivery, later: timedelta = timedelta(0)) -> list[str]:
    """Ask once for each answer of the channel, so much later each time; what it comes to."""
    touch.push.answers = list(answers)
    came_to: list[str] = []
    for _ in answers:
        came_to.append((await touch.ask()).kind)
        await grow_older(touch, later)
    return came_to


async def grow_older(touch: AskedFor, by: timedelta) -> None:
    """Move the claim back in time; a trigger keeps everybody else from that."""
    await touch.owner.execute("ALTER TABLE touch DISABLE TRIGGER moves_forward")
    await touch.owner.execute("UPDATE touch SET recorded_at = recorded_at - $1::interval", by)
    await touch.owner.execute("ALTER TABLE touch ENABLE TRIGGER moves_forward")


@pytest.mark.parametrize("remembers", [NOT_AT_ALL, TEN_MINUTES, FOR_EVER])
async def test_what_was_certainly_not_taken_is_asked_for_again(touch: AskedFor, remembers: timedelta) -> None:
    """However short the channel's memory, and for hours."""
    touch.push.deduplicates_for = remembers
    assert await asked(touch, BUSY, BUSY, Accepted("msg-1"), later=timedelta(hours=1)) == [
        "try_later",
        "try_later",
        "settled",
    ]
    assert await touch.record() == ("sent", "")
    assert len(touch.push.got) == 3


@pytest.mark.parametrize(
    ("remembers", "came_to", "record"),
    [
        (NOT_AT_ALL, ["settled"], ("in_doubt", "timed_out")),
        (TEN_MINUTES, ["try_later", "settled"], ("in_doubt", "answer_lost")),
        (FOR_EVER, ["try_later", "settled"], ("sent", "")),
    ],
)
async def test_what_may_have_been_taken_is_asked_for_again_while_the_channel_remembers(
    touch: AskedFor, remembers: timedelta, came_to: list[str], record: tuple[str, str]
) -> None:
    """Afterwards it could come to two messages: a doubt is better."""
    touch.push.deduplicates_for = remembers
    answers: list[Delivery] = [Unknown("timed_out"), Accepted()]
    assert await asked(touch, *answers[: len(came_to)], later=TEN_MINUTES) == came_to
    assert await touch.record() == record


async def test_a_no_says_nothing_of_the_call_before_it(touch: AskedFor) -> None:
    """The first call may have been taken; that the second was not does not make it otherwise."""
    touch.push.deduplicates_for = TEN_MINUTES
    assert await asked(touch, Unknown("timed_out"), BUSY, later=timedelta(minutes=6)) == ["try_later", "try_later"]
    assert isinstance(await touch.ask(), TouchSettled)
    assert await touch.record() == ("in_doubt", "answer_lost")
    assert len(touch.push.got) == 2


async def test_a_call_after_a_no_may_have_been_taken(touch: AskedFor) -> None:
    """From then on it is in doubt like any other."""
    touch.push.deduplicates_for = NOT_AT_ALL
    assert await asked(touch, BUSY, Unknown("answer_lost")) == ["try_later", "settled"]
    assert await touch.record() == ("in_doubt", "answer_lost")


async def test_what_nobody_takes_for_a_day_has_failed(touch: AskedFor) -> None:
    """It is no doubt: nobody has it, and it counts against no cap."""
    touch.push.deduplicates_for = NOT_AT_ALL
    assert await asked(touch, BUSY, BUSY, later=timedelta(hours=25)) == ["try_later", "settled"]
    assert await touch.record() == ("failed", "busy")


async def test_what_is_stopped_before_anybody_took_it_has_failed(touch: AskedFor) -> None:
    """The customer has nothing."""
    touch.push.deduplicates_for = NOT_AT_ALL
    assert await asked(touch, BUSY) == ["try_later"]
    await touch.pool.execute(DROP)
    assert isinstance(await touch.ask(), TouchSettled)
    assert (await touch.record())[0] == "failed"
    assert len(touch.push.got) == 1


async def test_the_channel_is_left_alone_for_as_long_as_it_asks(touch: AskedFor) -> None:
    """The pause is the provider's, if it is longer than ours."""
    touch.push.answers = [BUSY]
    answer = await touch.ask()
    assert isinstance(answer, TryLater)
    assert answer.reason == "busy"


async def test_the_channel_gets_the_customers_addresses_and_no_record_does(touch: AskedFor) -> None:
    """Those that count, of this channel, the latest first; a doubt is resolved at the same ones."""
    await touch.pool.execute(
        """
        INSERT INTO channel_address (customer_id, channel, address, active, at) VALUES
            ('C-1', 'app_push', 'old-device', true, '2026-01-01Z'),
            ('C-1', 'app_push', 'new-device', true, '2026-02-01Z'),
            ('C-1', 'app_push', 'lost-device', false, '2026-03-01Z'),
            ('C-1', 'wechat', 'an-openid', true, '2026-01-01Z')
        """
    )
    await asked(touch, Unknown("timed_out"), Accepted())
    assert [message.addresses for message in touch.push.got] == [("new-device", "old-device")] * 2
    written = await touch.pool.fetchval("SELECT row_to_json(touch)::text FROM touch")
    assert not any(address in written for address in ("device", "openid"))


async def test_the_providers_own_name_of_a_message_is_kept(touch: AskedFor) -> None:
    """A receipt may name the message by it."""
    await asked(touch, Accepted("msg-9"))
    assert await touch.pool.fetchval("SELECT provider_id FROM touch") == "msg-9"


async def test_a_refusal_is_final(touch: AskedFor) -> None:
    """Whatever the channel remembers."""
    assert await asked(touch, Refused("unreachable")) == ["settled"]
    assert await touch.record() == ("failed", "unreachable")
