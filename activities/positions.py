"""Who is in which version of a journey, at which step. Read only, for people and for moving runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from activities.database import AnyConnection, Connection
from activities.record_events import STATE
from errors import DefinitionMissing
from journeys.names import ContentHash, CustomerId, JourneyName, StepId
from journeys.words import Send
from rules.definitions import Definition, definition
from rules.gates import TouchSettled, counts_as_sent
from rules.life import with_settled
from rules.state import CustomerState


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a run stands by the books. `step` is none for a run that is at its end, or was lost from the state."""

    customer_id: CustomerId
    journey: JourneyName
    entry: int
    key: str
    version: int
    definition: ContentHash
    step: StepId | None
    paused_at: datetime | None
    entered_at: datetime
    waits_until: datetime | None
    """Of a wait, until when; as far as the books know."""

    @property
    def paused(self) -> bool:
        """Whether somebody has paused the run."""
        return self.paused_at is not None


_OPEN_RUNS = """
SELECT run.customer_id, run.journey, run.entry, run.key, run.version, run.definition, run.paused_at, run.entered_at,
       position ->> 'step' AS step, (position ->> 'deadline')::timestamptz AS deadline,
       touch.outcome, touch.reason
FROM journey_run AS run
JOIN customer USING (customer_id)
LEFT JOIN LATERAL (
    SELECT one AS position FROM jsonb_array_elements(customer.state -> 'runs') AS one
    WHERE one ->> 'journey' = run.journey AND (one ->> 'entry')::int = run.entry
) AS stored ON true
LEFT JOIN touch ON touch.customer_id = run.customer_id AND touch.journey = run.journey
    AND touch.entry = run.entry AND touch.step = position ->> 'step'
    AND touch.planned_at = (position ->> 'at')::timestamptz AND touch.settled_at IS NOT NULL
"""


async def running(connection: Connection, journey: JourneyName) -> AsyncIterator[Stand]:
    """Every open run of a journey, by customer.

    The state that the books keep is that of the last row written; a touch that has been settled since is taken into
    account.
    """
    where = "WHERE run.journey = $1 AND run.ended_at IS NULL ORDER BY run.customer_id, run.entry"
    async with connection.transaction(readonly=True):
        async for row in connection.cursor(_OPEN_RUNS + where, journey):
            yield _stand(row)


async def stands_of(connection: AnyConnection, customer_id: CustomerId) -> list[Stand]:
    """The open runs of one customer, in the order of entry; as `running`."""
    where = "WHERE run.customer_id = $1 AND run.ended_at IS NULL ORDER BY run.entered_at, run.journey"
    stands = [_stand(row) for row in await connection.fetch(_OPEN_RUNS + where, customer_id)]
    later = await _with_settled(connection, customer_id)
    return [_as_of_now(stand, later) for stand in stands]


async def _with_settled(connection: AnyConnection, customer_id: CustomerId) -> CustomerState | None:
    """The stored state with the touches that were settled since; none where it is not known what they lead to.

    What comes after a touch that was held counts from the end of the hold, which only the workflow knows.
    """
    stored = await connection.fetchval("SELECT state::text FROM customer WHERE customer_id = $1", customer_id)
    if stored is None:
        return None
    rows = await connection.fetch(
        """
        SELECT journey, entry, touch.step, planned_at AS at, touch.outcome, touch.reason
        FROM touch JOIN journey_run AS run USING (customer_id, journey, entry)
        WHERE customer_id = $1 AND run.ended_at IS NULL AND settled_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM touch_hold AS hold
                           WHERE (hold.customer_id, hold.journey, hold.entry, hold.step, hold.occurrence)
                               = (touch.customer_id, touch.journey, touch.entry, touch.step, touch.occurrence))
        ORDER BY planned_at, touch_id
        """,
        customer_id,
    )
    try:
        return with_settled(STATE.validate_json(stored), [TouchSettled(**row) for row in rows])
    except DefinitionMissing:
        return None


def _as_of_now(stand: Stand, later: CustomerState | None) -> Stand:
    run = later.run(stand.journey, stand.entry) if later else None
    return stand if run is None else replace(stand, step=run.step, waits_until=run.deadline)


def _stand(row: asyncpg.Record) -> Stand:
    step = _step(row)
    return Stand(
        CustomerId(row["customer_id"]),
        JourneyName(row["journey"]),
        row["entry"],
        row["key"],
        row["version"],
        ContentHash(row["definition"]),
        step,
        row["paused_at"],
        row["entered_at"],
        row["deadline"] if step == row["step"] else None,
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
