"""Real servers for every test: one embedded stack for the session, one fresh database for each test that asks."""

from __future__ import annotations

import itertools
import logging
import os
import sys
from collections.abc import AsyncIterator, Generator

import asyncpg
import pytest
import structlog

from activities.migrations import migrate
from embedded import EmbeddedStack

_numbers = itertools.count(1)

LONG = 120
"""Seconds."""

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


@pytest.fixture(scope="session")
async def stack() -> AsyncIterator[EmbeddedStack]:
    """PostgreSQL and Temporal, in memory, shared by all tests."""
    async with EmbeddedStack() as running:
        yield running


@pytest.fixture(scope="session")
async def migrated(stack: EmbeddedStack) -> str:
    """The name of a database with the whole schema and no rows, to be copied and never used."""
    await _administer(stack, "CREATE DATABASE migrated")
    await migrate(stack.postgres.url("migrated"))
    return "migrated"


@pytest.fixture
async def database_url(stack: EmbeddedStack, migrated: str) -> AsyncIterator[str]:
    """The address of a fresh, migrated database, for this test alone."""
    name = f"test_{next(_numbers)}"
    await _administer(stack, f"CREATE DATABASE {name} TEMPLATE {migrated} STRATEGY file_copy")
    yield stack.postgres.url(name)
    await _administer(stack, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty_database_url(stack: EmbeddedStack) -> AsyncIterator[str]:
    """The address of a database without our schema, for this test alone."""
    name = f"empty_{next(_numbers)}"
    await _administer(stack, f"CREATE DATABASE {name} STRATEGY file_copy")
    yield stack.postgres.url(name)
    await _administer(stack, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(stack: EmbeddedStack, statement: str) -> None:
    connection = await asyncpg.connect(stack.postgres.url("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long (it has more time than the others) begins the share of a process: so none ends long after all."""
    long = [item for item in items if (mark := item.get_closest_marker("timeout")) and mark.args[0] >= LONG]
    short = [item for item in items if item not in long]
    shares = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    for number, item in enumerate(reversed(long)):
        short.insert(number % shares * len(short) // shares, item)
    items[:] = short


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, int | pytest.ExitCode | None, int]:
    """Leave without the interpreter's own end: Temporal's SDK can crash there, after all tests have passed."""
    code = int((yield) or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
