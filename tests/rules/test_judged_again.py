"""A claimed touch is judged again: what is written down of it comes to the same once more, and only stops stop it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.gates import Facts, Touch, judge
from rules.judged_again import JudgedAgain, judge_again
from rules.verification import FurtherJudgement, disagreements_again
from tests.rules.gate_oracles import Situation
from tests.rules.test_gate_promises import channels_that_refuse_some_classes, judged, promise, situations

__all__ = ["channels_that_refuse_some_classes"]

KEY = "C-1/win-back/1/we-are-here/1"


def again(situation: Situation, *, untaken: bool) -> JudgedAgain:
    return judge_again(situation.touch(), situation.facts(), KEY, untaken=untaken)


def recorded(touch: Touch, one: JudgedAgain) -> FurtherJudgement:
    """As it stands in the books."""
    said = one.judgement
    return FurtherJudgement(
        KEY, one.untaken, said.decision, said.reason, touch, one.facts, said.verdicts, said.hold_until
    )


@promise
@given(situations(), st.booleans())
def test_what_is_recorded_of_a_further_judgement_holds(situation: Situation, untaken: bool) -> None:
    """On the facts that it went by, and they are all that is needed."""
    assert disagreements_again(recorded(situation.touch(), again(situation, untaken=untaken))) == []


@promise
@given(situations())
def test_of_what_nobody_has_every_gate_is_asked(situation: Situation) -> None:
    """As if it were judged for the first time."""
    assert again(situation, untaken=True).judgement == judged(situation)


@promise
@given(situations(), situations())
def test_what_was_let_pass_is_stopped_by_people_alone(situation: Situation, later: Situation) -> None:
    """Lateness, night, caps, reach, an assessment or a product that is over and a run that has ended stop no doubt."""
    touch, facts = situation.touch(), situation.facts()
    if judge(touch, facts, KEY).decision != "send":
        return
    now = later.facts()
    closed = ("suppressed", "recalled", "opted_out", "consents", "also_carries", "brakes", "paused")
    changed = replace(now, **{name: getattr(facts, name) for name in closed})
    assert judge_again(touch, changed, KEY, untaken=False).judgement.decision == "send"


STOPS = {
    "suppressed: complaint": {"suppressed": ("complaint",)},
    "recalled": {"recalled": True},
    "opted_out": {"opted_out": ("all",)},
}


@pytest.mark.parametrize(("reason", "stop"), STOPS.items(), ids=STOPS)
@promise
@given(situation=situations())
def test_a_stop_is_heeded_whatever_else_is_so(situation: Situation, reason: str, stop: dict[str, object]) -> None:
    """Also of what a provider may have by now."""
    touch, facts = situation.touch(), situation.facts()
    if judge(touch, facts, KEY).decision != "send":
        return
    stopped: Facts = replace(facts, **stop)  # type: ignore[arg-type]
    said = judge_again(touch, stopped, KEY, untaken=False).judgement
    assert (said.decision, said.reason) == ("withhold", reason)


@promise
@given(situations())
def test_a_pause_is_waited_for_unless_the_run_is_over(situation: Situation) -> None:
    """Staff have closed the journey for a while, as with a brake; a run that has ended is not paused any more."""
    touch, facts = situation.touch(), situation.facts()
    if judge(touch, facts, KEY).decision != "send":
        return
    said = judge_again(touch, replace(facts, paused=True), KEY, untaken=False).judgement
    assert (said.decision, said.reason) == ("hold", "paused")
    over = replace(facts, paused=True, run_over="exit")
    assert judge_again(touch, over, KEY, untaken=False).judgement.decision == "send"
