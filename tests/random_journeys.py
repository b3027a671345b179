"""Journeys that nobody would write, and that have to be sound all the same: for the property tests of both worlds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any, Literal

from hypothesis import strategies as st

from journeys.conditions import Condition
from journeys.events import (
    EventType,
    account_closed,
    account_opened,
    app_registered,
    checked_in,
    deposit_made,
    opted_out_of_marketing,
    questionnaire_completed,
    trade_executed,
)
from journeys.language import (
    after,
    any_of,
    arm,
    award_points,
    clear_tag,
    data,
    days,
    end,
    goal,
    happened,
    hours,
    journey,
    points,
    repeat,
    risk_class,
    send,
    set_tag,
    split,
    stage,
    stage_entered,
    tag,
    wait,
    wait_for,
    wait_until,
    when,
)
from journeys.names import RiskClass, Stage, Weekday
from journeys.words import AnyStep, End, Journey, Repeat, Split, Trigger, WaitFor, When

TEMPLATES = ("welcome", "first-product", "open-account-reminder", "we-are-here")
EVENTS = (account_opened, questionnaire_completed, deposit_made, trade_executed, checked_in)
MANY = any_of(deposit_made, trade_executed)

lengths = st.one_of(st.integers(1, 12).map(days), st.integers(1, 60).map(hours))


def conditions() -> st.SearchStrategy[Condition]:
    """Conditions of every kind, some of them put together."""
    leaf: st.SearchStrategy[Any] = st.one_of(
        st.sampled_from(["a", "b"]).map(tag),
        st.sampled_from(list(Stage)).map(lambda one: stage == one),
        st.integers(0, 60).map(lambda number: points >= number),
        st.sampled_from([risk_class >= RiskClass.C3, ~(risk_class < RiskClass.C3)]),
        st.builds(
            happened,
            st.sampled_from(EVENTS),
            at_least=st.integers(1, 2),
            within=st.none() | lengths,
            since=st.sampled_from(["ever", "run"]),
        ),
        st.integers(1, 900).map(lambda amount: happened(deposit_made, where=data("amount") >= amount)),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
            st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
            inner.map(lambda one: ~one),
        ),
        max_leaves=3,
    )


@st.composite
def journeys(draw: st.DrawFn, name: str) -> Journey:
    """A live journey with up to a dozen steps."""
    starts: tuple[Trigger, ...] = (
        app_registered,
        account_opened,
        stage_entered(Stage.GROWTH),
        stage_entered(Stage.DECLINE),
    )
    triggers: st.SearchStrategy[Trigger] = st.sampled_from(starts)
    goals = st.sampled_from(
        [
            None,
            goal(trade_executed, within=days(20)),
            goal(deposit_made, within=days(40), where=data("amount") >= 500),
        ]
    )
    return journey(
        name=name,
        version=1,
        state="live",
        starts_on=draw(triggers),
        goal=draw(goals),
        exits_on=draw(st.sampled_from([(), (account_closed,), (account_closed, opted_out_of_marketing)])),
        ends_after=days(300),
        entry=draw(st.none() | _entry_conditions()),
        reentry=draw(st.sampled_from(["never", "always", after(days(10))])),
        priority=draw(st.integers(0, 3)),
        purpose=draw(st.sampled_from(["service", "marketing"])),
        holdout=draw(st.sampled_from([0, 0, 50])),
        steps=draw(_sequences(2, count(1))),
    )


def _entry_conditions() -> st.SearchStrategy[Condition]:
    return st.sampled_from([~tag("a"), ~(stage == Stage.CHURNED), happened(app_registered)])


@st.composite
def _sequences(draw: st.DrawFn, depth: int, numbers: count[int]) -> Sequence[AnyStep]:
    """One to four steps; nothing after a step that always ends the run."""
    steps: list[AnyStep] = []
    for _ in range(draw(st.integers(1, 4 if depth == 2 else 2))):
        steps.append(draw(_steps(depth, numbers)))
        if _always_ends(steps[-1]):
            break
    return steps


def _always_ends(step: AnyStep) -> bool:
    match step:
        case End():
            return True
        case WaitFor():
            return _ends(step.then) and _ends(step.otherwise)
        case When():
            return all(_ends(branch.steps) for branch in step.branches) and _ends(step.otherwise)
        case Split():
            return all(_ends(one.steps) for one in step.arms if one.percent)
        case Repeat():
            return step.until is None and _ends(step.steps)
        case _:
            return False


def _ends(steps: Sequence[AnyStep]) -> bool:
    return bool(steps) and _always_ends(steps[-1])


@st.composite
def _steps(draw: st.DrawFn, depth: int, numbers: count[int]) -> AnyStep:
    """Any word; those with steps inside only as deep as `depth`."""
    id = f"s{next(numbers)}"
    simple = ["send", "send", "wait", "wait", "points", "tag", "until", "wait_for"]
    kind = draw(st.sampled_from(simple if depth == 0 else [*simple, "wait_for", "when", "split", "repeat", "end"]))
    inside = st.just(()) if depth == 0 else st.one_of(st.just(()), _sequences(depth - 1, numbers))
    match kind:
        case "send":
            product, instead = draw(st.sampled_from([(None, ()), ("P-1", draw(inside))]))
            return send(draw(st.sampled_from(TEMPLATES)), id=id, product=product, if_not_sent=instead)
        case "wait":
            return wait(draw(lengths), id=id)
        case "points":
            return award_points(draw(st.integers(1, 30)), reason="r", id=id)
        case "tag":
            return draw(st.sampled_from([set_tag, clear_tag]))(draw(st.sampled_from(["a", "b"])), id=id)
        case "until":
            weekdays = draw(st.sampled_from([(), (Weekday.MONDAY,), (Weekday.SATURDAY, Weekday.SUNDAY)]))
            return wait_until(draw(st.sampled_from(["00:00", "09:30", "23:59"])), weekdays=weekdays, id=id)
        case "wait_for":
            return _wait_for(draw, id, inside)
        case "end":
            return end("early", id=id)
        case _:
            return _block(draw, kind, id, depth, numbers)


def _block(draw: st.DrawFn, kind: str, id: str, depth: int, numbers: count[int]) -> AnyStep:
    inside = st.one_of(st.just(()), _sequences(depth - 1, numbers))
    match kind:
        case "when":
            first = (draw(conditions()), draw(inside))
            return when(first, (draw(conditions()), draw(inside)), otherwise=draw(inside), id=id)
        case "split":
            share = draw(st.sampled_from([0, 50, 100]))
            return split(id, arm("one", share, draw(inside)), arm("two", 100 - share, draw(inside)), id=id)
        case "repeat":
            steps, until = draw(_sequences(depth - 1, numbers)), draw(st.none() | conditions())
            return repeat(steps, every=draw(lengths), up_to=draw(st.integers(1, 3)), until=until, id=id)
        case _:
            raise AssertionError(kind)


def _wait_for(draw: st.DrawFn, id: str, inside: st.SearchStrategy[Any]) -> WaitFor:
    waited: st.SearchStrategy[EventType | tuple[EventType, ...]] = st.sampled_from([*EVENTS, MANY])
    event = draw(waited)
    where = data("amount") >= 500 if event is deposit_made and draw(st.booleans()) else None
    for_life = event not in (trade_executed, checked_in, MANY) and where is None
    counted: list[Literal["step", "run", "ever"]] = ["step", "run", "ever"] if for_life else ["step", "run"]
    since = draw(st.sampled_from(counted))
    within: timedelta = draw(lengths)
    return wait_for(event, within=within, where=where, since=since, then=draw(inside), otherwise=draw(inside), id=id)
