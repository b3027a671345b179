"""`event` and `events`: the public contract from the command line, and everything that can be wrong with it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from temporalio.service import RetryConfig

from cli.edge import exit_code
from cli.event_file import events_of
from cli.sending import Outgoing, checked, deliver, send_all
from cli.tabular import Rejects, open_table
from embedded import EmbeddedStack
from engine import connect
from errors import EngineError, InputError
from journeys.names import CustomerId
from payload_keys import PayloadKeys, fresh_key
from starter import starter
from tests.cli.conftest import Ran
from tests.live import Live, live

ROOT = Path(__file__).parents[2]
TOLERANCE = timedelta(minutes=5)
PATIENCE = timedelta(seconds=20)
A_MINUTE_AGO = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()

OLD, NEW = (fresh_key(date(2026, 11, day)) for day in (1, 27))

QUICK = RetryConfig(max_elapsed_time_millis=200, max_retries=2)
"""The SDK's own patience, which comes before ours."""

Run = Callable[..., Awaitable[Ran]]


@pytest.fixture
async def world(stack: EmbeddedStack, database_url: str) -> AsyncIterator[Live]:
    """A worker for the shipped journeys; its log is not among what a command prints."""
    with capture_logs():
        async with live(stack, database_url) as world:
            yield world


@pytest.fixture
async def idle_world(stack: EmbeddedStack, database_url: str) -> AsyncIterator[Live]:
    """The same without a worker at work."""
    async with live(stack, database_url, working=False) as world:
        yield world


