"""`starter.py rehearse`: the tables, the report, and the same bytes however it is run."""

from __future__ import annotations

import ast
import csv
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cli.edge import exit_code
from cli.rehearsal import WORTH_SHARING
from cli.report import Agreement, report_html
from cli.report.forecast import Cell, Load, loads
from cli.report.plots import OTHERS, daily_area, weekly_area
from cli.report.summary import Summary
from journeys import JOURNEYS
from journeys.events import app_registered, checked_in, deposit_made, trade_executed
from journeys.language import award_points, days, end, goal, journey, send, wait, wait_until
from journeys.words import AnyStep, Journey
from rules.record import Record
from starter import COMMANDS, starter

SAMPLE = Path("examples/cdnow/cdnow_sample.csv")
FILES = ("stage_changes.csv", "touches.csv", "runs.csv", "points.csv", "forecast.csv", "report.html")
SHANGHAI = ZoneInfo("Asia/Shanghai")


def rehearse(file: Path, *arguments: object, event: str = "trade_executed") -> int:
    kind = ["--event", event] if event else []
    return exit_code(starter, ["rehearse", str(file), *kind, *map(str, arguments)])


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def write_small(folder: Path) -> Path:
    """Two customers: one buys once and drifts away, one buys often."""
    file = folder / "small.csv"
    rows = ["a,1997-01-15", *(f"b,1997-{month:02}-01" for month in range(1, 13))]
    file.write_text("\n".join(["customer_id,date", *rows]) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A file of two customers."""
    return write_small(tmp_path)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a rehearsal of the two left."""
    folder = tmp_path_factory.mktemp("rehearsed")
    assert rehearse(write_small(folder), "--first-event-lead", "14d", "--out", folder) == 0
    return folder


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
        ("forecast.csv", "date,journey,channel,planned,sent,withheld,cap_hits,points"),
    ],
)
def test_the_columns_are_those_of_the_contract(rehearsed: Path, name: str, columns: str) -> None:
    """Programs that read the tables find them where they were."""
    assert (rehearsed / name).read_text(encoding="utf-8").splitlines()[0] == columns


def test_a_deadline_at_the_end_takes_effect(small: Path, tmp_path: Path) -> None:
    """`--until` includes its whole day: decline falls due at the midnight that begins 15 April."""
    for day, stages in (("1997-04-14", 2), ("1997-04-15", 3)):
        assert rehearse(small, "--first-event", "", "--until", day, "--out", tmp_path) == 0
        assert len([row for row in table(tmp_path, "stage_changes.csv") if row["customer_id"] == "a"]) == stages


