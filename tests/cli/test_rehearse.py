"""`starter.py rehearse`: the tables, the report, and the same bytes however it is run."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.edge import exit_code
from cli.rehearsal import WORTH_SHARING
from cli.report import Agreement, report_html
from cli.report.summary import Summary
from rules.record import Record
from starter import COMMANDS, starter

SAMPLE = Path("examples/cdnow/cdnow_sample.csv")
FILES = ("stage_changes.csv", "touches.csv", "runs.csv", "points.csv", "report.html")


def rehearse(file: Path, *arguments: object, event: str = "trade_executed") -> int:
    return exit_code(starter, ["rehearse", str(file), "--event", event, *map(str, arguments)])


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two customers: one buys once and drifts away, one buys often."""
    file = tmp_path / "small.csv"
    rows = ["a,1997-01-15", *(f"b,1997-{month:02}-01" for month in range(1, 13))]
    file.write_text("\n".join(["customer_id,date", *rows]) + "\n", encoding="utf-8")
    return file


def test_the_tables_tell_what_happened(small: Path, tmp_path: Path) -> None:
    """Every table has its columns, its order, and times in UTC."""
    assert rehearse(small, "--first-event-lead", "7d", "--until", "1998-01-31", "--out", tmp_path) == 0
    assert [tuple(row.values()) for row in table(tmp_path, "stage_changes.csv") if row["customer_id"] == "a"][1:] == [
        ("a", "introduction", "growth", "1997-01-14T16:00:00Z", "first_investment"),
        ("a", "growth", "decline", "1997-04-14T16:00:00Z", "inactive"),
        ("a", "decline", "churned", "1997-07-13T16:00:00Z", "inactive"),
    ]
    touches = [tuple(row.values()) for row in table(tmp_path, "touches.csv") if row["journey"] == "win-back"]
    assert touches == [
        ("a", "win-back", "1", "we-are-here", "1997-07-14T02:00:00Z", "sent", ""),
        ("a", "win-back", "1", "what-is-new", "1997-07-21T02:00:00Z", "sent", ""),
        ("a", "win-back", "1", "last-word", "1997-08-11T02:00:00Z", "sent", ""),
    ]
    assert [(row["customer_id"], row["journey"], row["outcome"]) for row in table(tmp_path, "runs.csv")] == [
        ("a", "growth-nudges", "completed"),
        ("a", "onboarding-guidance", "goal"),
        ("a", "retention-offer", "completed"),
        ("a", "win-back", "completed"),
        ("b", "growth-nudges", "completed"),
        ("b", "mature-service", "completed"),
        ("b", "onboarding-guidance", "goal"),
    ]
    assert [(row["customer_id"], row["amount"]) for row in table(tmp_path, "points.csv")] == [("a", "20"), ("b", "20")]


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("stage_changes.csv", "customer_id,from_stage,to_stage,at,cause"),
        ("touches.csv", "customer_id,journey,entry,step,planned_at,outcome,reason"),
        ("runs.csv", "customer_id,journey,entry,entered_at,ended_at,outcome"),
        ("points.csv", "customer_id,at,amount,reason"),
    ],
)
def test_the_columns_are_those_of_the_contract(small: Path, tmp_path: Path, name: str, columns: str) -> None:
    """Programs that read the tables find them where they were."""
    rehearse(small, "--out", tmp_path)
    assert (tmp_path / name).read_text(encoding="utf-8").splitlines()[0] == columns


def test_a_deadline_at_the_end_takes_effect(small: Path, tmp_path: Path) -> None:
    """`--until` includes its whole day: decline falls due at the midnight that begins 15 April."""
    for day, stages in (("1997-04-14", 2), ("1997-04-15", 3)):
        assert rehearse(small, "--first-event", "", "--until", day, "--out", tmp_path) == 0
        assert len([row for row in table(tmp_path, "stage_changes.csv") if row["customer_id"] == "a"]) == stages


def test_every_run_gives_the_same_bytes(tmp_path: Path) -> None:
    """In one process or shared out over two: tables and report are the same."""
    options = ("--event", "trade_executed", "--first-event-lead", "14d")
    for processes in ("1", "2"):
        command = [sys.executable, "starter.py", "rehearse", str(SAMPLE), *options, "--processes", processes]
        subprocess.run([*command, "--out", str(tmp_path / processes)], check=True, capture_output=True)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_the_sample_is_large_enough_to_be_shared_out() -> None:
    """Otherwise the test before says nothing."""
    assert len(SAMPLE.read_text(encoding="utf-8").splitlines()) > WORTH_SHARING


