"""A claim that no provider has taken is taken up on facts that still hold, and is one thing's alone to change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from activities.channels import Accepted, Delivery, Unknown
from activities.contracts import RecordOutcomesRequest
from activities.database import open_pool
from activities.gate_facts import Known, read_facts
from activities.open_claims import take_up
from activities.record_outcomes import record_outcomes
from activities.touch_plan import TouchPlan
from activities.world import World
from rules.clock import Clock
from rules.effects import PointsAwarded, RunEnded
from rules.gates import TouchSettled, TryLater
from rules.judged_again import judge_again
from rules.state import CustomerState
from tests.activities.test_handover import BUSY, NOT_AT_ALL, asked
from tests.activities.test_send_message import AMY, DROP, HOLD, NOW, AskedFor, touch

__all__ = ["touch"]

RAISED = "UPDATE customer SET version = version + 1"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
async def untaken(touch: AskedFor, database_url: str) -> AsyncIterator[AskedFor]:
    """A touch whose channel was busy and knows no message again; the world has room for several at once."""
    pool = await open_pool(database_url, size=5, restricted=True)
    touch.pool, touch.world = pool, replace(touch.world, pool=pool)
    touch.push.deduplicates_for = NOT_AT_ALL
    assert await asked(touch, BUSY) == ["try_later"]
    yield touch
    await pool.close()


def once_it_is_judged(monkeypatch: pytest.MonkeyPatch, do: Callable[[World, TouchPlan, Known], object]) -> list[Known]:
    """Let something happen between the first judgement and what is made of it; answers all that was judged on."""
    looks: list[Known] = []

    async def read_then_do(world: World, plan: TouchPlan) -> Known:
        looks.append(known := await read_facts(world, plan))
        if len(looks) == 1:
            await do(world, plan, known)  # type: ignore[misc]
        return known

    monkeypatch.setattr("activities.send_message.read_facts", read_then_do)
    return looks


def write(*statements: str) -> Callable[[World, TouchPlan, Known], object]:
    """Write something into the books."""

    async def change(world: World, plan: TouchPlan, known: Known) -> None:
        for statement in statements:
            await world.pool.execute(statement)

    return change


CHANGES = {
    "an opt-out": (("INSERT INTO opt_out VALUES ('C-1', 'marketing', true, 'app', now())", RAISED), "opted_out"),
    "a suppression": (
        ("INSERT INTO suppression VALUES ('C-1', 'complaint', true, 'staff', now())", RAISED),
        "suppressed: complaint",
    ),
    "a brake that drops": ((DROP,), "brake"),
    "a recall": (
        ("INSERT INTO template_recall (template, reason, recalled_by) VALUES ('we-are-here', 'wrong', 'li')",),
        "recalled",
    ),
}


@pytest.mark.parametrize(("statements", "reason"), CHANGES.values(), ids=CHANGES)
async def test_what_changes_between_the_judgement_and_the_taking_up_is_seen(
    untaken: AskedFor, monkeypatch: pytest.MonkeyPatch, statements: tuple[str, ...], reason: str
) -> None:
    """The provider is not asked on what was true a moment ago, as no claim is made on it."""
    looks = once_it_is_judged(monkeypatch, write(*statements))
    assert isinstance(await untaken.ask(), TouchSettled)
    assert await untaken.record() == ("failed", reason)
    assert (len(looks), len(untaken.push.got)) == (2, 1)


@pytest.mark.parametrize(("statements", "reason"), CHANGES.values(), ids=CHANGES)
async def test_what_changes_before_a_provider_is_asked_for_what_it_may_have_is_seen_too(
    touch: AskedFor, monkeypatch: pytest.MonkeyPatch, statements: tuple[str, ...], reason: str
) -> None:
    """Whoever stops a message stops the next call, and not the one after it."""
    assert await asked(touch, Unknown("timed_out")) == ["try_later"]
    looks = once_it_is_judged(monkeypatch, write(*statements))
    assert isinstance(await touch.ask(), TouchSettled)
    assert await touch.record() == ("in_doubt", reason)
    assert (len(looks), len(touch.push.got)) == (2, 1)


async def test_a_change_that_stops_nothing_only_costs_another_look(
    untaken: AskedFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The touch is taken up on the later facts."""
    looks = once_it_is_judged(monkeypatch, write(RAISED))
    assert isinstance(await untaken.ask(), TouchSettled)
    assert await untaken.record() == ("sent", "")
    assert (len(looks), len(untaken.push.got)) == (2, 2)


