"""What makes no sense is refused at import, with a sentence that says how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import signature
from itertools import product
from typing import Any

import pytest

from errors import JourneyError
from journeys import language, words
from journeys.events import account_closed, app_opened, deposit_made, trade_executed
from journeys.language import (
    Weekday,
    arm,
    data,
    days,
    end,
    goal,
    hours,
    journey,
    repeat,
    send,
    split,
    tag,
    wait,
    wait_for,
    wait_until,
    when,
)
from journeys.word import TAKES, Word
from journeys.words import Journey


def trial(*steps: Any, **attributes: Any) -> Journey:
    """A journey with these steps."""
    given = {"name": "trial", "version": 1, "starts_on": app_opened, "ends_after": days(30), **attributes}
    return journey(steps=steps or (send("welcome"),), **given)


REFUSED: dict[str, Callable[[], object]] = {
    "a name is small letters, digits and hyphens, at most 48, as in 'win-back'": lambda: trial(name="Win back"),
    "journey 'trial' has no steps: give it at least one send(…)": lambda: journey(
        name="trial", version=1, ends_after=days(1), steps=()
    ),
    "journey 'trial' has two steps 'welcome': give one of them an id=…": lambda: trial(
        send("welcome"), send("welcome")
    ),
    "step id 'a b' needs 1 to 64 small letters": lambda: trial(send("welcome", id="a b")),
    "ends_after must be longer than nothing, as in days(3)": lambda: trial(ends_after=days(0)),
    "step 'wait-0s' must be longer than nothing": lambda: trial(wait(days(0))),
    "the goal's within must be longer than nothing": lambda: trial(goal=goal(trade_executed, within=days(0))),
    "trade_executed is both goal and exit; take it out of exits_on": lambda: trial(
        goal=goal(trade_executed, within=days(3)), exits_on=trade_executed
    ),
    "journey 'trial' would start and end on app_opened": lambda: trial(exits_on=app_opened),
    "step 'welcome' has no channel: name at least one": lambda: trial(send("welcome", channels=())),
    "step 'split-tone' shares out 90 percent: its arms must sum to 100": lambda: trial(
        split("tone", arm("a", 50), arm("b", 40))
    ),
    "step 'split-tone' needs two arms or more, each with a name of its own": lambda: trial(
        split("tone", arm("a", 100))
    ),
    "step 'late' comes after end(…) and is never reached; move it before, or take it out": lambda: trial(
        end("over"), send("welcome", id="late")
    ),
    "step 'late' comes after step 'which', which ends the run every way, and is never reached": lambda: trial(
        when((tag("a"), [end("a")]), otherwise=[end("b")], id="which"), send("welcome", id="late")
    ),
    "which ends the run every way (nobody goes through its arms of 0 percent), and is never reached": lambda: trial(
        split("tone", arm("a", 100, [end("a")]), arm("b", 0)), send("welcome", id="late")
    ),
    "step 'late' comes 40 days after entry at the earliest, but ends_after is 30 days": lambda: trial(
        wait(days(40)), send("welcome", id="late")
    ),
    "repeats nothing: give it steps": lambda: trial(repeat([], every=days(1), up_to=2)),
    "waits for a trading day at the weekend": lambda: trial(
        wait_until("10:00", trading_day=True, weekdays=[Weekday.SUNDAY])
    ),
    "skips nothing when it is past: put what is to be left out into then=[…]": lambda: trial(
        wait_until("10:00", on="2026-02-16", on_past="skip")
    ),
    "only milestones are remembered for life": lambda: wait_for(trade_executed, within=days(1), since="ever"),
    "app_opened has no field 'product' to tell runs apart by": lambda: trial(key="product"),
    "wait_for(any_of()): name an event, or several": lambda: wait_for((), within=days(1)),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_makes_no_sense_is_refused_with_a_sentence(said: str) -> None:
    """It names the journey and the step, and says what to do."""
    with pytest.raises(JourneyError) as refused:
        REFUSED[said]()
    assert said in str(refused.value)


def test_a_conditional_goal_may_be_an_exit_too() -> None:
    """It wins when it fits; else the event ends the run."""
    enough = goal(deposit_made, within=days(3), where=data("amount") >= 100)
    assert trial(goal=enough, exits_on=(deposit_made, account_closed)).exits_on == (deposit_made, account_closed)


def test_an_arm_may_be_switched_off() -> None:
    """With the steps that it had: the ids of the others stay."""
    off = arm("b", 0, [wait(hours(1)), send("welcome")])
    assert trial(split("tone", arm("a", 100), off)).steps[0].id == "split-tone"


def test_every_attribute_of_every_word_is_explained() -> None:
    """Whoever writes something else there is told what it takes."""
    every = [one for one in vars(words).values() if isinstance(one, type) and issubclass(one, Word)]
    assert {name for one in every for name in one.model_fields} <= set(TAKES)


GIVEN: dict[str, dict[str, Any]] = {
    "journey": {"name": "trial", "version": 1, "ends_after": days(9), "steps": [send("welcome")]},
    "goal": {"event": trade_executed, "within": days(3)},
    "after": {"duration": days(3)},
    "send": {"template": "welcome"},
    "wait": {"duration": days(1)},
    "wait_until": {"at": "10:00"},
    "wait_for": {"event": deposit_made, "within": days(3)},
    "arm": {"name": "a", "percent": 50},
    "award_points": {"points": 5, "reason": "r"},
    "set_tag": {"tag": "a"},
    "repeat": {"steps": [wait(days(1))], "every": days(2), "up_to": 3},
    "end": {"outcome": "over"},
    "days": {"number": 3},
    "tag": {"name": "a"},
    "happened": {"event": trade_executed},
}
ANYTHING = [
    "vip",
    5,
    None,
    3.5,
    True,
    [],
    ["x"],
    {},
    app_opened,
    tag("a"),
    wait(days(1)),
    [wait(days(2))],
    days(2),
    object,
]


@pytest.mark.parametrize("word", GIVEN)
def test_whatever_is_written_behind_an_attribute_is_taken_or_refused_with_a_sentence(word: str) -> None:
    """Anything may be typed there; nothing of how it is checked shows."""
    function, said = getattr(language, word), list[str]()
    for attribute, anything in product(signature(function).parameters, ANYTHING):
        try:
            function(**{**GIVEN[word], attribute: anything})
        except JourneyError as error:
            said.append(str(error))
    assert said
    assert [one for one in said if re.search("object at|Input should|does not fit|NoneType", one)] == []
