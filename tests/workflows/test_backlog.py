"""A history that comes in late, and much of it: the order of events is kept, and deadlines wait their turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from embedded import EmbeddedStack
from rules.engine_numbers import EngineNumbers
from tests.live import live


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
