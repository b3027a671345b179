"""What a life costs in history events, counted on the fetched history (architecture.md, "Budgets")."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType

from embedded import EmbeddedStack
from tests.live import live, sped_up


async def test_the_two_message_onboarding_costs_at_most_34_events_and_two_activities(
    stack: EmbeddedStack, database_url: str
) -> None:
    """From the start of the workflow to the end of the journey: welcome, reminder, not interested."""
    async with live(stack, database_url) as world:
        amy = world.customer("amy")
        await world.consent(amy)
        born = datetime(2026, 1, 1, tzinfo=UTC)
        await world.event(amy, "app_registered", born, start=sped_up(born, timedelta(days=3)))
        await world.until(lambda: world.pool.fetchval("SELECT outcome FROM journey_run WHERE customer_id = $1", amy))
        kinds = [event.event_type for event in await world.history(amy)]
        end = len(kinds) - kinds[::-1].index(EventType.EVENT_TYPE_MARKER_RECORDED)
        assert Counter(kinds)[EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED] == 2
        assert [step for step, _, _ in await world.touches(amy)] == ["welcome", "open-account-reminder"]
        assert end <= 34


async def test_an_event_that_concerns_no_run_costs_five_history_events(stack: EmbeddedStack, database_url: str) -> None:
    """Signal, workflow task (three events) and one marker: no timer is armed anew, nothing is upserted."""
    async with live(stack, database_url) as world:
        amy = world.customer("amy")
        await world.event(amy, "checked_in", datetime.now(UTC) - timedelta(hours=2))
        await world.settled(amy)
        before = len(await world.history(amy))
        await world.event(amy, "checked_in", datetime.now(UTC) - timedelta(hours=1))
        await world.until(lambda: world.pool.fetchval("SELECT sequence > 1 FROM customer_event ORDER BY 1 DESC"))
        await world.settled(amy)
        after = await world.history(amy)
        assert len(after) - before <= 5, [EventType.Name(event.event_type) for event in after[before:]]
