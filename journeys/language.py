"""The journey language, as product owners write it: see docs/journeys.md.

Everything that a journey is written with comes from here, but for the events, which are in `journeys/events.py`.

A journey is a frozen value: a name, when it starts and stops, and a tuple of steps. It holds no code, so it can
be published as JSON, hashed, drawn, rehearsed, and kept by the customers who are in it while it is edited for
those who come later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, time, timedelta
from typing import Any, Literal, TypeAlias

from errors import JourneyError
from journeys.conditions import (
    Condition,
    Happened,
    check_event,
    check_length,
    check_of_customer,
    check_where,
    data,
    happened,
    language,
    points,
    risk_class,
    stage,
    tag,
    zone,
)
from journeys.events import EventType
from journeys.names import (
    Channel,
    JourneyName,
    Language,
    ProductId,
    RiskClass,
    Stage,
    StepId,
    TemplateName,
    Weekday,
)
from journeys.word import TAKES, Word, told
from journeys.words import (
    DEFAULT_CHANNELS,
    After,
    AnyStep,
    Arm,
    AwardPoints,
    Branch,
    ChangeTag,
    End,
    Goal,
    Journey,
    Purpose,
    Reentry,
    Repeat,
    Send,
    Split,
    StageEntered,
    Trigger,
    Wait,
    WaitFor,
    WaitUntil,
    When,
)

__all__ = [
    "Channel",
    "Language",
    "RiskClass",
    "Stage",
    "Weekday",
    "after",
    "any_of",
    "arm",
    "award_points",
    "clear_tag",
    "data",
    "days",
    "end",
    "goal",
    "happened",
    "hours",
    "journey",
    "language",
    "points",
    "repeat",
    "risk_class",
    "send",
    "set_tag",
    "split",
    "stage",
    "stage_entered",
    "tag",
    "wait",
    "wait_for",
    "wait_until",
    "when",
    "zone",
]

Steps: TypeAlias = Sequence[AnyStep]


def journey(
    *,
    name: str,
    version: int,
    ends_after: timedelta,
    steps: Steps,
    starts_on: Trigger | tuple[Trigger, ...] = (),
    state: Literal["draft", "live", "closed"] = "draft",
    entry: Condition | None = None,
    goal: Goal | None = None,
    exits_on: EventType | tuple[EventType, ...] = (),
    reentry: Reentry = "never",
    key: str | None = None,
    priority: int = 50,
    purpose: Purpose = "marketing",
    holdout: int = 0,
) -> Journey:
    """Write a journey. Without `starts_on` it is entered by command or campaign only.

    With `key` a customer may have a run for each value of that field of the entry event.
    """
    triggers = starts_on if isinstance(starts_on, tuple) else (starts_on,)
    exits = exits_on if isinstance(exits_on, tuple) else (exits_on,)
    _check_events(name, triggers, exits)
    check_of_customer(entry, f"journey {name!r}, entry", in_run=False)
    _check_key(name, key, triggers)
    return Journey(
        name=JourneyName(name),
        version=version,
        state=state,
        starts_on=triggers,
        entry=entry,
        goal=goal,
        exits_on=exits,
        ends_after=ends_after,
        reentry=reentry,
        key=key,
        priority=priority,
        purpose=purpose,
        holdout=holdout,
        steps=_steps(steps, f"journey {name!r}, steps"),
    )


def goal(event: EventType, *, within: timedelta, where: Condition | None = None) -> Goal:
    """The goal event, in a window anchored at entry; with `where`, only if its data fit."""
    check_event(event, "goal(…)")
    check_where(event, where, f"goal({event})")
    return Goal(event=event, within=within, where=where)


def stage_entered(stage: Stage, *, from_: Stage | None = None) -> StageEntered:
    """Start when the customer comes into a stage."""
    return StageEntered(stage=stage, from_=from_)


def after(duration: timedelta) -> After:
    """Re-entry so long after the last run ended."""
    return After(duration=duration)


def send(
    template: str,
    *,
    channels: Iterable[Channel] = DEFAULT_CHANNELS,
    product: str | None = None,
    expires: timedelta | None = None,
    on_cap: Literal["skip", "hold"] = "skip",
    if_not_sent: Steps = (),
    id: str | None = None,
) -> Send:
    """Plan one touch with a template, on the first of the channels that may carry it."""
    if not isinstance(template, str):
        raise JourneyError(f"send({told(template)}): write the name of a template, as in send('welcome')")
    return Send(
        id=_step_id(id, template),
        template=TemplateName(template),
        channels=_several(channels, f"send({template!r})", "channels"),
        product=None if product is None else ProductId(product),
        expires=expires,
        on_cap=on_cap,
        if_not_sent=_steps(if_not_sent, f"send({template!r}), if_not_sent"),
    )


def wait(duration: timedelta, *, id: str | None = None) -> Wait:
    """Let time pass."""
    check_length(duration, "wait(…)")
    return Wait(id=_step_id(id, f"wait-{short(duration)}"), duration=duration)


def wait_until(
    at: str,
    *,
    on: str | None = None,
    weekdays: Iterable[Weekday] = (),
    trading_day: bool = False,
    on_past: Literal["run", "skip", "end"] = "run",
    then: Steps = (),
    id: str | None = None,
) -> WaitUntil:
    """Wait for a time where the customer lives, as `"10:00"`: the next that fits, or that of the day `on`."""
    days_of_week = _several(weekdays, f"wait_until({at!r})", "weekdays")
    clock = _time(at)
    day = None if on is None else _date(on)
    when = "-".join(
        [at.replace(":", "-"), *([on] if on else []), *(["trading"] if trading_day else []), *map(str, days_of_week)]
    )
    return WaitUntil(
        kind="wait_until",
        id=_step_id(id, f"until-{when}"[:64]),
        at=clock,
        on=day,
        weekdays=days_of_week,
        trading_day=trading_day,
        on_past=on_past,
        then=_steps(then, f"wait_until({at!r}), then"),
    )


def any_of(*events: EventType) -> tuple[EventType, ...]:
    """Any of several events, for `wait_for`."""
    return events


def wait_for(
    event: EventType | tuple[EventType, ...],
    *,
    within: timedelta,
    where: Condition | None = None,
    then: Steps = (),
    otherwise: Steps = (),
    since: Literal["step", "run", "ever"] | None = None,
    id: str | None = None,
) -> WaitFor:
    """Wait for an event, or for the first of several.

    Milestones are looked for in the whole life, other events in this run. A `where` looks at what is remembered with
    its data, so only events of this run count for it.
    """
    events = event if isinstance(event, tuple) else (event,)
    _check_waited_for(events, where, since)
    check_length(within, f"wait_for({'-or-'.join(events)}): within=")
    for_life = where is None and all(each.milestone for each in events)
    return WaitFor(
        id=_step_id(id, f"{'-or-'.join(events)}-within-{short(within)}"),
        event=events[0],
        or_events=events[1:],
        within=within,
        where=where,
        since=since or ("ever" if for_life else "run"),
        then=_steps(then, f"wait_for({events[0]}), then"),
        otherwise=_steps(otherwise, f"wait_for({events[0]}), otherwise"),
        arrives_within=max(each.arrives_within for each in events),
    )


def when(*branches: tuple[Condition, Steps], otherwise: Steps = (), id: str | None = None) -> When:
    """The first branch whose condition holds: `when((tag("a"), [send("for-a")]), otherwise=[send("for-all")])`."""
    for branch in branches:
        if not (isinstance(branch, tuple) and len(branch) == 2):
            raise JourneyError(f"when(…): a branch is (condition, [steps]), and {told(branch)} is none")
        check_of_customer(branch[0], "when(…)", in_run=True)
    asked = "-or-".join(_told(condition) for condition, _ in branches)
    return When(
        kind="when",
        id=_step_id(id, f"when-{asked}"[:64]),
        branches=tuple(Branch(condition=one, steps=_steps(steps, "when(…), a branch")) for one, steps in branches),
        otherwise=_steps(otherwise, "when(…), otherwise"),
    )


def split(name: str, *arms: Arm, id: str | None = None) -> Split:
    """Share customers out among arms; the same name shares out the same way in every journey."""
    return Split(kind="split", id=_step_id(id, f"split {name}"), name=name, arms=arms)


def arm(name: str, percent: int, steps: Steps = ()) -> Arm:
    """One way of a split."""
    return Arm(name=name, percent=percent, steps=_steps(steps, f"arm({name!r})"))


def award_points(points: int, *, reason: str, approval: str | None = None, id: str | None = None) -> AwardPoints:
    """Credit points for a reason that the customer may read.

    Points that follow from an account opened, a deposit or a trade need the number of an `approval`.
    """
    return AwardPoints(id=_step_id(id, f"award {reason}"), points=points, reason=reason, approval=approval)


def set_tag(tag: str, *, id: str | None = None) -> ChangeTag:
    """Give the customer a tag."""
    return ChangeTag(kind="set_tag", id=_step_id(id, f"set {tag}"), tag=tag)


def clear_tag(tag: str, *, id: str | None = None) -> ChangeTag:
    """Take a tag away from the customer."""
    return ChangeTag(kind="clear_tag", id=_step_id(id, f"clear {tag}"), tag=tag)


def repeat(
    steps: Steps, *, every: timedelta, up_to: int, until: Condition | None = None, id: str | None = None
) -> Repeat:
    """Steps up to so many times; `until` is asked before each turn, the first included."""
    check_length(every, "repeat(…): every=")
    check_of_customer(until, "repeat(…), until=", in_run=True)
    return Repeat(
        kind="repeat",
        id=_step_id(id, f"repeat-{short(every)}"),
        steps=_steps(steps, "repeat(…)"),
        every=every,
        up_to=up_to,
        until=until,
    )


def end(outcome: str, *, id: str | None = None) -> End:
    """End the run."""
    return End(id=_step_id(id, f"end {outcome}"), outcome=outcome)


def days(number: float) -> timedelta:
    """So many times 24 hours."""
    _check_count(number, "days")
    return timedelta(days=number)


def hours(number: float) -> timedelta:
    """So many hours."""
    _check_count(number, "hours")
    return timedelta(hours=number)


def _check_count(number: object, unit: str) -> None:
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise JourneyError(f"{unit}({told(number)}): write a number, as in {unit}(3)")


def short(duration: timedelta) -> str:
    """A duration in its largest whole unit, as `3d`."""
    seconds = int(duration.total_seconds())
    for size, letter in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


def _several(values: object, place: str, attribute: str) -> tuple[Any, ...]:
    """One of a kind, or several; whether they are of that kind is for the word to say."""
    if isinstance(values, str):
        return (values,)
    if isinstance(values, Word) or not isinstance(values, Iterable):
        raise JourneyError(f"{place}: {attribute} takes {TAKES[attribute]}, not {told(values)}")
    return tuple(values)


def _steps(steps: object, place: str) -> tuple[AnyStep, ...]:
    """Steps in a list: a word by itself is none, though Python could go through it."""
    if isinstance(steps, Word | str) or not isinstance(steps, Sequence):
        raise JourneyError(f"{place}: {told(steps)} is no list of steps: put it in […]")
    if strangers := [step for step in steps if not isinstance(step, AnyStep)]:
        raise JourneyError(f"{place}: {told(strangers[0])} is no step: write send(…), wait(…), …, each by itself")
    return tuple(steps)


def _step_id(given: str | None, derived: str) -> StepId:
    return StepId(given or re.sub(r"[^a-z0-9_-]+", "-", derived.lower()).strip("-"))


def _told(condition: Condition) -> str:
    """A condition in a word or two, for the id of its step."""
    match condition:
        case Happened():
            return str(condition.event)
        case _:
            return "-".join(re.findall(r"\w+", str(getattr(condition, "tag", getattr(condition, "fact", "all")))))


def _check_waited_for(events: tuple[EventType, ...], where: Condition | None, since: str | None) -> None:
    if not events:
        raise JourneyError("wait_for(any_of()): name an event, or several")
    for each in events:
        check_event(each, "wait_for(…)")
        check_where(each, where, f"wait_for({each})")
        if since == "ever" and (not each.milestone or where is not None):
            raise JourneyError(
                f"wait_for({each}, since='ever'): only milestones are remembered for life, and without their data:"
                " use 'run'"
            )


def _check_events(name: str, triggers: tuple[Trigger, ...], exits: tuple[EventType, ...]) -> None:
    for trigger in triggers:
        if not isinstance(trigger, StageEntered):
            check_event(trigger, f"journey {name!r}, starts_on")
    for event in exits:
        check_event(event, f"journey {name!r}, exits_on")


def _check_key(name: str, key: str | None, triggers: tuple[Trigger, ...]) -> None:
    if key is None:
        return
    if not isinstance(key, str):
        raise JourneyError(f"journey {name!r}: key takes {TAKES['key']}, not {told(key)}")
    for trigger in triggers:
        if isinstance(trigger, StageEntered) or key not in trigger.data.model_fields:
            raise JourneyError(
                f"journey {name!r}: {trigger} has no field {key!r} to tell runs apart by: choose one of its data as key"
            )


def _time(text: str) -> time:
    if not isinstance(text, str) or not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise JourneyError(f"wait_until({text!r}): write the time of the day as '09:30'")
    return time.fromisoformat(text)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise JourneyError(f"wait_until(on={text!r}): write the day as '2026-02-16'") from error
