"""Did the event happen after all? The books answer before `otherwise` is taken."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from activities.contracts import CheckConversionRequest, ConversionChecked
from activities.conversions import convert
from activities.database import PoolConnection
from activities.fact_writing import source_of, write_statements
from activities.record_events import recorded
from activities.world import World
from journeys.words import WaitFor
from rules.conditions import fits
from rules.definitions import definition
from rules.effects import CheckConversion
from rules.plan import Plan
from rules.statements import statement_of


async def check_conversion(world: World, request: CheckConversionRequest) -> ConversionChecked:
    """Look for the event among the customer's events and in `customer_fact`, up to the deadline.

    A fact that is not among the events yet becomes one, under its own id: a signal that was lost upstream does
    not cause a wrong nudge, and if it comes after all it is known.
    """
    row = await _look_up(world, request)
    if row is None:
        return ConversionChecked()
    if row["sequence"] is None:
        fact, row = row, await _take_fact(world, request, row)
        if (row["name"], row["occurred_at"]) != (fact["name"], fact["occurred_at"]):
            # Its id is that of another event: a mistake in the file proves nothing.
            return ConversionChecked()
    folded = row["sequence"] <= request.folded or row["sequence"] in request.folded_ahead
    return ConversionChecked(recorded(world, row), folded)


async def _look_up(world: World, request: CheckConversionRequest) -> asyncpg.Record | None:
    """The first event that fits; else the first fact, which has no sequence number yet; else none."""
    check = request.check
    plan = definition(check.definition).plan
    step = plan.steps[check.step].step
    assert isinstance(step, WaitFor)
    rows = await world.pool.fetch(
        """
        SELECT known.* FROM (
          SELECT sequence, event_id, name, occurred_at, data, recorded_at FROM customer_event
          WHERE customer_id = $1 AND name = ANY($2::text[])
          UNION ALL
          SELECT NULL, fact_id, name, occurred_at, data, NULL FROM customer_fact
          WHERE customer_id = $1 AND name = ANY($2::text[])
        ) AS known
        JOIN unnest($2::text[], $3::timestamptz[]) AS asked (name, since) USING (name)
        -- A database that was restored to an earlier time may not know the run.
        LEFT JOIN journey_run AS run ON run.customer_id = $1 AND run.journey = $5 AND run.entry = $6
        WHERE known.occurred_at <= $4 AND (since IS NULL OR known.occurred_at >= since AND (
            sequence IS NULL OR run.entry IS NULL
            OR (known.occurred_at, sequence) > (run.entered_at, coalesce(run.caused_by, sequence))))
        ORDER BY (sequence IS NULL), occurred_at, sequence, event_id
        """,
        request.customer_id,
        *_asked(check, plan),
        check.due,
        check.journey,
        check.entry,
    )
    return next((row for row in rows if _fits(row, plan, step)), None)


def _asked(check: CheckConversion, plan: Plan) -> tuple[list[str], list[datetime | None]]:
    """What is waited for, and the goal: whoever has reached it needs no nudge either."""
    events = [check.event, *check.or_events]
    names, since = list(events), [check.since for _ in events]
    if plan.goal is not None and plan.goal not in events:
        names.append(plan.goal)
        since.append(check.entered_at)
    return names, since


def _fits(row: asyncpg.Record, plan: Plan, step: WaitFor) -> bool:
    if row["name"] in step.events:
        return fits(step.where, row["data"])
    return fits(plan.goal_where, row["data"])


async def _take_fact(world: World, request: CheckConversionRequest, fact: asyncpg.Record) -> asyncpg.Record:
    """Copy a fact into the events; answers the event of its id, also if that was there already."""
    async with world.pool.acquire() as connection, connection.transaction():
        sequence = await _next_sequence(connection, request)
        await connection.execute(
            """
            INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data, source)
            VALUES ($1, $2, $3, $4, $5, $6, 'fact') ON CONFLICT (customer_id, event_id) DO NOTHING
            """,
            request.customer_id,
            sequence,
            fact["event_id"],
            fact["name"],
            fact["occurred_at"],
            fact["data"],
        )
        await _let_it_count(connection, request, fact)
        await convert(
            connection,
            request.customer_id,
            after_sequence=sequence - 1,
            since=fact["occurred_at"],
            attribution=world.attribution,
        )
        row = await connection.fetchrow(
            """
            SELECT sequence, event_id, name, occurred_at, data, recorded_at FROM customer_event
            WHERE customer_id = $1 AND event_id = $2
            """,
            request.customer_id,
            fact["event_id"],
        )
        assert row is not None
        return row


async def _let_it_count(connection: PoolConnection, request: CheckConversionRequest, fact: asyncpg.Record) -> None:
    """What the gates look at is written with the event, as `record_events` does. A fact under the id of another event
    proves nothing here either."""
    source = source_of(fact["event_id"])
    if (said := statement_of(fact["name"], fact["occurred_at"], fact["data"], source)) is None:
        return
    stands = await connection.fetchval(
        """
        SELECT (name, occurred_at) = ($3, $4::timestamptz) FROM customer_event
        WHERE customer_id = $1 AND event_id = $2
        """,
        request.customer_id,
        fact["event_id"],
        fact["name"],
        fact["occurred_at"],
    )
    if stands:
        await write_statements(connection, [(request.customer_id, said)])


async def _next_sequence(connection: PoolConnection, request: CheckConversionRequest) -> int:
    """The customer's next number, with the customer locked.

    A database that was restored to an earlier time must not give out numbers that have taken effect already.
    """
    sequence: int = await connection.fetchval(
        """
        INSERT INTO customer (customer_id, last_sequence) VALUES ($1, $2::bigint + 1)
        ON CONFLICT (customer_id) DO UPDATE
        SET last_sequence = greatest(customer.last_sequence, $2) + 1, version = customer.version + 1
        RETURNING last_sequence
        """,
        request.customer_id,
        max((request.folded, *request.folded_ahead)),
    )
    return sequence
