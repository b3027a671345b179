"""Where a customer stands, and the last events, for people: read only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from activities.database import Connection
from errors import InputError
from journeys.names import CustomerId


@dataclass(frozen=True, slots=True)
class Profile:
    """Where a customer stands, and what they are to the gates. `stage` is none before the first event."""

    customer_id: str
    stage: str | None
    stage_since: datetime | None
    tier: str
    points: int
    zone: str
    language: str
    risk_class: str | None
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event as it was recorded, from the bus (`signal`) or from the broker's books (`fact`)."""

    event_id: str
    name: str
    occurred_at: datetime
    source: str


async def read_profile(connection: Connection, customer_id: CustomerId) -> Profile | None:
    """One customer, or none if the id is not known."""
    row = await connection.fetchrow(
        """
        SELECT customer_id, stage, stage_since, 'registered' AS tier,
               (SELECT coalesce(sum(amount), 0)::int FROM points_ledger WHERE customer_id = $1) AS points,
               zone, language, risk_class, tags
        FROM customer WHERE customer_id = $1
        """,
        customer_id,
    )
    return Profile(**row) if row else None


async def read_events(connection: Connection, customer_id: CustomerId, last: int) -> list[EventLine]:
    """The last events by the time they happened, the newest last."""
    rows = await connection.fetch(
        """
        SELECT event_id, name, occurred_at, source
        FROM customer_event WHERE customer_id = $1 ORDER BY occurred_at DESC, sequence DESC LIMIT $2
        """,
        customer_id,
        last,
    )
    return [EventLine(**row) for row in reversed(rows)]


async def profile_of(connection: Connection, customer_id: CustomerId) -> Profile:
    """One customer whom somebody asks for. Raises `InputError` if the id is not known."""
    if (profile := await read_profile(connection, customer_id)) is None:
        raise InputError(
            f"there is no customer {customer_id!r}: no event was recorded and no file loaded under this id;"
            " `starter.py rejected` lists what could not be taken"
        )
    return profile
