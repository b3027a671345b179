"""Whether a journey makes sense: checked at import, each refusal a sentence that says how to mend it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import assert_never

from errors import JourneyError
from journeys.names import StepId, Weekday
from journeys.words import (
    AnyStep,
    AwardPoints,
    ChangeTag,
    End,
    Journey,
    Repeat,
    Send,
    Split,
    Wait,
    WaitFor,
    WaitUntil,
    When,
    all_steps,
    branches,
)

_NAME = re.compile(r"[a-z][a-z0-9-]{0,47}")
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_WEEKEND = frozenset({Weekday.SATURDAY, Weekday.SUNDAY})


def check_sound(journey: Journey) -> None:
    """Raises `JourneyError` for the first thing that makes no sense."""
    for check in (
        _check_name,
        _check_durations,
        _check_ids,
        _check_goal_and_exits,
        _check_words,
        _check_reachable,
        _check_in_time,
    ):
        check(journey)


def _check_name(journey: Journey) -> None:
    if not _NAME.fullmatch(journey.name):
        raise JourneyError(
            f"journey {journey.name!r}: a name is small letters, digits and hyphens, at most 48, as in 'win-back'"
        )


def _check_durations(journey: Journey) -> None:
    for what, duration in _durations(journey):
        if duration <= timedelta(0):
            raise JourneyError(f"journey {journey.name!r}: {what} must be longer than nothing, as in days(3)")


def _durations(journey: Journey) -> Iterator[tuple[str, timedelta]]:
    yield "ends_after", journey.ends_after
    if journey.goal:
        yield "the goal's within", journey.goal.within
    for step in all_steps(journey.steps):
        match step:
            case Wait():
                yield f"step {step.id!r}", step.duration
            case WaitFor():
                yield f"step {step.id!r}: within", step.within
            case Repeat():
                yield f"step {step.id!r}: every", step.every
            case Send() if step.expires is not None:
                yield f"step {step.id!r}: expires", step.expires
            case _:
                pass


def _check_ids(journey: Journey) -> None:
    if not journey.steps:
        raise JourneyError(f"journey {journey.name!r} has no steps: give it at least one send(…)")
    seen: set[StepId] = set()
    for step in all_steps(journey.steps):
        if not _SLUG.fullmatch(step.id):
            raise JourneyError(
                f"journey {journey.name!r}: step id {step.id!r} needs 1 to 64 small letters, digits, '-' or '_':"
                " give the step an id=…"
            )
        if step.id in seen:
            raise JourneyError(f"journey {journey.name!r} has two steps {step.id!r}: give one of them an id=…")
        seen.add(step.id)


def _check_goal_and_exits(journey: Journey) -> None:
    if journey.goal and journey.goal.where is None and journey.goal.event in journey.exits_on:
        raise JourneyError(
            f"journey {journey.name!r}: {journey.goal.event} is both goal and exit; take it out of exits_on,"
            " the goal ends the run anyway"
        )
    for event in (*journey.exits_on, *([journey.goal.event] if journey.goal else [])):
        if event in journey.starts_on:
            raise JourneyError(
                f"journey {journey.name!r} would start and end on {event}: choose another event for one of them"
            )


def _check_words(journey: Journey) -> None:
    for step in all_steps(journey.steps):
        if problem := _problem(step):
            raise JourneyError(f"journey {journey.name!r}: step {step.id!r} {problem}")


def _problem(step: AnyStep) -> str:
    match step:
        case Send():
            return "" if step.channels else "has no channel: name at least one"
        case When():
            return "" if step.branches else "has no branch: give it (condition, [steps])"
        case Split():
            return _split_problem(step)
        case Repeat():
            return "" if step.steps else "repeats nothing: give it steps"
        case WaitUntil():
            return _wait_until_problem(step)
        case Wait() | WaitFor() | AwardPoints() | ChangeTag() | End():
            return ""
        case _:
            assert_never(step)


def _split_problem(step: Split) -> str:
    names = [arm.name for arm in step.arms]
    if len(names) < 2 or len(set(names)) < len(names):
        return "needs two arms or more, each with a name of its own"
    total = sum(arm.percent for arm in step.arms)
    return "" if total == 100 else f"shares out {total} percent: its arms must sum to 100"


def _wait_until_problem(step: WaitUntil) -> str:
    if step.on is not None and (step.weekdays or step.trading_day):
        return "names a day and kinds of days: keep on=…, or weekdays=… and trading_day=…"
    if step.on is None and step.on_past != "run":
        return f"has on_past={step.on_past!r}, but without on=… its time is never past: take it out"
    if step.trading_day and step.weekdays and _WEEKEND.issuperset(step.weekdays):
        return "waits for a trading day at the weekend: name another weekday"
    return "skips nothing when it is past: put what is to be left out into then=[…]" if _skips_nothing(step) else ""


def _skips_nothing(step: WaitUntil) -> bool:
    return step.on_past == "skip" and not step.then


def _check_reachable(journey: Journey) -> None:
    def always_ends(steps: Sequence[AnyStep]) -> bool:
        """Whether no way leads out of the end of a sequence; refuses what comes after such a step."""
        for position, step in enumerate(steps):
            ends = [always_ends(sequence) for sequence in branches(step)]
            inner = [one for one, taken in zip(ends, _taken(step), strict=True) if taken]
            if not (isinstance(step, End) or (_every_way_is_inside(step) and inner and all(inner))):
                continue
            if position + 1 < len(steps):
                raise JourneyError(
                    f"journey {journey.name!r}: step {steps[position + 1].id!r} comes after {_ending(step)} and is"
                    " never reached; move it before, or take it out"
                )
            return True
        return False

    always_ends(journey.steps)


def _every_way_is_inside(step: AnyStep) -> bool:
    """Whether every customer goes through one of the step's sequences."""
    match step:
        case WaitFor() | When() | Split():
            return True
        case Repeat():
            return step.until is None
        case WaitUntil():
            return step.on_past != "skip"
        case _:
            return False


