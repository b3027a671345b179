"""Customers of whom a test knows everything, written into the books."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from activities.database import Connection, Pool, open_pool
from activities.world import World
from journeys.published import with_templates
from journeys.templates import templates
from journeys.words import Journey
from rules.conditions import CustomerFacts
from rules.definitions import Catalogue, Definition, define


@asynccontextmanager
async def books(database_url: str) -> AsyncIterator[World]:
    """A world that has a database and nothing else."""
    pool = await open_pool(database_url, size=4, restricted=True)
    yield World(pool, Catalogue.of([]), {})
    await pool.close()


def defined(journey: Journey) -> Definition:
    """The definition of a journey, known by its hash from now on."""
    return define(with_templates(journey, templates()))


async def write_down(connection: Connection | Pool, customers: Mapping[str, CustomerFacts]) -> None:
    """Write customers down with all that is known of them; their events are numbered in their order."""
    await _write_customers(connection, customers)
    events = [(who, number, e) for who, one in customers.items() for number, e in enumerate(one.events, 1)]
    await connection.execute(
        """
        INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data)
        SELECT customer_id, sequence, 'e-' || sequence, name, occurred_at, data
        FROM unnest($1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::jsonb[])
             AS event (customer_id, sequence, name, occurred_at, data)
        """,
        [who for who, _, _ in events],
        [number for _, number, _ in events],
        [event.name for _, _, event in events],
        [event.at for _, _, event in events],
        [event.data for _, _, event in events],
    )


async def _write_customers(connection: Connection | Pool, customers: Mapping[str, CustomerFacts]) -> None:
    """Points are written as two rows, of which only the sum matters."""
    await connection.executemany(
        """
        INSERT INTO customer (customer_id, stage, risk_class, language, zone, tags) VALUES ($1, $2, $3, $4, $5, $6)
        """,
        [(who, one.stage, one.risk_class, one.language, one.zone, one.tags) for who, one in customers.items()],
    )
    await connection.executemany(
        """
        INSERT INTO points_ledger (customer_id, amount, reason, at, journey, entry, step)
        SELECT $1, amount, 'test', '2020-01-01Z', 'test', 1, step
        FROM unnest(ARRAY[$2::int + 1, -1], ARRAY['given', 'taken']) AS row (amount, step) WHERE amount <> 0
        """,
        [(who, one.points) for who, one in customers.items() if one.points],
    )
