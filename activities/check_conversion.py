"""Did the event happen after all? The books answer before `otherwise` is taken."""

from __future__ import annotations

import asyncpg

from activities.contracts import CheckConversionRequest, ConversionChecked
from activities.conversions import convert
from activities.database import PoolConnection
from activities.record_events import recorded
from activities.world import World


async def check_conversion(world: World, request: CheckConversionRequest) -> ConversionChecked:
    """Look for the event among the customer's events and in `customer_fact`, up to the deadline.

    A fact that is not among the events yet becomes one, under its own id: a signal that was lost upstream does
    not cause a wrong nudge, and if it comes after all it is known.
    """
    async with world.pool.acquire() as connection, connection.transaction():
        if (row := await _event(connection, request)) is None:
            sequence = await _fact_to_event(connection, request)
            if sequence is None:
                return ConversionChecked()
            row = await _event(connection, request)
            assert row is not None
            await convert(
                connection,
                request.customer_id,
                after_sequence=sequence - 1,
                since=row["occurred_at"],
                attribution=world.attribution,
            )
    folded = row["sequence"] <= request.folded or row["sequence"] in request.folded_ahead
    return ConversionChecked(recorded(world, row), folded)


async def _event(connection: PoolConnection, request: CheckConversionRequest) -> asyncpg.Record | None:
    return await connection.fetchrow(
        """
        SELECT sequence, event_id, name, occurred_at, data FROM customer_event
        WHERE customer_id = $1 AND name = $2 AND occurred_at <= $3 AND ($4::timestamptz IS NULL OR occurred_at >= $4)
        ORDER BY occurred_at, sequence LIMIT 1
        """,
        request.customer_id,
        request.check.event,
        request.check.due,
        request.check.since,
    )


async def _fact_to_event(connection: PoolConnection, request: CheckConversionRequest) -> int | None:
    """Copy the first fact that fits into the events; answers its sequence number, or none if there is no fact."""
    fact = await connection.fetchrow(
        """
        SELECT fact_id, name, occurred_at, data FROM customer_fact
        WHERE customer_id = $1 AND name = $2 AND occurred_at <= $3 AND ($4::timestamptz IS NULL OR occurred_at >= $4)
        ORDER BY occurred_at, fact_id LIMIT 1
        """,
        request.customer_id,
        request.check.event,
        request.check.due,
        request.check.since,
    )
    if fact is None:
        return None
    sequence = await connection.fetchval(
        """
        UPDATE customer SET last_sequence = last_sequence + 1, version = version + 1
        WHERE customer_id = $1 RETURNING last_sequence
        """,
        request.customer_id,
    )
    stored = await connection.fetchval(
        """
        INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data, source)
        VALUES ($1, $2, $3, $4, $5, $6, 'fact') ON CONFLICT (customer_id, event_id) DO NOTHING RETURNING sequence
        """,
        request.customer_id,
        sequence,
        fact["fact_id"],
        fact["name"],
        fact["occurred_at"],
        fact["data"],
    )
    return None if stored is None else int(stored)
