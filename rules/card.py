"""The customer card: what support staff see on the customer's page in the Temporal UI, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from journeys.language import all_steps
from rules.definitions import definition
from rules.state import CustomerState, EndedNote, Phase, Run, TouchNote
from rules.wording import label, reason

LONGEST = 16_000
"""Characters; the server refuses details beyond 20,000 bytes."""


def render(state: CustomerState, next_action_at: datetime | None) -> str:
    """The card of a customer: stage, runs as step tables, touches with their reasons, the next action."""
    lines = [*_head(state, next_action_at)]
    for run in state.runs:
        lines += ["", *_run(run, state)]
    if state.touches:
        lines += ["", *_touches(state)]
    if state.ended:
        lines += ["", *_ended(state)]
    return "\n".join(lines)[:LONGEST]


def _head(state: CustomerState, next_action_at: datetime | None) -> Iterator[str]:
    language, life = state.language, state.lifecycle
    stage = label(life.stage, language) if life.stage else label("nothing", language)
    since = f" ({label('since', language)} {_time(life.since)})" if life.since else ""
    yield f"### {state.customer_id}"
    yield ""
    yield f"- **{label('stage', language)}**: {stage}{since}"
    yield f"- **{label('tier', language)}**: {label('registered', language)}"
    yield f"- **{label('points', language)}**: {state.points}"
    when = _time(next_action_at) if next_action_at else label("nothing", language)
    yield f"- **{label('next action', language)}**: {when}"
    for note in state.attention:
        yield f"- **{label('attention', language)}**: {note}"


def _run(run: Run, state: CustomerState) -> Iterator[str]:
    language = state.language
    yield f"#### {run.journey} v{run.version} #{run.entry} · {label('running since', language)} {_time(run.entered_at)}"
    yield ""
    yield f"| {label('step', language)} | {label('state', language)} |"
    yield "| --- | --- |"
    done = {step: outcome for step, outcome in run.path}
    for step in all_steps(definition(run.definition).journey.steps):
        if step.id == run.step:
            yield f"| {step.id} | ▶ {_present(run, state)} |"
        elif step.id in done:
            yield f"| {step.id} | ✓ {_outcome(done[step.id], state)} |"
        else:
            yield f"| {step.id} | · |"


def _present(run: Run, state: CustomerState) -> str:
    language = state.language
    match run.phase:
        case Phase.WAITING if run.deadline:
            return f"{label('waiting until', language)} {_time(run.deadline)}"
        case Phase.HELD if run.deadline:
            return f"{label('held until', language)} {_time(run.deadline)}"
        case _:
            return label("working", language)


def _outcome(told: str, state: CustomerState) -> str:
    outcome, _, why = told.partition(": ")
    text = label(outcome, state.language)
    return f"{text} · {reason(why, state.language)}" if why else text


def _touches(state: CustomerState) -> Iterator[str]:
    language = state.language
    yield f"#### {label('touches', language)}"
    yield ""
    yield "| " + " | ".join(label(name, language) for name in ("time", "journey", "step", "outcome", "why")) + " |"
    yield "| --- | --- | --- | --- | --- |"
    for touch in reversed(state.touches):
        yield _touch(touch, state)


def _touch(touch: TouchNote, state: CustomerState) -> str:
    mark = "✓" if touch.outcome == "sent" else "✗"
    why = reason(touch.reason, state.language) if touch.reason else ""
    outcome = label(touch.outcome, state.language)
    return f"| {_time(touch.at)} | {touch.journey} | {touch.step} | {mark} {outcome} | {why} |"


def _ended(state: CustomerState) -> Iterator[str]:
    language = state.language
    yield f"#### {label('ended', language)}"
    yield ""
    for note in reversed(state.ended):
        yield _ended_note(note, state)


def _ended_note(note: EndedNote, state: CustomerState) -> str:
    outcome = label(note.outcome, state.language)
    return f"- {note.journey} #{note.entry}: {_time(note.entered_at)} → {_time(note.ended_at)}, {outcome}"


def _time(at: datetime) -> str:
    """Minutes, with the offset that the value carries: time zones are not computed here."""
    return at.strftime("%Y-%m-%d %H:%M") + " UTC"
