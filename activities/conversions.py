"""Goals reached, computed where events and entries are recorded (journey-language.md, rule 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg
from pydantic import TypeAdapter

from activities.database import PoolConnection
from activities.incoming import EARLIEST
from journeys.conditions import Condition
from journeys.events import EVENTS
from journeys.names import CustomerId
from rules.conditions import fits

_REVERSING: Mapping[str, str] = {str(event): event.reverses for event in EVENTS.values() if event.reverses is not None}
"""The events that undo others, each with the field that names the other."""

_WHERE: TypeAdapter[Condition | None] = TypeAdapter(Condition | None)


def where_of(stored: object) -> Condition | None:
    """What a stored goal asks of the event's data."""
    return _WHERE.validate_python(stored)


async def convert(
    connection: PoolConnection,
    customer_id: CustomerId,
    *,
    after_sequence: int,
    since: datetime,
    attribution: timedelta,
) -> None:
    """Record the conversions by events beyond a sequence number, at or after `since`; once for each run."""
    if await _convert(connection, customer_id, after_sequence, since, attribution):
        await reverse(connection, customer_id, attribution)


async def reverse(connection: PoolConnection, customer_id: CustomerId, attribution: timedelta) -> None:
    """Take away the conversions by events that another event undid, as a deposit that was sent back.

    A run that has lost its conversion converts by the next event in its window that reaches the goal, if there is one.
    """
    while await _take_away(connection, customer_id):
        await _convert(connection, customer_id, 0, EARLIEST, attribution)


async def _convert(
    connection: PoolConnection, customer_id: CustomerId, after_sequence: int, since: datetime, attribution: timedelta
) -> bool:
    hits = await _hits(connection, customer_id, after_sequence, since)
    if hits:
        await _insert(connection, customer_id, hits, attribution)
    return bool(hits)


async def _take_away(connection: PoolConnection, customer_id: CustomerId) -> bool:
    """Whether any conversion that stood was undone."""
    taken = await connection.fetch(
        """
        INSERT INTO conversion_reversal (customer_id, journey, entry, converted_by, event_id, occurred_at)
        SELECT conversion.customer_id, journey, entry, conversion.event_id, undone.event_id, undone.occurred_at
        FROM unnest($2::text[], $3::text[]) AS reversing (name, field)
        JOIN customer_event AS undone ON undone.customer_id = $1 AND undone.name = reversing.name
        JOIN conversion ON conversion.customer_id = $1 AND conversion.event_id = undone.data ->> reversing.field
        ON CONFLICT DO NOTHING
        RETURNING entry
        """,
        customer_id,
        list(_REVERSING),
        list(_REVERSING.values()),
    )
    return bool(taken)


async def _hits(
    connection: PoolConnection, customer_id: CustomerId, after_sequence: int, since: datetime
) -> Sequence[asyncpg.Record]:
    """For each run without a conversion that stands the first event that is its goal, in its window.

    An event that was undone once converts no more.
    """
    rows = await connection.fetch(
        """
        SELECT run.journey, run.entry, run.goal_where, event.event_id, event.occurred_at, event.data
        FROM customer_event AS event
        JOIN journey_run AS run ON run.customer_id = event.customer_id AND run.goal_event = event.name
             AND event.occurred_at <= run.goal_until
             AND (event.occurred_at, event.sequence) > (run.entered_at, coalesce(run.caused_by, event.sequence))
        WHERE event.customer_id = $1 AND event.sequence > $2 AND event.occurred_at >= $3
          AND NOT EXISTS (SELECT FROM standing_conversion AS done WHERE done.customer_id = run.customer_id
                            AND done.journey = run.journey AND done.entry = run.entry)
          AND NOT EXISTS (SELECT FROM conversion AS undone WHERE undone.customer_id = run.customer_id
                            AND undone.journey = run.journey AND undone.entry = run.entry
                            AND undone.event_id = event.event_id)
        ORDER BY event.occurred_at, event.sequence
        """,
        customer_id,
        after_sequence,
        since,
    )
    first: dict[tuple[str, int], asyncpg.Record] = {}
    for row in rows:
        if fits(where_of(row["goal_where"]), row["data"]):
            first.setdefault((row["journey"], row["entry"]), row)
    return list(first.values())


async def _insert(
    connection: PoolConnection, customer_id: CustomerId, hits: Sequence[asyncpg.Record], attribution: timedelta
) -> None:
    """Of the runs that one event converts, the one with the latest touch sent before it, within the attribution time,
    gets the credit; ties by priority, then by name. A control run has no such touch.

    A touch was sent when the gates let it pass, however long it was held before.
    """
    await connection.execute(
        """
        INSERT INTO conversion (customer_id, journey, entry, event_id, occurred_at, step, credited)
        SELECT $1, journey, entry, event_id, occurred_at, step,
               coalesce(judged_at >= occurred_at - $6::interval, false) AND credit_rank = 1
                 AND NOT EXISTS (SELECT FROM conversion AS other WHERE other.credited
                                   AND other.customer_id = $1 AND other.event_id = hit.event_id)
        FROM (
            SELECT first.*, touch.step, touch.judged_at,
                   row_number() OVER (
                       PARTITION BY first.event_id
                       ORDER BY touch.judged_at DESC NULLS LAST, run.priority DESC, first.journey
                   ) AS credit_rank
            FROM unnest($2::text[], $3::int[], $4::text[], $5::timestamptz[])
                 AS first (journey, entry, event_id, occurred_at)
            JOIN journey_run AS run ON run.customer_id = $1 AND run.journey = first.journey AND run.entry = first.entry
            LEFT JOIN LATERAL (
                SELECT step, judged_at FROM touch
                WHERE touch.customer_id = $1 AND touch.journey = first.journey
                  AND touch.entry = first.entry AND touch.outcome = 'sent' AND touch.judged_at <= first.occurred_at
                ORDER BY judged_at DESC, touch_id DESC LIMIT 1
            ) AS touch ON true
        ) AS hit
        ON CONFLICT (customer_id, journey, entry, event_id) DO NOTHING
        """,
        customer_id,
        [row["journey"] for row in hits],
        [row["entry"] for row in hits],
        [row["event_id"] for row in hits],
        [row["occurred_at"] for row in hits],
        attribution,
    )
