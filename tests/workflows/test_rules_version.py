"""Old and new workers side by side: a life that goes by newer rules is left to those who have them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from temporalio.api.enums.v1 import EventType

from embedded import EmbeddedStack
from rules import state
from tests.live import Live, live


def ago(**duration: float) -> datetime:
    """A time before now."""
    return datetime.now(UTC) - timedelta(**duration)


@contextmanager
def release(world: Live, version: int) -> Iterator[None]:
    """Workers of a release whose newest rules are these."""
    known, world.world = (state.RULES_VERSION, world.world), replace(world.world, rules_version=version)
    state.RULES_VERSION = version
    try:
        yield
    finally:
        state.RULES_VERSION, world.world = known


async def test_a_life_that_goes_by_newer_rules_waits_for_a_worker_that_has_them(
    stack: EmbeddedStack, database_url: str
) -> None:
    """Under way, continued or restored: an old worker would walk it by other rules, and store what it does not know."""
    async with live(stack, database_url, working=False) as world:
        ways = {world.customer(way): way for way in ("under-way", "continued", "restored")}
        with release(world, 2):
            async with world.working():
                for customer, way in ways.items():
                    start = {"continue_after": 1 if way == "continued" else 500}
                    await world.event(customer, "app_registered", ago(hours=3), start=start)
                before = {customer: (await world.settled(customer)).state for customer in ways}
        kept = await world.rows("SELECT state FROM customer ORDER BY customer_id")
        await world.handle(world.customer("restored")).terminate("a test")

        async def failed(customer: str) -> bool:
            return EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED in [
                one.event_type for one in await world.history(customer)
            ]

        with release(world, 1):
            async with world.working():
                for customer in ways:
                    await world.event(customer, "checked_in", ago(hours=1))
                for customer in ways:
                    await world.until(partial(failed, customer))
        assert await world.rows("SELECT state FROM customer ORDER BY customer_id") == kept
        with release(world, 2):
            async with world.working():
                after = {customer: (await world.settled(customer)).state for customer in ways}
        for customer in ways:
            assert (after[customer].rules_version, after[customer].folded) == (2, 2)
            assert [run.step for run in after[customer].runs] == [run.step for run in before[customer].runs]
            assert len(await world.touches(customer)) == 1


async def test_a_life_takes_newer_rules_over_only_when_it_continues_as_new(
    stack: EmbeddedStack, database_url: str
) -> None:
    """The first answer of a newer worker tells the life of them; an older one cannot call them back."""
    async with live(stack, database_url, working=False) as world:
        amy = world.customer("amy")
        async with world.working():
            await world.event(amy, "app_registered", ago(hours=3))
            before = await world.settled(amy)
        with release(world, 2):
            async with world.working():
                await world.event(amy, "checked_in", ago(hours=1))

                async def taken_over() -> bool:
                    return (await world.settled(amy)).state.rules_version == 2

                await world.until(taken_over)
        assert before.state.rules_version == 1
        description = await world.handle(amy).describe()
        assert description.run_id != description.raw_description.workflow_execution_info.first_run_id
