"""What is recorded does not depend on which worker records it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from activities.contracts import RECORD_EVENT, Delivery, RecordEventsRequest, RecordOutcomesRequest
from activities.database import Connection, Pool
from activities.record_events import STATE, record_events
from activities.record_outcomes import record_outcomes
from activities.world import World
from journeys.events import app_opened, deposit_made
from journeys.language import days, goal, journey, wait
from journeys.lifecycle import LIFECYCLE_POLICY
from journeys.names import CustomerId
from journeys.published import with_templates
from rules.definitions import Catalogue
from rules.effects import EntryOffered
from rules.state import CustomerState

NOW = datetime.now(UTC)
FIRST_DEPOSIT = with_templates(
    journey(
        name="first-deposit",
        version=1,
        state="live",
        starts_on=app_opened,
        goal=goal(deposit_made, within=days(7)),
        ends_after=days(9),
        steps=[wait(days(3))],
    ),
    {},
)


def delivery(event_id: str, name: str, at: datetime, **data: str) -> Delivery:
    """An event as it comes from the bus."""
    event = {"event_id": event_id, "name": name, "occurred_at": at.isoformat(), "data": data}
    return Delivery(RECORD_EVENT, (("json/plain", json.dumps(event)),))


async def entered(pool: Pool) -> CustomerState:
    """A customer in the journey, put there by a worker that ships it."""
    request = RecordOutcomesRequest(
        CustomerState(CustomerId("C-1"), policy=LIFECYCLE_POLICY), offers=[EntryOffered("e-1", NOW, event=app_opened)]
    )
    await record_outcomes(World(pool, Catalogue.of([FIRST_DEPOSIT]), {}), request)
    return STATE.validate_python(await pool.fetchval("SELECT state FROM customer"))


async def test_a_worker_that_does_not_ship_a_journey_records_its_goal(pool: Pool) -> None:
    """The run says in the books what its goal is."""
    state = await entered(pool)
    reached = delivery("e-2", "deposit_made", NOW + timedelta(seconds=1), amount="5.00")
    await record_events(World(pool, Catalogue.of([]), {}), RecordEventsRequest(state, (reached,)))
    (conversion,) = await pool.fetch("SELECT journey, entry, event_id FROM conversion")
    assert tuple(conversion) == ("first-deposit", 1, "e-2")


async def test_a_run_that_the_books_have_lost_is_put_back_with_the_next_event(pool: Pool, owner: Connection) -> None:
    """A database that was restored to an earlier time: the gate needs the row of the run."""
    state = await entered(pool)
    await owner.execute("TRUNCATE customer CASCADE")
    event = delivery("e-2", "app_opened", NOW + timedelta(seconds=1))
    await record_events(World(pool, Catalogue.of([FIRST_DEPOSIT]), {}), RecordEventsRequest(state, (event,)))
    (run,) = await pool.fetch("SELECT journey, entry, entered_at, goal_event, ended_at FROM journey_run")
    assert tuple(run) == ("first-deposit", 1, NOW, "deposit_made", None)
