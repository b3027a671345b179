"""`starter.py recall`: a text that must not leave any more."""

from __future__ import annotations

import json

from journeys.names import TemplateName
from journeys.templates import templates
from tests.cli.conftest import Books, Sojourn

WELCOME = templates()[TemplateName("welcome")].content_hash()
RECALLED = "SELECT template, content_hash, reason, recalled_by FROM template_recall ORDER BY recall_id"


def test_a_template_is_recalled_with_all_its_contents(sojourn: Sojourn, books: Books) -> None:
    """It is written down, audited, and said."""
    ran = sojourn("recall", "welcome", "--reason", "wrong date", "--actor", "li")
    assert (ran.code, ran.out) == (0, "welcome is recalled: from the next gate on, nobody is sent it.\n")
    assert books.rows(RECALLED) == [("welcome", None, "wrong date", "li")]
    (row,) = books.rows("SELECT actor, command, subject, reason, after FROM audit")
    assert row == ("li", "recall", "welcome", "wrong date", {"recall_id": 1, "content_hash": None})


def test_one_content_is_recalled_by_the_beginning_of_its_hash(sojourn: Sojourn, books: Books) -> None:
    """As `why` shows it."""
    ran = sojourn("recall", "welcome", "--content", WELCOME[:10], "--reason", "wrong date")
    assert f"welcome with content {WELCOME[:12]} is recalled" in ran.out
    assert books.rows(RECALLED)[0][1] == WELCOME


def test_what_is_recalled_already_is_said_so(sojourn: Sojourn, books: Books) -> None:
    """One content after all of them adds nothing; all of them after one content does."""
    sojourn("recall", "welcome", "--content", WELCOME, "--reason", "wrong date")
    assert sojourn("recall", "welcome", "--reason", "wrong everywhere").code == 0
    ran = sojourn("recall", "welcome", "--content", WELCOME, "--reason", "again")
    assert ran.code == 2
    assert "welcome is recalled already, since" in ran.err
    assert " CST by " in ran.err
    assert len(books.rows(RECALLED)) == 2


def test_a_name_or_a_content_that_there_is_not_recalls_nothing(sojourn: Sojourn, books: Books) -> None:
    """Somebody in a hurry must not believe that it is stopped."""
    assert "there is no template 'welcom'" in sojourn("recall", "welcom", "--reason", "x").err
    ran = sojourn("recall", "welcome", "--content", "xyz", "--reason", "x")
    assert "no content begins with 'xyz'; there are " in ran.err
    assert WELCOME[:12] in ran.err
    assert books.rows(RECALLED) == []


def test_recalls_are_listed(sojourn: Sojourn, books: Books) -> None:
    """For people and for programs; the newest first."""
    assert sojourn("recalls").out == "No template is recalled.\n"
    sojourn("recall", "welcome", "--reason", "wrong date", "--actor", "li")
    listed = sojourn("recalls").out
    assert "welcome" in listed
    assert "wrong date" in listed
    (one,) = json.loads(sojourn("recalls", "--json").out)
    assert (one["template"], one["content_hash"], one["recalled_by"]) == ("welcome", None, "li")
