"""`starter.py set-customer`: one customer changed by a person, with a reason, by the rules of a file."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from cli.customer_rows import COLUMNS
from cli.set_customer import HELP
from tests.cli.conftest import Books, Sojourn

BY = ("--reason", "letter of 2 March", "--actor", "li.na")
ASSESSED = ("--risk-class", "C3", "--assessed-at", "2026-03-02T09:30:00+08:00")


@pytest.fixture
def known(sojourn: Sojourn, books: Books) -> Books:
    """A customer who is in the books."""
    books.write("INSERT INTO customer (customer_id) VALUES ('C-1')")
    return books


def test_what_a_person_says_is_written_like_a_row_of_a_file(sojourn: Sojourn, known: Books) -> None:
    """Facts and books alike; the version goes up, so that what a gate is just judging is judged again."""
    options = ("--zone", "Europe/Paris", "--opt-out", "all", "--consent-withdrawn", "marketing:inbox;education:sms")
    more = ("--consent-text-version", "2026-03", "--suppression", "legal", "--address-wechat", "oABC", "--tags", "vip")
    ran = sojourn("set-customer", "C-1", *options, *more, *ASSESSED, *BY)
    said = "zone, risk_class, tags, address_wechat, consent_withdrawn, opt_out, suppression"
    assert (ran.code, ran.err, ran.out) == (0, "", f"C-1: changed {said}.\n")
    assert known.rows("SELECT zone, risk_class, assessed_at, tags FROM customer") == [
        ("Europe/Paris", "C3", datetime(2026, 3, 2, 1, 30, tzinfo=UTC), ["vip"])
    ]
    assert known.rows("SELECT message_class, given, source, text_version FROM consent ORDER BY 1") == [
        ("education", False, "set-customer by li.na", "2026-03"),
        ("marketing", False, "set-customer by li.na", "2026-03"),
    ]
    assert known.rows("SELECT scope, active, source, at > now() - interval '1 hour' FROM opt_out") == [
        ("all", True, "set-customer by li.na", True)
    ]
    assert known.rows("SELECT reason, active FROM suppression") == [("legal", True)]
    assert known.rows("SELECT source FROM risk_assessment") == [("set-customer by li.na",)]
    assert known.value("SELECT version FROM customer") > 0


def test_the_audit_has_who_why_and_which_fields_but_no_values(
    sojourn: Sojourn, known: Books, caplog: pytest.LogCaptureFixture
) -> None:
    """`why` shows it among the commands; nothing of it is in a log."""
    with caplog.at_level(logging.DEBUG):
        sojourn("set-customer", "C-1", "--tags", "heiress", "--opt-out", "marketing", *BY)
    assert known.rows("SELECT actor, command, subject, reason, before, after FROM audit") == [
        (
            *("li.na", "set-customer", "C-1", "letter of 2 March", {}),
            {"fields": ["tags", "opt_out"], "told": "changed tags, opt_out"},
        )
    ]
    assert "heiress" not in caplog.text
    shown = sojourn("why", "C-1").out
    assert "set-customer" in shown
    assert "changed tags, opt_out" in shown


def test_evidence_that_is_given_stands_instead_of_the_command(sojourn: Sojourn, known: Books) -> None:
    """A letter has its own date."""
    evidence = ("--opt-out-source", "letter", "--opt-out-at", "2026-03-01T00:00:00Z")
    assert sojourn("set-customer", "C-1", "--opt-out", "sms", *evidence, *BY).code == 0
    assert known.rows("SELECT scope, source, at FROM opt_out") == [("sms", "letter", datetime(2026, 3, 1, tzinfo=UTC))]


def test_nothing_is_written_when_it_stands_like_that_already(sojourn: Sojourn, known: Books) -> None:
    """Neither version nor audit."""
    ran = sojourn("set-customer", "C-1", "--language", "zh-CN", *BY)
    assert (ran.code, ran.out) == (0, "C-1: nothing to change, the books say so already.\n")
    assert known.value("SELECT version FROM customer") == 0
    assert known.value("SELECT count(*) FROM audit") == 0


WRONG = [
    (("C-9", "--language", "en"), "there is no customer 'C-9'"),
    (("13812345678", "--language", "en"), "looks like a phone or identity number"),
    (("C-1",), "nothing is said: give at least one option, as --opt-out marketing"),
    (("C-1", "--opt-out-source", "letter"), "nothing is said: give at least one option"),
    (("C-1", "--language", "fr"), "--language: Input should be 'zh-CN' or 'en'"),
    (("C-1", "--zone", "Asia/Peking"), "--zone: is no IANA time zone"),
    (("C-1", "--opt-out", "fax"), "--opt-out: is no scope"),
    (("C-1", "--opt-out", "all", "--opt-out-at", "yesterday"), "--opt-out-at: write the date, the time and the offset"),
    (("C-1", "--consent", "marketing:inbox"), "consent is given without --consent-text-version"),
    (("C-1", "--risk-class", "C3"), "--risk-class needs --assessed-at: say when the assessment was made"),
    (("C-1", "--address-wechat", "13812345678"), "--address-wechat: looks like a phone number"),
    (("C-1", "--address-sms", "13812345678"), "No such option '--address-sms'"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_a_mistake_changes_nothing_and_is_told_in_one_line(
    sojourn: Sojourn, known: Books, arguments: tuple[str, ...], said: str
) -> None:
    """In the words of the options; the exit code is 2."""
    ran = sojourn("set-customer", *arguments, *BY)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "13812345678" not in ran.err
    assert known.rows("SELECT customer_id, version FROM customer") == [("C-1", 0)]
    assert known.value("SELECT count(*) FROM audit") == 0


def test_a_reason_is_needed(sojourn: Sojourn, known: Books) -> None:
    """As for every command that a person gives."""
    assert "--reason" in sojourn("set-customer", "C-1", "--language", "en").err
    assert sojourn("set-customer", "C-1", "--language", "en", "--reason", " ").code == 2


def test_there_is_an_option_for_every_column_of_a_file() -> None:
    """What a file can say, a person can."""
    assert list(HELP) == [column for column in COLUMNS if column != "customer_id"]


def test_a_suppression_may_be_said_in_short(sojourn: Sojourn, known: Books) -> None:
    """`--suppress` is `--suppression`."""
    assert sojourn("set-customer", "C-1", "--suppress", "deceased", *BY).code == 0
    assert known.rows("SELECT reason FROM suppression") == [("deceased",)]
