"""The gate: what it looks at, and what stops a touch that was claimed and that the provider has not confirmed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from activities.channels import Unknown
from activities.contracts import SendMessageRequest
from activities.database import Connection, Pool
from activities.runs import open_run_row
from activities.send_message import send_message
from activities.templates import store_templates
from activities.world import World
from journeys.names import Channel, CustomerId, MessageClass, StepId
from journeys.published import with_templates
from journeys.templates import templates
from journeys.win_back import win_back
from rules.clock import Clock
from rules.definitions import Catalogue
from rules.effects import SendMessage
from rules.entry import EntryDecided, run_of
from rules.gates import BRAKE_RECHECK, Answer, HeldUntil, NextChannel, TouchSettled, TryLater
from rules.quiet_hours import QuietHours
from tests.live import FakeChannel

AMY = CustomerId("C-1")
NOW = datetime.now(UTC)
HOLD = "INSERT INTO brake (mode, reason, set_by) VALUES ('hold', 'wrong text', 'li')"
DROP = "INSERT INTO brake (mode, reason, channel, set_by) VALUES ('drop', 'wrong text', 'app_push', 'li')"


@dataclass
class AskedFor:
    """A touch whose provider confirms the second try. The product's pool is the world's, `owner` may do anything."""

    pool: Pool
    owner: Connection
    world: World
    push: FakeChannel
    request: SendMessageRequest

    async def ask(self) -> Answer:
        """The first try, or the next."""
        return (await send_message(self.world, self.request)).answer

    async def record(self) -> tuple[str, str]:
        """Outcome and reason."""
        (row,) = await self.pool.fetch("SELECT outcome, reason FROM touch")
        return row["outcome"], row["reason"]


@pytest.fixture
async def touch(pool: Pool, owner: Connection) -> AskedFor:
    """The first message of win-back by app push, before the gate."""
    value = with_templates(win_back, templates())
    push = FakeChannel(Channel.APP_PUSH, answers=[Unknown("timed_out")])
    world = World(pool, Catalogue.of([value]), {Channel.APP_PUSH: push})
    await store_templates(pool, value.templates.values())
    await pool.execute("INSERT INTO customer (customer_id) VALUES ($1)", AMY)
    await consent(pool, given=True, at=NOW - timedelta(days=9))
    async with pool.acquire() as connection:
        decided = EntryDecided(win_back.name, 1, value.content_hash(), "e-1", NOW, entry=1)
        await open_run_row(connection, AMY, run_of(decided))
    send = SendMessage(win_back.name, 1, value.content_hash(), StepId("we-are-here"), NOW, NOW, 0)
    return AskedFor(pool, owner, world, push, SendMessageRequest(AMY, send, Clock(), 0))


@pytest.fixture
async def unanswered(touch: AskedFor) -> AskedFor:
    """The same, claimed and not confirmed."""
    assert isinstance(await touch.ask(), TryLater)
    return touch


async def consent(pool: Pool, *, given: bool, at: datetime) -> None:
    """Consent to marketing by app push, or its withdrawal."""
    await pool.execute(
        "INSERT INTO consent VALUES ($1, $2, $3, $4, 'app', 'v1', $5)",
        *(AMY, MessageClass.MARKETING, Channel.APP_PUSH, given, at),
    )


async def test_a_brake_that_holds_keeps_a_claimed_touch_from_being_asked_for_again(unanswered: AskedFor) -> None:
    """The stop button counts for it, too; once the brake is off the provider is asked with the same key."""
    await unanswered.pool.execute(HOLD)
    before = datetime.now(UTC)
    answer = await unanswered.ask()
    assert isinstance(answer, TryLater)
    assert answer.reason == "brake"
    assert answer.at >= before + BRAKE_RECHECK
    assert len(unanswered.push.got) == 1
    assert await unanswered.record() == ("claimed", "")
    await unanswered.pool.execute("UPDATE brake SET released_at = now()")
    answer = await unanswered.ask()
    assert isinstance(answer, TouchSettled)
    assert answer.outcome == "sent"
    assert len({message.key for message in unanswered.push.got}) == 1


async def test_a_journey_that_is_paused_keeps_a_claimed_touch_from_being_asked_for_again(unanswered: AskedFor) -> None:
    """People have closed it, as with a brake; when it goes on the provider is asked with the same key."""
    await unanswered.pool.execute("UPDATE journey_run SET paused_at = now()")
    answer = await unanswered.ask()
    assert isinstance(answer, TryLater)
    assert answer.reason == "paused"
    assert len(unanswered.push.got) == 1
    await unanswered.pool.execute("UPDATE journey_run SET paused_at = NULL")
    assert isinstance(await unanswered.ask(), TouchSettled)
    assert await unanswered.record() == ("sent", "")


STOPS = {
    "a brake that drops": (DROP, "brake"),
    "an opt-out from marketing": ("INSERT INTO opt_out VALUES ('C-1', 'marketing', true, 'app', now())", "opted_out"),
    "an opt-out from everything": ("INSERT INTO opt_out VALUES ('C-1', 'all', true, 'app', now())", "opted_out"),
    "an opt-out from the channel": ("INSERT INTO opt_out VALUES ('C-1', 'app_push', true, 'app', now())", "opted_out"),
    "a consent withdrawn": (
        "INSERT INTO consent VALUES ('C-1', 'marketing', 'app_push', false, 'app', 'v1', now())",
        "no_consent",
    ),
}


@pytest.mark.parametrize(("statement", "reason"), STOPS.values(), ids=STOPS)
async def test_a_claimed_touch_that_was_stopped_is_in_doubt(unanswered: AskedFor, statement: str, reason: str) -> None:
    """The customer may have it already, so it is not withheld; the provider is not asked again."""
    await unanswered.pool.execute(statement)
    for _ in range(2):
        answer = await unanswered.ask()
        assert isinstance(answer, TouchSettled)
        assert (answer.outcome, answer.reason) == ("in_doubt", reason)
    assert len(unanswered.push.got) == 1
    assert await unanswered.record() == ("in_doubt", reason)


IRRELEVANT = {
    "a brake on another journey": (
        "INSERT INTO brake (mode, reason, journey, set_by) VALUES ('drop', 'x', 'onboarding-guidance', 'li')"
    ),
    "an opt-out taken back": "INSERT INTO opt_out VALUES ('C-1', 'marketing', false, 'app', now())",
    "a channel that reaches nobody now": "INSERT INTO reachability VALUES ('C-1', 'app_push', false, now())",
    "a run that is over": "UPDATE journey_run SET ended_at = now(), outcome = 'goal'",
}


@pytest.mark.parametrize("statement", IRRELEVANT.values(), ids=IRRELEVANT)
async def test_what_else_has_changed_is_not_judged_again(unanswered: AskedFor, statement: str) -> None:
    """The claim stands: the provider is asked until it is known whether the customer got the message."""
    await unanswered.pool.execute(statement)
    answer = await unanswered.ask()
    assert isinstance(answer, TouchSettled)
    assert answer.outcome == "sent"
    assert len(unanswered.push.got) == 2


CLOSED = {"a brake": (HOLD, "brake"), "a pause": ("UPDATE journey_run SET paused_at = now()", "paused")}


@pytest.mark.parametrize(("statement", "reason"), CLOSED.values(), ids=CLOSED)
async def test_a_touch_that_people_hold_for_a_day_is_in_doubt(
    unanswered: AskedFor, monkeypatch: pytest.MonkeyPatch, statement: str, reason: str
) -> None:
    """As one that the provider never confirms: the run goes on."""
    monkeypatch.setattr("activities.send_message.ASK_AGAIN_FOR", timedelta(0))
    await unanswered.pool.execute(statement)
    answer = await unanswered.ask()
    assert isinstance(answer, TouchSettled)
    assert (answer.outcome, answer.reason) == ("in_doubt", reason)
    assert len(unanswered.push.got) == 1


TRADED = """
INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data)
VALUES ('C-1', 2, 'e-2', 'trade_executed', $1, '{}')
"""


@pytest.mark.parametrize(("ahead", "outcome"), [((), "sent"), ((2,), "withheld")])
async def test_on_a_simulated_clock_only_what_has_taken_effect_counts(
    touch: AskedFor, ahead: tuple[int, ...], outcome: str
) -> None:
    """Also an event that was taken before others that came in earlier; one that is still in line lies ahead."""
    touch.push.answers.clear()
    touch.world = replace(touch.world, simulation_allowed=True)
    touch.request = replace(touch.request, clock=Clock(NOW, NOW, speed=2.0), folded=0, folded_ahead=ahead)
    await touch.pool.execute(TRADED, NOW + timedelta(milliseconds=1))
    answer = await touch.ask()
    assert isinstance(answer, TouchSettled)
    assert answer.outcome == outcome


def quiet_now() -> QuietHours:
    """Quiet hours that began an hour ago in Shanghai and end in two."""
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    return QuietHours((now - timedelta(hours=1)).time(), (now + timedelta(hours=2)).time())


async def test_a_hold_that_is_skipped_is_judged_as_of_now(touch: AskedFor) -> None:
    """Whoever asks for a touch before its hold is over gets it held again: it is still night."""
    touch.push.interrupts = True
    touch.world = replace(touch.world, quiet_hours=quiet_now())
    first = await touch.ask()
    assert isinstance(first, HeldUntil)
    for asked_for in (first.until, datetime.now(UTC)):
        touch.request = replace(touch.request, send=replace(touch.request.send, asked_for=asked_for))
        again = await touch.ask()
        assert isinstance(again, HeldUntil)
        assert again.reason == "quiet_hours"
    assert touch.push.got == []


WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"


async def test_a_brake_that_is_put_on_while_the_claim_waits_for_the_customer_stops_it(touch: AskedFor) -> None:
    """The claim looks at the brakes once it has the customer, however long that took."""
    async with asyncio.TaskGroup() as group, touch.owner.transaction():
        await touch.owner.execute("SELECT FROM customer FOR NO KEY UPDATE")
        asking = group.create_task(touch.ask())
        while not await touch.pool.fetchval(WAITING):  # noqa: ASYNC110 - asks the database
            await asyncio.sleep(0.01)
        await touch.pool.execute(DROP)
    assert isinstance(asking.result(), NextChannel)
    assert touch.push.got == []
