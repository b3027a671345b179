"""The list of customers in Temporal's visibility: who is found under which stage."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from temporalio.common import SearchAttributeKey

from embedded import EmbeddedStack
from journeys.names import Channel
from tests.live import live, sped_up
from tests.rules.test_state_size import long_journey
from workflows.attributes import (
    CUSTOMER_ID,
    JOURNEY_STEPS,
    JOURNEYS,
    LIFECYCLE_STAGE,
    MEMBER_TIER,
    MORE,
    NEXT_ACTION_AT,
    ROOM,
    fitting,
)

BORN = datetime(2026, 1, 5, 2, tzinfo=UTC)
ATTENTION = SearchAttributeKey.for_keyword_list("Attention")


async def test_the_list_shows_where_a_customer_is_and_when_something_happens_next(
    stack: EmbeddedStack, database_url: str
) -> None:
    """The next action in real time: three days on a clock on which an hour is a second."""
    async with live(stack, database_url) as world:
        amy, began = world.customer("amy"), datetime.now(UTC)
        await world.event(amy, "app_registered", BORN, start=sped_up(BORN, timedelta(hours=1)))
        await world.settled(amy)
        shown = (await world.handle(amy).describe()).typed_search_attributes
        assert [shown.get(key) for key in (CUSTOMER_ID, LIFECYCLE_STAGE, MEMBER_TIER)] == [
            amy,
            "introduction",
            "registered",
        ]
        assert shown.get(JOURNEYS) == ["onboarding-guidance"]
        assert shown.get(JOURNEY_STEPS) == ["onboarding-guidance:account_opened-within-3d"]
        assert timedelta(seconds=72) <= shown[NEXT_ACTION_AT] - began < timedelta(seconds=80)
        await world.event(amy, "account_closed", BORN + timedelta(minutes=1))
        await world.settled(amy)
        shown = (await world.handle(amy).describe()).typed_search_attributes
        assert [shown.get(key) for key in (LIFECYCLE_STAGE, JOURNEYS, JOURNEY_STEPS)] == ["closed", None, None]


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


async def test_a_life_with_more_to_look_at_than_the_list_takes_goes_on(stack: EmbeddedStack, database_url: str) -> None:
    """Fifty steps that fail for want of a text: the server would refuse so long a list, and end the life with it."""
    broken = [long_journey(number, channels=[Channel.INBOX]) for number in range(5)]
    async with live(stack, database_url, broken) as world:
        amy = world.customer("amy")
        await world.event(amy, "app_registered", BORN, start=sped_up(BORN + timedelta(days=200), timedelta(minutes=1)))
        view = await world.settled(amy)
        assert len(view.state.runs) == 5
        listed = (await world.handle(amy).describe()).typed_search_attributes[ATTENTION]
        assert (len(listed) > 10, listed[-1]) == (True, MORE)


def test_what_is_listed_fits_and_says_that_there_is_more() -> None:
    """Each name once, in order."""
    assert fitting(["a", "b", "a"]) == ["a", "b"]
    many = fitting(f"failed: a-journey: step-{number}" for number in range(200))
    assert many[-1] == MORE
    assert len(json.dumps(many, separators=(",", ":"))) <= ROOM + len(json.dumps(MORE)) + 2
