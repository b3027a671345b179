"""What each word means: how one run goes from step to step.

A run keeps its own calendar (`Run.at`): a step that became due at T happened at T for the waits after it,
whenever the machine got to it. What needs the world is put into `Effects` and answered later.
"""

from datetime import datetime, timedelta
from math import prod
from typing import assert_never

from journeys.names import StepId
from journeys.words import (
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
from rules.bucketing import arm_of
from rules.conditions import fits
from rules.definitions import definition
from rules.effects import (
    ArmAssigned,
    AskConditions,
    CheckConversion,
    Effects,
    EntryOffered,
    PointsAwarded,
    RecordedEvent,
    ResolveTime,
    RunEnded,
    SendMessage,
    TagChanged,
)
from rules.gates import TouchSettled, counts_as_sent
from rules.plan import Plan, PlannedStep
from rules.state import ASKED, HELD, READY, RUNS_SHOWN, WAITING, CustomerState, EndedNote, Run

GOAL, GOAL_LATE, COMPLETED, EXPIRED = "goal", "goal_late", "completed", "expired"
DISPLACED, TOO_LATE, BY_COMMAND = "displaced", "time_past", "ended_by_command"

_Begun = Send | Wait | WaitFor | WaitUntil | When | Split | AwardPoints | ChangeTag | Repeat


def proceed(state: CustomerState, run: Run, effects: Effects) -> None:
    """Walk on until the run has to wait for time, an event or an answer, or has ended. A paused run stands still."""
    plan = definition(run.definition).plan
    while run.phase is READY and run.paused_at is None:
        if run.step is None:
            finish(state, run, run.at, COMPLETED, effects)
            return
        planned = plan.steps[run.step]
        if isinstance(planned.step, End):
            run.path.append((planned.step.id, ""))
            finish(state, run, run.at, planned.step.outcome, effects)
            return
        _begin(state, run, planned, planned.step, effects)


def _begin(state: CustomerState, run: Run, planned: PlannedStep, begun: _Begun, effects: Effects) -> None:
    """Take the present step as far as it goes."""
    match begun:
        case Send():
            ask_to_send(run, effects)
        case Wait() as step:
            _wait_until(run, run.at + step.duration)
        case WaitFor() as step:
            _begin_to_wait_for(state, run, planned, step)
        case WaitUntil():
            run.phase = ASKED
            effects.times += (ResolveTime(run.journey, run.entry, planned.step.id, run.definition, run.at),)
        case When():
            _ask_conditions(run, planned, effects)
        case Split() as step:
            _assign_arm(state, run, planned, step, effects)
        case AwardPoints() as step:
            _award(state, run, planned, step, effects)
        case ChangeTag() as step:
            _change_tag(run, planned, step, effects)
        case Repeat() as step:
            _begin_turn(run, planned, step, effects, its_time=False)
        case _:
            assert_never(begun)


def _begin_to_wait_for(state: CustomerState, run: Run, planned: PlannedStep, step: WaitFor) -> None:
    deadline = run.at + step.within
    came = _came(state, run, step)
    if came is not None and came <= deadline:
        go_on(run, planned.then, max(run.at, came), _name_of(step))
    else:
        _wait_until(run, deadline, step.arrives_within)


def _name_of(step: WaitFor) -> str:
    return str(step.event) if len(step.events) == 1 else "any_of"


def _assign_arm(state: CustomerState, run: Run, planned: PlannedStep, step: Split, effects: Effects) -> None:
    place, arm = arm_of(step, state.customer_id)
    time = occurrence(run, planned)
    effects.arms += (ArmAssigned(run.journey, run.entry, step.id, run.at, step.name, arm.name, time),)
    go_on(run, planned.ways[place], run.at, arm.name)


def _change_tag(run: Run, planned: PlannedStep, step: ChangeTag, effects: Effects) -> None:
    present, time = step.kind == "set_tag", occurrence(run, planned)
    effects.tags += (TagChanged(run.journey, run.entry, step.id, run.at, step.tag, present, time),)
    go_on(run, planned.after, run.at, "")


def _award(state: CustomerState, run: Run, planned: PlannedStep, step: AwardPoints, effects: Effects) -> None:
    if not run.control:
        state.points += step.points
    awarded = PointsAwarded(
        run.journey, run.entry, step.id, run.at, step.points, step.reason, occurrence(run, planned), run.control
    )
    effects.awards += (awarded,)
    go_on(run, planned.after, run.at, "withheld: holdout" if run.control else f"+{step.points}")


def _begin_turn(run: Run, planned: PlannedStep, step: Repeat, effects: Effects, *, its_time: bool) -> None:
    """The next turn of a repeat, if there is one, when its time has come and `until` says no."""
    number, began_at = run.turns.get(step.id, (0, run.at))
    if number >= step.up_to:
        _leave_repeat(run, planned)
    elif number and not its_time and run.at < began_at + step.every:
        _wait_until(run, began_at + step.every)
    elif step.until is not None:
        _ask_conditions(run, planned, effects)
    else:
        _take_turn(run, planned, step)


def _take_turn(run: Run, planned: PlannedStep, step: Repeat) -> None:
    number = run.turns.get(step.id, (0, run.at))[0] + 1
    run.turns[step.id] = (number, run.at)
    go_on(run, planned.then, run.at, f"{number}/{step.up_to}")


def _leave_repeat(run: Run, planned: PlannedStep) -> None:
    run.turns.pop(planned.step.id, None)
    go_on(run, planned.after, run.at, "")


def _ask_conditions(run: Run, planned: PlannedStep, effects: Effects) -> None:
    """Each question has a number of its own: a repeat asks before every turn."""
    number = occurrence(run, planned)
    if isinstance(planned.step, Repeat):
        turn, _ = run.turns.get(planned.step.id, (0, run.at))
        number = (number - 1) * planned.step.up_to + turn + 1
    run.phase = ASKED
    effects.conditions += (
        AskConditions(run.journey, run.entry, planned.step.id, run.definition, run.at, run.entered_at, number),
    )


def branch(state: CustomerState, run: Run, holds: int | None, effects: Effects) -> None:
    """The conditions of the present step were answered: the place of the first that holds, if one does."""
    assert run.step is not None
    planned = definition(run.definition).plan.steps[run.step]
    run.phase = READY
    match planned.step:
        case When() as step:
            place = len(step.branches) if holds is None else holds
            go_on(run, planned.ways[place], run.at, "otherwise" if holds is None else f"branch {holds + 1}")
        case Repeat() as step:
            if holds is None:
                _take_turn(run, planned, step)
            else:
                _leave_repeat(run, planned)
        case step:
            raise AssertionError(f"step {step.id!r} has no conditions")
    proceed(state, run, effects)


def wait_until(state: CustomerState, run: Run, at: datetime, effects: Effects) -> None:
    """The time that the present step waits for was found; it may be past, if the step names a day."""
    assert run.step is not None
    planned = definition(run.definition).plan.steps[run.step]
    step = planned.step
    assert isinstance(step, WaitUntil)
    if at >= run.at:
        _wait_until(run, at)
        return
    run.phase = READY
    match step.on_past:
        case "run":
            go_on(run, planned.then, run.at, "")
        case "skip":
            go_on(run, planned.after, run.at, "skipped")
        case "end":
            finish(state, run, run.at, TOO_LATE, effects)
            return
        case _:
            assert_never(step.on_past)
    proceed(state, run, effects)


def hear(state: CustomerState, run: Run, event: RecordedEvent, now: datetime, effects: Effects) -> None:
    """Let a run take notice of an event: goal and exit end it at once, a wait for it is over.

    An event older than the run's calendar is late: it acts at `now` and undoes nothing.
    """
    plan = definition(run.definition).plan
    at = event.at if event.at >= run.at else now
    in_run = event.at >= run.entered_at
    if in_run and (outcome := _ending(plan, run, event)):
        finish(state, run, at, outcome, effects)
        return
    if event.name not in plan.waits_for:
        return
    if in_run:
        _remember(run, plan, event, state.going_by.seen_kept)
    if run.phase is WAITING and run.step and _satisfies(plan.steps[run.step], run, event):
        satisfied(state, run, event.name, at, effects)


def _remember(run: Run, plan: Plan, event: RecordedEvent, kept: int) -> None:
    same = [one for one in run.seen if one[0] == event.name]
    others = [one for one in run.seen if one[0] != event.name]
    run.seen = [*others, *same[1 - kept :], (event.name, event.at)]
    for wait in plan.waits_where.get(event.name, ()):
        if fits(wait.where, event.data):
            run.fitting[wait.id] = [*run.fitting.get(wait.id, []), event.at][-kept:]


def fall_due(state: CustomerState, run: Run, due: datetime, effects: Effects) -> None:
    """The deadline of the run's present step came."""
    assert run.step is not None
    planned = definition(run.definition).plan.steps[run.step]
    if run.phase is HELD:
        ask_to_send(run, effects)
        return
    match planned.step:
        case Wait():
            go_on(run, planned.after, due, "")
            proceed(state, run, effects)
        case WaitUntil():
            go_on(run, planned.then, due, "")
            proceed(state, run, effects)
        case Repeat() as step:
            run.at, run.phase, run.deadline = due, READY, None
            _begin_turn(run, planned, step, effects, its_time=True)
            proceed(state, run, effects)
        case WaitFor() as step:
            run.phase = ASKED
            effects.checks += (_check(run, step, due),)
        case step:
            raise AssertionError(f"step {step.id!r} has no deadline")


def _check(run: Run, step: WaitFor, due: datetime) -> CheckConversion:
    return CheckConversion(
        run.journey,
        run.entry,
        step.id,
        str(step.event),
        _looks_back_to(run, step),
        due,
        tuple(map(str, step.or_events)),
        run.definition,
        run.entered_at,
    )


def ask_to_send(run: Run, effects: Effects) -> None:
    """Plan the touch of the run's present step, on the channel in turn."""
    assert run.step is not None
    run.phase, run.deadline = ASKED, None
    planned = definition(run.definition).plan.steps[run.step]
    effects.sends += (
        SendMessage(
            run.journey,
            run.entry,
            run.definition,
            run.step,
            run.at,
            run.held_until or run.at,
            run.channel,
            _overtaken_by(run, planned.overtaken_by) if planned.overtaken_by else (),
            occurrence(run, planned) if planned.loops else 1,
            run.control,
        ),
    )


def satisfied(state: CustomerState, run: Run, event: str, at: datetime, effects: Effects) -> None:
    """The event that the run waits for came: `then`."""
    assert run.step is not None
    planned = definition(run.definition).plan.steps[run.step]
    go_on(run, planned.then, at, event)
    proceed(state, run, effects)


def overdue(state: CustomerState, run: Run, due: datetime, effects: Effects) -> None:
    """The books know nothing of the event either: `otherwise`, dated at the deadline."""
    assert run.step is not None
    planned = definition(run.definition).plan.steps[run.step]
    if isinstance(planned.step, WaitFor) and planned.step.since == "step":
        run.missed[planned.step.id] = run.at + timedelta.resolution
    go_on(run, planned.otherwise, due, "otherwise")
    proceed(state, run, effects)


def touched(state: CustomerState, run: Run, settled: TouchSettled, effects: Effects) -> None:
    """The touch of the present step has its outcome; what comes next counts from the hold's end, if it was held."""
    assert run.step is not None
    planned = definition(run.definition).plan.steps[run.step]
    sent = counts_as_sent(settled.outcome, settled.reason)
    go_on(run, planned.after if sent else planned.otherwise, run.held_until or run.at, settled.told())
    proceed(state, run, effects)


def go_on(run: Run, step: StepId | None, at: datetime, done: str) -> None:
    """Leave the present step, done with `done`, for another that is due at `at`."""
    assert run.step is not None
    if run.turns:  # the last turn's outcome stands for the step
        run.path = [one for one in run.path if one[0] != run.step]
    run.path.append((run.step, done))
    run.step, run.at = step, at
    run.phase, run.deadline, run.channel, run.held_until = READY, None, 0, None
    run.acts_at, run.held_for = None, ""


def finish(
    state: CustomerState, run: Run, at: datetime, outcome: str, effects: Effects, *, frees_slot: bool = True
) -> None:
    """End the run; its pending waits go with it, and what waits for its slot is offered again (rule 7).

    What failed on its way stays noted until the customer's next event.
    """
    state.runs.remove(run)
    if failures := run.failures:
        state.attention = [*state.attention, *failures][-RUNS_SHOWN:]
    entries = state.entries_of(run.journey)
    entries.last_ended_at = at
    if run.key:
        entries.keys[run.key] = at
    state.ended.append(EndedNote(run.journey, run.entry, run.entered_at, at, outcome))
    del state.ended[:-RUNS_SHOWN]
    effects.ended += (RunEnded(run.journey, run.entry, at, outcome),)
    if frees_slot and state.deferred and definition(run.definition).plan.takes_slot:
        _offer_again(state, at, effects)


def _offer_again(state: CustomerState, at: datetime, effects: Effects) -> None:
    state.deferred = [one for one in state.deferred if one.until >= at]
    for one in state.deferred:
        effects.offers += (EntryOffered(one.next_cause, at, journey=one.journey, key=one.key),)


def occurrence(run: Run, planned: PlannedStep) -> int:
    """Which time the step is taken in this run: counted over the turns of the repeats around it."""
    place = 0
    for level, loop in enumerate(planned.loops):
        turns_inside = prod(inner.up_to for inner in planned.loops[level + 1 :])
        place += (run.turns[loop.id][0] - 1) * turns_inside
    return place + 1


def _overtaken_by(run: Run, waits: tuple[WaitFor, ...]) -> tuple[tuple[str, datetime | None], ...]:
    """The events whose absence led to a step, each with the time from which its wait would have counted it."""
    return tuple(
        (str(event), run.missed.get(wait.id, run.at) if wait.since == "step" else _looks_back_to(run, wait))
        for wait in waits
        for event in wait.events
    )


def _ending(plan: Plan, run: Run, event: RecordedEvent) -> str | None:
    if event.name == plan.goal and fits(plan.goal_where, event.data):
        return GOAL if event.at <= run.entered_at + plan.goal_within else GOAL_LATE
    return f"exit: {event.name}" if event.name in plan.exits_on else None


def _satisfies(planned: PlannedStep, run: Run, event: RecordedEvent) -> bool:
    step = planned.step
    if not isinstance(step, WaitFor) or event.name not in step.events or not fits(step.where, event.data):
        return False
    # While news may still come, an event from after the deadline is no answer to it.
    if run.deadline is not None and run.acts_at is not None and event.at > run.deadline:
        return False
    since = _looked_for_since(run, step)
    return since is None or event.at >= since


def _looked_for_since(run: Run, step: WaitFor) -> datetime | None:
    """From when on an event counts for a wait; none for the customer's whole life."""
    match step.since:
        case "ever":
            return None
        case "run":
            return run.entered_at
        case "step":
            return run.at
        case _:
            assert_never(step.since)


def _looks_back_to(run: Run, step: WaitFor) -> datetime | None:
    """From when on an event counts that came before: the one that led to the wait is not what is waited for."""
    return run.at + timedelta.resolution if step.since == "step" else _looked_for_since(run, step)


def _came(state: CustomerState, run: Run, step: WaitFor) -> datetime | None:
    """When the event that a wait is for first came, if it has already."""
    since = _looks_back_to(run, step)
    if step.where is not None:
        return min((at for at in run.fitting.get(step.id, ()) if since is None or at >= since), default=None)
    times = [at for name, at in run.seen if name in step.events and (since is None or at >= since)]
    if since is None:
        times += [state.milestones[event] for event in step.events if event in state.milestones]
    return min(times, default=None)


def _wait_until(run: Run, deadline: datetime, arrives_within: timedelta = timedelta(0)) -> None:
    run.phase, run.deadline = WAITING, deadline
    run.acts_at = deadline + arrives_within if arrives_within else None
