"""The words of the journey language (design: journey-language.md).

A journey is a frozen value: a name, when it starts and stops, and a tuple of steps. It holds no code, so it can
be published as JSON, hashed, drawn, rehearsed, and kept by the customers who are in it while it is edited for
those who come later. What each word means is in `rules/walk.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from errors import JourneyError
from journeys.events import EventType
from journeys.names import Channel, JourneyName, Stage, StepId, TemplateName

_NAME = re.compile(r"[a-z][a-z0-9-]{0,47}")
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

DEFAULT_CHANNELS = (Channel.APP_PUSH, Channel.INBOX)


class Word(BaseModel):
    """What every word shares: frozen, closed, and named in JSON by its `kind`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Send(Word):
    """One planned touch: a template, on the first of the channels that may carry it."""

    kind: Literal["send"] = "send"
    id: StepId
    template: TemplateName
    channels: tuple[Channel, ...] = DEFAULT_CHANNELS
    expires: timedelta | None = None


class Wait(Word):
    """Let time pass: a duration, in 24-hour days."""

    kind: Literal["wait"] = "wait"
    id: StepId
    duration: timedelta


class WaitFor(Word):
    """Wait for an event: `then` when it comes within the time, `otherwise` when it does not."""

    kind: Literal["wait_for"] = "wait_for"
    id: StepId
    event: EventType
    within: timedelta
    since: Literal["step", "run", "ever"]
    then: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] = ()


class AwardPoints(Word):
    """Credit points, once per customer, journey, entry and step."""

    kind: Literal["award_points"] = "award_points"
    id: StepId
    points: Annotated[int, Field(gt=0, le=1_000_000)]
    reason: str


class End(Word):
    """End the run with an outcome of the journey's own."""

    kind: Literal["end"] = "end"
    id: StepId
    outcome: str


Step = Annotated[Send | Wait | WaitFor | AwardPoints | End, Field(discriminator="kind")]


class StageEntered(Word):
    """A trigger: the customer came into `stage`, from `from_` if that is given."""

    kind: Literal["stage_entered"] = "stage_entered"
    stage: Stage
    from_: Stage | None = None


class Goal(Word):
    """What the journey is for: reached when the event happens within the time from entry."""

    event: EventType
    within: timedelta


class After(Word):
    """Re-entry is allowed so long after the last run ended."""

    kind: Literal["after"] = "after"
    duration: timedelta


Trigger = EventType | StageEntered
Reentry = Literal["never", "always"] | After


class Journey(Word):
    """A journey: see journey-language.md for what each attribute does.

    Raises `JourneyError` at import, with a sentence that says how to mend it, when it makes no sense.
    """

    name: JourneyName
    version: Annotated[int, Field(ge=1)]
    state: Literal["draft", "live", "closed"]
    starts_on: tuple[Trigger, ...]
    goal: Goal | None = None
    exits_on: tuple[EventType, ...] = ()
    ends_after: timedelta
    reentry: Reentry = "never"
    purpose: Literal["service", "education", "marketing", "advice"] = "marketing"
    steps: tuple[Step, ...]

    @field_validator("starts_on", "exits_on", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        """A single trigger may be written without a tuple."""
        return value if isinstance(value, tuple | list) else (value,)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for check in (_check_name, _check_lifetime, _check_ids, _check_goal_and_exits, _check_reachable):
            check(self)
        return self


def journey(
    *,
    name: str,
    version: int,
    starts_on: Trigger | tuple[Trigger, ...],
    ends_after: timedelta,
    steps: Sequence[Step],
    state: Literal["draft", "live", "closed"] = "draft",
    goal: Goal | None = None,
    exits_on: EventType | tuple[EventType, ...] = (),
    reentry: Reentry = "never",
    purpose: Literal["service", "education", "marketing", "advice"] = "marketing",
) -> Journey:
    """Write a journey."""
    return Journey(
        name=JourneyName(name),
        version=version,
        state=state,
        starts_on=starts_on if isinstance(starts_on, tuple) else (starts_on,),
        goal=goal,
        exits_on=exits_on if isinstance(exits_on, tuple) else (exits_on,),
        ends_after=ends_after,
        reentry=reentry,
        purpose=purpose,
        steps=tuple(steps),
    )


def goal(event: EventType, *, within: timedelta) -> Goal:
    """The goal event, in a window anchored at entry."""
    return Goal(event=event, within=within)


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
    expires: timedelta | None = None,
    id: str | None = None,
) -> Send:
    """Plan one touch with a template, on the first of the channels that may carry it."""
    return Send(id=_step_id(id, template), template=TemplateName(template), channels=tuple(channels), expires=expires)


