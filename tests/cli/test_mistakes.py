"""Mistakes in a journey's file, as they are told: with the place, in words of the language, and what was meant."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cli.edge import exit_code

ROOT = Path(__file__).parents[2]
FILE = ROOT / "journeys" / "trial.py"

BEGINNING = """from journeys.events import *
from journeys.language import *
import journeys.events as events
"""


def reading(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says that reads a journey's file with this text."""

    @click.command()
    def command() -> None:
        exec(compile(text, str(FILE), "exec"), {})

    assert exit_code(command, []) == 2
    return capsys.readouterr().err


def trial(**attributes: str) -> str:
    """A journey with some attributes as written."""
    given = {
        "name": '"trial"',
        "version": "1",
        "starts_on": "events.app_opened",
        "ends_after": "days(9)",
        "steps": '[send("welcome")]',
        **attributes,
    }
    return f"journey({', '.join(f'{name}={value}' for name, value in given.items())})"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (trial(holdout='"10"'), "journey 'trial': holdout takes percent, a whole number from 0 to 100, not '10'"),
        (trial(starts_on='"app_registered"'), "journey 'trial', starts_on: 'app_registered' is no event: import it"),
        (
            trial(exits_on='"account_closed"'),
            "journey 'trial', exits_on: 'account_closed' is no event: import it",
        ),
        (trial(version='"1"'), "journey 'trial': version takes a whole number from 1, not '1'"),
        (trial(ends_after="9"), "journey 'trial': ends_after takes a length of time, as in days(3), not 9"),
        (trial(reentry='"sometimes"'), "reentry takes 'never', 'always' or after(days(180)), not 'sometimes'"),
        (trial(entry='"vip"'), "journey 'trial', entry: 'vip' is no condition"),
        (trial(steps='send("welcome")'), "journey 'trial', steps: send(…) is no list of steps: put it in […]"),
        (trial(steps='[send("welcome"), [wait(days(1))]]'), "steps: [wait(…)] is no step"),
        (trial(priority="101", holdout="-1"), "; holdout takes percent, a whole number from 0 to 100, not -1"),
        ('send("welcome", channels=["email"])', "send 'welcome': channels takes channels, as in [Channel.INBOX], not "),
        ('send("welcome", expires=12)', "send 'welcome': expires takes a length of time, as in days(3), not 12"),
        ("wait(3)", "wait(…) takes a length of time, as in days(3), not 3"),
        ('wait(days("3"))', "days('3'): write a number, as in days(3)"),
        (
            'wait_for("deposit_made", within=days(3))',
            "wait_for(…): 'deposit_made' is no event: import it from journeys.eve",
        ),
        ("wait_for(events.deposit_made, within=3)", "wait_for(deposit_made): within= takes a length of time"),
        (
            'set_tag("a b")',
            "set_tag 'set-a-b': tag takes 1 to 64 characters without spaces, commas and semicolons, not 'a b",
        ),
        ('tag("a b")', "tag('a b'): tag takes 1 to 64 characters without spaces"),
        (
            'when(("vip", [send("welcome")]))',
            "when(…): 'vip' is no condition: write one as in tag('vip') | (points >= 100)",
        ),
        ('when(tag("vip"), [send("welcome")])', "when(…): a branch is (condition, [steps]), and tag(…) is none"),
        ('tag("a") & "b"', "& and | join conditions, and 'b' is none: put each comparison in (…)"),
        (
            "happened(events.trade_executed, at_least=0)",
            "happened('trade_executed'): at_least takes a whole number from 1",
        ),
        (
            'split("tone", arm("a", "50"), arm("b", 50))',
            "arm 'a': percent takes percent, a whole number from 0 to 100, not",
        ),
        ("repeat([wait(days(1))], every=days(1), up_to=1000)", "up_to takes a whole number from 1 to 100, not 1000"),
        ("goal(events.trade_executed, within=30)", "goal('trade_executed'): within takes a length of time"),
        ('wait_until("9")', "wait_until('9'): write the time of the day as '09:30'"),
    ],
)
def test_what_a_word_does_not_take_is_told_with_what_it_takes(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the words of the language: nothing of how it is checked shows."""
    told = reading(BEGINNING + line, capsys)
    assert told.startswith("error: journeys/trial.py:4: ")
    assert said in told
    for leak in ("does not fit", "Input should", "String should", "pydantic", "type=", "__init__"):
        assert leak not in told


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("wait_for(events.deposit_made, withn=days(3))", "wait_for(…) has no withn=: did you mean within?"),
        ("wait(days(3), zzz=1)", "wait(…) has no zzz=: it takes duration, id"),
        ("wait_for(events.deposit_made)", "wait_for(…) needs within"),
        ("wate(days(3))", "'wate' is not defined: did you mean wait?"),
        ("Stage.CHRUNED", "Stage has no 'CHRUNED': did you mean CHURNED?"),
        (
            "from journeys.events import app_registred",
            "journeys.events has no 'app_registred': did you mean app_registered?",
        ),
        ("send('welcome'", "this cannot be read ("),
    ],
)
def test_a_slip_is_told_with_what_was_probably_meant(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Keywords, words, values, events; and what Python cannot even read."""
    told = reading(BEGINNING + line, capsys)
    assert told.startswith("error: journeys/trial.py:4: ")
    assert said in told


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A copy of everything, with a mistake in one journey."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "node_modules", "out", "tests"))
    file = copy / "journeys" / "win_back.py"
    file.write_text(file.read_text(encoding="utf-8").replace("wait(days(7))", "wait(7)"), encoding="utf-8")
    return copy


MISTAKE = "journeys/win_back.py:27: wait(…) takes a length of time, as in days(3), not 7"


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (("check",), f"error: {MISTAKE}"),
        (("customer", "C-1"), "error: There is no database: set DATABASE_URL"),
        (("why", "C-1"), "error: There is no database: set DATABASE_URL"),
        (("brake", "on", "--mode", "hold", "--reason", "r"), "error: There is no database: set DATABASE_URL"),
        (("brake", "on", "--journey", "win-back", "--mode", "hold", "--reason", "r"), f"warning: {MISTAKE} (so only"),
        (("end", "C-1", "win-back", "--reason", "r"), f"warning: {MISTAKE} (so only"),
        (("events", "nothing.csv"), "error: nothing.csv"),
        (("facts", "nothing.csv"), "error: "),
    ],
)
def test_a_broken_journey_stops_only_what_needs_the_journeys(
    arguments: tuple[str, ...], first: str, broken: Path
) -> None:
    """A stop button has to work also while somebody is at work on a journey; one line of warning at most."""
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "starter.py", *arguments],
        cwd=broken,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.startswith(first), done.stderr
    assert sum(MISTAKE in line for line in done.stderr.splitlines()) <= 1
    assert "Traceback" not in done.stderr


def test_a_mistake_elsewhere_is_not_taken_for_the_product_owners() -> None:
    """Ours is told with all that helps to find it."""

    @click.command()
    def command() -> None:
        raise TypeError("ours")

    with pytest.raises(TypeError, match="ours"):
        exit_code(command, [])
