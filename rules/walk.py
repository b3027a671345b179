"""What each word means: how one run goes from step to step.

A run keeps its own calendar (`Run.at`): a step that became due at T happened at T for the waits after it,
whenever the machine got to it. What needs the world is put into `Effects` and answered later.
"""

from datetime import datetime
from typing import assert_never

from journeys.language import AwardPoints, End, Send, Step, Wait, WaitFor
from journeys.names import StepId
from rules.definitions import definition
from rules.effects import CheckConversion, Effects, PointsAwarded, RecordedEvent, RunEnded, SendMessage
from rules.plan import Plan, PlannedStep
from rules.state import RUNS_SHOWN, CustomerState, EndedNote, Entries, Phase, Run

GOAL, GOAL_LATE, COMPLETED, EXPIRED = "goal", "goal_late", "completed", "expired"
SEEN_KEPT = 16


def proceed(state: CustomerState, run: Run, effects: Effects) -> None:
    """Walk on until the run has to wait for time, an event or an answer, or has ended."""
    plan = definition(run.definition).plan
    while run.phase is Phase.READY:
        if run.step is None:
            finish(state, run, run.at, COMPLETED, effects)
            return
        planned = plan.steps[run.step]
        if isinstance(planned.step, End):
            run.path.append((planned.step.id, ""))
            finish(state, run, run.at, planned.step.outcome, effects)
            return
        _begin(state, run, planned, planned.step, effects)


def _begin(
    state: CustomerState,
    run: Run,
    planned: PlannedStep,
    step: Send | Wait | WaitFor | AwardPoints,
    effects: Effects,
) -> None:
    match step:
        case Send():
            ask_to_send(run, effects)
        case Wait():
            _wait_until(run, run.at + step.duration)
        case WaitFor():
            deadline = run.at + step.within
            came = _came(state, run, step)
            if came is not None and came <= deadline:
                go_on(run, planned.then, max(run.at, came), step.event)
            else:
                _wait_until(run, deadline)
        case AwardPoints():
            state.points += step.points
            effects.awards.append(PointsAwarded(run.journey, run.entry, step.id, run.at, step.points, step.reason))
            go_on(run, planned.after, run.at, f"+{step.points}")
        case _:
            assert_never(step)


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
        run.seen = [*run.seen, (event.name, event.at)][-SEEN_KEPT:]
    if run.phase is Phase.WAITING and run.step and _satisfies(plan.steps[run.step].step, run, event):
        satisfied(state, run, event.name, at, effects)


def fall_due(state: CustomerState, run: Run, due: datetime, effects: Effects) -> None:
    """The deadline of the run's present step came."""
    assert run.step is not None
    planned = definition(run.definition).plan.steps[run.step]
    if run.phase is Phase.HELD:
        ask_to_send(run, effects)
        return
    match planned.step:
        case Wait():
            go_on(run, planned.after, due, "")
            proceed(state, run, effects)
        case WaitFor() as step:
            run.phase = Phase.ASKED
            effects.checks.append(
                CheckConversion(run.journey, run.entry, step.id, str(step.event), _looked_for_since(run, step), due)
            )
        case step:
            raise AssertionError(f"step {step.id!r} has no deadline")


def ask_to_send(run: Run, effects: Effects) -> None:
    """Plan the touch of the run's present step, on the channel in turn."""
    assert run.step is not None
    run.phase, run.deadline = Phase.ASKED, None
    waits = definition(run.definition).plan.steps[run.step].overtaken_by
    overtaken_by = _overtaken_by(run, waits) if waits else ()
    effects.sends.append(
        SendMessage(
            run.journey,
            run.entry,
            run.definition,
            run.step,
            run.at,
            run.held_until or run.at,
            run.channel,
            overtaken_by,
        )
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
        run.missed[planned.step.id] = run.at
    go_on(run, planned.otherwise, due, "otherwise")
    proceed(state, run, effects)


def go_on(run: Run, step: StepId | None, at: datetime, done: str) -> None:
    """Leave the present step, done with `done`, for another that is due at `at`."""
    assert run.step is not None
    run.path.append((run.step, done))
    run.step, run.at = step, at
    run.phase, run.deadline, run.channel, run.held_until = Phase.READY, None, 0, None


def finish(state: CustomerState, run: Run, at: datetime, outcome: str, effects: Effects) -> None:
    """End the run; its pending waits go with it."""
    state.runs.remove(run)
    state.entries.setdefault(run.journey, Entries()).last_ended_at = at
    note = EndedNote(run.journey, run.entry, run.entered_at, at, outcome)
    state.ended = [*state.ended, note][-RUNS_SHOWN:]
    effects.ended.append(RunEnded(run.journey, run.entry, at, outcome))


def _overtaken_by(run: Run, waits: tuple[WaitFor, ...]) -> tuple[tuple[str, datetime | None], ...]:
    """The events whose absence led to a step, each with the time from which its wait would have counted it."""
    return tuple(
        (str(wait.event), run.missed.get(wait.id, run.at) if wait.since == "step" else _looked_for_since(run, wait))
        for wait in waits
    )


def _ending(plan: Plan, run: Run, event: RecordedEvent) -> str | None:
    if event.name == plan.goal:
        return GOAL if event.at <= run.entered_at + plan.goal_within else GOAL_LATE
    return f"exit: {event.name}" if event.name in plan.exits_on else None


def _satisfies(step: Step, run: Run, event: RecordedEvent) -> bool:
    if not isinstance(step, WaitFor) or step.event != event.name:
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


def _came(state: CustomerState, run: Run, step: WaitFor) -> datetime | None:
    """When the event that a wait is for first came, if it has already."""
    since = _looked_for_since(run, step)
    times = [at for name, at in run.seen if name == step.event and (since is None or at >= since)]
    if since is None and step.event in state.milestones:
        times.append(state.milestones[step.event])
    return min(times, default=None)


def _wait_until(run: Run, deadline: datetime) -> None:
    run.phase, run.deadline = Phase.WAITING, deadline
