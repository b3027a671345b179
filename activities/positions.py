"""Who is in which version of a journey, at which step. Read only, for people and for moving runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from activities.database import Connection
from errors import DefinitionMissing
from journeys.names import ContentHash, CustomerId, JourneyName, StepId
from journeys.words import Send
from rules.definitions import Definition, definition
from rules.gates import counts_as_sent


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a run stands by the books. `step` is none for a run that is at its end, or was lost from the state."""

    customer_id: CustomerId
    entry: int
    key: str
    version: int
    definition: ContentHash
    step: StepId | None
    paused: bool
    entered_at: datetime


async def running(connection: Connection, journey: JourneyName) -> AsyncIterator[Stand]:
    """Every open run of a journey, by customer.

    The state that the books keep is that of the last row written; a touch that has been settled since is taken into
    account.
    """
    async with connection.transaction(readonly=True):
        async for row in connection.cursor(
            """
            SELECT run.customer_id, run.entry, run.key, run.version, run.definition, run.paused_at, run.entered_at,
                   position ->> 'step' AS step, touch.outcome, touch.reason
            FROM journey_run AS run
            JOIN customer USING (customer_id)
            LEFT JOIN LATERAL (
                SELECT one AS position FROM jsonb_array_elements(customer.state -> 'runs') AS one
                WHERE one ->> 'journey' = run.journey AND (one ->> 'entry')::int = run.entry
            ) AS stored ON true
            LEFT JOIN touch ON touch.customer_id = run.customer_id AND touch.journey = run.journey
                AND touch.entry = run.entry AND touch.step = position ->> 'step'
                AND touch.planned_at = (position ->> 'at')::timestamptz AND touch.settled_at IS NOT NULL
            WHERE run.journey = $1 AND run.ended_at IS NULL
            ORDER BY run.customer_id, run.entry
            """,
            journey,
        ):
            yield Stand(
                CustomerId(row["customer_id"]),
                row["entry"],
                row["key"],
                row["version"],
                ContentHash(row["definition"]),
                _step(row),
                row["paused_at"] is not None,
                row["entered_at"],
            )


def _step(row: asyncpg.Record) -> StepId | None:
    """The stored step, or the one after it if it is a touch that was settled since."""
    step = None if row["step"] is None else StepId(row["step"])
    if step is None or row["outcome"] is None or (known := _known(ContentHash(row["definition"]))) is None:
        return step
    planned = known.plan.steps.get(step)
    if planned is None or not isinstance(planned.step, Send):
        return step
    return planned.after if counts_as_sent(row["outcome"], row["reason"]) else planned.otherwise


def _known(hash: ContentHash) -> Definition | None:
    try:
        return definition(hash)
    except DefinitionMissing:
        return None
