"""Connections to the database of a test, closed at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from activities.database import Connection, connect

Connect = Callable[[], Awaitable[Connection]]


@pytest.fixture
async def connected(database_url: str) -> AsyncIterator[Connect]:
    """Call it for one more connection."""
    opened: list[Connection] = []

    async def one_more() -> Connection:
        opened.append(await connect(database_url))
        return opened[-1]

    yield one_more
    for each in opened:
        await each.close()
