"""One customer's life: the next happening in event-time order, and what it leads to.

Both worlds call the same four functions: `next_deadline` says what time will bring, `take_event`,
`take_deadline` and `take_answer` say what follows. They change the state and put into `Effects` what has to be
recorded or asked; they never look at a clock or a catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import Final, assert_never

from journeys.events import account_closed
from journeys.names import Stage
from rules import lifecycle, walk
from rules.effects import (
    AskConditions,
    CheckConversion,
    Effects,
    EntryOffered,
    RecordedEvent,
    ResolveTime,
    StageChanged,
)
from rules.entry import EntryDecided, note_refusal, open_run
from rules.gates import Answer, HeldUntil, NextChannel, TouchSettled, TryLater
from rules.state import ASKED, HELD, READY, TOUCHES_SHOWN, WAITING, CustomerState, Run, TouchNote
from rules.values import value


class What(IntEnum):
    """What a deadline brings; the order in which deadlines of one instant act."""

    STAGE = 0
    STEP = 1
    END = 2
    FORGET = 3


# As in `rules/state.py`.
STAGE: Final = What.STAGE
STEP: Final = What.STEP
END: Final = What.END
FORGET: Final = What.FORGET


@value
class Deadline:
    """What comes next if no event comes before."""

    at: datetime
    what: What
    run: Run | None = None
    due: datetime | None = None
    """What it is dated at, if it is acted on later than it is due (journey-language.md, rule 10)."""


def next_deadline(state: CustomerState) -> Deadline | None:
    """The earliest deadline of the lifecycle and the runs; of two at one instant, in the order of `What`."""
    assert state.policy is not None
    stage = at = lifecycle.next_deadline(state.lifecycle, state.policy)
    what, whose = STAGE, None
    if stage is not None and state.policy.arrives_within:
        at = stage + state.policy.arrives_within
    for run in state.runs:
        step = None if run.paused_at else run.acts_at or run.deadline
        if step is not None and (at is None or step < at or (step == at and what is END)):
            at, what, whose = step, STEP, run
        if at is None or run.ends_at < at:
            at, what, whose = run.ends_at, END, run
    if at is not None:
        return Deadline(at, what, whose, stage if what is STAGE else whose.deadline if whose else None)
    return None if state.moved_at is None else Deadline(state.moved_at + state.policy.forget_after, FORGET)


def likely_deadline(state: CustomerState) -> Deadline | None:
    """The earliest deadline once the planned touches have been sent, as they will be in a moment as a rule."""
    likely = deepcopy(state)
    for run in [run for run in likely.runs if run.phase is ASKED]:
        assert run.step is not None
        take_answer(likely, TouchSettled(run.journey, run.entry, run.step, run.at, "sent"))
    return next_deadline(likely)


def with_settled(state: CustomerState, settled: Sequence[TouchSettled]) -> CustomerState:
    """The state once touches have taken effect that were settled since it was stored, in the order of their times."""
    later = deepcopy(state)
    for answer in settled:
        run = later.run(answer.journey, answer.entry)
        if run is not None and (run.step, run.at) == (answer.step, answer.at):
            run.phase = ASKED
            take_answer(later, answer)
    return later


def may_end(state: CustomerState) -> bool:
    """Whether a life may be forgotten once it has been idle for long: never a customer's who may still churn."""
    return not state.runs and state.lifecycle.stage in (None, Stage.CHURNED, Stage.CLOSED)


def take_event(state: CustomerState, event: RecordedEvent, now: datetime) -> Effects:
    """An event took place: stage, goals, exits and waits, then what may start on it. It was recorded at `now`."""
    assert state.policy is not None
    effects = Effects()
    _moved(state, event.at)
    if event.milestone:
        state.milestones[event.name] = min(event.at, state.milestones.get(event.name, event.at))
    if state.policy.arrives_within and event.name in state.policy.investing_events:
        _let_stage_fall_due(state, event.at, effects)
    for change in lifecycle.fold(state.lifecycle, event, state.policy, now):
        _stage_changed(change, effects, event)
    for run in list(state.runs):
        walk.hear(state, run, event, now, effects)
    if state.lifecycle.stage is Stage.CLOSED:
        for run in list(state.runs):
            walk.finish(state, run, max(event.at, run.at), f"exit: {account_closed}", effects)
    if event.starts:
        effects.offers += (
            EntryOffered(event.event_id, event.at, event=event.name, data=event.data, caused_by=event.sequence),
        )
    return effects


def take_deadline(state: CustomerState, deadline: Deadline) -> Effects:
    """A deadline came before any event that bears on it."""
    effects = Effects()
    due = deadline.at if deadline.due is None else deadline.due
    match deadline.what:
        case What.STAGE:
            _moved(state, due)
            _stage_changed(lifecycle.fall_due(state.lifecycle, due), effects)
        case What.STEP:
            assert deadline.run is not None
            _moved(state, due)
            walk.fall_due(state, deadline.run, due, effects)
        case What.END:
            _moved(state, deadline.at)
            assert deadline.run is not None
            walk.finish(state, deadline.run, deadline.at, walk.EXPIRED, effects)
        case What.FORGET:
            raise AssertionError("the shell closes the life; nothing follows")
        case _:
            assert_never(deadline.what)
    return effects


