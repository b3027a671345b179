"""The rows of runs: opened when a customer enters, and put back if the books have lost them."""

from __future__ import annotations

from activities.database import PoolConnection
from activities.open_claims import give_up_claims
from journeys.names import CustomerId
from rules.definitions import definition
from rules.state import CustomerState, Run

END_LOST = "end_lost"
"""The outcome of a run that was still open in the books when the customer entered the journey anew."""


async def open_run_row(connection: PoolConnection, customer_id: CustomerId, run: Run) -> None:
    """Write down that a run began; it stands if it is there.

    An earlier run of the journey that is still open in the books is closed: a database that was restored to an
    earlier time does not know of its end.
    """
    one = definition(run.definition)
    goal = one.journey.goal
    lost = await connection.fetch(
        """
        WITH lost AS (
            UPDATE journey_run SET ended_at = greatest($6, entered_at), outcome = $10
            WHERE customer_id = $1 AND journey = $2 AND entry < $3 AND key = $11 AND ended_at IS NULL
            RETURNING entry
        ), opened AS (
            INSERT INTO journey_run (customer_id, journey, entry, version, definition, entered_at, goal_event,
                                     goal_until, exit_events, key, control, priority, goal_where, caused_by)
            -- Counted, so that the others are closed before this one is opened: one may be open.
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $11, $12, $13, $14, $15
            FROM (SELECT count(*) AS closed FROM lost) AS before WHERE closed >= 0
            ON CONFLICT (customer_id, journey, entry) DO NOTHING
        )
        SELECT entry FROM lost
        """,
        customer_id,
        run.journey,
        run.entry,
        run.version,
        run.definition,
        run.entered_at,
        goal.event if goal else None,
        run.entered_at + goal.within if goal else None,
        sorted(one.plan.exits_on),
        END_LOST,
        run.key,
        run.control,
        one.journey.priority,
        goal.where if goal else None,
        run.caused_by,
    )
    await give_up_claims(connection, customer_id, [(run.journey, row["entry"]) for row in lost])


async def put_back_runs(connection: PoolConnection, state: CustomerState) -> None:
    """Write the open runs of a life that the books do not know: a database that was restored has lost them."""
    if not state.runs:
        return
    lost = await connection.fetch(
        """
        SELECT place FROM unnest($2::text[], $3::int[]) WITH ORDINALITY AS run (journey, entry, place)
        WHERE NOT EXISTS (SELECT FROM journey_run AS known WHERE known.customer_id = $1
                            AND known.journey = run.journey AND known.entry = run.entry)
        """,
        state.customer_id,
        [run.journey for run in state.runs],
        [run.entry for run in state.runs],
    )
    for row in lost:
        await open_run_row(connection, state.customer_id, state.runs[row["place"] - 1])