@pytest.fixture
def command(
    stack: EmbeddedStack,
    database_url: str,
    bare_environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run `starter.py` with arguments beside the worker, on the test's own database."""
    bare_environment.setenv("DATABASE_URL", database_url)
    bare_environment.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    bare_environment.setenv("SOJOURN_ENVIRONMENT", "embedded")

    async def run(*arguments: object) -> Ran:
        code = await asyncio.to_thread(exit_code, starter, [str(each) for each in arguments])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture
def run(world: Live, command: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Commands whose events the test's worker takes."""
    monkeypatch.setattr("cli.sending.TASK_QUEUE", world.task_queue)
    return command


@pytest.fixture
def run_idle(idle_world: Live, command: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Commands whose events no worker takes, with little patience."""
    monkeypatch.setattr("cli.sending.TASK_QUEUE", idle_world.task_queue)
    monkeypatch.setattr("cli.events.LIMIT", timedelta(seconds=1))
    return command


async def recorded(world: Live, count: int) -> list[tuple[Any, ...]]:
    """Customer, event id, name and data of every event in the books, once there are so many."""

    async def all_there() -> bool:
        return bool(await world.pool.fetchval("SELECT count(*) >= $1 FROM customer_event", count))

    async with asyncio.timeout(PATIENCE.total_seconds()):
        await world.until(all_there)
    return await world.rows(
        "SELECT customer_id, event_id, name, data FROM customer_event ORDER BY customer_id, sequence"
    )


def reject_rows(file: Path) -> list[tuple[int, str]]:
    """Line and reason of each rejected row."""
    with open(f"{file}.rejects.csv", encoding="utf-8-sig", newline="") as rejects:
        return [(int(row["line"]), row["reason"]) for row in csv.DictReader(rejects)]


# --- one event


async def test_an_event_is_sent_and_what_it_led_to_is_told(world: Live, run: Run) -> None:
    """Stage before and after, entries, touches, points and the next action are on the screen."""
    amy = world.customer("amy")
    ran = await run("event", amy, "app_registered", "--id", "e-1")
    assert (ran.code, ran.err) == (0, "")
    for words in (
        f"app_registered of {amy} (event e-1) is recorded.",
        "Stage: none → introduction",
        "entered        onboarding-guidance 2 (entry 1)",
        "sent: welcome",
        "+20 points",
        "Points: 20",
        "Under way: onboarding-guidance at account_opened-within-3d until",
        "Next action: 20",
    ):
        assert words in ran.out


async def test_a_touch_that_is_withheld_is_told_with_its_reason(world: Live, run: Run) -> None:
    """What was not sent is as visible as what was."""
    await run("brake", "on", "--mode", "drop", "--reason", "test", "--actor", "test")
    ran = await run("event", world.customer("amy"), "app_registered")
    assert ran.code == 0
    assert "not sent: welcome" in ran.out
    assert "brake" in ran.out


async def test_the_same_event_again_is_known_and_changes_nothing(world: Live, run: Run) -> None:
    """Twice is once, and the person is told so."""
    words = ("event", world.customer("amy"), "app_registered", "--id", "e-1", "--at", A_MINUTE_AGO)
    await run(*words)
    ran = await run(*words)
    assert ran.code == 0
    assert "was known already: nothing happens twice." in ran.out
    assert len(await recorded(world, 1)) == 1


async def test_a_known_id_with_other_content_is_rejected_by_the_workflow(world: Live, run: Run) -> None:
    """The exit code is 1, the reason is told, and `rejected` lists it."""
    amy = world.customer("amy")
    await run("event", amy, "checked_in", "--id", "e-1", "--at", A_MINUTE_AGO)
    ran = await run("event", amy, "app_opened", "--id", "e-1", "--at", A_MINUTE_AGO)
    assert ran.code == 1
    assert "is rejected: event id 'e-1' was seen before with different content" in ran.out
    assert "seen before with different content" in (await run("rejected")).out


async def test_a_program_gets_the_answer_as_json(world: Live, run: Run) -> None:
    """The same, as one document."""
    ran = await run("event", world.customer("amy"), "app_registered", "--data", '{"source": "店"}', "--json")
    answer = json.loads(ran.out)
    assert (answer["result"], answer["stage_before"], answer["stage"]) == ("recorded", None, "introduction")
    assert answer["data"] == {"source": "店"}
    assert [touch["outcome"] for touch in answer["since"]["touches"]] == ["sent"]


async def test_without_a_worker_the_event_is_kept_and_that_is_said(idle_world: Live, run_idle: Run) -> None:
    """Nothing is lost: it takes effect when a worker comes."""
    amy = idle_world.customer("amy")
    ran = await run_idle("event", amy, "app_registered")
    assert ran.code == 0
    assert "is sent. Still open: no worker has taken it up yet" in ran.out
    assert "python worker.py" in ran.out
    assert "Next action" not in ran.out
    async with idle_world.working():
        assert [row[2] for row in await recorded(idle_world, 1)] == ["app_registered"]


@asynccontextmanager
async def taken_over(before: Live, stack: EmbeddedStack, database_url: str, keys: str) -> AsyncIterator[Live]:
    """Workers of the same customers, started again with other keys."""
    async with live(stack, database_url, keys=PayloadKeys.parse(keys), working=False) as opened:
        again = replace(opened, task_queue=before.task_queue)
        async with again.working():
            yield again


@pytest.fixture
async def encrypted(stack: EmbeddedStack, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Live:
    """A world without workers by now, in which amy has registered; everything was encrypted with the old key."""
    async with live(stack, database_url, keys=PayloadKeys.parse(OLD)) as world:
        await world.event(world.customer("amy"), "app_registered", datetime.now(UTC) - timedelta(days=1))
        await world.settled(world.customer("amy"))
    monkeypatch.setattr("cli.sending.TASK_QUEUE", world.task_queue)
    return world


async def test_while_a_workflows_task_fails_that_is_said_and_no_next_action(
    encrypted: Live, stack: EmbeddedStack, database_url: str, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker runs, but not with the key of that life: another worker would not help."""
    monkeypatch.setenv("SOJOURN_PAYLOAD_KEYS", NEW)
    monkeypatch.setattr("cli.events.LIMIT", timedelta(seconds=1))
    amy = encrypted.customer("amy")
    async with taken_over(encrypted, stack, database_url, NEW) as without:
        await without.event(amy, "app_opened", datetime.now(UTC))

        async def fails() -> bool:
            described = await without.handle(amy).describe()
            return bool(described.raw_description.pending_workflow_task.attempt > 1)

        await without.until(fails)
        ran = await command("event", amy, "deposit_made", "--data", '{"amount": "1.00"}')
        told = json.loads((await command("event", amy, "app_opened", "--json")).out)
    assert "is sent. Still open: the customer's workflow task has failed " in ran.out
    assert "the customer's page in the Temporal UI" in ran.out
    assert "no worker has taken it up" not in ran.out
    assert "Next action" not in ran.out
    assert (told["result"], told["next_action_at"]) == ("open", None)
    assert "has failed" in told["still_open"]


async def test_an_answer_in_a_key_that_is_not_known_says_that_the_event_was_sent(
    encrypted: Live, stack: EmbeddedStack, database_url: str, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers have the new key and the old, the command the old alone: whoever repeats it does so under its id."""
    monkeypatch.setenv("SOJOURN_PAYLOAD_KEYS", OLD)
    amy = encrypted.customer("amy")
    async with taken_over(encrypted, stack, database_url, f"{NEW},{OLD}") as world:
        ran = await command("event", amy, "app_opened", "--id", "e-1", "--at", A_MINUTE_AGO)
        await recorded(world, 2)
        paused = await command("pause", amy, "onboarding-guidance", "--reason", "call", "--id", "c-1")
        entered = await command("enter", amy, "win-back", "--reason", "call")
    assert (ran.code, paused.code, entered.code) == (2, 2, 2)
    assert "which is not known here" in ran.err
    assert f"The event was sent; sent again with `--id e-1 --at {A_MINUTE_AGO}` it counts once." in ran.err
    assert (
        f"The command may have been carried out: `starter.py why {amy}` says so; given again with `--id c-1` it is not"
        " repeated." in paused.err
    )
    assert f"may have been carried out: `starter.py why {amy}` says so.\n" in entered.err
    assert ran.err.count("\n") == paused.err.count("\n") == 1


async def test_a_rejected_event_is_corrected_and_sent_again(world: Live, run: Run) -> None:
    """From the quarantine, with other data, to the books."""
    amy = world.customer("amy")
    await world.event(amy, "deposit_made", datetime.now(UTC), {"amount": "much"})
    await world.settled(amy)
    number = json.loads((await run("rejected", "--json")).out)[0]["rejected_id"]
    as_it_was = await run("rejected", "--send-again", number)
    assert as_it_was.code == 2
    assert as_it_was.err.startswith("error: data does not fit deposit_made: amount: ")
    ran = await run("rejected", "--send-again", number, "--data", '{"amount": "1000.00"}')
    assert ran.code == 0
    assert [row[3] for row in await recorded(world, 1)] == [{"amount": "1000.00"}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("deposit_mad",),
            "there is no event 'deposit_mad': did you mean deposit_made or deposit_returned or complaint_made?",
        ),
        (("x",), "there is no event 'x': the events are app_registered, "),
        (("deposit_made",), "data does not fit deposit_made: amount: is missing: give it"),
        (("deposit_made", "--data", '{"amount": "much"}'), "data does not fit deposit_made: amount: "),
        (("app_opened", "--data", "amount=1"), "--data is not a JSON object: write it as "),
        (("app_opened", "--data", "[1]"), "--data is not a JSON object: write it as "),
        (("app_opened", "--data", '{"a": NaN}'), "--data is not a JSON object: write it as "),
        (("app_opened", "--data", '{"a": "\\u0000"}'), "data has characters that are no text"),
        (("app_opened", "--data", '{"a": "\\ud800"}'), "has characters that are no text"),
        (("app_opened", "--at", "2026-11-22T09:00:00"), "--at cannot be used: write the date, the time and the offset"),
        (("app_opened", "--at", "yesterday"), "--at cannot be used: write the date, the time and the offset"),
        (("app_opened", "--at", "1700000000"), "--at cannot be used: write the date, the time and the offset"),
        (("app_opened", "--at", "2200-01-01T00:00:00Z"), "occurred_at is in the future: "),
        (("app_opened", "--at", "1989-12-31T00:00:00Z"), "--at cannot be used: is before 1990"),
        (("app_opened", "--id", "two words"), "event_id: is not 1 to 128 visible ASCII characters"),
        (("app_opened", "--colour", "red"), "No such option"),
    ],
)
async def test_what_cannot_be_sent_is_refused_in_one_sentence(
    command: Run, database_url: str, arguments: Sequence[str], said: str
) -> None:
    """Nothing is sent, the exit code is 2, and the message says what to do."""
    ran = await command("event", "never-sent", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert not (await command("customer", "never-sent")).out


@pytest.mark.parametrize(
    ("customer", "said"),
    [
        ("13800138000", "'13…00' looks like a phone or identity number"),
        ("C-86-138-0013-8000", "looks like a phone or identity number"),
        ("11010519491231002X", "'11…2X' looks like a phone or identity number"),
        ("two words", "is not a customer id: use 1 to 64 letters"),
        ("客户", "is not a customer id: use 1 to 64 letters"),
        ("a/b", "is not a customer id: use 1 to 64 letters"),
        ("x" * 65, "is not a customer id: use 1 to 64 letters"),
        ("", "is not a customer id: use 1 to 64 letters"),
    ],
)
async def test_an_id_that_may_not_be_one_is_refused_before_anything_else(
    command: Run, customer: str, said: str
) -> None:
    """Before the name, the data and the servers are looked at; a number that names a person is not repeated."""
    ran = await command("event", customer, "no-such-event")
    assert ran.code == 2
    assert said in ran.err
    assert not customer or customer not in ran.err


@pytest.mark.parametrize("words", [("event", "C-1", "app_opened"), ("events", "FILE")])
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TEMPORAL_ADDRESS", "127.0.0.1:1", "Temporal does not answer at 127.0.0.1:1: set TEMPORAL_ADDRESS"),
        ("TEMPORAL_ADDRESS", "no address", "Temporal does not answer at no address: set TEMPORAL_ADDRESS"),
        ("TEMPORAL_NAMESPACE", "atlantis", "Temporal refuses (Namespace atlantis is not found): correct TEMPORAL_NAM"),
        ("TEMPORAL_PROFILE", "atlantis", "configuration cannot be used (Profile 'atlantis' not found)"),
    ],
)
async def test_a_temporal_that_cannot_be_used_is_one_sentence(
    command: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: Sequence[str],
    variable: str,
    value: str,
    said: str,
) -> None:
    """Not there, not an address, not the namespace, not the profile: exit code 2 and what to correct."""
    file = tmp_path / "events.csv"
    file.write_text("customer_id,name,occurred_at\nC-1,app_opened,2026-11-01T09:00:00Z\n")
    monkeypatch.setenv(variable, value)
    ran = await command(*(str(file) if word == "FILE" else word for word in words))
    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert said in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("postgresql:", "mysql:?"), "DATABASE_URL cannot be used"),
        (("sojourn:", "sojourn:not"), "refuses this user or password: correct DATABASE_URL"),
        (("127.0.0.1:", "127.0.0.1:1/"), "cannot be reached: start it"),
        (("/test_", "/postgres?"), "The database lacks 0001-customers"),
    ],
)
async def test_a_database_that_cannot_be_used_is_one_sentence(
    command: Run, database_url: str, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], said: str
) -> None:
    """No server, a wrong password, no schema: exit code 2, what to correct, and no password on the screen."""
    old, new = change
    head, found, tail = database_url.partition(old)
    assert found
    monkeypatch.setenv("DATABASE_URL", head + new + ("" if "?" in new or "/" in new else tail))
    ran = await command("event", "C-1", "app_opened")
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_no_traceback_reaches_the_terminal(tmp_path: Path) -> None:
    """The real process, without any server: one sentence on standard error, and exit code 2."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SOJOURN_", "TEMPORAL_"))}
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, str(ROOT / "starter.py"), "event", "C-1", "app_opened"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: ")
    assert ran.stderr.count("\n") == 1


# --- a file of events


async def test_a_csv_is_sent_and_sent_again_without_effect(world: Live, run: Run, tmp_path: Path) -> None:
    """Ids given or not, data in columns or as JSON: each row is one event, also the second time."""
    amy, ben = world.customer("amy"), world.customer("ben")
    file = tmp_path / "events.csv"
    file.write_text(
        "customer_id,event_id,name,occurred_at,data,data.amount,product,term_days\n"
        f"{amy},e-1,app_registered,2026-11-01T09:00:00+08:00,,,,\n"
        f'{amy},,deposit_made,2026-11-02T09:00:00+08:00,"{{""branch"": 7}}",1000.00,,\n'
        f"{ben},,wealth_product_purchased,2026-11-03T09:00:00+08:00,,,P-1,30\n"
    )
    for _ in range(2):
        ran = await run("events", file)
        assert (ran.code, ran.out, ran.err) == (0, "3 events sent, 0 rejected.\n", "")
    rows = await recorded(world, 3)
    assert [(row[0], row[2], row[3]) for row in rows] == [
        (amy, "app_registered", {}),
        (amy, "deposit_made", {"branch": 7, "amount": "1000.00"}),
        (ben, "wealth_product_purchased", {"product": "P-1", "term_days": 30}),
    ]
    assert rows[0][1] == "e-1"
    assert (await world.settled(amy)).state.lifecycle.stage == "introduction"
    assert len(await recorded(world, 3)) == 3


class Terminal(io.StringIO):
    """A screen."""

    def isatty(self) -> bool:
        return True


async def test_on_a_terminal_a_bar_shows_how_far_it_is(
    world: Live, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nowhere else: a log is no place for it."""
    file, terminal = tmp_path / "events.csv", Terminal()
    file.write_text(f"customer_id,name,occurred_at\n{world.customer('amy')},checked_in,2026-11-02T09:00:00Z\n")
    assert (await run("events", file)).err == ""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    assert (await run("events", file)).code == 0
    assert "events.csv ━" in re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())


async def test_json_lines_say_the_same(world: Live, run: Run, tmp_path: Path) -> None:
    """Data as an object, beside the other fields, or both; the derived id is that of the CSV."""
    amy = world.customer("amy")
    fields = {"customer_id": amy, "name": "deposit_made", "occurred_at": "2026-11-02T09:00:00+08:00"}
    lines, table = tmp_path / "events.jsonl", tmp_path / "events.csv"
    lines.write_text("\n".join(json.dumps(fields | more) for more in ({"data": {"amount": "5"}}, {"amount": "5"})))
    table.write_text(f"customer_id,name,occurred_at,amount\n{amy},deposit_made,2026-11-02T09:00:00+08:00,5\n")
    assert (await run("events", lines)).out == "2 events sent, 0 rejected.\n"
    assert (await run("events", table)).out == "1 event sent, 0 rejected.\n"
    await world.settled(amy)
    assert [row[3] for row in await recorded(world, 1)] == [{"amount": "5"}]


async def test_files_of_spreadsheets_are_taken(world: Live, run: Run, tmp_path: Path) -> None:
    """A byte order mark, Windows line ends, semicolons and a line end inside a cell."""
    file = tmp_path / "events.csv"
    file.write_bytes(
        "\ufeffcustomer_id;name;occurred_at;note\r\n"
        f'{world.customer("amy")};checked_in;2026-11-02T09:00:00+08:00;"two\r\nlines; 中文"\r\n'.encode()
    )
    assert (await run("events", file)).code == 0
    assert [row[3] for row in await recorded(world, 1)] == [{"note": "two\r\nlines; 中文"}]


async def test_rows_that_cannot_be_taken_are_written_down_and_the_others_sent(
    world: Live, run: Run, tmp_path: Path
) -> None:
    """Line number, reason and row; the exit code is 1, and phone numbers are not repeated in a reason."""
    amy, at = world.customer("amy"), "2026-11-02T09:00:00+08:00"
    file = tmp_path / "events.csv"
    lines = [
        "customer_id,event_id,name,occurred_at,amount,data",
        f"{amy},good,checked_in,{at},,",
        f"{amy},,chequed_in,{at},,",
        f"{amy},,deposit_made,{at},much,",
        f"{amy},,checked_in,2026-11-02T09:00:00,,",
        f"{amy},,checked_in,2200-01-01T00:00:00Z,,",
        f"{amy},,checked_in,1989-12-31T00:00:00Z,,",
        f"13800138000,,checked_in,{at},,",
        f"two words,,checked_in,{at},,",
        f"{amy},two words,checked_in,{at},,",
        f"{amy},,checked_in,{at},,amount=1",
        f"{amy},,,{at},,",
        f"{amy},,checked_in,{at}",
    ]
    file.write_text("\n".join(lines))
    ran = await run("events", file)
    assert (ran.code, ran.out) == (1, "1 event sent, 11 rejected.\n")
    assert "11 rows were rejected: see " in ran.err
    expected = [
        (3, "unknown event name 'chequed_in'"),
        (4, "data does not fit deposit_made: amount"),
        (5, "occurred_at is no time with its offset"),
        (6, "occurred_at is in the future"),
        (7, "occurred_at is before 1990"),
        (8, "'13…00' looks like a phone"),
        (9, "is not a customer id"),
        (10, "event_id: "),
        (11, "data is not a JSON object"),
        (12, "has no name"),
        (13, "has 4 cells where the header has 6"),
    ]
    assert [line for line, _ in reject_rows(file)] == [line for line, _ in expected]
    for (_, reason), (_, words) in zip(reject_rows(file), expected, strict=True):
        assert words in reason
    assert [row[1] for row in await recorded(world, 1)] == ["good"]


async def test_what_is_known_under_an_id_with_other_content_is_left_to_the_workflow(
    world: Live, run: Run, tmp_path: Path
) -> None:
    """Only the books know: the row is sent, and the quarantine has it."""
    amy, file = world.customer("amy"), tmp_path / "events.csv"
    for name in ("checked_in", "app_opened"):
        file.write_text(f"customer_id,event_id,name,occurred_at\n{amy},e-1,{name},2026-11-02T09:00:00+08:00\n")
        assert (await run("events", file)).code == 0
        await world.settled(amy)
    assert "seen before with different content" in (await run("rejected")).out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("customer,name,occurred_at\nC-1,app_opened,2026-11-02T09:00:00Z\n", "lacks the column 'customer_id'"),
        ("customer_id,name,date\nC-1,app_opened,2026-11-02\n", "lacks the column 'occurred_at'"),
        ("", "lacks the column 'customer_id'"),
        ('[{"customer_id": "C-1"}]', "is one JSON array: write one object a line"),
    ],
)
async def test_a_file_that_is_no_such_file_is_refused_whole(
    command: Run, tmp_path: Path, content: str, said: str
) -> None:
    """Nothing is sent, and the exit code is 2."""
    file = tmp_path / "events.csv"
    file.write_text(content)
    ran = await command("events", file)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


async def test_one_customers_events_arrive_in_the_order_of_the_file(world: Live, run: Run, tmp_path: Path) -> None:
    """Events of one instant among those of many others: the books number them as the file has them."""
    customers = [world.customer(f"c{number % 7}") for number in range(140)]
    rows = [f"{customer},e{number},checked_in,2026-11-02T09:00:00Z" for number, customer in enumerate(customers)]
    file = tmp_path / "events.csv"
    file.write_text("\n".join(["customer_id,event_id,name,occurred_at", *rows]))
    assert (await run("events", file)).out == "140 events sent, 0 rejected.\n"
    books = await recorded(world, 140)
    for customer in set(customers):
        ids = [row[1] for row in books if row[0] == customer]
        assert ids == [f"e{number}" for number in range(140) if customers[number] == customer]


async def test_a_file_that_cannot_be_read_on_says_how_far_it_came(world: Live, run: Run, tmp_path: Path) -> None:
    """A line without end in the middle, or no place for the rejects: one sentence and exit code 2."""
    amy, file = world.customer("amy"), tmp_path / "events.csv"
    head = f"customer_id,name,occurred_at\n{amy},checked_in,2026-11-02T09:00:00Z\n"
    file.write_text(head + "x" * 2_000_000)
    ran = await run("events", file)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "line 3 is longer than a million characters" in ran.err
    assert "Run the command again when that is done: what was sent counts once." in ran.err
    file.write_text(head + "x\n")
    ran = await run("events", file, "--rejects", tmp_path / "nowhere" / "rejects.csv")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "cannot be written (No such file or directory): name another place with --rejects." in ran.err


def outgoing(*customers: str) -> Iterator[Outgoing]:
    """An event for each, with a number."""
    for number, customer in enumerate(customers):
        yield Outgoing(CustomerId(customer), {"event_id": f"e{number}", "name": "checked_in"})


class Counted:
    """An edge that counts instead of sending: how many are in flight, and whose."""

    def __init__(self) -> None:
        self.in_flight: list[str] = []
        self.most = 0
        self.done: list[str] = []

    async def deliver(self, event: Outgoing) -> None:
        """Take a moment for one event."""
        assert event.customer_id not in self.in_flight
        self.in_flight.append(event.customer_id)
        self.most = max(self.most, len(self.in_flight))
        await asyncio.sleep(0.001)
        self.in_flight.remove(event.customer_id)
        self.done.append(event.argument["event_id"])


async def test_as_many_are_in_flight_as_allowed_and_never_two_of_one_customer() -> None:
    """One customer's long row of events does not keep the others waiting."""
    edge = Counted()
    crowd = ["hot"] * 40 + [f"c{number}" for number in range(200)]
    assert await send_all(outgoing(*crowd), edge.deliver, lambda event, reason: None, 8) == 240
    assert edge.most == 8
    hot = [int(event_id[1:]) for event_id in edge.done if int(event_id[1:]) < 40]
    assert hot == sorted(hot)
    assert edge.done.index("e39") > edge.done.index("e100")


async def test_what_temporal_does_not_take_is_refused_and_the_others_go_on() -> None:
    """The refusal of one is no reason to stop."""
    refused: list[str] = []

    async def choosy(event: Outgoing) -> None:
        if event.customer_id == "b":
            raise InputError("too long")

    def note(event: Outgoing, reason: str) -> None:
        refused.append(f"{event.customer_id}: {reason}")

    assert await send_all(outgoing("a", "b", "c", "b"), choosy, note, 2) == 2
    assert refused == ["b: too long", "b: too long"]


async def test_an_event_too_long_for_temporal_is_refused(stack: EmbeddedStack) -> None:
    """The server's own limit is told as what it is: something about this event."""
    client = await connect({"target_host": stack.temporal_address})
    event = checked(
        "too-long",
        {"event_id": "e", "name": "checked_in", "occurred_at": A_MINUTE_AGO, "data": {"x": "y" * 3_000_000}},
        TOLERANCE,
    )
    with pytest.raises(InputError, match="Temporal does not take it .*: shorten its data"):
        await deliver(client, event)


async def test_a_long_file_never_sits_in_memory(tmp_path: Path) -> None:
    """Thirty megabytes go through reader, checks, line and senders in less than eight."""
    file, padding = tmp_path / "events.csv", "x" * 8_000
    with file.open("w") as lines:
        lines.write("customer_id,name,occurred_at,note\n")
        for number in range(4_000):
            lines.write(f"C-{number % 1_000},checked_in,2026-11-02T09:00:00Z,{number}{padding}\n")

    async def taken(event: Outgoing) -> None:
        await asyncio.sleep(0)

    tracemalloc.start()
    try:
        with open_table(file, needed=()) as table, Rejects(file) as rejects:
            events = events_of(table, rejects, TOLERANCE, lambda position: None)
            assert await send_all(events, taken, lambda event, reason: None, 8) == 4_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.stat().st_size > 30_000_000
    assert peak < 8_000_000


async def test_nothing_is_kept_of_a_row_that_is_done(tmp_path: Path) -> None:
    """Whoever it was of and whatever became of it: so a file may have millions of lines."""
    file = tmp_path / "events.csv"
    with file.open("w") as lines:
        lines.write("customer_id,event_id,name,occurred_at\n")
        for number in range(5_000):
            name = "checked_in" if number % 5 else "chequed_in"
            lines.write(f"C-{number},event-{number},{name},2026-11-02T09:00:00Z\n")
    held: list[int] = []

    async def taken(event: Outgoing) -> None:
        await asyncio.sleep(0)
        if event.argument["event_id"] in ("event-1001", "event-4001"):
            held.append(tracemalloc.get_traced_memory()[0])
        if event.customer_id.endswith("9"):
            raise InputError("too long")

    tracemalloc.start()
    try:
        with open_table(file, needed=()) as table, Rejects(file) as rejects:
            events = events_of(table, rejects, TOLERANCE, lambda position: None)
            refused = rejects.add
            await send_all(events, taken, lambda event, reason: refused(event.row, reason) if event.row else None, 8)
            assert rejects.count == 1_500
    finally:
        tracemalloc.stop()
    assert held[1] - held[0] < 3_000 * 20


async def test_a_temporal_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    """Killed and started again in the middle of a file: every event is sent, and nobody is asked to do anything."""
    async with EmbeddedStack(tmp_path / "state") as stack:
        client = await connect({"target_host": stack.temporal_address, "retry_config": QUICK})
        taken = 0

        async def kill_in_the_middle(event: Outgoing) -> None:
            nonlocal taken
            taken += 1
            if taken == 5:
                os.kill(stack.temporal.pid or 0, 9)
                await stack.temporal.wait()
                await stack.temporal.start()
            await deliver(client, event)

        events = outgoing(*(f"c{number}" for number in range(20)))
        assert await send_all(events, kill_in_the_middle, lambda event, reason: None, 4) == 20


async def test_a_temporal_that_is_gone_for_good_ends_the_command_with_how_far_it_came(
    world: Live, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, how many were sent and up to which line; the same file again, with Temporal there, is once."""
    amy, file = world.customer("amy"), tmp_path / "events.csv"
    rows = [f"{amy},checked_in,2026-11-02T09:{number:02}:00Z" for number in range(30)]
    file.write_text("\n".join(["customer_id,name,occurred_at", *rows]))
    handed_over = 0

    async def goes_away(client: Any, event: Outgoing, patience: timedelta = PATIENCE) -> None:
        nonlocal handed_over
        handed_over += 1
        if handed_over > 10:
            raise EngineError("Temporal does not answer any more (UNAVAILABLE): start it, or correct TEMPORAL_ADDRESS.")
        await deliver(client, event, patience)

    with monkeypatch.context() as patched:
        patched.setattr("cli.events.deliver", goes_away)
        ran = await run("events", file)
    assert ran.code == 2
    assert "start it, or correct TEMPORAL_ADDRESS. 10 events were sent, among them all before line 12." in ran.err
    assert "Run the command again when that is done: what was sent counts once." in ran.err
    assert (await run("events", file)).out == "30 events sent, 0 rejected.\n"
    await recorded(world, 30)
    await world.settled(amy)
    assert len(await recorded(world, 30)) == 30


async def test_a_server_that_stays_away_is_given_up() -> None:
    """After its patience, a delivery says that Temporal does not answer any more."""
    async with EmbeddedStack() as stack:
        client = await connect({"target_host": stack.temporal_address, "retry_config": QUICK})
        os.kill(stack.temporal.pid or 0, 9)
        await stack.temporal.wait()
        give_up = partial(deliver, client, patience=timedelta(seconds=0.5))
        with pytest.raises(EngineError, match="does not answer any more .*0 events were sent"):
            await send_all(outgoing("a", "b"), give_up, lambda event, reason: None, 2)
