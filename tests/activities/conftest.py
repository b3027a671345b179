"""Connections to the database of a test, closed at its end: as whoever migrated has them, and as the product has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from activities.database import Connection, Pool, connect, open_pool

Connect = Callable[[], Awaitable[Connection]]


@pytest.fixture
async def connected(database_url: str) -> AsyncIterator[Connect]:
    """Call it for one more connection, with all rights."""
    opened: list[Connection] = []

    async def one_more() -> Connection:
        opened.append(await connect(database_url))
        return opened[-1]

    yield one_more
    for each in opened:
        await each.close()


@pytest.fixture
async def owner(connected: Connect) -> Connection:
    """One connection of whoever migrated, for what the product may not do."""
    return await connected()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on the database of the test, as activities have it: with the rights of the running product alone."""
    pool = await open_pool(database_url, size=2, restricted=True)
    yield pool
    await pool.close()
