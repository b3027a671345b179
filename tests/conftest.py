"""Real servers for every test: one embedded stack for the session, a database without rows for each test that asks."""

from __future__ import annotations

import gc
import itertools
import logging
import os
import sys
from collections.abc import AsyncIterator, Generator

import hypothesis
import pytest
import structlog

from embedded import EmbeddedStack
from tests.databases import Databases, administer, drop, make_template

_numbers = itertools.count(1)

LONG = 120
"""Seconds."""

# Temporal's server on one core: it loses less in waiting for the other tests than its threads lose to each other.
os.environ.setdefault("GOMAXPROCS", "1")

# How long an example takes says nothing on two processors that the other tests use, too.
hypothesis.settings.register_profile("sojourn", deadline=None)
hypothesis.settings.load_profile("sojourn")

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


@pytest.fixture(scope="session")
async def stack() -> AsyncIterator[EmbeddedStack]:
    """PostgreSQL and Temporal, in memory, shared by all tests."""
    async with EmbeddedStack() as running:
        yield running


@pytest.fixture(scope="session")
async def databases(stack: EmbeddedStack) -> AsyncIterator[Databases]:
    """Migrated databases: what a test gives back is emptied for the next one."""
    databases = Databases(stack, await make_template(stack))
    yield databases
    await databases.close()


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """The address of a migrated database without rows, for this test alone."""
    async with databases.one() as url:
        yield url


@pytest.fixture
async def empty_database_url(stack: EmbeddedStack) -> AsyncIterator[str]:
    """The address of a database without our schema, for this test alone."""
    name = f"empty_{next(_numbers)}"
    await administer(stack, f"CREATE DATABASE {name} STRATEGY file_copy")
    yield stack.postgres.url(name)
    await drop(stack, name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long (it has more time than the others) begins the share of a process: so none ends long after all."""
    long = [item for item in items if (mark := item.get_closest_marker("timeout")) and mark.args[0] >= LONG]
    short = [item for item in items if item not in long]
    shares = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    for number, item in enumerate(reversed(long)):
        short.insert(number % shares * len(short) // shares, item)
    items[:] = short


def pytest_collection_finish() -> None:
    """What is there by now stays to the end: the garbage collector need not look at it, and seldom at the rest."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, int | pytest.ExitCode | None, int]:
    """Leave without the interpreter's own end: Temporal's SDK can crash there, after all tests have passed."""
    code = int((yield) or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