def test_the_order_of_the_customers_in_the_file_does_not_matter(small: Path, tmp_path: Path) -> None:
    """The same rows, the customers in another order, give the same bytes."""
    rehearse(small, "--out", tmp_path / "one")
    header, *rows = small.read_text(encoding="utf-8").splitlines()
    small.write_text("\n".join([header, *reversed(rows)]) + "\n", encoding="utf-8")
    rehearse(small, "--out", tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_report_needs_nothing_from_elsewhere(small: Path, tmp_path: Path) -> None:
    """It is one page without scripts and links, with its assumptions before everything else."""
    rehearse(small, "--first-event-lead", "14d", "--out", tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|<img|@import|url\(http|\ssrc=|<a ", page)
    body = page[page.index("<body>") :]
    assumed = "app_registered, up to 14 days before, spread by a hash of the customer id."
    assert (
        body.index(assumed) < body.index("conversions here show the book-keeping, not an effect") < body.index("<h1>")
    )
    assert page.count("<svg") >= 4


def test_the_report_of_nothing_is_a_report() -> None:
    """A file of which no row can be taken has no plots."""
    page = report_html(Summary(), title="Nothing", notes=["Empty."], until=datetime(2026, 1, 1, tzinfo=UTC))
    assert "<svg" not in page
    assert "Empty." in page


def test_the_report_of_a_play_tells_how_far_it_agrees() -> None:
    """The share of the touches that came out as rehearsed, and why the others did not."""
    agreement = Agreement(touches=1_000, agreeing=985, explained={"the event came late": 15})
    page = report_html(Summary(), title="Play", notes=[], until=datetime(2026, 1, 1, tzinfo=UTC), agreement=agreement)
    assert "98.5 % of 1,000 planned touches" in page
    assert "the event came late" in page


def test_rejected_rows_are_told_and_the_others_rehearsed(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, the rejects beside the file, or in the folder of the tables."""
    with small.open("a", encoding="utf-8") as stream:
        stream.write("c,yesterday\n")
    assert rehearse(small) == 1
    assert table(tmp_path, "small.csv.rejects.csv")[0]["row"] == "c,yesterday"
    assert rehearse(small, "--out", tmp_path / "out") == 1
    assert "'yesterday' is no date" in (tmp_path / "out" / "rejects.csv").read_text(encoding="utf-8")
    assert "1 row was rejected" in capsys.readouterr().err
    assert {row["customer_id"] for row in table(tmp_path / "out", "runs.csv")} == {"a", "b"}


def test_a_file_of_rejects_only_is_rehearsed_to_nothing(tmp_path: Path) -> None:
    """There is nothing to live, and every row says why."""
    file = tmp_path / "bad.csv"
    file.write_text("customer_id,date\na,never\n", encoding="utf-8")
    assert rehearse(file, "--out", tmp_path / "out") == 1
    assert table(tmp_path / "out", "runs.csv") == []


def test_facts_prevent_what_the_backends_forgot_to_tell(small: Path, tmp_path: Path) -> None:
    """An account that only the books know of makes the reminder needless."""
    facts = tmp_path / "facts.csv"
    facts.write_text("customer_id,name,occurred_at\na,account_opened,1997-01-15T00:00:00+08:00\n", encoding="utf-8")
    rehearse(small, "--first-event-lead", "0", "--event", "app_opened", "--out", tmp_path / "without")
    rehearse(small, "--event", "app_opened", "--facts", facts, "--out", tmp_path / "with")
    reminded = [
        {row["customer_id"] for row in table(tmp_path / name, "touches.csv") if row["step"] == "open-account-reminder"}
        for name in ("without", "with")
    ]
    assert reminded == [{"a", "b"}, {"b"}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv", "--event", "trade_executed"], "nowhere.csv cannot be read"),
        ([str(SAMPLE), "--event", "trade"], "there is no event 'trade'"),
        ([str(SAMPLE)], "Missing option '--event'"),
        ([str(SAMPLE), "--event", "trade_executed", "--zone", "Shanghai"], "'Shanghai' is no time zone"),
        ([str(SAMPLE), "--event", "trade_executed", "--first-event-lead", "two weeks"], "'two weeks' is no duration"),
        ([str(SAMPLE), "--event", "trade_executed", "--until", "June"], "'June' is no date"),
        ([str(SAMPLE), "--event", "trade_executed", "--with", "win"], "there is no journey 'win'"),
        ([str(SAMPLE), "--event", "trade_executed", "--facts", "nowhere.csv"], "nowhere.csv cannot be read"),
        ([str(SAMPLE), "--event", "trade_executed", "--out", "/dev/null/x"], "name another place with --out"),
        (["Makefile", "--event", "trade_executed"], "lacks the column"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line, no traceback."""
    assert exit_code(starter, ["rehearse", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_help_answers_at_once() -> None:
    """Listing the commands imports none of them."""
    best = min(_timed("--help") for _ in range(3))
    assert best < 0.4


def _timed(*arguments: str) -> float:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "starter.py", *arguments], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)
    return time.perf_counter() - started


def test_the_whole_command_runs_as_a_process(small: Path) -> None:
    """From the shell, too: exit code 0 and a table on the output."""
    command = [sys.executable, "starter.py", "rehearse", str(small), "--event", "trade_executed"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 customers, 15 events" in done.stdout


def test_an_empty_record_has_nothing_to_sort() -> None:
    """Sorting and joining records of nobody is harmless."""
    record = Record()
    record.extend(Record())
    record.sort()
    assert record == Record()
