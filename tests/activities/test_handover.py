"""What becomes of a claimed touch, by what the channel says and for how long it remembers a message."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import pytest

from activities.channels import FOR_EVER, Accepted, Delivery, Postponed, Refused, Unknown
from activities.contracts import RecordOutcomesRequest
from activities.record_outcomes import record_outcomes
from activities.runs import open_run_row
from activities.send_message import ASK_AGAIN_AFTER, ASK_AGAIN_FOR
from activities.templates import store_templates
from journeys.language import send
from journeys.names import Channel, ContentHash, Language, MessageClass, TemplateName
from journeys.published import with_templates
from journeys.templates import Template, Text, templates
from journeys.variables import VariableType
from journeys.win_back import win_back
from rules.definitions import define
from rules.effects import RunEnded
from rules.entry import EntryDecided, run_of
from rules.gates import NextChannel, TouchSettled, TryLater
from rules.state import CustomerState
from tests.activities.test_send_message import AMY, DROP, AskedFor, quiet_now, touch

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
    await touch.owner.execute("SET session_replication_role = replica")
    await touch.owner.execute(
        "UPDATE touch SET recorded_at = recorded_at - $1::interval WHERE entry = $2", by, touch.request.send.entry
    )
    await touch.owner.execute("RESET session_replication_role")


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


async def test_nobody_asks_so_late_that_the_channel_could_have_forgotten_the_message_on_the_way(
    touch: AskedFor,
) -> None:
    """A call lasts as long as its try, and the channel counts from when it got the first one."""
    touch.push.deduplicates_for = TEN_MINUTES
    later = TEN_MINUTES - timedelta(seconds=20)
    assert await asked(touch, Unknown("timed_out"), later=later) == ["try_later"]
    assert isinstance(await touch.ask(), TouchSettled)
    assert await touch.record() == ("in_doubt", "answer_lost")
    assert len(touch.push.got) == 1


async def test_a_worker_whose_clock_is_behind_asks_no_channel_that_knows_no_message_again(
    touch: AskedFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own clock the touch is not claimed yet; how long ago that was only the database knows."""

    class Behind(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) - timedelta(minutes=1)

    async def dies() -> Delivery:
        raise ConnectionError("the worker is gone")

    monkeypatch.setattr("activities.send_message.datetime", Behind)
    touch.push.deduplicates_for, touch.push.answers = NOT_AT_ALL, [dies]
    with pytest.raises(ConnectionError):
        await touch.ask()
    assert isinstance(await touch.ask(), TouchSettled)
    assert await touch.record() == ("in_doubt", "answer_lost")
    assert len(touch.push.got) == 1


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


NOT_CONFIRMED = Unknown("timed_out")


@pytest.mark.parametrize("answer", [BUSY, NOT_CONFIRMED], ids=["untaken", "not confirmed"])
@pytest.mark.parametrize("stopped", [False, True], ids=["", "stopped"])
async def test_a_worker_that_lacks_the_channel_leaves_an_open_claim_to_one_that_has_it(
    touch: AskedFor, answer: Delivery, stopped: bool
) -> None:
    """That it reaches nobody there is no reason to give up what another one can still send."""
    assert await asked(touch, answer) == ["try_later"]
    if stopped:
        await touch.pool.execute(DROP)
    lacking = replace(touch, world=replace(touch.world, channels={}))
    for _ in range(2):
        before = datetime.now(UTC)
        later = await lacking.ask()
        assert isinstance(later, TryLater)
        assert (later.reason, later.at >= before + ASK_AGAIN_AFTER) == ("not_connected", True)
        assert await touch.record() == ("claimed", "")
    if not stopped:
        assert isinstance(await touch.ask(), TouchSettled)
        assert await touch.record() == ("sent", "")


@pytest.mark.parametrize(
    ("answer", "record"),
    [(BUSY, ("failed", "unreachable")), (NOT_CONFIRMED, ("in_doubt", "answer_lost"))],
    ids=["untaken", "not confirmed"],
)
async def test_an_open_claim_of_a_channel_that_is_gone_for_good_waits_for_a_day(
    touch: AskedFor, answer: Delivery, record: tuple[str, str]
) -> None:
    """And then for nobody."""
    assert await asked(touch, answer, later=ASK_AGAIN_FOR) == ["try_later"]
    lacking = replace(touch, world=replace(touch.world, channels={}))
    assert isinstance(await lacking.ask(), TouchSettled)
    assert await touch.record() == record


