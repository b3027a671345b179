"""The words of the journey language as values: what is published, hashed and walked.

Product owners write them with the functions in `journeys/language.py`; what each means is in `rules/walk.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from typing import Annotated, Literal, Self, assert_never

from pydantic import Field, field_validator, model_validator

from journeys.conditions import Condition
from journeys.events import EventType
from journeys.names import Channel, JourneyName, ProductId, Stage, StepId, TemplateName, Weekday
from journeys.word import Duration, Number, Word

DEFAULT_CHANNELS = (Channel.APP_PUSH, Channel.INBOX)
Purpose = Literal["service", "education", "marketing", "advice"]


class Send(Word):
    """One planned touch: a template, on the first of the channels that may carry it."""

    kind: Literal["send"] = "send"
    id: StepId
    template: TemplateName
    channels: tuple[Channel, ...] = DEFAULT_CHANNELS
    expires: Duration | None = None
    product: ProductId | None = None
    on_cap: Literal["skip", "hold"] = "skip"
    if_not_sent: tuple[Step, ...] = ()


class Wait(Word):
    """Let time pass: a duration, in 24-hour days."""

    kind: Literal["wait"] = "wait"
    id: StepId
    duration: Duration


class WaitUntil(Word):
    """Wait for a time of the day where the customer lives, on a day that fits, or on one day (`on`).

    `then` is what is to happen at that time; `skip` leaves it out when the time is past.
    """

    kind: Literal["wait_until"]
    id: StepId
    at: time
    on: date | None = None
    weekdays: tuple[Weekday, ...] = ()
    trading_day: bool = False
    on_past: Literal["run", "skip", "end"] = "run"
    then: tuple[Step, ...] = ()


class WaitFor(Word):
    """Wait for an event: `then` when it comes within the time, `otherwise` when it does not.

    `or_events` count as well as `event`. `arrives_within` is how late the news may come.
    """

    kind: Literal["wait_for"] = "wait_for"
    id: StepId
    event: EventType
    within: Duration
    since: Literal["step", "run", "ever"]
    then: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] = ()
    or_events: tuple[EventType, ...] = ()
    where: Condition | None = None
    arrives_within: timedelta = timedelta(0)

    @property
    def events(self) -> tuple[EventType, ...]:
        """All that it waits for."""
        return (self.event, *self.or_events)


class Branch(Word):
    """Steps for those for whom a condition holds."""

    condition: Condition
    steps: tuple[Step, ...]


class When(Word):
    """The first branch whose condition holds, or `otherwise`."""

    kind: Literal["when"]
    id: StepId
    branches: tuple[Branch, ...]
    otherwise: tuple[Step, ...] = ()


class Arm(Word):
    """One way of a split, for so many percent of the customers."""

    name: str
    percent: Annotated[Number, Field(ge=0, le=100)]
    steps: tuple[Step, ...]


class Split(Word):
    """Customers shared out by a salted hash of (split, customer): the same on every run and host."""

    kind: Literal["split"]
    id: StepId
    name: str
    arms: tuple[Arm, ...]


class AwardPoints(Word):
    """Credit points, once per customer, journey, entry and step.

    `approval` names who allowed it, where points for an account, a deposit or a trade need to be.
    """

    kind: Literal["award_points"] = "award_points"
    id: StepId
    points: Annotated[Number, Field(gt=0, le=1_000_000)]
    reason: str
    approval: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class ChangeTag(Word):
    """Give the customer a tag, or take it away."""

    kind: Literal["set_tag", "clear_tag"]
    id: StepId
    tag: Annotated[str, Field(pattern=r"^[^\s;,]{1,64}$")]


class Repeat(Word):
    """Steps up to so many times, a turn `every` so often, until a condition holds (asked before each turn)."""

    kind: Literal["repeat"]
    id: StepId
    steps: tuple[Step, ...]
    every: Duration
    up_to: Annotated[Number, Field(ge=1, le=100)]
    until: Condition | None = None


class End(Word):
    """End the run with an outcome of the journey's own."""

    kind: Literal["end"] = "end"
    id: StepId
    outcome: str


AnyStep = Send | Wait | WaitUntil | WaitFor | When | Split | AwardPoints | ChangeTag | Repeat | End
Step = Annotated[AnyStep, Field(discriminator="kind")]


class StageEntered(Word):
    """A trigger: the customer came into `stage`, from `from_` if that is given."""

    kind: Literal["stage_entered"] = "stage_entered"
    stage: Stage
    from_: Stage | None = None


class Goal(Word):
    """What the journey is for: reached when the event happens within the time from entry."""

    event: EventType
    within: Duration
    where: Condition | None = None


class After(Word):
    """Re-entry is allowed so long after the last run ended."""

    kind: Literal["after"] = "after"
    duration: Duration


Trigger = EventType | StageEntered
Reentry = Literal["never", "always"] | After


class Journey(Word):
    """A journey: docs/journeys.md says what each attribute does.

    Raises `JourneyError` at import, with a sentence that says how to mend it, when it makes no sense.
    """

    name: JourneyName
    version: Annotated[Number, Field(ge=1)]
    state: Literal["draft", "live", "closed"]
    starts_on: tuple[Trigger, ...]
    goal: Goal | None = None
    exits_on: tuple[EventType, ...] = ()
    ends_after: Duration
    reentry: Reentry = "never"
    purpose: Purpose = "marketing"
    steps: tuple[Step, ...]
    entry: Condition | None = None
    key: str | None = None
    priority: Annotated[Number, Field(ge=0, le=100)] = 50
    holdout: Annotated[Number, Field(ge=0, le=100)] = 0

    @field_validator("starts_on", "exits_on", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        """A single trigger may be written without a tuple."""
        return value if isinstance(value, tuple | list) else (value,)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        from journeys.soundness import check_sound

        check_sound(self)
        return self


def branches(step: AnyStep) -> tuple[tuple[Step, ...], ...]:
    """The sequences inside a step, in reading order."""
    match step:
        case Send():
            return (step.if_not_sent,)
        case WaitUntil():
            return (step.then,)
        case WaitFor():
            return (step.then, step.otherwise)
        case When():
            return (*(branch.steps for branch in step.branches), step.otherwise)
        case Split():
            return tuple(arm.steps for arm in step.arms)
        case Repeat():
            return (step.steps,)
        case Wait() | AwardPoints() | ChangeTag() | End():
            return ()
        case _:
            assert_never(step)


def all_steps(steps: Iterable[AnyStep]) -> Iterator[AnyStep]:
    """Every step in reading order, branches included."""
    for step in steps:
        yield step
        for inner in branches(step):
            yield from all_steps(inner)
