"""A journey's words in English sentences, for somebody who reads no code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import Enum, auto
from typing import NamedTuple, assert_never
from zoneinfo import ZoneInfo

from journeys.conditions import AllOf, AnyOf, Condition, DataIs, FactIs, Happened, HasTag, Not
from journeys.events import EventType
from journeys.words import (
    AnyStep,
    AwardPoints,
    ChangeTag,
    End,
    Journey,
    Repeat,
    Send,
    Split,
    StageEntered,
    Trigger,
    Wait,
    WaitFor,
    WaitUntil,
    When,
    all_steps,
)
from rules.paths import MONDAY
from rules.ways import ZONE

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
DAY = timedelta(days=1)


class Way(NamedTuple):
    """A way on from a step: what it is called, and the steps that are only on it."""

    label: str
    steps: Sequence[AnyStep]


def days_of(at: timedelta) -> str:
    """As 'day 3': the third day after entry, as in stories."""
    return f"day {at // DAY}"


def length(duration: timedelta) -> str:
    """As '36 hours', in the largest unit that fits."""
    seconds = int(duration.total_seconds())
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return counted(seconds // size, unit)


def counted(number: int, what: str) -> str:
    """As '1 touch' and '2 touches'."""
    if number == 1:
        return f"1 {what}"
    return f"{number:,} {what}{'es' if what.endswith('ch') else 's'}"


def attributes(journey: Journey) -> Iterable[tuple[str, str]]:
    """What holds for the whole journey, as name and value; what is at its default is left out."""
    yield "starts on", ", ".join(map(_trigger, journey.starts_on)) or "a command or a campaign only"
    if journey.entry is not None:
        yield "enters if", condition(journey.entry)
    if journey.goal is not None:
        where = f", where {condition(journey.goal.where)}" if journey.goal.where is not None else ""
        yield "goal", f"{journey.goal.event} within {length(journey.goal.within)}{where}"
    if journey.exits_on:
        yield "exits on", ", ".join(journey.exits_on)
    yield "ends after", length(journey.ends_after)
    yield "again", _reentry(journey)
    if journey.key is not None:
        yield "a run for each", journey.key
    if journey.priority != 50:
        yield "priority", str(journey.priority)
    if journey.holdout:
        yield "control group", f"{journey.holdout} %"


def assumed(journey: Journey) -> str:
    """What the days of a journey with times of the day hold for; empty for one without."""
    if any(isinstance(step, WaitUntil) for step in all_steps(journey.steps)):
        return f"for an entry on a {MONDAY.astimezone(ZoneInfo(ZONE)):%A at %H:%M} in {ZONE.partition('/')[2]}"
    return ""


def title(step: AnyStep) -> str:
    """What a step does, in a few words."""
    match step:
        case Send():
            return f"send {step.template}" if str(step.id) == step.template else f"send {step.template} as {step.id}"
        case Wait() | WaitUntil() | WaitFor():
            return _wait(step)
        case When():
            return "depending on the customer"
        case Split():
            return f"split {step.name}"
        case AwardPoints():
            return f"award {counted(step.points, 'point')}: {step.reason}"
        case ChangeTag():
            return f"{'set' if step.kind == 'set_tag' else 'clear'} tag {step.tag}"
        case Repeat():
            until = f", until {condition(step.until)}" if step.until is not None else ""
            return f"repeat every {length(step.every)}, up to {counted(step.up_to, 'time')}{until}"
        case End():
            return f"end: {step.outcome}"
        case _:
            assert_never(step)


class Kind(Enum):
    """What sort of thing a step is: it decides how the step is drawn."""

    SAYS = auto()
    GIVES = auto()
    WAITS = auto()
    CHOOSES = auto()
    REPEATS = auto()
    ENDS = auto()


def kind_of(step: AnyStep) -> Kind:
    """The sort of a step."""
    match step:
        case Send():
            return Kind.SAYS
        case AwardPoints() | ChangeTag():
            return Kind.GIVES
        case Wait() | WaitUntil() | WaitFor():
            return Kind.WAITS
        case When() | Split():
            return Kind.CHOOSES
        case Repeat():
            return Kind.REPEATS
        case End():
            return Kind.ENDS
        case _:
            assert_never(step)


def ways(step: AnyStep) -> list[Way]:
    """The ways on from a step that has several, or has steps inside; none for one that simply goes on."""
    match step:
        case Send():
            return [Way("sent", ()), Way("not sent", step.if_not_sent)] if step.if_not_sent else []
        case WaitFor():
            came = Way("it came", step.then), Way("it did not come", step.otherwise)
            return list(came) if step.then or step.otherwise else []
        case WaitUntil():
            return _ways_of_wait_until(step)
        case When():
            branches = [
                Way(f"branch {number}: {condition(one.condition)}", one.steps)
                for number, one in enumerate(step.branches, 1)
            ]
            return [*branches, Way("otherwise", step.otherwise)]
        case Split():
            return [Way(f"arm {arm.name}, {arm.percent} %", arm.steps) for arm in step.arms]
        case Repeat():
            return [Way("each turn", step.steps)]
        case Wait() | AwardPoints() | ChangeTag() | End():
            return []
        case _:
            assert_never(step)


def condition(asked: Condition) -> str:
    """A condition in words."""
    match asked:
        case HasTag():
            return f"tag {asked.tag}"
        case FactIs():
            return _comparison(asked.fact.replace("_", " "), asked)
        case DataIs():
            return _comparison(asked.field, asked)
        case Happened():
            return _happened(asked)
        case AllOf():
            return " and ".join(map(_inside, asked.conditions))
        case AnyOf():
            return " or ".join(map(_inside, asked.conditions))
        case Not():
            return f"not {_inside(asked.condition)}"
        case _:
            assert_never(asked)


def _inside(asked: Condition) -> str:
    told = condition(asked)
    return f"({told})" if isinstance(asked, AllOf | AnyOf) else told


def _comparison(name: str, asked: FactIs | DataIs) -> str:
    if asked.op == "in":
        return f"{name} is one of {', '.join(asked.texts)}"
    value = f"{asked.number:f}" if asked.number is not None else asked.texts[0]
    return f"{name} {'is' if asked.op == '==' else asked.op} {value}"


def _happened(asked: Happened) -> str:
    often = f" {counted(asked.at_least, 'time')}" if asked.at_least > 1 else ""
    since = " since entry" if asked.since == "run" else ""
    within = f" within {length(asked.within)}" if asked.within is not None else ""
    where = f" with {condition(asked.where)}" if asked.where is not None else ""
    return f"{asked.event} happened{often}{since}{within}{where}"


def _wait(step: Wait | WaitUntil | WaitFor) -> str:
    match step:
        case Wait():
            return f"wait {length(step.duration)}"
        case WaitUntil():
            return _wait_until(step)
        case WaitFor():
            return _wait_for(step)
        case _:
            assert_never(step)


def _wait_for(step: WaitFor) -> str:
    where = f", where {condition(step.where)}" if step.where is not None else ""
    since = ", only if it comes from now on" if step.since == "step" else ""
    return f"wait for {' or '.join(step.events)}, at most {length(step.within)}{where}{since}"


def _wait_until(step: WaitUntil) -> str:
    day = f" on {step.on}" if step.on is not None else ""
    weekdays = f" on {' or '.join(step.weekdays)}" if step.weekdays else ""
    trading = " on a trading day" if step.trading_day else ""
    return f"wait until {step.at:%H:%M}{day}{weekdays}{trading}"


def _ways_of_wait_until(step: WaitUntil) -> list[Way]:
    in_time = Way("in time", step.then)
    match step.on_past:
        case "run":
            return [Way("then", step.then)] if step.then else []
        case "skip":
            return [in_time, Way("past: skipped", ())]
        case "end":
            return [in_time, Way("past", (End(id=step.id, outcome="time_past"),))]
        case _:
            assert_never(step.on_past)


def _trigger(trigger: Trigger) -> str:
    match trigger:
        case EventType():
            return str(trigger)
        case StageEntered():
            return f"stage {trigger.stage}{f' from {trigger.from_}' if trigger.from_ else ''}"
        case _:
            assert_never(trigger)


def _reentry(journey: Journey) -> str:
    match journey.reentry:
        case "never" | "always" as word:
            return word
        case after:
            return f"{length(after.duration)} after the last run"