def test_a_last_day_before_the_first_event_is_said(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else it looks as if nothing would be sent."""
    assert rehearse(small, "--until", "1996-12-31") == 0
    assert "No event of the file is as early as 1996-12-31: name a later day with --until." in capsys.readouterr().err
    assert rehearse(small, "--until", "1997-12-31") == 0
    assert "No event" not in capsys.readouterr().err


def test_every_run_gives_the_same_bytes(tmp_path: Path) -> None:
    """In one process or shared out over two, in whatever zone the machine is: tables and report are the same."""
    options = ("--event", "trade_executed", "--first-event-lead", "14d", "--customers", "400")
    for processes, zone in (("1", "Asia/Shanghai"), ("2", "America/New_York")):
        command = [sys.executable, "starter.py", "rehearse", str(SAMPLE), *options, "--processes", processes]
        out, environment = ("--out", str(tmp_path / processes)), {**os.environ, "TZ": zone}
        subprocess.run([*command, *out], env=environment, check=True, capture_output=True)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


ASKED = {"now", "utcnow", "today", "time.time", "localtime", "gmtime", "getpid", "gethostname", "uuid4", "random"}
NOT_ASKED_HERE = "time_context"
"""For the files that are loaded into the books, where no time may be later than now."""


def test_nothing_that_a_rehearsal_runs_asks_for_the_time_or_where_it_is() -> None:
    """So nothing in what it writes can depend on when it ran."""
    code = "import sys, cli.rehearse, cli.report; print(*(getattr(m, '__file__', '') for m in sys.modules.values()))"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    ours = [Path(file) for file in listed.split() if Path.cwd() in Path(file).parents and ".venv" not in file]
    assert len(ours) > 30
    found = [f"{file.name}: {name}" for file in ours for name in _calls(file) if _asks(name)]
    assert found == []


def _asks(name: str) -> bool:
    return name in ASKED or name.rpartition(".")[2] in ASKED


def _calls(file: Path) -> Iterator[str]:
    module = ast.parse(file.read_text(encoding="utf-8"))
    module.body = [each for each in module.body if getattr(each, "name", "") != NOT_ASKED_HERE]
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_every_table_is_sorted_and_its_times_are_in_utc(tmp_path: Path) -> None:
    """By customer, and then by what happened first; runs by their journey."""
    rehearse(SAMPLE, "--customers", 300, "--first-event-lead", "14d", "--out", tmp_path)
    for name, when in (("stage_changes", "at"), ("touches", "planned_at"), ("runs", "entered_at"), ("points", "at")):
        rows = table(tmp_path, f"{name}.csv")
        assert len(rows) > 200
        assert {datetime.fromisoformat(row[when]).tzinfo for row in rows} == {UTC}
        assert all(row[when].endswith("Z") for row in rows)
        order = ("customer_id", when) if name != "runs" else ("customer_id", "journey", "entry")
        assert rows == sorted(rows, key=itemgetter(*order))


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


def test_the_report_needs_nothing_from_elsewhere(rehearsed: Path) -> None:
    """It is one page without scripts and links, with its assumptions before everything else."""
    page = (rehearsed / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|<img|@import|url\(http|\ssrc=|<a ", page)
    body = page[page.index("<body>") :]
    assumed = "app_registered, up to 14 days before, spread by a hash of the customer id."
    assert (
        body.index(assumed) < body.index("conversions here show the book-keeping, not an effect") < body.index("<h1>")
    )
    assert page.count("<svg") >= 4


def test_a_plot_shows_as_many_kinds_as_can_be_told_apart() -> None:
    """The rarest are drawn as one, so that the legend has room and no colour means two things."""
    counts = Counter({(100, f"kind-{number:02}"): 100 - number for number in range(30)})
    for drawn in (weekly_area(counts, 107), daily_area(counts, range(100, 107))):
        assert [number for number in range(30) if f">kind-{number:02}<" in drawn] == list(range(7))
        assert f">{OTHERS}<" in drawn


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
    said = capsys.readouterr().err
    assert "1 row was rejected" in said
    assert "No row could be taken" not in said
    assert {row["customer_id"] for row in table(tmp_path / "out", "runs.csv")} == {"a", "b"}


def test_a_file_of_rejects_only_is_rehearsed_to_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to live, and every row says why; the first one at once, for most often it is one mistake."""
    file = tmp_path / "bad.csv"
    file.write_text("customer_id,date\na,never\nb,13800138000\n", encoding="utf-8")
    assert rehearse(file, "--out", tmp_path / "out") == 1
    told, where = capsys.readouterr().err.splitlines()
    assert told.startswith("No row could be taken. Line 2: 'never' is no date")
    assert where.startswith("2 rows were rejected: see ")
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


def trial(name: str, *steps: AnyStep, **attributes: Any) -> Journey:
    """A live marketing journey for everybody who checks in."""
    given = {"starts_on": checked_in, "ends_after": days(30), **attributes}
    return journey(name=name, version=1, state="live", steps=steps or (send("we-are-here"),), **given)


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts journeys in the place of those that are shipped."""
    return lambda *journeys: monkeypatch.setattr("cli.rehearsal.JOURNEYS", journeys)


def test_a_journey_that_was_asked_for_and_that_nobody_can_enter_is_told(
    catalogue: Callable[..., None], check_ins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in no table, for events alone let nobody in: the output and the report say so, of what was named."""
    catalogue(trial("promo"), trial("letter", starts_on=()), trial("quiet", starts_on=()))
    asked = ("--event", "checked_in", "--first-event", "", "--with", "letter", "--with", "promo")
    assert rehearse(check_ins, *asked, "--out", tmp_path, event="") == 0
    told = "letter: nobody enters it by an event (it has no starts_on)"
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "nobody enters" in line] == [told]
    assert told in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def check_ins(tmp_path: Path) -> Path:
    """Ten customers check in on 1 March 2026; the first two again on the next day."""
    file = tmp_path / "check_ins.csv"
    rows = [f"c{number},2026-03-01T09:00:00+08:00" for number in range(10)]
    again = [f"c{number},2026-03-02T08:00:00+08:00" for number in range(2)]
    file.write_text("\n".join(["customer_id,occurred_at", *rows, *again]) + "\n", encoding="utf-8")
    return file


