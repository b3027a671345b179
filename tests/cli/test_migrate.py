"""`starter.py migrate`: the schema, from zero and again."""

from __future__ import annotations

import asyncio

import pytest

from embedded import EmbeddedStack
from tests.cli.conftest import Ran, Sojourn
from tests.databases import login


def test_migrate_says_what_it_applied_and_that_there_is_nothing_more(
    sojourn: Sojourn, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From an empty database all migrations apply; a second time the schema is up to date."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    first = sojourn("migrate")
    assert first.code == 0
    assert first.out.startswith("applied 0001-customers\napplied 0002-journeys\n")
    assert sojourn("migrate").out == "The schema is up to date.\n"


@pytest.mark.usefixtures("databases")
def test_a_workers_login_is_told_to_leave_it_to_the_owner(
    sojourn: Sojourn, empty_database_url: str, stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence and exit code 2, since nothing was changed."""

    async def worker_migrates() -> Ran:
        async with login(stack, empty_database_url, roles="IN ROLE sojourn_app") as worker:
            monkeypatch.setenv("DATABASE_URL", worker)
            return await asyncio.to_thread(sojourn, "migrate")

    ran = asyncio.run(worker_migrates())
    assert (ran.code, ran.out) == (2, "")
    assert "run `starter.py migrate` with the login that owns the tables" in ran.err
    assert ran.err.count("\n") == 1
