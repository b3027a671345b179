"""A history that comes in late, and much of it: the order of events is kept, and deadlines wait their turn."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from functools import partial

from temporalio.api.enums.v1 import EventType

from activities.channels import Accepted
from activities.contracts import workflow_id
from embedded import EmbeddedStack
from journeys.names import Channel
from rules.engine_numbers import EngineNumbers
from tests.live import live, sped_up
from tests.long_numbers import BACKLOG


def ago(**duration: float) -> datetime:
    """A time before now."""
    return datetime.now(UTC) - timedelta(**duration)


PATIENT = EngineNumbers(grace=timedelta(seconds=30))
"""More than a test takes: what acts nevertheless acts because of the next event."""


async def test_a_deadline_that_is_past_waits_for_the_event_that_is_on_its_way(
    stack: EmbeddedStack, database_url: str
) -> None:
    """A history is loaded while workers run: between two trades that are 178 days apart nobody churned."""
    async with live(stack, database_url, numbers=PATIENT) as world:
        amy = world.customer("amy")
        first, second = ago(days=200), ago(days=22)
        await world.event(amy, "trade_executed", first)
        await world.until(lambda: world.pool.fetchval("SELECT stage = 'growth' FROM customer"))
        await world.event(amy, "trade_executed", second)
        await world.settled(amy)
        assert await world.rows("SELECT to_stage, at, cause FROM stage_change ORDER BY recorded_at, at") == [
            ("introduction", first, "first_event"),
            ("growth", first, "first_investment"),
            ("decline", first + timedelta(days=90), "inactive"),
            ("growth", second, "returned"),
        ]


async def test_a_deadline_that_is_past_acts_soon_after_the_last_event(stack: EmbeddedStack, database_url: str) -> None:
    """Once nothing more comes, time has passed for the customer as it has for everybody."""
    async with live(stack, database_url, numbers=EngineNumbers(grace=timedelta(seconds=0.3))) as world:
        amy = world.customer("amy")
        traded = ago(days=100)
        await world.event(amy, "trade_executed", traded)
        view = await world.settled(amy)
        assert (view.state.lifecycle.stage, view.state.lifecycle.since) == ("decline", traded + timedelta(days=90))
        timers = [event for event in await world.history(amy) if event.HasField("timer_started_event_attributes")]
        assert len(timers) == 2, "one for the past, one for what is to come"


async def test_an_event_of_before_that_comes_in_while_others_wait_takes_effect_before_them(
    stack: EmbeddedStack, database_url: str
) -> None:
    """A trade is held back by a touch in flight; the one of ten minutes before, which arrives now, makes the stage."""
    async with live(stack, database_url) as world:
        released = asyncio.Event()

        async def hangs() -> Accepted:
            await released.wait()
            return Accepted()

        world.channels[Channel.APP_PUSH].answers.append(hangs)
        amy = world.customer("amy")
        await world.event(amy, "app_registered", ago(hours=1))
        await world.until(lambda: world.pool.fetchval("SELECT true FROM touch"))
        earlier, later = ago(minutes=30), ago(minutes=20)
        for number, at in enumerate((later, earlier), 2):
            await world.event(amy, "trade_executed", at)
            recorded = partial(world.pool.fetchval, "SELECT max(sequence) = $1 FROM customer_event", number)
            await world.until(recorded)
        released.set()
        state = (await world.settled(amy)).state
        assert await world.rows("SELECT at FROM stage_change WHERE to_stage = 'growth'") == [(earlier,)]
        assert (state.folded, state.folded_ahead, state.lifecycle.investments) == (3, [], 2)


async def test_an_event_that_comes_in_while_the_books_are_asked_counts(stack: EmbeddedStack, database_url: str) -> None:
    """The books do not answer, the deadline waits for them, and meanwhile the account is opened: no reminder."""
    async with live(stack, database_url) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        born = datetime(2026, 1, 1, tzinfo=UTC)
        await world.as_owner("ALTER TABLE customer_fact RENAME TO hidden")
        start = sped_up(born, timedelta(days=3))
        await world.event(amy, "app_registered", born, start=start)

        async def is_asked_again() -> bool:
            """The books were asked, and a timer of the engine waits to ask them again."""
            kinds = [event.event_type for event in await world.history(amy)]
            return kinds[-2:] == [EventType.EVENT_TYPE_MARKER_RECORDED, EventType.EVENT_TYPE_TIMER_STARTED]

        await world.until(is_asked_again)
        await world.event(amy, "account_opened", born + timedelta(days=2), start=start)
        await world.as_owner("ALTER TABLE hidden RENAME TO customer_fact")
        await world.until(lambda: world.pool.fetchval("SELECT true FROM touch WHERE step <> 'welcome'"))
        # Whoever looks late sees what came after, too.
        assert [step for step, _, _ in await world.touches(amy)][:2] == ["welcome", "questionnaire-reminder"]


TRADES = (100, 500, 900)
LARGEST_MARKER = 256 * 1024


async def test_a_long_backlog_takes_effect_in_event_time_order(stack: EmbeddedStack, database_url: str) -> None:
    """They arrive in any order while no worker runs; what a worker then writes down stays small."""
    async with live(stack, database_url, working=False) as world:
        amy = world.customer("amy")
        first = ago(days=80)
        times = [first + timedelta(minutes=30) * number for number in range(BACKLOG)]
        names = ["trade_executed" if number in TRADES else "checked_in" for number in range(BACKLOG)]
        happened = list(zip(times, names, strict=True))
        random.Random(1).shuffle(happened)
        gate = asyncio.Semaphore(32)

        async def send(at: datetime, name: str) -> None:
            async with gate:
                await world.event(amy, name, at)

        await send(*happened[0])
        await asyncio.gather(*(send(at, name) for at, name in happened[1:]))
        run = world.client.get_workflow_handle(workflow_id(amy), run_id=(await world.handle(amy).describe()).run_id)
        async with world.working():
            state = (await world.settled(amy)).state
        assert await world.rows("SELECT to_stage, at FROM stage_change ORDER BY at, from_stage NULLS FIRST") == [
            ("introduction", times[0]),
            ("growth", times[TRADES[0]]),
        ]
        assert (state.folded, state.folded_ahead, state.lifecycle.investments) == (BACKLOG, [], 3)
        history = (await run.fetch_history()).events
        markers = [one.ByteSize() for one in history if one.event_type == EventType.EVENT_TYPE_MARKER_RECORDED]
        assert max(markers) < LARGEST_MARKER
        assert sum(markers) < BACKLOG * 500
        assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in [one.event_type for one in history]
