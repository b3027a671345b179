"""`starter.py brake`: the stop button, as it is pressed and as the gates see it."""

from __future__ import annotations

import json

import pytest

from activities.brakes import list_brakes
from journeys.names import Channel, JourneyName
from rules.gates import Brake, BrakeMode
from tests.cli.conftest import Books, Sojourn

AUDIT = "SELECT actor, command, subject, reason, before, after FROM audit ORDER BY audit_id"


def brakes_on(books: Books) -> list[Brake]:
    """The brakes that are on, as the gates take them."""
    return [each.brake for each in books.use(list_brakes)]


def test_a_brake_is_seen_by_the_next_gate(sojourn: Sojourn, books: Books) -> None:
    """It stops what it names and nothing else, and the command says what will happen."""
    ran = sojourn("brake", "on", "--journey", "win-back", "--channel", "inbox", "--mode", "drop", "--reason", "offer")
    assert ran.code == 0
    assert "The brake on journey=win-back channel=inbox is on" in ran.out
    assert "withheld for good" in ran.out
    assert brakes_on(books) == [Brake(BrakeMode.DROP, "offer", journey=JourneyName("win-back"), channel=Channel.INBOX)]


def test_a_brake_with_nothing_named_stops_everything(sojourn: Sojourn, books: Books) -> None:
    """`brake on` alone is the big button."""
    assert "on everything is on" in sojourn("brake", "on", "--mode", "hold", "--reason", "incident").out
    assert brakes_on(books) == [Brake(BrakeMode.HOLD, "incident")]


def test_on_twice_is_refused_with_who_and_when(sojourn: Sojourn, books: Books) -> None:
    """The second press changes nothing; the other mode is another brake, so that a hold can become a drop."""
    press = ("brake", "on", "--template", "welcome", "--reason", "typo", "--actor", "li")
    assert sojourn(*press, "--mode", "hold").code == 0
    ran = sojourn(*press, "--mode", "hold")
    assert ran.code == 2
    assert "the brake on template=welcome (hold) is on already" in ran.err
    assert "by li" in ran.err
    assert sojourn(*press, "--mode", "drop").code == 0
    assert len(brakes_on(books)) == 2


def test_off_releases_exactly_the_matching_brake(sojourn: Sojourn, books: Books) -> None:
    """A wider brake stays, and is named."""
    sojourn("brake", "on", "--journey", "win-back", "--mode", "hold", "--reason", "a")
    sojourn("brake", "on", "--mode", "hold", "--reason", "b")
    ran = sojourn("brake", "off", "--journey", "win-back", "--reason", "mended")
    assert ran.code == 0
    assert "The brake on journey=win-back (hold) is off" in ran.out
    assert "Still on: everything (hold)." in ran.out
    assert brakes_on(books) == [Brake(BrakeMode.HOLD, "b")]


def test_off_releases_both_modes_unless_one_is_named(sojourn: Sojourn, books: Books) -> None:
    """`--mode` picks one of two brakes on the same thing."""
    for mode in ("hold", "drop", "hold"):
        sojourn("brake", "on", "--mode", mode, "--reason", "a")
    assert sojourn("brake", "off", "--mode", "hold", "--reason", "a").code == 0
    assert [brake.mode for brake in brakes_on(books)] == ["drop"]
    sojourn("brake", "on", "--mode", "hold", "--reason", "a")
    assert sojourn("brake", "off", "--reason", "a").code == 0
    assert brakes_on(books) == []


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("hold", "(hold) is off: what it held goes on within 20 minutes, or after quiet hours."),
        ("drop", "(drop) is off: what it withheld stays withheld, what comes now may go."),
    ],
)
def test_off_says_what_becomes_of_what_was_stopped(sojourn: Sojourn, books: Books, mode: str, said: str) -> None:
    """A drop gives nothing back."""
    sojourn("brake", "on", "--mode", mode, "--reason", "a")
    assert said in sojourn("brake", "off", "--reason", "b").out


def test_off_says_when_no_brake_matches(sojourn: Sojourn, books: Books) -> None:
    """It names what is on, so that the right one can be taken off."""
    assert "nothing was released; on now: none" in sojourn("brake", "off", "--reason", "a").err
    sojourn("brake", "on", "--journey", "win-back", "--mode", "hold", "--reason", "a")
    ran = sojourn("brake", "off", "--channel", "inbox", "--reason", "b")
    assert ran.code == 2
    assert "no brake on channel=inbox is on, so nothing was released; on now: journey=win-back (hold)" in ran.err
    assert len(brakes_on(books)) == 1


def test_every_press_is_audited(sojourn: Sojourn, books: Books) -> None:
    """Who, what, why, before and after; a refused press leaves no trace of a change."""
    sojourn("brake", "on", "--channel", "app_push", "--mode", "hold", "--reason", "outage", "--actor", "li")
    sojourn("brake", "on", "--channel", "app_push", "--mode", "hold", "--reason", "outage", "--actor", "wang")
    sojourn("brake", "off", "--channel", "app_push", "--reason", "mended", "--actor", "wang")
    state = {"mode": "hold", "reason": "outage", "brake_id": 1}
    assert books.rows(AUDIT) == [
        ("li", "brake on", "channel=app_push", "outage", {}, state),
        ("wang", "brake off", "channel=app_push", "mended", state, {}),
    ]


def test_the_actor_is_the_user_of_the_machine_unless_named(sojourn: Sojourn, books: Books) -> None:
    """An audit without a name is no audit."""
    sojourn("brake", "on", "--mode", "hold", "--reason", "a")
    assert books.value("SELECT actor <> '' FROM audit")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--journey", "winback"), "there is no journey 'winback': the journeys are growth-nudges, mature-service,"),
        (("--template", "welcom"), "there is no template 'welcom': the templates are adviser-is-there,"),
        (("--channel", "fax"), "there is no channel 'fax': the channels are app_push, inbox"),
        (("--reason", " "), "--reason is empty"),
        (("--mode", "stop"), "'stop' is not one of 'hold', 'drop'"),
    ],
)
def test_what_does_not_exist_cannot_be_braked(
    sojourn: Sojourn, books: Books, arguments: tuple[str, ...], said: str
) -> None:
    """A brake on a misspelled name would stop nothing and look as if it did."""
    ran = sojourn("brake", "on", "--mode", "hold", "--reason", "a", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert books.value("SELECT count(*) FROM brake") == 0


def test_the_brakes_that_are_on_are_listed(sojourn: Sojourn) -> None:
    """A table for people, JSON for programs, a sentence when there is none."""
    assert sojourn("brake", "list").out == "No brake is on.\n"
    sojourn("brake", "on", "--journey", "win-back", "--mode", "hold", "--reason", "客户投诉", "--actor", "li")
    table = sojourn("brake", "list").out
    assert all(word in table for word in ("journey=win-back", "hold", "客户投诉", "li", "CST"))
    (listed,) = json.loads(sojourn("brake", "list", "--json").out)
    assert (listed["journey"], listed["template"], listed["mode"], listed["set_by"]) == ("win-back", None, "hold", "li")
