"""One live world for all tests of a module: for tests that keep to customers of their own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from embedded import EmbeddedStack
from tests.live import Live, live


@pytest.fixture(scope="module")
async def world(stack: EmbeddedStack, migrated: str) -> AsyncIterator[Live]:
    """The shipped journeys at work, on a database of the module."""
    name = f"module_{uuid.uuid4().hex[:10]}"
    await _administer(stack, f"CREATE DATABASE {name} TEMPLATE {migrated} STRATEGY file_copy")
    async with live(stack, stack.postgres.url(name)) as world:
        yield world
    await _administer(stack, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(stack: EmbeddedStack, statement: str) -> None:
    connection = await asyncpg.connect(stack.postgres.url("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
