"""`starter.py customers`: who customers are to the gates, from a spreadsheet or a program."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from errors import InputError
from tests.cli.conftest import Books, Sojourn

HEADER = (
    "customer_id,zone,language,risk_class,tags,reachable_app_push,reachable_inbox,consent,consent_withdrawn,"
    "consent_source,consent_text_version,consent_at,opt_out,opt_out_lifted,opt_out_source,opt_out_at\n"
)
WHOLE = (
    "C-1,Asia/Urumqi,en,C3,b; a,no,yes,marketing:inbox;education:app_push,advice:inbox,"
    "app,2026-03,2026-03-02T09:30:00+08:00,all,marketing,call centre,2026-04-02T09:30:00+08:00\n"
)
NESTED = {
    "customer_id": "C-1",
    "zone": "Asia/Urumqi",
    "language": "en",
    "risk_class": "C3",
    "tags": ["b", "a"],
    "reachable": {"app_push": False, "inbox": True},
    "consents": [
        {"class": each, "channel": channel, "given": given, **evidence}
        for evidence in [{"source": "app", "text_version": "2026-03", "at": "2026-03-02T09:30:00+08:00"}]
        for each, channel, given in [
            ("marketing", "inbox", True),
            ("education", "app_push", True),
            ("advice", "inbox", False),
        ]
    ],
    "opt_outs": [
        {"scope": scope, "active": active, "source": "call centre", "at": "2026-04-02T09:30:00+08:00"}
        for scope, active in [("all", True), ("marketing", False)]
    ],
}
AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def rejects(file: Path) -> list[tuple[str, str]]:
    """Line number and reason of each reject."""
    with file.with_name(f"{file.name}.rejects.csv").open(encoding="utf-8-sig", newline="") as stream:
        return [(line, reason) for line, reason, _ in list(csv.reader(stream))[1:]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


@pytest.mark.parametrize("content", [HEADER + WHOLE, json.dumps(NESTED)])
def test_everything_a_file_says_is_in_the_books(sojourn: Sojourn, books: Books, file: Path, content: str) -> None:
    """The flat row of a spreadsheet and the nested object of a program say the same."""
    file.write_text(content)
    ran = sojourn("customers", file)
    assert ran.code == 0
    assert ran.out == "1 row taken, 0 rejected: 1 customer changed, 1 of them new.\n"
    assert books.rows("SELECT version, zone, language, risk_class, tags FROM customer") == [
        (1, "Asia/Urumqi", "en", "C3", ["a", "b"])
    ]
    assert books.rows("SELECT channel, reachable FROM reachability ORDER BY 1") == [
        ("app_push", False),
        ("inbox", True),
    ]
    assert books.rows("SELECT message_class, channel, given, source, text_version, at FROM consent ORDER BY 1") == [
        ("advice", "inbox", False, "app", "2026-03", AT),
        ("education", "app_push", True, "app", "2026-03", AT),
        ("marketing", "inbox", True, "app", "2026-03", AT),
    ]
    assert books.rows("SELECT scope, active, source FROM opt_out ORDER BY 1") == [
        ("all", True, "call centre"),
        ("marketing", False, "call centre"),
    ]


def test_the_same_file_again_changes_nothing(sojourn: Sojourn, books: Books, file: Path) -> None:
    """Neither a row nor a version: a touch that was judged before stays judged."""
    file.write_text(HEADER + WHOLE + "C-2,,,,,,,,,,,,,,,\n")
    sojourn("customers", file)
    before = books.rows("SELECT customer_id, version, xmin::text FROM customer ORDER BY 1")
    assert sojourn("customers", file).out == "2 rows taken, 0 rejected: 0 customers changed, 0 of them new.\n"
    assert books.rows("SELECT customer_id, version, xmin::text FROM customer ORDER BY 1") == before
    assert books.value("SELECT count(*) FROM consent") == 3


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("zone", "Europe/Paris"),
        ("language", "zh-CN"),
        ("risk_class", "C1"),
        ("tags", "c"),
        ("tags", "-"),
        ("reachable_inbox", "no"),
    ],
)
def test_each_change_raises_the_version_once(
    sojourn: Sojourn, books: Books, file: Path, column: str, cell: str
) -> None:
    """A claim that was prepared on the old facts notices."""
    file.write_text(HEADER + WHOLE)
    sojourn("customers", file)
    file.write_text(f"customer_id,{column}\nC-1,{cell}\n")
    assert "1 customer changed, 0 of them new" in sojourn("customers", file).out
    assert books.value("SELECT version FROM customer") == 2


def test_an_empty_cell_leaves_things_as_they_are(sojourn: Sojourn, books: Books, file: Path) -> None:
    """A file with one column filled changes that one only; a hyphen clears the tags."""
    file.write_text(HEADER + WHOLE)
    sojourn("customers", file)
    file.write_text("customer_id,zone,risk_class,tags\nC-1,,C4,-\n")
    sojourn("customers", file)
    assert books.rows("SELECT zone, language, risk_class, tags FROM customer") == [("Asia/Urumqi", "en", "C4", [])]


def test_the_rows_of_one_customer_are_taken_in_the_order_of_the_file(
    sojourn: Sojourn, books: Books, file: Path
) -> None:
    """The last row stands, however many there are in one batch."""
    file.write_text("customer_id,risk_class\nC-1,C1\nC-2,C1\nC-1,C2\nC-1,C3\n")
    assert "4 rows taken" in sojourn("customers", file).out
    assert books.rows("SELECT customer_id, risk_class, version FROM customer ORDER BY 1") == [
        ("C-1", "C3", 3),
        ("C-2", "C1", 1),
    ]


WRONG = [
    ("13812345678,,,,,,,,,,,,,,,", "'13…78' looks like a phone or identity number"),
    ("C 1,,,,,,,,,,,,,,,", "is not a customer id"),
    ("C-1,Asia/Peking,,,,,,,,,,,,,,", "zone: is no IANA time zone: write one as Asia/Shanghai"),
    ("C-1,,fr,,,,,,,,,,,,,", "language: Input should be 'zh-CN' or 'en'"),
    ("C-1,,,C6,,,,,,,,,,,,", "risk_class: Input should be 'C1'"),
    ("C-1,,,,,perhaps,,,,,,,,,,", "reachable_app_push: Input should be a valid boolean"),
    ("C-1,,,,,,,marketing,,app,1,2026-03-02T09:30:00Z,,,,", "write the class and the channel"),
    ("C-1,,,,,,,marketing:fax,,app,1,2026-03-02T09:30:00Z,,,,", "consent: Input should be 'app_push', 'inbox',"),
    ("C-1,,,,,,,marketing:inbox,,,1,2026-03-02T09:30:00Z,,,,", "consent is given without consent_source"),
    ("C-1,,,,,,,marketing:inbox,,app,1,2026-03-02T09:30:00,,,,", "consent_at: write the date, the time and the"),
    ("C-1,,,,,,,marketing:inbox,,app,1,1989-03-02T09:30:00Z,,,,", "consent_at: is before 1990"),
    ("C-1,,,,,,,marketing:inbox,,app,1,2999-03-02T09:30:00Z,,,,", "consent_at: is in the future"),
    ("C-1,,,,,,,marketing:inbox,,app,1,1772443800,,,,", "consent_at: write the date"),
    ("C-1,,,,,,,marketing:inbox;marketing:inbox,,a,1,2026-03-02T09:30:00Z,,,,", "says the same consent"),
    ("C-1,,,,,,,,,,,,fax,,app,2026-03-02T09:30:00Z", "opt_out: is no scope: write one of marketing, all, app_push"),
    ("C-1,,,,,,,,,,,,all,,app,", "opt_out is given without opt_out_at"),
]


def test_a_row_that_does_not_fit_is_rejected_and_the_others_are_taken(
    sojourn: Sojourn, books: Books, file: Path
) -> None:
    """Line number and reason are in the rejects, the exit code is 1, and nothing of such a row is written."""
    file.write_text(HEADER + "".join(f"{row}\n" for row, _ in WRONG) + "C-2,,,,,,,,,,,,,,,\n")
    ran = sojourn("customers", file)
    assert ran.code == 1
    assert f"1 row taken, {len(WRONG)} rejected" in ran.out
    assert f"{len(WRONG)} rows were rejected: see " in ran.err
    for number, ((line, said), (_, reason)) in enumerate(zip(rejects(file), WRONG, strict=True), start=2):
        assert line == str(number)
        assert reason in said
    assert books.rows("SELECT customer_id FROM customer") == [("C-2",)]


def test_another_word_at_the_same_time_is_on_record_beside_the_first(
    sojourn: Sojourn, books: Books, file: Path
) -> None:
    """The book is never changed: what contradicts it stands there, too, and the same with other evidence is known."""
    file.write_text(HEADER + WHOLE)
    sojourn("customers", file)
    other = WHOLE.replace("marketing:inbox;education:app_push,", "advice:inbox,").replace(",advice:inbox,app", ",,app")
    file.write_text(HEADER + other + WHOLE.replace("call centre", "letter") + WHOLE)
    ran = sojourn("customers", file)
    assert (ran.code, ran.out) == (0, "3 rows taken, 0 rejected: 1 customer changed, 0 of them new.\n")
    assert books.rows("SELECT given FROM consent WHERE message_class = 'advice' ORDER BY 1") == [(False,), (True,)]
    assert books.rows("SELECT DISTINCT source FROM opt_out") == [("call centre",)]


def test_an_assessment_is_told_as_a_whole(sojourn: Sojourn, books: Books, file: Path) -> None:
    """An older one changes nothing, and neither does a class without its date, of which the import says so."""
    header = "customer_id,risk_class,assessed_at,assessed_until\n"
    file.write_text(f"{header}C-1,C3,2026-03-02T09:30:00+08:00,2027-03-02T09:30:00+08:00\n")
    sojourn("customers", file)
    file.write_text(f"{header}C-1,C5,2025-03-02T09:30:00+08:00,\nC-1,C3,,\n")
    sojourn("customers", file)
    stands = "SELECT risk_class, assessed_at, assessed_until IS NOT NULL FROM customer"
    assert books.rows(stands) == [("C3", AT, True)]
    file.write_text(f"{header}C-1,C4,,\n")
    assert sojourn("customers", file).err == (
        "warning: 1 row without assessed_at beside risk_class: no product is shown on such a class, and a dated one"
        " stands before it, however old.\n"
    )
    assert books.rows(stands) == [("C3", AT, True)]
    at, until = "2026-03-02T09:30:00+08:00", "2027-03-02T09:30:00+08:00"
    file.write_text(f"{header}C-1,,{at},\nC-1,,,{until}\nC-1,C4,,{until}\n")
    assert sojourn("customers", file).code == 1
    assert [reason for _, reason in rejects(file)] == [
        "the row: assessed_at is of an assessment: give risk_class with it",
        "the row: lowest_class and assessed_until are of a class: give risk_class with them",
        "the row: assessed_until is of an assessment with a date: give assessed_at with it",
    ]


def test_a_misspelled_field_is_no_consent_lost(sojourn: Sojourn, file: Path) -> None:
    """An unknown column refuses the file, an unknown field of JSON its row."""
    file.write_text("customer_id,consnet\nC-1,marketing:inbox\n")
    ran = sojourn("customers", file)
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean 'consent'?" in ran.err
    file.write_text('{"customer_id": "C-1", "consent": []}')
    assert sojourn("customers", file).code == 1
    assert rejects(file) == [("1", "consent: Extra inputs are not permitted")]


def test_rejects_go_where_they_are_wanted(sojourn: Sojourn, file: Path, tmp_path: Path) -> None:
    """`--rejects` names the place."""
    file.write_text("customer_id\nC 1\n")
    assert sojourn("customers", file, "--rejects", tmp_path / "bad.csv").code == 1
    assert (tmp_path / "bad.csv").exists()
    assert sojourn("customers", file, "--rejects", file).code == 2


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "There is no database: set DATABASE_URL"),
        ("postgresql://me:secret@127.0.0.1:1/x", "127.0.0.1:1/x cannot be reached"),
    ],
)
def test_without_a_database_nothing_runs(
    sojourn: Sojourn, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    """One sentence says what to do, the exit code is 2, and no password is shown."""
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("SOJOURN_STATE", str(tmp_path))
    file.write_text("customer_id\nC-1\n")
    ran = sojourn("customers", file)
    assert ran.code == 2
    assert said in ran.err
    assert "secret" not in ran.err


def test_a_database_without_our_schema_is_told_what_it_lacks(
    sojourn: Sojourn, empty_database_url: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that mends it is in the message."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    file.write_text("customer_id\nC-1\n")
    ran = sojourn("customers", file)
    assert ran.code == 2
    assert "run `starter.py migrate` first" in ran.err


def test_thousands_of_customers_are_loaded_batch_by_batch(sojourn: Sojourn, books: Books, file: Path) -> None:
    """Each with language, a channel and a consent."""
    header = "customer_id,language,reachable_inbox,consent,consent_source,consent_text_version,consent_at\n"
    consent = "marketing:inbox,app,2026-03,2026-03-02T09:30:00+08:00"
    file.write_text(header + "".join(f"C-{number},en,yes,{consent}\n" for number in range(2_500)))
    assert sojourn("customers", file).code == 0
    assert books.value("SELECT count(*) FROM consent") == 2_500


def test_input_errors_are_no_validation_errors() -> None:
    """An id is refused by the sentence of its own rule, not by a list of what a model expects."""
    from activities.customers import CustomerUpdate

    with pytest.raises(InputError, match="is not a customer id"):
        CustomerUpdate.model_validate({"customer_id": "a b"})
