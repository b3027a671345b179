"""`starter.py receipts`: what became of messages, from a provider that hands in files."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pytest

from activities.database import connect
from embedded import EmbeddedStack
from tests.activities.touches import SENT, put_touch
from tests.cli.conftest import Books, Sojourn
from tests.web.test_receipts import signals

AT = SENT.isoformat()
HEADER = "channel,receipt_id,kind,at,key,permanent,scope\n"


@pytest.fixture
def key(database_url: str) -> str:
    """A message in doubt, by its key."""

    async def put() -> str:
        connection = await connect(database_url)
        try:
            return await put_touch(connection, "in_doubt", customer="from-a-file")
        finally:
            await connection.close()

    return asyncio.run(put())


@pytest.fixture
def command(sojourn: Sojourn, stack: EmbeddedStack, bare_environment: pytest.MonkeyPatch) -> Sojourn:
    """The command beside Temporal; its events go to a queue that nobody works on."""
    bare_environment.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    bare_environment.setenv("SOJOURN_ENVIRONMENT", "embedded")
    bare_environment.setattr("cli.sending.TASK_QUEUE", "nobody")
    return sojourn


def told(stack: EmbeddedStack) -> list[dict[str, Any]]:
    """The events of the one customer's workflow."""
    return asyncio.run(signals(stack, "from-a-file"))


def test_a_file_settles_refuses_and_tells_and_the_same_again_changes_nothing(
    command: Sojourn, books: Books, stack: EmbeddedStack, key: str, tmp_path: Path
) -> None:
    """A delivery and a bounce as CSV; an empty cell says nothing."""
    file = tmp_path / "receipts.csv"
    file.write_text(f"{HEADER}app_push,r-1,delivered,{AT},{key},,\napp_push,r-2,bounced,{AT},{key},yes,\n")
    ran = command("receipts", file)
    assert (ran.code, ran.out) == (0, "2 rows taken, 0 rejected: 2 receipts are new.\n")
    assert books.rows("SELECT outcome FROM touch") == [("sent",)]
    assert books.rows("SELECT kind, permanent, source FROM receipt ORDER BY receipt_id") == [
        ("delivered", False, "file receipts.csv"),
        ("bounced", True, "file receipts.csv"),
    ]
    again = command("receipts", file)
    assert (again.code, again.out) == (0, "2 rows taken, 0 rejected: 0 receipts are new.\n")
    events = {event["event_id"]: event["name"] for event in told(stack)}
    assert list(events.values()) == ["message_bounced"]


def test_what_cannot_be_taken_is_written_down_with_its_line_and_its_reason(
    command: Sojourn, books: Books, key: str, tmp_path: Path
) -> None:
    """JSON Lines; the good ones are taken, and the exit code is 1."""
    file = tmp_path / "receipts.jsonl"
    good = {"channel": "app_push", "receipt_id": "r-1", "kind": "delivered", "at": AT, "key": key}
    changes: list[dict[str, Any]] = [
        {},
        {"receipt_id": "r-2", "kind": "seen"},
        {"receipt_id": "r-3", "key": "C-9/guide/1/welcome/1"},
        {"kind": "opened"},
        {"receipt_id": "r-4", "colour": "red"},
    ]
    file.write_text("".join(json.dumps({**good, **change}) + "\n" for change in changes))
    ran = command("receipts", file)
    assert (ran.code, ran.out) == (1, "1 row taken, 4 rejected: 1 receipt is new.\n")
    with open(f"{file}.rejects.csv", encoding="utf-8-sig", newline="") as stream:
        rejects = {line: reason for line, reason, _ in list(csv.reader(stream))[1:]}
    assert sorted(rejects) == ["2", "3", "4", "5"]
    assert rejects["2"].startswith("kind: ")
    assert "no message of this channel" in rejects["3"]
    assert "seen before with other content" in rejects["4"]
    assert "colour" in rejects["5"]
    assert books.value("SELECT count(*) FROM receipt") == 1


def test_a_file_with_a_column_that_nothing_reads_is_refused(command: Sojourn, tmp_path: Path) -> None:
    """A misspelled `permanent` would be a bounce that never counts."""
    file = tmp_path / "receipts.csv"
    file.write_text("channel,receipt_id,kind,at,key,permanant\n")
    ran = command("receipts", file)
    assert (ran.code, "did you mean 'permanent'" in ran.err) == (2, True)