async def test_a_worker_that_lacks_the_channel_refuses_what_is_new(touch: AskedFor) -> None:
    """It goes on to the next channel, or is withheld after the last."""
    lacking = replace(touch, world=replace(touch.world, channels={}))
    answer = await lacking.ask()
    assert isinstance(answer, NextChannel)
    assert await touch.pool.fetchval("SELECT count(*) FROM touch") == 0


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
    """Whatever the channel remembers: nobody has it."""
    assert await asked(touch, Refused("unreachable")) == ["settled"]
    assert await touch.record() == ("failed", "unreachable")


async def test_a_refusal_after_an_answer_that_was_lost_leaves_a_doubt(touch: AskedFor) -> None:
    """The first call may have brought it there, so that it counts against the caps."""
    assert await asked(touch, Unknown("answer_lost"), Refused("unreachable")) == ["try_later", "settled"]
    assert await touch.record() == ("in_doubt", "unreachable")


async def test_nobody_asks_for_longer_than_a_day_however_long_the_channel_remembers(touch: AskedFor) -> None:
    """What was said on Friday is not sent on Monday."""
    assert await asked(touch, Unknown("answer_lost"), later=timedelta(hours=25)) == ["try_later"]
    assert isinstance(await touch.ask(), TouchSettled)
    assert await touch.record() == ("in_doubt", "answer_lost")
    assert len(touch.push.got) == 1


async def test_what_nobody_took_is_held_in_quiet_hours(touch: AskedFor) -> None:
    """As a touch that is claimed then would be; in the morning it goes."""
    touch.push.interrupts, touch.push.deduplicates_for = True, NOT_AT_ALL
    touch.world = replace(touch.world, quiet_hours=None)
    assert await asked(touch, BUSY) == ["try_later"]
    touch.world = replace(touch.world, quiet_hours=quiet_now())
    await let_pass(touch, timedelta(minutes=1))
    answer = await touch.ask()
    assert isinstance(answer, TryLater)
    assert answer.reason == "quiet_hours"
    assert answer.at > datetime.now(UTC) + timedelta(hours=1)
    assert len(touch.push.got) == 1
    touch.world = replace(touch.world, quiet_hours=None)
    assert isinstance(await touch.ask(), TouchSettled)
    assert await touch.record() == ("sent", "")


async def let_pass(touch: AskedFor, time: timedelta) -> None:
    """Let the touch be due so much longer."""
    due = touch.request.send.due - time
    touch.request = replace(touch.request, send=replace(touch.request.send, due=due, asked_for=due))


REFUSALS = {
    "a suppression": (
        "INSERT INTO suppression VALUES ('C-1', 'complaint', true, 'staff', now())",
        "suppressed: complaint",
    ),
    "a channel that reaches nobody now": (
        "INSERT INTO reachability VALUES ('C-1', 'app_push', false, now())",
        "unreachable",
    ),
    "a run that is over": ("UPDATE journey_run SET ended_at = now(), outcome = 'goal'", "goal"),
}


@pytest.mark.parametrize(("statement", "reason"), REFUSALS.values(), ids=REFUSALS)
async def test_what_nobody_took_is_judged_by_all_gates_again(touch: AskedFor, statement: str, reason: str) -> None:
    """The customer has nothing, so it has failed."""
    touch.push.deduplicates_for = NOT_AT_ALL
    assert await asked(touch, BUSY) == ["try_later"]
    await touch.pool.execute(statement)
    assert isinstance(await touch.ask(), TouchSettled)
    assert await touch.record() == ("failed", reason)
    assert len(touch.push.got) == 1


ANOTHER = """
INSERT INTO touch (customer_id, journey, entry, step, definition, template, content_hash, message_class, channel,
                   language, planned_at, judged_at, outcome, facts, verdicts)
SELECT customer_id, journey, entry, 'another', definition, template, content_hash, message_class, channel, language,
       planned_at, judged_at, 'sent', facts, verdicts FROM touch
"""


