"""Which servers a command speaks to, and what it says when it speaks to none or has another key than they."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from payload_keys import PayloadKeys, fresh_key
from tests.cli.conftest import Books, Sojourn

OURS, THEIRS = (fresh_key(date(2026, 11, day)) for day in (1, 27))
NOTE = "INSERT INTO payload_key (key_id, key_check) VALUES ($1, $2)"
NOTED_AGO = "INSERT INTO payload_key (key_id, key_check, noted_at) VALUES ($1, $2, now() - $3::interval)"


@pytest.fixture
def nowhere(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A folder without a stack, and no variable that names a server."""
    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE"):
        bare_environment.delenv(name, raising=False)
    bare_environment.setenv("SOJOURN_STATE", str(tmp_path))
    return bare_environment


def mark(key: str) -> tuple[str, str]:
    return PayloadKeys.parse(key).known[0].mark


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (("", ""), "the workers have no keys, and could not read it: unset SOJOURN_PAYLOAD_KEYS here"),
        (mark(THEIRS), f"no worker has the key '{mark(OURS)[0]}'"),
        ((mark(OURS)[0], mark(THEIRS)[1]), "none could read it"),
    ],
    ids=("no keys", "another key", "another key of this id"),
)
@pytest.mark.parametrize(
    "command", [("event", "C-1", "app_opened"), ("end", "C-1", "win-back", "--reason", "r", "--actor", "li")]
)
def test_what_no_worker_could_read_is_not_sent(
    sojourn: Sojourn,
    nowhere: pytest.MonkeyPatch,
    books: Books,
    known: tuple[str, str],
    said: str,
    command: tuple[str, ...],
) -> None:
    """It would hold up its customer until a worker gets the key."""
    nowhere.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    nowhere.setenv("SOJOURN_PAYLOAD_KEYS", OURS)
    books.write(NOTE, *known)
    ran = sojourn(*command)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: Nothing was sent: ")
    assert said in ran.err


@pytest.mark.parametrize("known", [[], [mark(OURS)], [mark(THEIRS), mark(OURS)], [("", ""), mark(OURS)]])
def test_a_key_of_the_workers_is_taken_also_before_the_first_worker(
    sojourn: Sojourn, nowhere: pytest.MonkeyPatch, books: Books, known: list[tuple[str, str]]
) -> None:
    """The command gets as far as Temporal, which is not there."""
    nowhere.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    nowhere.setenv("SOJOURN_PAYLOAD_KEYS", OURS)
    for one in known:
        books.write(NOTE, *one)
    assert "Temporal does not answer at 127.0.0.1:1" in sojourn("event", "C-1", "app_opened").err


@pytest.mark.parametrize(("ago", "retired"), [(timedelta(hours=2), True), (timedelta(minutes=30), False)])
def test_a_key_that_no_worker_has_noted_lately_is_retired(
    sojourn: Sojourn, nowhere: pytest.MonkeyPatch, books: Books, ago: timedelta, retired: bool
) -> None:
    """Workers note again and again which they have; of the others a command is told as of any wrong one."""
    nowhere.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    nowhere.setenv("SOJOURN_PAYLOAD_KEYS", OURS)
    books.write(NOTE, *mark(THEIRS))
    books.write(NOTED_AGO, *mark(OURS), ago)
    said = sojourn("event", "C-1", "app_opened").err
    refused = (
        f"no worker has the key '{mark(OURS)[0]}', which stands first in SOJOURN_PAYLOAD_KEYS here, and none could"
    )
    assert (f"{refused} read it (they have {mark(THEIRS)[0]})" in said) is retired


def test_while_no_worker_runs_the_keys_of_the_last_ones_count(
    sojourn: Sojourn, nowhere: pytest.MonkeyPatch, books: Books
) -> None:
    """What is sent waits for them."""
    nowhere.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    nowhere.setenv("SOJOURN_PAYLOAD_KEYS", OURS)
    books.write(NOTED_AGO, *mark(THEIRS), timedelta(days=9))
    assert "no worker has the key" in sojourn("event", "C-1", "app_opened").err
    books.write(NOTED_AGO, *mark(OURS), timedelta(days=9))
    assert "Temporal does not answer" in sojourn("event", "C-1", "app_opened").err


def test_that_no_stack_runs_here_is_said(sojourn: Sojourn, nowhere: pytest.MonkeyPatch) -> None:
    """Not that a key is missing."""
    nowhere.delenv("DATABASE_URL")
    ran = sojourn("event", "C-1", "app_opened")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: No stack runs in this folder: start one with `starter.py up`")


def test_the_variable_that_names_other_servers_is_named(sojourn: Sojourn, nowhere: pytest.MonkeyPatch) -> None:
    """Where a key is missing, and where a Temporal is named without a database."""
    assert (
        "DATABASE_URL names servers other than the stack of `starter.py up`"
        in sojourn("event", "C-1", "app_opened").err
    )
    nowhere.delenv("DATABASE_URL")
    nowhere.setenv("TEMPORAL_ADDRESS", "127.0.0.1:7233")
    said = sojourn("customer", "C-1").err
    assert said.startswith("error: There is no database: TEMPORAL_ADDRESS names a Temporal elsewhere")
    assert "unset TEMPORAL_ADDRESS" in said