def printed(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The lines on the terminal, by words."""
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def _sent(folder: Path) -> Counter[str]:
    return Counter(row["reason"] or row["outcome"] for row in table(folder, "touches.csv"))


def test_everybody_may_have_the_products_that_the_journeys_name(
    catalogue: Callable[..., None], check_ins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody told of products nor of investors; the first line says what is assumed."""
    catalogue(trial("offer", send("we-are-here", product="F-1")))
    assert rehearse(check_ins, "--event", "checked_in", "--first-event", "", "--out", tmp_path, event="") == 0
    assert set(_sent(tmp_path)) == {"sent"}
    told = "Assumed: everybody is an investor who may have what the journeys name: F-1."
    assert capsys.readouterr().out.startswith(told)
    assert told in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("F-1,Fund,R4,fund,2026-01-01T00:00:00+08:00", "sent"),
        ("F-2,Fund,R4,fund,2026-01-01T00:00:00+08:00", "unsuitable: product_unknown"),
        ("F-1,Fund,R4,fund,2027-01-01T00:00:00+08:00", "unsuitable: product_not_offered"),
    ],
)
def test_a_rehearsal_takes_the_products_of_a_file(
    catalogue: Callable[..., None], check_ins: Path, tmp_path: Path, row: str, reason: str
) -> None:
    """Then only those are known, as they are."""
    catalogue(trial("offer", send("we-are-here", product="F-1")))
    products = tmp_path / "products.csv"
    products.write_text(f"product_id,name,risk_level,product_type,valid_from\n{row}\n", encoding="utf-8")
    given = ("--products", products, "--out", tmp_path)
    assert rehearse(check_ins, "--event", "checked_in", "--first-event", "", *given, event="") == 0
    assert set(_sent(tmp_path)) == {reason}


