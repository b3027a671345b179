"""The life that is stored is the latest that was told, whoever comes last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from activities.contracts import RECORD_EVENT, Delivery, RecordEventsRequest
from activities.database import Pool
from activities.record_events import record_events
from activities.world import World
from journeys.lifecycle import LIFECYCLE_POLICY
from journeys.names import CustomerId
from rules.definitions import Catalogue
from rules.state import CustomerState

NOW = datetime.now(UTC)
CHECKED_IN = Delivery(
    RECORD_EVENT, (("json/plain", f'{{"event_id": "e-1", "name": "checked_in", "occurred_at": "{NOW.isoformat()}"}}'),)
)


def told(at: datetime, points: int) -> CustomerState:
    """The life of one customer as a worker tells it at a time."""
    return CustomerState(CustomerId("C-1"), as_of=at, points=points, policy=LIFECYCLE_POLICY)


async def test_a_worker_that_was_held_up_does_not_replace_a_later_state(pool: Pool) -> None:
    """Its task timed out, another worker went on, and then its transaction came through: only the event is new."""
    world = World(pool, Catalogue.of([]), {})
    before, after = NOW, NOW + timedelta(microseconds=1)
    await record_events(world, RecordEventsRequest(told(after, points=50), ()))
    await record_events(world, RecordEventsRequest(told(before, points=20), (CHECKED_IN,)))
    assert await pool.fetchval("SELECT (state->>'points')::int FROM customer") == 50
    assert await pool.fetchval("SELECT last_sequence FROM customer") == 1
    assert await pool.fetchval("SELECT event_id FROM customer_event") == "e-1"


async def test_the_same_worker_may_tell_it_again(pool: Pool) -> None:
    """A second try of one activity, and a later state, are stored."""
    world = World(pool, Catalogue.of([]), {})
    for later, points in ((0, 20), (0, 30), (1, 50)):
        await record_events(world, RecordEventsRequest(told(NOW + timedelta(seconds=later), points), ()))
        assert await pool.fetchval("SELECT (state->>'points')::int FROM customer") == points
