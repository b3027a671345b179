"""`starter.py migrate`: the schema, from zero and again."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Sojourn


def test_migrate_says_what_it_applied_and_that_there_is_nothing_more(
    sojourn: Sojourn, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From an empty database all migrations apply; a second time the schema is up to date."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    first = sojourn("migrate")
    assert first.code == 0
    assert first.out.startswith("applied 0001-customers\napplied 0002-journeys\n")
    assert sojourn("migrate").out == "The schema is up to date.\n"