@pytest.mark.parametrize("brake", [(), (DROP,)], ids=["to hand it over, too", "to give it up"])
async def test_what_another_try_takes_up_first_is_left_to_it(
    untaken: AskedFor, monkeypatch: pytest.MonkeyPatch, brake: tuple[str, ...]
) -> None:
    """This one judged it untaken; the other is handing it over by now, and will settle it."""
    for statement in brake:
        await untaken.pool.execute(statement)

    async def take_it_up(world: World, plan: TouchPlan, known: Known) -> None:
        again = judge_again(plan.touch, known.facts, plan.key, untaken=True)
        assert await take_up(world, plan, known, again)

    once_it_is_judged(monkeypatch, take_it_up)
    assert isinstance(await untaken.ask(), TryLater)
    assert await untaken.record() == ("claimed", "")
    assert len(untaken.push.got) == 1


@pytest.mark.parametrize("answer", [BUSY, Unknown("timed_out")], ids=["untaken", "maybe taken"])
async def test_a_touch_costs_three_statements_each_time_it_is_handed_over(
    touch: AskedFor, database_url: str, answer: Delivery
) -> None:
    """Facts, claim or further judgement, outcome: each is one exchange with the database, without a transaction."""
    pool = await open_pool(database_url, size=1, restricted=True)
    spoken: list[str] = []
    async with pool.acquire() as connection:
        connection.add_query_logger(lambda record: spoken.append(record.query))
    touch.world = replace(touch.world, pool=pool)
    try:
        assert await asked(touch, answer) == ["try_later"]
        for occurrence in (1, 2):
            send = replace(touch.request.send, occurrence=occurrence)
            touch.request, touch.world = replace(touch.request, send=send), replace(touch.world, caps=())
            spoken.clear()
            assert await asked(touch, Accepted()) == ["settled"]
            assert len(spoken) == 3
    finally:
        await pool.close()


def end_of_run(touch: AskedFor) -> RecordOutcomesRequest:
    """The run ends, with points to credit: what keeps those from being written keeps the end from being committed."""
    send = touch.request.send
    ended = RunEnded(send.journey, send.entry, datetime.now(UTC), "goal")
    points = PointsAwarded(send.journey, send.entry, send.step, NOW, 1, "test")
    return RecordOutcomesRequest(CustomerState(AMY), ended=[ended], awards=[points])


async def somebody_waits(touch: AskedFor, *tasks: asyncio.Task[object], many: int = 1) -> None:
    """Until so many wait for a lock, or one of the tasks is done."""
    while not any(task.done() for task in tasks) and await touch.pool.fetchval(WAITING) < many:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_run_that_is_about_to_have_ended_leaves_nothing_to_postpone(untaken: AskedFor) -> None:
    """The end is written and not committed when the provider says no; whoever postpones waits, and sees it."""
    ending: list[asyncio.Task[object]] = []

    async def while_it_ends() -> Delivery:
        ending.append(asyncio.create_task(record_outcomes(untaken.world, end_of_run(untaken))))
        await somebody_waits(untaken, *ending)
        return BUSY

    untaken.push.answers = [while_it_ends]
    async with untaken.owner.transaction():
        await untaken.owner.execute("LOCK TABLE points_ledger IN SHARE MODE")
        asking = asyncio.create_task(untaken.ask())
        await somebody_waits(untaken, asking, many=2)
    assert isinstance(await asking, TouchSettled)
    await ending[0]
    assert await untaken.record() == ("failed", "busy")


async def test_the_end_of_a_run_sees_what_is_just_being_postponed(untaken: AskedFor) -> None:
    """The row is written and not committed when the run ends; nobody took it, so it has failed."""

    async def lock_the_record() -> Delivery:
        await untaken.owner.execute("SELECT FROM touch FOR UPDATE")
        return BUSY

    untaken.push.answers = [lock_the_record]
    async with untaken.owner.transaction():
        asking = asyncio.create_task(untaken.ask())
        await somebody_waits(untaken, asking)
        ending = asyncio.create_task(record_outcomes(untaken.world, end_of_run(untaken)))
        await somebody_waits(untaken, asking, ending, many=2)
    await asking
    await ending
    assert await untaken.record() == ("failed", "busy")


@pytest.mark.parametrize("answer", [BUSY, Unknown("timed_out")], ids=["untaken", "maybe taken"])
async def test_what_a_brake_holds_is_looked_at_again_on_the_clock_of_the_play(
    touch: AskedFor, answer: Delivery
) -> None:
    """A quarter of an hour there is a second here; but nobody is asked more often than a provider would be."""
    touch.world = replace(touch.world, simulation_allowed=True)
    clock = Clock(datetime.now(UTC), NOW, speed=1000.0)
    touch.request = replace(touch.request, clock=clock)
    assert await asked(touch, answer) == ["try_later"]
    await touch.pool.execute(HOLD)
    before = datetime.now(UTC)
    held = await touch.ask()
    assert isinstance(held, TryLater)
    assert held.reason == "brake"
    assert timedelta(seconds=30) <= clock.real(held.at) - before < timedelta(minutes=2)
