"""What is known of one customer, as a condition asks it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import asyncpg

from activities.database import AnyConnection
from errors import DatabaseError
from journeys.names import CustomerId, Language, RiskClass, Stage
from rules.conditions import BEGINNING, CustomerFacts, PastEvent

_WHOLE_LIFE: Mapping[str, datetime] = MappingProxyType({})


_FACTS_AND_EVENTS = """
SELECT investor.risk_class, customer.language, customer.zone, customer.tags,
       event.name, event.occurred_at, event.data::text AS data
FROM customer CROSS JOIN LATERAL investor_at($1, $4) AS investor LEFT JOIN (
    unnest($2::text[], $3::timestamptz[]) AS asked (name, since)
    JOIN customer_event AS event ON event.customer_id = $1 AND event.name = asked.name
         AND event.occurred_at BETWEEN asked.since AND $4
         AND ($5::bigint IS NULL OR event.sequence <= $5 OR event.sequence = ANY($6::bigint[]))
) ON true
WHERE customer.customer_id = $1
ORDER BY event.sequence
"""


async def read_facts(
    connection: AnyConnection,
    customer_id: CustomerId,
    *,
    now: datetime,
    stage: Stage | None,
    points: int,
    events: Sequence[str],
    since: Mapping[str, datetime] = _WHOLE_LIFE,
    folded: int | None = None,
    folded_ahead: Sequence[int] = (),
    entered_at: datetime | None = None,
) -> CustomerFacts:
    """What is known of a customer at `now`, with the `events` of these names up to then.

    `since` has the earliest time that is of interest of an event (`rules.conditions.looks_back_to`); without one, the
    whole life is read. With `folded` only events up to that sequence number are seen, and those in `folded_ahead`.
    Raises `DatabaseError` if the customer is not in the books.
    """
    names = sorted({*events})
    rows = await connection.fetch(
        _FACTS_AND_EVENTS,
        customer_id,
        names,
        [since.get(name, BEGINNING) for name in names],
        now,
        folded,
        list(folded_ahead),
    )
    if not rows:
        raise not_in_the_books(customer_id)
    known = rows[0]
    return CustomerFacts(
        now=now,
        stage=stage,
        risk_class=RiskClass(known["risk_class"]) if known["risk_class"] else None,
        language=Language(known["language"]),
        zone=known["zone"],
        points=points,
        tags=tuple(known["tags"]),
        events=tuple(_event(row) for row in rows if row["name"] is not None),
        entered_at=entered_at,
    )


def not_in_the_books(customer_id: CustomerId) -> DatabaseError:
    """What to say of a customer whose row is missing, though it was there when the life began."""
    return DatabaseError(
        f"customer has no row for {customer_id}: the database is not the one this life was recorded in"
    )


def _event(row: asyncpg.Record) -> PastEvent:
    return PastEvent(row["name"], row["occurred_at"], _data(row["data"]))


def _data(text: str) -> Any:
    """Without the detour over binary fractions, so that a number is here what it is to PostgreSQL."""
    return json.loads(text, parse_float=Decimal)
