"""`starter.py play` and `demo`: the same file, live, with real timers."""

from __future__ import annotations

import asyncio
import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest
from structlog.testing import capture_logs
from temporalio.service import RPCError, RPCStatusCode

from activities.database import Pool
from activities.incoming import EARLIEST
from cli.edge import exit_code
from cli.known import event_named
from cli.play import Play, prepare
from cli.play_file import PlayOptions, read_lives
from cli.player import Player
from embedded import EmbeddedStack
from journeys.caps import CAPS
from journeys.names import Channel, MessageClass
from payload_keys import PayloadKeys, fresh_key
from starter import starter as commands
from tests.activities.conftest import pool as pool
from tests.cli.conftest import Ran
from tests.live import Live, live
from tests.loopback import TRUSTS_NOBODY

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "cdnow" / "cdnow_sample.csv"
PLAY = ("play", str(EXAMPLE), "--event", "trade_executed")
LEAD = ("--first-event-lead", "14d")
PATIENCE = timedelta(seconds=90)
KEY = fresh_key(date(2026, 11, 27))
UI = re.compile(r"Look around: (\S+)")
PUSHES = re.compile(r"What the push gateway got: (\S+)")

Run = Callable[..., Awaitable[Ran]]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "starter.py", *arguments]


def no_servers() -> dict[str, str]:
    """An environment that names none."""
    named = ("TEMPORAL_", "SOJOURN_", "DATABASE_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(named)}


def starter(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as a person would."""
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env={**no_servers(), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def rehearsed(folder: Path, file: Path, *how: str) -> Path:
    """What the same file comes to on paper."""
    assert exit_code(commands, ["rehearse", str(file), "--event", "trade_executed", *how, "--out", str(folder)]) == 0
    return folder


class Shown:
    """A command that leaves its servers up for looking around, and what it has said by now."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._output, self._progress = folder / "output", folder / "progress"
        with self._output.open("wb") as output, self._progress.open("wb") as progress:
            self.process = subprocess.Popen(
                command(*arguments), cwd=ROOT, env=no_servers(), stdout=output, stderr=progress
            )

    @property
    def said(self) -> str:
        return self._output.read_text(encoding="utf-8")

    @property
    def progress(self) -> str:
        return self._progress.read_text(encoding="utf-8")

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while words not in self.said:
            assert self.process.poll() is None, self.progress
            assert time.monotonic() < deadline, self.said
            time.sleep(0.1)

    def interrupt(self) -> int:
        """Ctrl-C; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE.total_seconds())


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Shown]:
    """Eight people's eighteen months in a quarter of a minute, as `make demo` shows those of 300 in two."""
    shown = Shown(tmp_path, "demo", "--customers", "8", "--speed", "40", "--out", str(tmp_path / "play"))
    yield shown
    if shown.process.poll() is None:
        shown.interrupt()


@pytest.mark.timeout(120)
def test_the_demo_agrees_with_the_rehearsal_and_leaves_its_servers_up_until_ctrl_c(demo: Shown, tmp_path: Path) -> None:
    """With real timers: touches and points are as on paper, and the pushes are at the loopback gateway."""
    demo.wait_for("Ctrl-C ends it")
    said = demo.said
    places = [
        said.find(words) for words in ("up to 14 days before", "to the inbox", "Customers, live", "(100.0 %) agree")
    ]
    assert -1 not in places
    assert places == sorted(places)
    rows = [line.split() for line in said.splitlines()]
    for table in ("stage at the end", "outcome", "journey", "reason"):
        assert table.split() in [row[: len(table.split())] for row in rows]
    assert ["sent", f"{len(re.findall(',sent,', (tmp_path / 'play' / 'touches.csv').read_text())):,}"] in rows
    assert re.search(r"1997-\d\d-\d\d · lag", demo.progress)
    with httpx.Client(trust_env=False, verify=TRUSTS_NOBODY, follow_redirects=True) as http:
        assert "<html" in http.get(UI.findall(said)[0]).text
        taken = http.get(PUSHES.findall(said)[0]).json()["accepted"]
    assert demo.interrupt() == 0
    played, paper = tmp_path / "play", rehearsed(tmp_path / "paper", EXAMPLE, "--customers", "8", *LEAD)
    for table in ("touches.csv", "points.csv"):
        assert (played / table).read_text() == (paper / table).read_text()
    assert taken == _sent_by(paper)["app_push"]
    report = (played / "report.html").read_text(encoding="utf-8")
    assert "conversions here show the book-keeping, not an effect" in report


def _sent_by(folder: Path) -> Counter[str]:
    with (folder / "forecast.csv").open(encoding="utf-8", newline="") as stream:
        sent = Counter[str]()
        for row in csv.DictReader(stream):
            sent[row["channel"]] += int(row["sent"])
    return sent


@pytest.fixture
async def sandbox(stack: EmbeddedStack, database_url: str) -> AsyncIterator[Live]:
    """Servers for trying out, with a worker; keys, caps and a phone that rings as in a real deployment."""
    with capture_logs():
        async with live(stack, database_url, keys=PayloadKeys.parse(KEY), caps=CAPS) as world:
            world.channels[Channel.APP_PUSH].interrupts = True
            yield world


@pytest.fixture
def play(
    sandbox: Live,
    stack: EmbeddedStack,
    bare_environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """`starter.py play` on the sandbox."""
    bare_environment.setenv("DATABASE_URL", sandbox.database_url)
    bare_environment.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    bare_environment.setenv("SOJOURN_ENVIRONMENT", "sandbox")
    bare_environment.setenv("SOJOURN_PAYLOAD_KEYS", KEY)
    for module in ("cli.play", "cli.player"):
        bare_environment.setattr(f"{module}.TASK_QUEUE", sandbox.task_queue)

    async def run(file: Path, *arguments: str) -> Ran:
        given = ["play", str(file), "--event", "trade_executed", "--exit", "--out", str(file.parent / "play")]
        code = await asyncio.to_thread(exit_code, commands, [*given, *arguments])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture
def purchases(sandbox: Live, tmp_path: Path) -> Path:
    """Two customers' purchases of a month."""
    file = tmp_path / "purchases.csv"
    rows = [("amy", "1997-01-02"), ("ben", "1997-01-20"), ("amy", "1997-02-01")]
    file.write_text("\n".join(["customer_id,date", *(f"{sandbox.customer(who)},{day}" for who, day in rows)]) + "\n")
    return file


async def test_on_a_sandbox_it_plays_on_the_servers_of_the_environment(
    sandbox: Live, play: Run, purchases: Path, tmp_path: Path
) -> None:
    """What others live there is not told; a row that cannot be played is, with exit code 1."""
    stranger = sandbox.customer("stranger")
    await sandbox.event(stranger, "app_registered", datetime(1997, 1, 5, tzinfo=UTC))
    await sandbox.settled(stranger)
    paper = await asyncio.to_thread(rehearsed, tmp_path / "paper", purchases, *LEAD)
    with purchases.open("a") as stream:
        stream.write("13800138000,1997-01-03\n")
    ran = await play(purchases, *LEAD, "--speed", "40")
    assert ran.code == 1, ran
    assert "(100.0 %) agree" in ran.out
    assert "1 row was rejected: see " in ran.err
    for table in ("stage_changes.csv", "touches.csv", "points.csv"):
        assert (tmp_path / "play" / table).read_text() == (paper / table).read_text()
    assert "looks like a phone" in (tmp_path / "play" / "rejects.csv").read_text(encoding="utf-8")
    assert len(sandbox.channels[Channel.APP_PUSH].got) == _sent_by(paper)["app_push"]


async def test_on_a_sandbox_without_a_worker_nothing_is_played(
    stack: EmbeddedStack, play: Run, purchases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock would run away from everybody."""
    monkeypatch.setattr("cli.play.TASK_QUEUE", "nobody-is-here")
    monkeypatch.setattr("cli.play.PATIENCE", timedelta(seconds=1))
    ran = await play(purchases)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "No worker takes up what is played: start one (`worker.py`)" in ran.err


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (RPCError("gone", RPCStatusCode.UNAVAILABLE, b""), "Temporal does not answer any more (UNAVAILABLE)"),
        (asyncpg.ConnectionDoesNotExistError("gone"), "The database went away in the middle"),
        (ConnectionRefusedError("gone"), "The database went away in the middle"),
    ],
)
async def test_a_server_that_goes_away_in_the_middle_is_told_in_one_line(
    play: Run, purchases: Path, monkeypatch: pytest.MonkeyPatch, gone: Exception, said: str
) -> None:
    """No traceback, and exit code 2."""

    async def goes_away(*_: Any) -> None:
        raise gone

    monkeypatch.setattr(Player, "_send", goes_away)
    ran = await play(purchases, "--speed", "100")
    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith(f"error: {said}")


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


def test_a_play_on_a_database_without_our_schema_is_told_what_it_lacks(
    stack: EmbeddedStack, empty_database_url: str
) -> None:
    """Before anything is sent."""
    servers = {"DATABASE_URL": empty_database_url, "TEMPORAL_ADDRESS": stack.temporal_address}
    sandbox = {"SOJOURN_ENVIRONMENT": "sandbox", "SOJOURN_PAYLOAD_KEYS": KEY}
    done = starter(*PLAY, "--exit", environment={**servers, **sandbox})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "run `starter.py migrate` first" in done.stderr