def _taken(step: AnyStep) -> Iterator[bool]:
    """Which of the step's sequences somebody may go through: an arm of 0 percent is switched off."""
    if isinstance(step, Split):
        yield from (arm.percent > 0 for arm in step.arms)
    else:
        yield from (True for _ in branches(step))


def _ending(step: AnyStep) -> str:
    if isinstance(step, End):
        return "end(…)"
    but = " (nobody goes through its arms of 0 percent)" if not all(_taken(step)) else ""
    return f"step {step.id!r}, which ends the run every way{but},"


def _check_in_time(journey: Journey) -> None:
    """No step comes later than the end of the journey, however early everything happens."""

    def earliest_end(steps: Sequence[AnyStep], at: timedelta) -> timedelta:
        for step in steps:
            if at > journey.ends_after:
                raise JourneyError(
                    f"journey {journey.name!r}: step {step.id!r} comes {at.days} days after entry at the earliest, but"
                    f" ends_after is {journey.ends_after.days} days: make that longer, or a wait shorter"
                )
            at = min(earliest_end(sequence, at + delay) for sequence, delay in _ways(step))
        return at

    earliest_end(journey.steps, timedelta(0))


def _ways(step: AnyStep) -> Iterator[tuple[Sequence[AnyStep], timedelta]]:
    """The sequences that may follow a step, and how long it takes at the least to get there."""
    match step:
        case Send():
            yield from (((), timedelta(0)), (step.if_not_sent, timedelta(0)))
        case Wait():
            yield (), step.duration
        case WaitFor():
            yield from ((step.then, timedelta(0)), (step.otherwise, step.within))
        case WaitUntil() | When() | Split() | Repeat():
            yield from (((), timedelta(0)), *((sequence, timedelta(0)) for sequence in branches(step)))
        case AwardPoints() | ChangeTag() | End():
            yield (), timedelta(0)
        case _:
            assert_never(step)
