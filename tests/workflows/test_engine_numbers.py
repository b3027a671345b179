"""A life goes by the numbers that it was given, and nobody outside changes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from embedded import EmbeddedStack
from journeys.names import Stage
from rules.clock import Clock
from rules.engine_numbers import EngineNumbers
from tests.live import live


def ago(**duration: float) -> datetime:
    """A time before now."""
    return datetime.now(UTC) - timedelta(**duration)


async def test_a_start_input_changes_nothing_where_no_simulation_is_allowed(
    stack: EmbeddedStack, database_url: str
) -> None:
    """An hour of grace would let the stage change an hour late; to continue at once would cost without end."""
    start = {"clock": {"grace": 3600}, "continue_after": 1}
    async with live(stack, database_url, simulation_allowed=False) as world:
        amy = world.customer("amy")
        await world.event(amy, "trade_executed", ago(days=100), start=start)
        await world.until(lambda: world.pool.fetchval("SELECT stage = 'decline' FROM customer"))
        await world.event(amy, "checked_in", ago(hours=1))
        view = await world.settled(amy)
        assert (view.state.lifecycle.stage, view.state.clock) == (Stage.DECLINE, Clock())
        description = await world.handle(amy).describe()
        assert description.run_id == description.raw_description.workflow_execution_info.first_run_id


async def test_a_life_keeps_its_numbers_until_it_continues_as_new(stack: EmbeddedStack, database_url: str) -> None:
    """What a newer worker reckons with is for lives that begin or continue with it."""
    old, new = EngineNumbers(continue_after=3), EngineNumbers(continue_after=300, grace=timedelta(seconds=1))
    async with live(stack, database_url, working=False, numbers=old) as world:
        amy = world.customer("amy")
        async with world.working():
            await world.event(amy, "checked_in", ago(hours=3))
            assert (await world.settled(amy)).state.numbers == old
        world.world = replace(world.world, numbers=new)
        async with world.working():
            await world.event(amy, "checked_in", ago(hours=2))
            assert (await world.settled(amy)).state.numbers == old
            await world.event(amy, "checked_in", ago(hours=1))

            async def taken_over() -> bool:
                return (await world.settled(amy)).state.numbers == new

            await world.until(taken_over)
