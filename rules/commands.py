"""What a person may tell a customer's life to do, and what becomes of it (journey-language.md, rule 5; commands)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from journeys.names import ContentHash, JourneyName, StepId
from journeys.words import Repeat, Send, Wait, WaitFor, WaitUntil
from rules import walk
from rules.definitions import Definition, definition
from rules.effects import CommandObeyed, Effects, EntryOffered, RunChanged
from rules.entry import EntryDecided
from rules.state import HELD, READY, WAITING, CustomerState, Obeyed, Run
from rules.values import value


class Verb(StrEnum):
    """The commands, by their names as updates."""

    PAUSE = "pause_journey"
    RESUME = "resume_journey"
    SKIP = "skip_wait"
    END = "end_journey"
    ENTER = "enter_journey"
    MOVE = "move_run"


@value
class Command:
    """A command for a customer's runs of a journey: of `key` if it is given, else there may be only one.

    `to` is the definition to move to.
    """

    command_id: str
    verb: Verb
    journey: JourneyName
    actor: str
    reason: str
    key: str = ""
    to: ContentHash | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it the same command when it comes again."""
        return self.command_id, str(self.verb), str(self.journey)


def known(state: CustomerState, command: Command) -> Obeyed | None:
    """The answer to a command that was obeyed before: the same id for the same verb and journey."""
    return next((one for one in state.obeyed if one.identity == command.identity), None)


def answer_to(state: CustomerState, command: Command, effects: Effects) -> Obeyed:
    """What was made of a command that led to these effects."""
    before = known(state, command)
    return before or _obeyed(command, effects.obeyed[-1].done, effects.obeyed[-1].told)


def obey(state: CustomerState, command: Command, now: datetime) -> Effects:
    """Do a command at `now`. An entry is only offered: `entered` says what was decided."""
    effects = Effects()
    if command.verb is Verb.ENTER:
        offer = EntryOffered(cause_of(command), now, journey=command.journey, key=command.key)
        effects.offers += (offer,)
        return effects
    run, problem = _the_run(state, command)
    before = _told(run)
    done, told = (False, problem) if run is None else _VERBS[command.verb](state, run, command, now, effects)
    obeyed = _obeyed(command, done, told)
    still_open = run is not None and run in state.runs
    _answer(state, command, now, obeyed, before, _told(run) if still_open else [], effects)
    return effects


def entered(state: CustomerState, command: Command, decided: EntryDecided | None, now: datetime) -> Effects:
    """The decision on the entry that a command asked for; none if the worker does not ship such a journey.

    That one is not remembered, so that the same command may be given again to a worker that does.
    """
    effects = Effects()
    if decided is None:
        told = f"there is no journey {command.journey!r} here: a worker of an older release answered"
        tried = replace(command, command_id=f"{command.command_id} at {now.isoformat()}")
        effects.obeyed += (_for_the_audit(tried, now, _obeyed(command, False, told), [], []),)
        return effects
    if decided.refused:
        obeyed = _obeyed(command, False, f"not entered: {decided.refused}")
    else:
        obeyed = _obeyed(command, True, f"entered {decided.journey} {decided.version} (entry {decided.entry})")
    _answer(state, command, now, obeyed, [], [], effects)
    return effects


def _obeyed(command: Command, done: bool, told: str) -> Obeyed:
    return Obeyed(command.command_id, done, told, command.verb, command.journey)


def cause_of(command: Command) -> str:
    """What stands as the cause of an entry: the same command never enters twice."""
    return f"command:{command.command_id}"


def _the_run(state: CustomerState, command: Command) -> tuple[Run | None, str]:
    """The run that is meant, or why there is none."""
    runs = [run for run in state.runs if run.journey == command.journey and command.key in ("", run.key)]
    match runs:
        case [run]:
            return run, ""
        case []:
            return None, f"the customer is not in {command.journey}"
        case _:
            keys = ", ".join(run.key for run in runs)
            return None, f"the customer has {len(runs)} runs of {command.journey}: name the key, one of {keys}"


_Done = tuple[bool, str]


def _pause(state: CustomerState, run: Run, command: Command, now: datetime, effects: Effects) -> _Done:
    if run.paused_at is not None:
        return False, f"{run.journey} is paused already"
    run.paused_at = now
    effects.changes += (_changed(run, now),)
    return True, f"{run.journey} is paused at {run.step}"


def _resume(state: CustomerState, run: Run, command: Command, now: datetime, effects: Effects) -> _Done:
    """What is waited for is put off by as long as the run stood still; a time of the day is looked for anew."""
    if run.paused_at is None:
        return False, f"{run.journey} is not paused"
    stood_still, run.paused_at = max(now - run.paused_at, timedelta(0)), None
    effects.changes += (_changed(run, now),)
    if run.phase in (READY, HELD) or _waits_for_a_time(run):
        run.phase, run.deadline, run.held_until, run.at = READY, None, None, max(run.at, now)
    elif run.phase is WAITING:
        assert run.deadline is not None
        run.deadline += stood_still
        run.acts_at = None if run.acts_at is None else run.acts_at + stood_still
    run.turns = {step: (turn, began_at + stood_still) for step, (turn, began_at) in run.turns.items()}
    walk.proceed(state, run, effects)
    return True, f"{run.journey} goes on at {run.step}"