async def test_what_nobody_took_waits_for_room_under_the_caps(touch: AskedFor) -> None:
    """Another message has come in between; it is not counted against itself."""
    touch.push.deduplicates_for = NOT_AT_ALL
    assert await asked(touch, BUSY) == ["try_later"]
    await touch.pool.execute(ANOTHER)
    answer = await touch.ask()
    assert isinstance(answer, TryLater)
    assert answer.reason == "cap"
    assert len(touch.push.got) == 1


async def test_what_nobody_took_expires(touch: AskedFor) -> None:
    """Marketing of yesterday is not sent today."""
    touch.push.deduplicates_for = NOT_AT_ALL
    assert await asked(touch, BUSY) == ["try_later"]
    await let_pass(touch, timedelta(hours=25))
    assert isinstance(await touch.ask(), TouchSettled)
    assert await touch.record() == ("failed", "stale")


async def test_a_touch_stays_in_the_words_that_it_was_claimed_in_when_its_run_is_moved(touch: AskedFor) -> None:
    """The other version's words stand under another hash; and its channels are others."""
    there = await another_version(touch)
    assert await asked(touch, Unknown("timed_out")) == ["try_later"]
    touch.request = replace(touch.request, send=replace(touch.request.send, definition=there))
    assert isinstance(await touch.ask(), TouchSettled)
    assert await touch.record() == ("sent", "")
    first, second = (replace(message, good_until=None) for message in touch.push.got)
    assert first == second


async def another_version(touch: AskedFor) -> ContentHash:
    """Of the journey: it says something else at the step, with variables, in the inbox alone."""
    said = Template(
        name=TemplateName("we-are-here"),
        message_class=MessageClass.SERVICE,
        sender="Sojourn Securities",
        variables={"points": VariableType.NUMBER},
        texts={Language.ENGLISH: {Channel.INBOX: Text(title="Here", body="{{ points }}")}},
    )
    step = send("we-are-here", channels=[Channel.INBOX])
    value = win_back.model_copy(update={"version": win_back.version + 1, "steps": (step,)})
    there = with_templates(value, {**templates(), said.name: said})
    define(there)
    await store_templates(touch.pool, there.templates.values())
    return there.content_hash()


@pytest.mark.parametrize(
    ("answer", "record"), [(BUSY, ("failed", "busy")), (Unknown("timed_out"), ("in_doubt", "answer_lost"))]
)
async def test_the_end_of_a_run_leaves_no_doubt_of_what_nobody_took(
    touch: AskedFor, answer: Delivery, record: tuple[str, str]
) -> None:
    """Only what somebody may have is in doubt."""
    assert await asked(touch, answer) == ["try_later"]
    asked_for = touch.request.send
    ended = RunEnded(asked_for.journey, asked_for.entry, datetime.now(UTC), "goal")
    await record_outcomes(touch.world, RecordOutcomesRequest(CustomerState(AMY), ended=[ended]))
    assert await touch.record() == record


async def test_a_run_that_ends_while_nobody_takes_its_touch_leaves_no_doubt(touch: AskedFor) -> None:
    """The end came while the provider was asked: by then it looked as if it might have it."""

    async def meanwhile() -> Delivery:
        asked_for = touch.request.send
        ended = RunEnded(asked_for.journey, asked_for.entry, datetime.now(UTC), "goal")
        await record_outcomes(touch.world, RecordOutcomesRequest(CustomerState(AMY), ended=[ended]))
        assert await touch.record() == ("in_doubt", "answer_lost")
        return BUSY

    touch.push.answers = [meanwhile]
    assert isinstance(await touch.ask(), TouchSettled)
    assert await touch.record() == ("failed", "busy")


async def test_a_run_whose_end_was_lost_leaves_no_doubt_of_what_nobody_took(touch: AskedFor) -> None:
    """The books were restored to an earlier time; the customer enters again."""
    assert await asked(touch, BUSY) == ["try_later"]
    asked_for = touch.request.send
    async with touch.pool.acquire() as connection:
        decided = EntryDecided(asked_for.journey, 1, asked_for.definition, "e-2", datetime.now(UTC), entry=2)
        await open_run_row(connection, AMY, run_of(decided))
    assert await touch.record() == ("failed", "busy")
