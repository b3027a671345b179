"""A journey laid out for walking: from every step, where to go next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from journeys.events import EventType
from journeys.language import Journey, Step, WaitFor
from journeys.names import StepId


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step and its ways on. `None` as a way on is the end of the journey.

    `overtaken_by` are the waits whose `otherwise` led here: once the event of one of them is recorded, a touch planned
    here is pointless (gates.md, touch gate 1).
    """

    step: Step
    after: StepId | None
    then: StepId | None
    otherwise: StepId | None
    overtaken_by: tuple[WaitFor, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A journey's steps by their id, and what the walk asks of the journey at every event."""

    first: StepId
    steps: Mapping[StepId, PlannedStep]
    goal: EventType | None
    goal_within: timedelta
    exits_on: frozenset[str]
    waits_for: frozenset[str]
    ends_after: timedelta


def lay_out(journey: Journey) -> Plan:
    """Lay out a journey."""
    steps: dict[StepId, PlannedStep] = {}
    first = _lay_out_steps(journey.steps, None, (), steps)
    assert first is not None, "a journey has steps"
    return Plan(
        first=first,
        steps=steps,
        goal=journey.goal.event if journey.goal else None,
        goal_within=journey.goal.within if journey.goal else timedelta(0),
        exits_on=frozenset(journey.exits_on),
        waits_for=frozenset(p.step.event for p in steps.values() if isinstance(p.step, WaitFor)),
        ends_after=journey.ends_after,
    )


def _lay_out_steps(
    sequence: tuple[Step, ...],
    after: StepId | None,
    overtaken_by: tuple[WaitFor, ...],
    steps: dict[StepId, PlannedStep],
) -> StepId | None:
    """Lay out a sequence back to front, so that each step knows what follows; answers its first step.

    A second wait for the same event takes the first one's place: what its `then` plans is planned because it came.
    """
    for place in range(len(sequence) - 1, -1, -1):
        step = sequence[place]
        awaited = {before.event for before in sequence[:place] if isinstance(before, WaitFor)}
        here = tuple(wait for wait in overtaken_by if wait.event not in awaited)
        then = otherwise = after
        if isinstance(step, WaitFor):
            others = tuple(wait for wait in here if wait.event != step.event)
            then = _lay_out_steps(step.then, after, others, steps)
            otherwise = _lay_out_steps(step.otherwise, after, (*others, step), steps)
        steps[step.id] = PlannedStep(step, after, then, otherwise, here)
        after = step.id
    return after