def wait(duration: timedelta, *, id: str | None = None) -> Wait:
    """Let time pass."""
    return Wait(id=_step_id(id, f"wait-{_short(duration)}"), duration=duration)


def wait_for(
    event: EventType,
    *,
    within: timedelta,
    then: Sequence[Step] = (),
    otherwise: Sequence[Step] = (),
    since: Literal["step", "run", "ever"] | None = None,
    id: str | None = None,
) -> WaitFor:
    """Wait for an event. Milestones are looked for in the whole life, other events in this run."""
    if since == "ever" and not event.milestone:
        raise JourneyError(f"wait_for({event}, since='ever'): only milestones are remembered for life: use 'run'")
    return WaitFor(
        id=_step_id(id, f"{event}-within-{_short(within)}"),
        event=event,
        within=within,
        since=since or ("ever" if event.milestone else "run"),
        then=tuple(then),
        otherwise=tuple(otherwise),
    )


def award_points(points: int, *, reason: str, id: str | None = None) -> AwardPoints:
    """Credit points for a reason that the customer may read."""
    return AwardPoints(id=_step_id(id, f"award {reason}"), points=points, reason=reason)


def end(outcome: str, *, id: str | None = None) -> End:
    """End the run."""
    return End(id=_step_id(id, f"end {outcome}"), outcome=outcome)


def days(number: float) -> timedelta:
    """So many times 24 hours."""
    return timedelta(days=number)


def hours(number: float) -> timedelta:
    """So many hours."""
    return timedelta(hours=number)


def all_steps(steps: Iterable[Step]) -> Iterator[Step]:
    """Every step in reading order, branches included."""
    for step in steps:
        yield step
        if isinstance(step, WaitFor):
            yield from all_steps(step.then)
            yield from all_steps(step.otherwise)


def _step_id(given: str | None, derived: str) -> StepId:
    return StepId(given or re.sub(r"[^a-z0-9_-]+", "-", derived.lower()).strip("-"))


def _short(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    for size, letter in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


def _check_name(journey: Journey) -> None:
    if not _NAME.fullmatch(journey.name):
        raise JourneyError(
            f"journey {journey.name!r}: a name is small letters, digits and hyphens, at most 48, as in 'win-back'"
        )
    if not journey.starts_on:
        raise JourneyError(f"journey {journey.name!r} never starts: give starts_on an event or stage_entered(…)")


def _check_lifetime(journey: Journey) -> None:
    durations = [("ends_after", journey.ends_after)]
    if journey.goal:
        durations.append(("the goal's within", journey.goal.within))
    for step in all_steps(journey.steps):
        if isinstance(step, Wait):
            durations.append((f"step {step.id!r}", step.duration))
        if isinstance(step, WaitFor):
            durations.append((f"step {step.id!r}: within", step.within))
    for what, duration in durations:
        if duration <= timedelta(0):
            raise JourneyError(f"journey {journey.name!r}: {what} must be longer than nothing, as in days(3)")


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
    if journey.goal and journey.goal.event in journey.exits_on:
        raise JourneyError(
            f"journey {journey.name!r}: {journey.goal.event} is both goal and exit; take it out of exits_on,"
            " the goal ends the run anyway"
        )
    for event in (*journey.exits_on, *([journey.goal.event] if journey.goal else [])):
        if event in journey.starts_on:
            raise JourneyError(
                f"journey {journey.name!r} would start and end on {event}: choose another event for one of them"
            )


def _check_reachable(journey: Journey) -> None:
    def check(steps: Sequence[Step]) -> None:
        for position, step in enumerate(steps):
            if isinstance(step, End) and position + 1 < len(steps):
                raise JourneyError(
                    f"journey {journey.name!r}: step {steps[position + 1].id!r} comes after end(…) and is never"
                    " reached; move it before, or take it out"
                )
            if isinstance(step, WaitFor):
                check(step.then)
                check(step.otherwise)
            if isinstance(step, Send) and not step.channels:
                raise JourneyError(f"journey {journey.name!r}: step {step.id!r} has no channel: name at least one")

    check(journey.steps)
