"""Goals reached, computed where events and entries are recorded (journey-language.md, rule 8)."""

from __future__ import annotations

from datetime import datetime, timedelta

from activities.database import PoolConnection
from journeys.names import CustomerId

# The first goal event in each run's window converts it, once. Of the runs that one event converts, the one with
# the latest touch sent before it, within the attribution time, gets the credit; ties by name.
_CONVERT = """
INSERT INTO conversion (customer_id, journey, entry, event_id, occurred_at, step, credited)
SELECT customer_id, journey, entry, event_id, occurred_at, step,
       coalesce(planned_at >= occurred_at - $4::interval, false) AND credit_rank = 1
         AND NOT EXISTS (SELECT FROM conversion AS other WHERE other.credited
                           AND other.customer_id = hit.customer_id AND other.event_id = hit.event_id)
FROM (
    SELECT first.*, touch.step, touch.planned_at,
           row_number() OVER (PARTITION BY first.event_id
                              ORDER BY touch.planned_at DESC NULLS LAST, first.journey) AS credit_rank
    FROM (
        SELECT DISTINCT ON (run.journey, run.entry)
               run.customer_id, run.journey, run.entry, event.event_id, event.occurred_at
        FROM customer_event AS event
        JOIN journey_run AS run ON run.customer_id = event.customer_id AND run.goal_event = event.name
             AND event.occurred_at BETWEEN run.entered_at AND run.goal_until
        WHERE event.customer_id = $1 AND event.sequence > $2 AND event.occurred_at >= $3
          AND NOT EXISTS (SELECT FROM conversion AS done WHERE done.customer_id = run.customer_id
                            AND done.journey = run.journey AND done.entry = run.entry)
        ORDER BY run.journey, run.entry, event.occurred_at, event.sequence
    ) AS first
    LEFT JOIN LATERAL (
        SELECT step, planned_at FROM touch
        WHERE touch.customer_id = first.customer_id AND touch.journey = first.journey
          AND touch.entry = first.entry AND touch.outcome = 'sent' AND touch.planned_at <= first.occurred_at
        ORDER BY planned_at DESC LIMIT 1
    ) AS touch ON true
) AS hit
ON CONFLICT (customer_id, journey, entry) DO NOTHING
"""


async def convert(
    connection: PoolConnection,
    customer_id: CustomerId,
    *,
    after_sequence: int,
    since: datetime,
    attribution: timedelta,
) -> None:
    """Record the conversions by events beyond a sequence number that happened at or after `since`."""
    await connection.execute(_CONVERT, customer_id, after_sequence, since, attribution)