def take_entry(state: CustomerState, decided: EntryDecided) -> Effects:
    """A decision was recorded: who entered takes the first steps, in place of the run that is displaced.

    Who was refused because others are under way is offered the journey again when one of them ends.
    """
    effects = Effects()
    if decided.refused:
        note_refusal(state, decided)
        return effects
    if decided.entry <= state.times_entered(decided.journey):
        return effects  # decided before, and lived already
    state.deferred = [one for one in state.deferred if (one.journey, one.key) != (decided.journey, decided.key)]
    if decided.displaces is not None and (displaced := state.run(*decided.displaces)) is not None:
        walk.finish(state, displaced, decided.at, walk.DISPLACED, effects, frees_slot=False)
    walk.proceed(state, open_run(state, decided), effects)
    return effects


def take_answer(state: CustomerState, answer: Answer) -> Effects:
    """The gate answered for a planned touch. The run goes on whatever the outcome is."""
    effects = Effects()
    run = _still_asked(state, answer)
    match answer:
        case TouchSettled():
            _note_touch(state, answer)
            if run is not None:
                walk.touched(state, run, answer, effects)
        case HeldUntil() if run is not None:
            run.phase, run.deadline, run.held_until = HELD, answer.until, answer.until
            run.held_for = answer.reason
        case TryLater() if run is not None:
            run.phase, run.deadline, run.held_for = HELD, answer.at, answer.reason
        case NextChannel() if run is not None:
            # A run that was moved meanwhile begins with the first channel of where it is now.
            run.channel = run.channel + 1 if answer.definition == run.definition else 0
            run.phase = READY
            walk.proceed(state, run, effects)
        case HeldUntil() | NextChannel() | TryLater():
            pass
        case _:
            assert_never(answer)
    return effects


def take_check(
    state: CustomerState, check: CheckConversion, found: RecordedEvent | None, now: datetime, folded: bool = False
) -> Effects:
    """The books answered whether the event happened after all.

    A hit is taken like any event, unless it has taken effect already (`folded`): then only the wait is over.
    """
    run = state.run(check.journey, check.entry)
    if run is None or run.step != check.step or run.phase is not ASKED:
        return Effects()
    run.phase = WAITING
    effects = take_event(state, found, now) if found and not folded else Effects()
    if run in state.runs and run.step == check.step and run.phase is WAITING:
        if found and folded:
            walk.satisfied(state, run, found.name, check.due, effects)
        else:
            walk.overdue(state, run, check.due, effects)
    return effects


def take_conditions(state: CustomerState, asked: AskConditions, holds: int | None) -> Effects:
    """The conditions of a step were answered: the place of the first that holds, if one does."""
    effects = Effects()
    if (run := _still_asked(state, asked)) is not None:
        walk.branch(state, run, holds, effects)
    return effects


def take_time(state: CustomerState, asked: ResolveTime, at: datetime) -> Effects:
    """The time that a step waits for was found."""
    effects = Effects()
    if (run := _still_asked(state, asked)) is not None:
        walk.wait_until(state, run, at, effects)
    return effects


def put_off(state: CustomerState, check: CheckConversion) -> None:
    """Events came in while the books were asked: the deadline stands again, and comes after what was before it."""
    run = state.run(check.journey, check.entry)
    if run is not None and run.step == check.step and run.phase is ASKED:
        run.phase = WAITING


def resume(state: CustomerState) -> Effects:
    """Go on with a life that was carried over or restored: nothing is in flight, so open questions are asked again."""
    effects = Effects()
    for run in list(state.runs):
        if run.phase is ASKED:
            run.phase = READY if run.deadline is None else WAITING
        walk.proceed(state, run, effects)
    return effects


def _stage_changed(change: StageChanged, effects: Effects, event: RecordedEvent | None = None) -> None:
    effects.stage_changes += (change,)
    cause = _cause(change.to_stage, change.at)
    caused_by, happened_at = (event.sequence, event.at) if event else (None, None)
    effects.offers += (EntryOffered(cause, change.at, change.from_stage, change.to_stage, caused_by, happened_at),)


@lru_cache(maxsize=4096)
def _cause(stage: Stage, at: datetime) -> str:
    """Writing a time down costs as much as all else here, and in a rehearsal many customers share one."""
    return f"{stage}@{at.isoformat()}"


def _let_stage_fall_due(state: CustomerState, before: datetime, effects: Effects) -> None:
    """An investment after the deadline does not undo it, though it is acted on later (rule 10)."""
    assert state.policy is not None
    while (due := lifecycle.next_deadline(state.lifecycle, state.policy)) is not None and due < before:
        _stage_changed(lifecycle.fall_due(state.lifecycle, due), effects)


def _still_asked(state: CustomerState, asked: Answer | AskConditions | ResolveTime) -> Run | None:
    run = state.run(asked.journey, asked.entry)
    return run if run is not None and run.phase is ASKED and run.step == asked.step else None


def _note_touch(state: CustomerState, answer: TouchSettled) -> None:
    state.touches.append(TouchNote(answer.at, answer.journey, answer.step, answer.outcome, answer.reason))
    del state.touches[:-TOUCHES_SHOWN]


def _moved(state: CustomerState, at: datetime) -> None:
    if state.moved_at is None or at > state.moved_at:
        state.moved_at = at
