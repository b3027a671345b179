"""`starter.py facts`: what the broker's own books say."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Books, Sojourn

OBJECTS: list[dict[str, object]] = [
    {"name": "deposit_made", "fact_id": "bus-1", "data": {"amount": "5000.00", "branch": "north"}},
    {"name": "live_stream_watched", "fact_id": "bus-2", "seconds": 130, "stream": "s-1"},
]
FACTS = "SELECT customer_id, name, occurred_at, fact_id, data FROM customer_fact ORDER BY fact_id"
AT = datetime(2026, 3, 5, 2, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "facts.csv"


@pytest.mark.parametrize(
    "content",
    [
        "customer_id,name,occurred_at,fact_id,amount,seconds,stream,branch\n"
        "C-1,deposit_made,2026-03-05T10:12:00+08:00,bus-1,5000.00,,,north\n"
        "C-1,live_stream_watched,2026-03-05T10:12:00+08:00,bus-2,,130,s-1,\n",
        "\n".join(
            json.dumps({"customer_id": "C-1", "occurred_at": "2026-03-05T02:12:00Z", **each}) for each in OBJECTS
        ),
    ],
)
def test_facts_are_kept_as_the_events_of_the_bus_would_be(
    sojourn: Sojourn, books: Books, file: Path, content: str
) -> None:
    """Columns or fields become the event's data, in its types, without its defaults; what the model lacks is kept."""
    file.write_text(content)
    ran = sojourn("facts", file)
    assert (ran.code, ran.out) == (0, "2 rows taken, 0 rejected: 2 facts are new.\n")
    assert books.rows(FACTS) == [
        ("C-1", "deposit_made", AT, "bus-1", {"amount": "5000.00", "branch": "north"}),
        ("C-1", "live_stream_watched", AT, "bus-2", {"seconds": 130, "stream": "s-1"}),
    ]


def test_a_fact_without_an_id_is_named_by_its_content(sojourn: Sojourn, books: Books, file: Path) -> None:
    """The same file again changes nothing; one instant in two zones is one; another amount is another fact."""
    file.write_text(
        "customer_id,name,occurred_at,amount\n"
        "C-1,deposit_made,2026-03-05T10:12:00+08:00,5.00\n"
        "C-1,deposit_made,2026-03-05T02:12:00Z,5.00\n"
        "C-1,deposit_made,2026-03-05T02:12:00Z,6.00\n"
    )
    assert "2 facts are new" in sojourn("facts", file).out
    assert sojourn("facts", file).out == "3 rows taken, 0 rejected: 0 facts are new.\n"
    assert books.value("SELECT count(*) FROM customer_fact WHERE fact_id ~ '^fact-[0-9a-f]{32}$'") == 2


def test_a_known_fact_is_not_rewritten(sojourn: Sojourn, books: Books, file: Path) -> None:
    """An id that comes again with other content is rejected, in a later file and in the same one."""
    file.write_text("customer_id,name,occurred_at,fact_id\nC-1,app_opened,2026-03-05T02:12:00Z,a\n")
    sojourn("facts", file)
    with file.open("a") as stream:
        stream.write("C-1,app_opened,2026-03-05T02:13:00Z,a\nC-2,app_opened,2026-03-05T02:12:00Z,a\n")
        stream.write("C-2,checked_in,2026-03-05T02:12:00Z,a\n")
    ran = sojourn("facts", file)
    assert (ran.code, ran.out) == (1, "2 rows taken, 2 rejected: 1 fact is new.\n")
    with file.with_name("facts.csv.rejects.csv").open(encoding="utf-8-sig") as stream:
        assert [row["line"] for row in csv.DictReader(stream)] == ["3", "5"]
    assert [row[:2] for row in books.rows(FACTS)] == [("C-1", "app_opened"), ("C-2", "app_opened")]


WRONG = [
    ("C-1,deposit,2026-03-05T10:12:00Z,,1", "name: is no event: the events are app_registered"),
    ("C-1,deposit_made,2026-03-05,,1", "occurred_at: write the date, the time and the offset"),
    ("C-1,deposit_made,2026-03-05T10:12:00+0800,,1", "occurred_at: write the date, the time and the offset"),
    ("C-1,deposit_made,2026-03-05t10:12:00z,,1", "occurred_at: write the date, the time and the offset"),
    ("C-1,deposit_made,2999-03-05T10:12:00Z,,1", "occurred_at: is in the future"),
    ("C-1,deposit_made,2026-03-05T10:12:00Z,,", "amount: is missing: give it"),
    ("C-1,deposit_made,2026-03-05T10:12:00Z,,-1", "amount: Input should be greater than or equal to 0"),
    ("C-1,deposit_made,2026-03-05T10:12:00Z,a b,1", "fact_id: is not 1 to 128 visible ASCII characters"),
    ("C-1,deposit_made,,,1", "has no occurred_at: add it"),
    ("110101199003071234,app_opened,2026-03-05T10:12:00Z,,1", "'11…34' looks like a phone or identity number"),
]


def test_a_fact_that_does_not_fit_is_rejected(sojourn: Sojourn, books: Books, file: Path) -> None:
    """With its line and its reason; the next row is taken."""
    wrong = "".join(f"{row}\n" for row, _ in WRONG)
    file.write_text(f"customer_id,name,occurred_at,fact_id,amount\n{wrong}C-2,app_opened,2026-03-05T10:12:00Z,,\n")
    assert sojourn("facts", file).code == 1
    with file.with_name("facts.csv.rejects.csv").open(encoding="utf-8-sig", newline="") as stream:
        rejected = list(csv.DictReader(stream))
    for number, (said, (_, reason)) in enumerate(zip(rejected, WRONG, strict=True), start=2):
        assert said["line"] == str(number)
        assert reason in said["reason"]
    assert [each[0] for each in books.rows(FACTS)] == ["C-2"]


def test_a_file_without_a_needed_column_is_refused(sojourn: Sojourn, file: Path) -> None:
    """The message names the column and what there is."""
    file.write_text("customer_id,name,date\nC-1,app_opened,2026-03-05\n")
    ran = sojourn("facts", file)
    assert ran.code == 2
    assert "lacks the column 'occurred_at' (its header has 'customer_id', 'name', 'date'): add it" in ran.err