def test_a_product_that_cannot_be_read_ends_the_rehearsal(
    check_ins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence, with the line."""
    products = tmp_path / "products.csv"
    products.write_text("product_id,name,risk_level,product_type,valid_from\nF-1,Fund,R9,fund,now\n", encoding="utf-8")
    assert rehearse(check_ins, "--products", products, event="checked_in") == 2
    assert "products.csv: line 2: risk_level: " in capsys.readouterr().err


def test_the_forecast_is_the_tables_by_day_journey_and_channel(tmp_path: Path) -> None:
    """Its sums are those of touches and points, their times read as dates in the zone."""
    rehearse(SAMPLE, "--customers", 300, "--first-event-lead", "14d", "--consent", "none", "--out", tmp_path)
    forecast = table(tmp_path, "forecast.csv")
    assert _sums(forecast, "planned", "sent", "withheld") == _touches_by_day(tmp_path)
    assert _sums(forecast, "points") == _points_by_day(tmp_path)
    assert forecast == sorted(forecast, key=lambda row: (row["date"], row["journey"], row["channel"]))
    assert {row["channel"] for row in forecast if int(row["sent"])} == {"app_push"}
    held_out = {row["journey"] for row in forecast if int(row["withheld"]) and row["channel"]}
    assert held_out <= {one.name for one in JOURNEYS if one.holdout}


def _sums(forecast: list[dict[str, str]], *columns: str) -> dict[tuple[str, str], list[int]]:
    sums: dict[tuple[str, str], list[int]] = {}
    for row in forecast:
        before = sums.setdefault((row["date"], row["journey"]), [0] * len(columns))
        sums[row["date"], row["journey"]] = [a + int(row[name]) for a, name in zip(before, columns, strict=True)]
    return {day: values for day, values in sums.items() if any(values)}


def _day(at: str) -> str:
    return datetime.fromisoformat(at).astimezone(SHANGHAI).date().isoformat()


def _touches_by_day(folder: Path) -> dict[tuple[str, str], list[int]]:
    sums: dict[tuple[str, str], list[int]] = {}
    for row in table(folder, "touches.csv"):
        counts = sums.setdefault((_day(row["planned_at"]), row["journey"]), [0, 0, 0])
        counts[0] += 1
        counts[1 if row["outcome"] == "sent" else 2] += 1
    return sums


def _points_by_day(folder: Path) -> dict[tuple[str, str], list[int]]:
    sums: dict[tuple[str, str], list[int]] = {}
    for row in table(folder, "points.csv"):
        sums.setdefault((_day(row["at"]), "onboarding-guidance"), [0])[0] += int(row["amount"])
    return sums


@pytest.mark.parametrize(("zone", "date"), [("Asia/Shanghai", "2026-03-01"), ("America/New_York", "2026-02-28")])
def test_a_day_of_the_forecast_is_one_of_the_zone(
    zone: str, date: str, check_ins: Path, tmp_path: Path, catalogue: Callable[..., None]
) -> None:
    """Nine in the morning in Shanghai is the evening before in New York."""
    catalogue(trial("hello"))
    rehearse(check_ins, "--zone", zone, "--out", tmp_path, event="checked_in")
    assert [tuple(row.values()) for row in table(tmp_path, "forecast.csv")] == [
        (date, "hello", "inbox", "10", "10", "0", "0", "0")
    ]


def test_cap_hits_are_counted_and_not_sent(
    check_ins: Path, tmp_path: Path, catalogue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two customers get a second marketing message within a day; service has no cap."""
    catalogue(trial("again", reentry="always"), trial("served", send("welcome"), purpose="service", reentry="always"))
    rehearse(check_ins, "--out", tmp_path, event="checked_in")
    assert [tuple(row.values()) for row in table(tmp_path, "forecast.csv")] == [
        ("2026-03-01", "again", "inbox", "10", "10", "0", "0", "0"),
        ("2026-03-01", "served", "app_push", "10", "10", "0", "0", "0"),
        ("2026-03-02", "again", "", "2", "0", "2", "2", "0"),
        ("2026-03-02", "served", "app_push", "2", "2", "0", "0", "0"),
    ]
    said = capsys.readouterr().out
    assert "beyond 1 in 1 day (advice, marketing), 3 in 7 days (advice, marketing) or 2 by sms in 30 days" in said
    assert "it is not sent." in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_terminal_tells_each_journey_the_sums_and_the_load(
    check_ins: Path, catalogue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Entered, refused, displaced, sent, not sent, held out, cap hits, points, conversions; messages a day."""
    paid = trial("paid", award_points(5, reason="presence"), wait(days(3)), purpose="service")
    catalogue(trial("again", reentry="always"), paid, trial("served", send("welcome"), purpose="service"))
    rehearse(check_ins, "--until", "2026-03-20", "--consent", "inbox", event="checked_in")
    lines = printed(capsys)
    for line in (
        ["again", "12", "0", "0", "10", "2", "0", "2", "0", "0"],
        ["paid", "10", "2", "0", "0", "0", "0", "0", "50", "0"],
        ["served", "10", "2", "0", "10", "0", "0", "0", "0", "0"],
        ["in", "sum", "32", "4", "0", "20", "2", "0", "2", "50", "0"],
        ["not", "entered", "already_running", "reentry"],
        ["paid", "2", "0"],
        ["served", "0", "2"],
        ["app_push", "0.5", "0", "10", "2026-03-01"],
        ["inbox", "0.5", "0", "10", "2026-03-01"],
        ["all", "channels", "1.0", "0", "20", "2026-03-01"],
    ):
        assert line in lines


def test_a_text_with_commas_and_quotes_is_one_cell(
    check_ins: Path, tmp_path: Path, catalogue: Callable[..., None]
) -> None:
    """A reason is free text."""
    reason = 'first, and "best"'
    catalogue(trial("free", award_points(5, reason=reason), end(reason)))
    rehearse(check_ins, "--out", tmp_path, event="checked_in")
    assert {row["reason"] for row in table(tmp_path, "points.csv")} == {reason}
    assert {row["outcome"] for row in table(tmp_path, "runs.csv")} == {reason}


def test_a_run_that_is_displaced_is_told(
    check_ins: Path, catalogue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A third marketing journey with a higher priority takes the place of the lowest; an equal one is refused."""
    low, high = trial("low", wait(days(5)), priority=10), trial("two", wait(days(5)))
    later = trial("urgent", wait(days(5)), priority=90, starts_on=app_registered)
    equal = trial("zero", wait(days(5)), priority=10)
    catalogue(low, high, later, equal)
    check_ins.write_text(
        "customer_id,occurred_at,name\n"
        "a,2026-03-01T09:00:00+08:00,checked_in\na,2026-03-02T09:00:00+08:00,app_registered\n",
        encoding="utf-8",
    )
    rehearse(check_ins, event="")
    lines = printed(capsys)
    assert ["low", "1", "0", "1", "0", "0", "0", "0", "0", "0"] in lines
    assert ["urgent", "1", "0", "0", "0", "0", "0", "0", "0", "0"] in lines
    assert ["not", "entered", "arbitration"] in lines
    assert ["zero", "1"] in lines


def test_the_arms_of_a_holdout_are_told_apart(
    tmp_path: Path, catalogue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Who is held out is sent nothing and may convert all the same."""
    aim = goal(trade_executed, within=days(10))
    catalogue(trial("half", goal=aim, holdout=50))
    file = tmp_path / "several.csv"
    rows = [f"c{number},2026-03-01,checked_in\nc{number},2026-03-02,trade_executed" for number in range(200)]
    file.write_text("\n".join(["customer_id,date,name", *rows]) + "\n", encoding="utf-8")
    rehearse(file, "--out", tmp_path, event="")
    touches = table(tmp_path, "touches.csv")
    held_out = sum(row["reason"] == "holdout" for row in touches)
    assert 60 < held_out < 140
    lines = printed(capsys)
    assert ["half", "treatment", str(200 - held_out), str(200 - held_out), "100.0", "%"] in lines
    assert ["half", "control", str(held_out), str(held_out), "100.0", "%"] in lines
    assert ["half", "200", "0", "0", str(200 - held_out), "0", str(held_out), "0", "0", "200"] in lines


def test_local_times_are_those_of_the_zone(check_ins: Path, tmp_path: Path, catalogue: Callable[..., None]) -> None:
    """Everybody lives where the days of the file begin."""
    catalogue(trial("evening", wait_until("20:00"), send("we-are-here")))
    for zone, at in (("Asia/Shanghai", "2026-03-01T12:00:00Z"), ("UTC", "2026-03-01T20:00:00Z")):
        rehearse(check_ins, "--zone", zone, "--until", "2026-03-03", "--out", tmp_path, event="checked_in")
        assert {row["planned_at"] for row in table(tmp_path, "touches.csv")} == {at}


def test_a_file_of_several_kinds_needs_no_event(small: Path, tmp_path: Path) -> None:
    """The column `name` says what each row stands for, and the assumptions say so."""
    rows = ["a,1997-01-15,app_registered", "a,1997-01-16,account_opened", "b,1997-01-20,checked_in"]
    small.write_text("\n".join(["customer_id,date,name", *rows]) + "\n", encoding="utf-8")
    assert rehearse(small, "--until", "1997-02-28", "--out", tmp_path, event="") == 0
    reminded = [row["customer_id"] for row in table(tmp_path, "touches.csv") if row["step"] == "open-account-reminder"]
    assert reminded == ["b"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "first event comes app_registered, at the same instant, unless the file tells of it." in page
    assert "What the file tells is history" in page


@pytest.mark.parametrize(("kept", "converted"), [("", "0"), ("a,2026-03-05,deposit_made,d-2,900.00,", "1")])
def test_a_deposit_that_is_sent_back_converts_nobody(
    kept: str, converted: str, small: Path, catalogue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The file gives the ids by which one event undoes another; a second deposit counts then."""
    catalogue(trial("saving", wait(days(9)), goal=goal(deposit_made, within=days(20))))
    rows = [
        "customer_id,date,name,event_id,amount,deposit",
        "a,2026-03-01,checked_in,c-1,,",
        "a,2026-03-02,deposit_made,d-1,100.00,",
        kept,
        "a,2026-03-09,deposit_returned,r-1,,d-1",
    ]
    small.write_text("\n".join(filter(None, rows)) + "\n", encoding="utf-8")
    assert rehearse(small, "--first-event", "", event="") == 0
    (told,) = [line for line in printed(capsys) if line[:1] == ["saving"]]
    assert told[-1] == converted


def test_the_load_counts_days_without_a_message() -> None:
    """Of 20 days one has 40 messages: two a day on average, and on 19 of 20 none."""
    sent = Counter({Cell(7, "j", "inbox"): 40, Cell(9, "j", "inbox"): 0})
    (load,) = loads(sent, range(1, 21))
    assert load == Load("inbox", 2.0, 0, 40, date.fromordinal(7))
    (busy,) = loads(Counter({Cell(day, "j", "inbox"): day for day in range(1, 21)}), range(1, 21))
    assert busy == Load("inbox", 10.5, 19, 20, date.fromordinal(20))


def test_the_report_shows_the_forecast_in_the_days_of_the_zone(
    check_ins: Path, tmp_path: Path, catalogue: Callable[..., None]
) -> None:
    """Tables and a plot each for channels, journeys, cap hits and points; a play's report has none of them."""
    catalogue(trial("again", award_points(5, reason="presence"), send("we-are-here"), reentry="always", holdout=30))
    rehearse(check_ins, "--out", tmp_path, event="checked_in")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "2026-03-01 to 2026-03-02, Asia/Shanghai" in page
    headings = ("Forecast by journey", "Holdout", "Messages a day by channel", "Messages a day by journey")
    for heading in (*headings, "Cap hits a day", "Points a day"):
        assert f"<h2>{heading}</h2>" in page
    play = report_html(Summary(), title="Play", notes=[], until=datetime(2026, 1, 1, tzinfo=UTC))
    assert "Forecast" not in play


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv", "--event", "trade_executed"], "nowhere.csv cannot be read"),
        ([str(SAMPLE), "--event", "trade"], "there is no event 'trade'"),
        ([str(SAMPLE)], "has no column 'name': add it, or say with --event what every row stands for"),
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
    """Listing the commands imports none of them. In processor time, so that it does not matter who else is at work."""
    best = min(_timed("--help") for _ in range(3))
    assert best < 0.4


def _timed(*arguments: str) -> float:
    before = os.times()
    done = subprocess.run([sys.executable, "starter.py", *arguments], capture_output=True, text=True, check=True)
    after = os.times()
    assert all(name in done.stdout for name in COMMANDS)
    return after.children_user + after.children_system - before.children_user - before.children_system


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
