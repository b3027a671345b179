"""The list of customers in Temporal's visibility: who is found under which stage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from embedded import EmbeddedStack
from tests.live import live


async def test_a_life_that_is_over_at_once_is_found_under_its_last_stage(
    stack: EmbeddedStack, database_url: str
) -> None:
    """Registered 400 days ago and never seen since: churned, nothing left to do, and still in the list."""
    async with live(stack, database_url) as world:
        amy = world.customer("amy")
        await world.event(amy, "app_registered", datetime.now(UTC) - timedelta(days=400))
        await world.handle(amy).result()
        query = f"CustomerId = '{amy}' AND LifecycleStage = 'churned' AND ExecutionStatus = 'Completed'"

        async def listed() -> bool:
            return (await world.client.count_workflows(query)).count == 1

        await world.until(listed)