def _skip(state: CustomerState, run: Run, command: Command, now: datetime, effects: Effects) -> _Done:
    """As if the present wait were over now."""
    if run.paused_at is not None:
        return False, f"{run.journey} is paused: resume it first"
    if run.deadline is None or run.phase not in (WAITING, HELD):
        return False, f"{run.journey} does not wait for anything"
    skipped = run.step
    if run.held_until is not None:
        # The hold ends now: its own end is still to come, and the gates must not go by it.
        run.held_until = min(run.held_until, now)
    # Should the books be asked once more, its time is over all the same.
    run.deadline, run.acts_at = now, None
    walk.fall_due(state, run, now, effects)
    return True, f"{run.journey}: the wait at {skipped} is over"


def _end(state: CustomerState, run: Run, command: Command, now: datetime, effects: Effects) -> _Done:
    walk.finish(state, run, now, walk.BY_COMMAND, effects)
    return True, f"{run.journey} is ended"


def _move(state: CustomerState, run: Run, command: Command, now: datetime, effects: Effects) -> _Done:
    """Go on in another version at the same step; what is waited for is dated from when the wait began."""
    assert command.to is not None
    if run.definition == command.to:
        return False, f"{run.journey} is in version {run.version} already"
    here, there = definition(run.definition), definition(command.to)
    if problem := cannot_move(run.step, here, there):
        return False, problem
    run.definition, run.version = there.hash, there.journey.version
    run.ends_at = max(run.entered_at + there.plan.ends_after, now)
    _fit_in(run, here, there)
    effects.changes += (_changed(run, now),)
    walk.proceed(state, run, effects)
    return True, f"{run.journey} goes on in version {run.version} at {run.step}"


def cannot_move(step: StepId | None, here: Definition, there: Definition) -> str:
    """Why a run at a step cannot go on in another version; nothing if it can."""
    version = there.journey.version
    if there.journey.name != here.journey.name:
        return f"{there.hash[:12]} is a version of {there.journey.name}, not of {here.journey.name}"
    if step is None:
        return ""
    now, then = here.plan.steps[step], there.plan.steps.get(step)
    if then is None:
        return f"version {version} has no step {step}, where the customer is"
    if then.step.kind != now.step.kind:
        return f"step {step} is {then.step.kind} in version {version}, not {now.step.kind}"
    if [(loop.id, loop.up_to) for loop in then.loops] != [(loop.id, loop.up_to) for loop in now.loops]:
        return f"step {step} stands in another repeat in version {version}"
    return ""


def _fit_in(run: Run, here: Definition, there: Definition) -> None:
    """Make what the run is doing at its step fit the other version: the channel in turn, the length of a wait."""
    if run.step is None:
        return
    match here.plan.steps[run.step].step, there.plan.steps[run.step].step:
        case _, Send() as step:
            run.channel = min(run.channel, len(step.channels) - 1)
        case Wait() as before, Wait() as step:
            _lengthen(run, step.duration - before.duration)
        case WaitFor() as before, WaitFor() as step:
            _lengthen(run, step.within - before.within)
        case _, Repeat() | WaitUntil() if run.phase is WAITING:
            run.phase, run.deadline = READY, None
        case _:
            pass


def _lengthen(run: Run, by: timedelta) -> None:
    """What a pause has added stays."""
    if run.phase is WAITING:
        assert run.deadline is not None
        run.deadline += by
        run.acts_at = None if run.acts_at is None else run.acts_at + by


_VERBS: Mapping[Verb, Callable[[CustomerState, Run, Command, datetime, Effects], _Done]] = {
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.SKIP: _skip,
    Verb.END: _end,
    Verb.MOVE: _move,
}


def _answer(
    state: CustomerState,
    command: Command,
    now: datetime,
    obeyed: Obeyed,
    before: list[str],
    after: list[str],
    effects: Effects,
) -> None:
    state.obeyed = [*state.obeyed, obeyed][-state.going_by.obeyed_kept :]
    effects.obeyed += (_for_the_audit(command, now, obeyed, before, after),)


def _for_the_audit(
    command: Command, now: datetime, obeyed: Obeyed, before: list[str], after: list[str]
) -> CommandObeyed:
    return CommandObeyed(
        command.command_id,
        command.verb,
        command.journey,
        command.actor,
        command.reason,
        now,
        obeyed.done,
        obeyed.told,
        before,
        after,
    )


def _changed(run: Run, at: datetime) -> RunChanged:
    return RunChanged(run.journey, run.entry, at, run.definition, run.version, run.paused_at is not None)


def _waits_for_a_time(run: Run) -> bool:
    if run.step is None or run.phase is not WAITING:
        return False
    return isinstance(definition(run.definition).plan.steps[run.step].step, WaitUntil)


def _told(run: Run | None) -> list[str]:
    """Where a run stands, for the audit."""
    if run is None:
        return []
    deadline = f"until {run.deadline.isoformat()}" if run.deadline else ""
    paused = f"paused since {run.paused_at.isoformat()}" if run.paused_at else ""
    stands = f"entry {run.entry}", f"version {run.version}", f"at {run.step}", run.phase.value, deadline, paused
    return [one for one in stands if one]
