"""A journey laid out for walking: from every step, where to go next."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from journeys.conditions import Condition
from journeys.events import EventType
from journeys.names import StepId
from journeys.words import (
    AnyStep,
    AwardPoints,
    ChangeTag,
    End,
    Journey,
    Purpose,
    Repeat,
    Send,
    Split,
    Wait,
    WaitFor,
    WaitUntil,
    When,
)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step and its ways on. `None` as a way on is the end of the journey.

    `then` follows when what is waited for came, and is the first step of a repeat; `otherwise` follows when it did not,
    or when a touch was not sent; `ways` are those of `when` (its otherwise last) and of `split`. `overtaken_by` are the
    waits whose `otherwise` led here: once the event of one of them is recorded, a touch planned here is pointless
    (gates.md, touch gate 1). `loops` are the repeats around the step, the outermost first; `split` is the innermost
    split in one of whose arms it stands.
    """

    step: AnyStep
    after: StepId | None
    then: StepId | None
    otherwise: StepId | None
    overtaken_by: tuple[WaitFor, ...]
    ways: tuple[StepId | None, ...] = ()
    loops: tuple[Repeat, ...] = ()
    split: StepId | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A journey's steps by their id, and what the walk asks of the journey at every event."""

    first: StepId
    steps: Mapping[StepId, PlannedStep]
    goal: EventType | None
    goal_within: timedelta
    goal_where: Condition | None
    exits_on: frozenset[str]
    waits_for: frozenset[str]
    waits_where: Mapping[str, tuple[WaitFor, ...]]
    """The waits for an event that look at its data, by the event."""
    ends_after: timedelta
    takes_slot: bool
    """Whether a run counts against the customer's marketing runs at once (rule 7)."""


def takes_slot(purpose: Purpose) -> bool:
    """Service and education take no slot in arbitration."""
    return purpose in ("marketing", "advice")


def lay_out(journey: Journey) -> Plan:
    """Lay out a journey."""
    steps: dict[StepId, PlannedStep] = {}
    first = _lay_out_steps(journey.steps, _Place(None), steps)
    assert first is not None, "a journey has steps"
    waits = [planned.step for planned in steps.values() if isinstance(planned.step, WaitFor)]
    asking = [wait for wait in waits if wait.where is not None]
    return Plan(
        first=first,
        steps=steps,
        goal=journey.goal.event if journey.goal else None,
        goal_within=journey.goal.within if journey.goal else timedelta(0),
        goal_where=journey.goal.where if journey.goal else None,
        exits_on=frozenset(journey.exits_on),
        waits_for=frozenset(event for wait in waits for event in wait.events),
        waits_where={
            str(event): tuple(wait for wait in asking if event in wait.events)
            for event in sorted({event for wait in asking for event in wait.events})
        },
        ends_after=journey.ends_after,
        takes_slot=takes_slot(journey.purpose),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a sequence stands: what follows it, what would make its touches pointless, the repeats and the split
    around it.
    """

    after: StepId | None
    overtaken_by: tuple[WaitFor, ...] = ()
    loops: tuple[Repeat, ...] = ()
    split: StepId | None = None

    def awaiting(self, before: Sequence[AnyStep]) -> _Place:
        """A second wait for an event takes the first one's place: what its `then` plans is planned because it came."""
        awaited = {event for step in before if isinstance(step, WaitFor) for event in step.events}
        return replace(self, overtaken_by=_without(self.overtaken_by, awaited))


def _lay_out_steps(sequence: tuple[AnyStep, ...], place: _Place, steps: dict[StepId, PlannedStep]) -> StepId | None:
    """Lay out a sequence back to front, so that each step knows what follows; answers its first step."""
    after = place.after
    for position in range(len(sequence) - 1, -1, -1):
        step = sequence[position]
        here = replace(place.awaiting(sequence[:position]), after=after)
        steps[step.id] = _lay_out_step(step, here, steps)
        after = step.id
    return after


def _lay_out_step(step: AnyStep, here: _Place, steps: dict[StepId, PlannedStep]) -> PlannedStep:
    planned = PlannedStep(
        step, here.after, here.after, here.after, here.overtaken_by, loops=here.loops, split=here.split
    )
    match step:
        case Send():
            return replace(planned, otherwise=_lay_out_steps(step.if_not_sent, here, steps))
        case WaitUntil():
            return replace(planned, then=_lay_out_steps(step.then, here, steps))
        case WaitFor():
            others = _without(here.overtaken_by, step.events)
            then = _lay_out_steps(step.then, replace(here, overtaken_by=others), steps)
            otherwise = _lay_out_steps(step.otherwise, replace(here, overtaken_by=(*others, step)), steps)
            return replace(planned, then=then, otherwise=otherwise)
        case When():
            sequences = (*(branch.steps for branch in step.branches), step.otherwise)
            return replace(planned, ways=tuple(_lay_out_steps(one, here, steps) for one in sequences))
        case Split():
            inside = replace(here, split=step.id)
            return replace(planned, ways=tuple(_lay_out_steps(arm.steps, inside, steps) for arm in step.arms))
        case Repeat():
            inside = replace(here, after=step.id, loops=(*here.loops, step))
            return replace(planned, then=_lay_out_steps(step.steps, inside, steps))
        case Wait() | AwardPoints() | ChangeTag() | End():
            return planned
        case _:
            assert_never(step)


def _without(waits: tuple[WaitFor, ...], events: Container[EventType]) -> tuple[WaitFor, ...]:
    """The waits for what is left of their events without some."""
    left = ((wait, tuple(event for event in wait.events if event not in events)) for wait in waits)
    return tuple(wait.model_copy(update={"event": kept[0], "or_events": kept[1:]}) for wait, kept in left if kept)
