"""The ways on from a step when nothing is known of the customer: the walk of `rules/walk.py`, all ways at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from journeys.conditions import Condition
from journeys.events import EventType
from journeys.language import short
from journeys.names import StepId
from journeys.published import Published
from journeys.words import (
    AnyStep,
    AwardPoints,
    ChangeTag,
    End,
    Repeat,
    Send,
    Split,
    Wait,
    WaitFor,
    WaitUntil,
    When,
)
from rules.paper import LocalTime
from rules.path import Moment, Path, PlannedTouch
from rules.plan import PlannedStep, lay_out
from rules.walk import COMPLETED, EXPIRED, GOAL, GOAL_LATE, TOO_LATE

ZONE = "Asia/Shanghai"
"""Where the customer of a path lives."""

EARLIEST, LAST_INSTANT = "at the earliest", "at the last instant"
_NOW = timedelta(0)

Choice = tuple[str | int, ...]
"""What is decided once on a path: a step, with the turns it is in; or a split, by its name."""


@dataclass(frozen=True, slots=True)
class Came:
    """One of some events came, with data that fit; `in_run` if surely after entry."""

    events: tuple[EventType, ...]
    where: Condition | None
    in_run: bool

    def answers(self, step: WaitFor) -> bool:
        """Whether a wait is over at once by this."""
        fits = step.where is None or step.where == self.where
        return fits and self._is_remembered_by(step) and all(event in step.events for event in self.events)

    def not_of(self, *steps: WaitFor) -> Came:
        """What is left of it when some waits are not over at once: it was none of the events waited for."""
        remembering = [one for one in steps if one.where is None and self._is_remembered_by(one)]
        excluded = {event for one in remembering for event in one.events}
        return replace(self, events=tuple(event for event in self.events if event not in excluded))

    def _is_remembered_by(self, step: WaitFor) -> bool:
        return step.since == "ever" or (step.since == "run" and self.in_run)


@dataclass(frozen=True, slots=True)
class Here:
    """A place on a path: the step that comes next, when, and what led here. With an outcome it is the path's end.

    `dated` if the calendar is known, because a day given by its date was met. `missing` are the events that surely did
    not come before entry. `turns` holds for each repeat around the step which turn it is, and when that began.
    """

    step: StepId | None
    entered_at: datetime
    at: timedelta = _NOW
    dated: bool = False
    moments: tuple[Moment, ...] = ()
    touches: tuple[PlannedTouch, ...] = ()
    came: tuple[Came, ...] = ()
    missing: tuple[EventType, ...] = ()
    chosen: Mapping[Choice, str] = field(default_factory=dict)
    turns: Mapping[StepId, tuple[int, timedelta]] = field(default_factory=dict)
    outcome: str = ""
    missed: StepId | None = None
    points: int = 0

    def path(self) -> Path:
        """The path that ends here."""
        return Path(self.moments, self.touches, self.outcome, self.at, self.missed, self.points)


class Walker:
    """Goes on from a place, every way that there is."""

    def __init__(self, value: Published, local_time: LocalTime | None, *, last_instants: bool) -> None:
        self._journey = value.journey
        self._plan = lay_out(value.journey)
        self._templates = value.templates
        self._local_time = local_time
        self._last_instants = last_instants

    def begin(self, entered_at: datetime) -> Here:
        """The place at entry: what the journey starts on has come, before the run began."""
        events = tuple(one for one in self._journey.starts_on if isinstance(one, EventType))
        known = bool(events) and len(events) == len(self._journey.starts_on)
        return Here(self._plan.first, entered_at, came=(Came(events, None, in_run=False),) if known else ())

    def ways(self, here: Here) -> list[Here]:
        """The places that follow a place; only those that go together with what was chosen on the way to it."""
        if here.step is None:
            return [replace(here, outcome=COMPLETED)]
        planned = self._plan.steps[here.step]
        choice, ways = _choice(here, planned), list(self._ways(here, planned))
        if (before := here.chosen.get(choice)) is not None:
            ways = [way for way in ways if way.moments[-1].told() == before] or ways
        return ways if len(ways) == 1 else [_decided(way, choice) for way in ways]

    def _ways(self, here: Here, planned: PlannedStep) -> Iterator[Here]:
        match planned.step:
            case Send() as step:
                yield from self._send(here, planned, step)
            case WaitFor() as step:
                yield from self._wait_for(here, planned, step)
            case WaitUntil() as step:
                yield from self._wait_until(here, planned, step)
            case Repeat() as step:
                yield from self._repeat(here, planned, step)
            case When() | Split() as step:
                for told, to in zip(_ways_told(step), planned.ways, strict=True):
                    if told:
                        yield self._go(here, told, to)
            case Wait() | AwardPoints() | ChangeTag() | End() as step:
                yield self._pass(here, planned, step)
            case _:
                assert_never(planned.step)

    def _pass(self, here: Here, planned: PlannedStep, step: Wait | AwardPoints | ChangeTag | End) -> Here:
        """Take a step that has one way on, or none."""
        match step:
            case Wait():
                return self._go(here, f"{short(step.duration)} passed", planned.after, here.at + step.duration)
            case AwardPoints():
                richer = replace(here, points=here.points + step.points)
                return self._go(richer, f"+{step.points} points", planned.after)
            case ChangeTag():
                done = "set" if step.kind == "set_tag" else "cleared"
                return self._go(here, f"tag {step.tag} {done}", planned.after)
            case End():
                return self._end(here, "end", step.outcome)
            case _:
                assert_never(step)

    def _send(self, here: Here, planned: PlannedStep, step: Send) -> Iterator[Here]:
        message_class = self._templates[step.template].message_class
        touch = PlannedTouch(here.at, step.id, step.template, message_class, step.channels)
        unsent = replace(here, touches=(*here.touches, replace(touch, sent=False)))
        left = tuple(one.not_of(*planned.overtaken_by) for one in here.came)
        overtaken = any(one.answers(wait) for wait in planned.overtaken_by for one in here.came)
        if not overtaken and all(one.events for one in left):
            yield self._go(replace(here, came=left, touches=(*here.touches, touch)), "sent", planned.after)
            if step.if_not_sent:
                yield self._go(replace(unsent, came=left), "not sent", planned.otherwise)
        if overtaken or left != here.came:
            yield self._go(replace(unsent, came=_overtaking(here.came, left)), "overtaken", planned.otherwise)

    def _wait_for(self, here: Here, planned: PlannedStep, step: WaitFor) -> Iterator[Here]:
        told = " or ".join(step.events)
        if any(came.answers(step) for came in here.came):
            yield self._go(here, f"{told} had come", planned.then, came=step.events)
            return
        yield self._came(here, planned, step, here.at, EARLIEST)
        deadline = here.at + step.within
        last = min(deadline, self._journey.ends_after)
        differs = planned.then != planned.otherwise or last < deadline
        if self._last_instants and differs and last > here.at:
            yield self._came(_in_vain(here, step), planned, step, last, LAST_INSTANT)
        acts_at = deadline + step.arrives_within
        yield self._go(_in_vain(here, step), f"{told} timed out", planned.otherwise, deadline, acts_at=acts_at)

    def _came(self, here: Here, planned: PlannedStep, step: WaitFor, at: timedelta, timing: str) -> Here:
        """The event came: `then`, unless it ends the run. One of before entry ends nothing."""
        told = f"{' or '.join(step.events)} came"
        before_entry = (
            step.since == "ever" and timing == EARLIEST and not all(event in here.missing for event in step.events)
        )
        ends = [self._ends_run(event, at) for event in step.events]
        if all(ends) and not before_entry:
            return self._end(replace(here, at=at), told, ends[0], timing)
        knowing = replace(here, came=(*here.came, Came(step.events, step.where, in_run=not before_entry)))
        return self._go(knowing, told, planned.then, at, timing=timing, came=step.events)

    def _ends_run(self, event: EventType, at: timedelta) -> str:
        """The outcome of a run in which an event comes; empty if it goes on, whatever its data are."""
        goal = self._journey.goal
        if goal is not None and goal.where is None and goal.event == event:
            return GOAL if at <= goal.within else GOAL_LATE
        return f"exit: {event}" if event in self._journey.exits_on else ""

    def _wait_until(self, here: Here, planned: PlannedStep, step: WaitUntil) -> Iterator[Here]:
        assert self._local_time is not None, "this journey waits for times of the day: give local_time"
        moment = self._local_time(step, here.entered_at + here.at, ZONE)
        told = f"{step.at:%H:%M} came" if step.on is None else f"{step.on} {step.at:%H:%M} came"
        if step.on is None or (here.dated and moment >= here.entered_at + here.at):
            yield self._go(here, told, planned.then, moment - here.entered_at)
            return
        if not here.dated:
            yield self._go(replace(here, entered_at=moment - here.at, dated=True), told, planned.then)
        if here.dated or step.on_past != "run":
            yield self._past(here, planned, step)

    def _past(self, here: Here, planned: PlannedStep, step: WaitUntil) -> Here:
        told = f"{step.on} {step.at:%H:%M} is past"
        match step.on_past:
            case "run":
                return self._go(here, told, planned.then)
            case "skip":
                return self._go(here, f"{told}: skipped", planned.after)
            case "end":
                return self._end(here, told, TOO_LATE)
            case _:
                assert_never(step.on_past)

    def _repeat(self, here: Here, planned: PlannedStep, step: Repeat) -> Iterator[Here]:
        number, began_at = here.turns.get(step.id, (0, here.at))
        left = replace(here, turns={id: turn for id, turn in here.turns.items() if id != step.id})
        if number >= step.up_to:
            yield self._go(left, "all turns taken", planned.after)
            return
        at = max(here.at, began_at + step.every) if number else here.at
        turned = replace(here, turns={**here.turns, step.id: (number + 1, at)})
        yield self._go(turned, f"turn {number + 1} of {step.up_to}", planned.then, at)
        if step.until is not None and number < 2 and at <= self._journey.ends_after:
            yield self._go(left, f"stopped before turn {number + 1}", planned.after, at)

    def _go(
        self,
        here: Here,
        what: str,
        to: StepId | None,
        at: timedelta | None = None,
        *,
        timing: str = "",
        came: tuple[EventType, ...] = (),
        acts_at: timedelta | None = None,
    ) -> Here:
        """Be done with the present step and go to another, at once if no time is given; `ends_after` may come first."""
        assert here.step is not None
        at, over = here.at if at is None else at, self._journey.ends_after
        if (acts_at or at) > over:
            cut = Moment(over, here.step, f"cut by ends_after, {short(over)}", about=here.step)
            return replace(here, at=over, outcome=EXPIRED, missed=to, moments=(*here.moments, cut))
        moment = Moment(at, here.step, what, timing, _about(self._plan.steps[here.step].step), came=came)
        return replace(here, step=to, at=at, moments=(*here.moments, moment))

    def _end(self, here: Here, what: str, outcome: str, timing: str = "") -> Here:
        assert here.step is not None
        return replace(here, outcome=outcome, moments=(*here.moments, Moment(here.at, here.step, what, timing)))


def _in_vain(here: Here, step: WaitFor) -> Here:
    """What is known when a wait is not over at once: what it is for has not come before."""
    missing = (*here.missing, *step.events) if step.since == "ever" else here.missing
    return replace(here, missing=missing, came=tuple(one.not_of(step) for one in here.came))


def _overtaking(came: tuple[Came, ...], left: tuple[Came, ...]) -> tuple[Came, ...]:
    """What is known when a touch is overtaken: of what may have done it, the first did."""
    for place, (one, others) in enumerate(zip(came, left, strict=True)):
        if one != others:
            events = tuple(event for event in one.events if event not in others.events)
            return (*came[:place], replace(one, events=events), *came[place + 1 :])
    return came


def _ways_told(step: When | Split) -> list[str]:
    """What each way is called; empty for an arm that nobody is in."""
    match step:
        case When():
            return [*(f"branch {number + 1}" for number in range(len(step.branches))), "otherwise"]
        case Split():
            return [f"arm {arm.name} {arm.percent} %" if arm.percent else "" for arm in step.arms]
        case _:
            assert_never(step)


def _about(step: AnyStep) -> str:
    match step:
        case WaitFor() | WaitUntil():
            return ""
        case Split():
            return step.name
        case _:
            return step.id


def _choice(here: Here, planned: PlannedStep) -> Choice:
    """A step in a repeat is chosen for in the first turn and again in the second, which stands for all further ones."""
    match planned.step:
        case Split() as step:
            return (step.name, *(arm.percent for arm in step.arms if arm.percent))
        case step:
            turns = [min(here.turns[loop.id][0], 2) for loop in planned.loops]
            asked = [here.turns.get(step.id, (0,))[0]] if isinstance(step, Repeat) else []
            return (step.id, *turns, *asked)


def _decided(way: Here, choice: Choice) -> Here:
    *before, last = way.moments
    return replace(way, moments=(*before, replace(last, decided=True)), chosen={**way.chosen, choice: last.told()})
