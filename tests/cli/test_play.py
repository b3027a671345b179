"""`starter.py play` and `demo`: the same file, live, with real timers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from activities.database import Pool
from activities.incoming import EARLIEST
from cli.edge import exit_code
from cli.play import Play, prepare
from cli.play_file import PlayOptions, event_named, read_lives
from journeys.names import MessageClass
from starter import starter as commands
from tests.activities.conftest import pool as pool

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "cdnow" / "cdnow_sample.csv"
PLAY = ("play", str(EXAMPLE), "--event", "trade_executed")


def starter(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as a person would, in an environment that names no servers."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TEMPORAL_", "SOJOURN_", "DATABASE_URL"))}
    return subprocess.run(
        [sys.executable, "starter.py", *arguments],
        cwd=ROOT,
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.timeout(120)
def test_a_play_with_real_timers_agrees_with_the_rehearsal_of_the_same_file(tmp_path: Path) -> None:
    """Eight people's eighteen months in a quarter of a minute: stages, touches, runs and points are as on paper."""
    how = ("--customers", "8", "--first-event-lead", "14d")
    played = starter(*PLAY, *how, "--speed", "40", "--exit", "--out", str(tmp_path / "play"))
    assert played.returncode == 0, played.stderr
    assert "(100.0 %) agree" in played.stdout
    assert exit_code(commands, ["rehearse", *PLAY[1:], *how, "--out", str(tmp_path / "paper")]) == 0
    for table in ("touches.csv", "points.csv"):
        assert (tmp_path / "play" / table).read_text() == (tmp_path / "paper" / table).read_text()
    report = (tmp_path / "play" / "report.html").read_text(encoding="utf-8")
    assert "conversions here show the book-keeping, not an effect" in report


async def test_the_facts_of_a_play_are_there_with_their_data(pool: Pool, tmp_path: Path) -> None:
    """As `facts` stores them: an event that a journey finds in the books says what it says on the bus."""
    rows, facts = tmp_path / "rows.csv", tmp_path / "facts.csv"
    rows.write_text("customer_id,date\nC-1,2026-03-02\n")
    facts.write_text(
        "customer_id,name,occurred_at,fact_id,amount\nC-1,deposit_made,2026-03-05T10:12:00+08:00,bus-1,5000.00\n"
    )
    options = PlayOptions(event_named("account_opened"), ZoneInfo("Asia/Shanghai"))
    await prepare(pool, Play(rows, options, tmp_path, None, facts, leave=True), read_lives(rows, options))
    (fact,) = await pool.fetch("SELECT fact_id, name, data FROM customer_fact")
    assert tuple(fact) == ("bus-1", "deposit_made", {"amount": "5000.00"})


async def test_the_customers_of_a_play_live_in_its_zone(pool: Pool, tmp_path: Path) -> None:
    """As they do in a rehearsal: a wait for nine o'clock is over at nine o'clock there."""
    rows = tmp_path / "rows.csv"
    rows.write_text("customer_id,date\nC-1,2026-03-02\n")
    options = PlayOptions(event_named("account_opened"), ZoneInfo("Europe/Berlin"))
    await prepare(pool, Play(rows, options, tmp_path, None, None, leave=True), read_lives(rows, options))
    assert await pool.fetchval("SELECT zone FROM customer") == "Europe/Berlin"


async def test_the_customers_of_a_play_agree_to_the_inbox_by_the_rules_of_a_file(pool: Pool, tmp_path: Path) -> None:
    """From the earliest time there is, once, with where that was said; a play that begins again changes nothing."""
    rows = tmp_path / "rows.csv"
    rows.write_text("customer_id,date\nC-1,2026-03-02\nC-2,2026-03-02\n")
    options = PlayOptions(event_named("account_opened"), ZoneInfo("Asia/Shanghai"))
    versions = []
    for _ in range(2):
        await prepare(pool, Play(rows, options, tmp_path, None, None, leave=True), read_lives(rows, options))
        versions.append(await pool.fetchval("SELECT max(version) FROM customer"))
    said = await pool.fetch(
        "SELECT customer_id, array_agg(message_class ORDER BY message_class) AS classes FROM consent"
        " WHERE channel = 'inbox' AND given AND (source, text_version, at) = ('play', 'play', $1)"
        " GROUP BY customer_id ORDER BY customer_id",
        EARLIEST,
    )
    assert [(row["customer_id"], row["classes"]) for row in said] == [
        (who, sorted(MessageClass)) for who in ("C-1", "C-2")
    ]
    assert versions[0] == versions[1]


def test_a_play_on_servers_that_are_not_a_sandbox_is_refused() -> None:
    """It would award real points and send real messages."""
    done = starter(*PLAY, "--exit", environment={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    assert done.returncode == 2
    assert "SOJOURN_ENVIRONMENT=sandbox" in done.stderr
    assert "Traceback" not in done.stderr
