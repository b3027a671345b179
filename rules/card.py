"""The customer card: what support staff see on the customer's page in the Temporal UI, in Markdown.

The panel there is narrow: tables of three columns, and nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from journeys.names import Language
from journeys.words import all_steps
from rules.definitions import definition
from rules.life import What, next_deadline
from rules.state import CustomerState, EndedNote, Phase, Run, TouchNote
from rules.wording import LABELS, hold_reason, label, reason

LONGEST = 16_000
"""Bytes; the UI asks for the card in an address, where a Chinese character takes nine."""

NOT_SENT = ("withheld", "failed")


def render(state: CustomerState) -> str:
    """The card of a customer: stage, next action, runs as step tables, touches with their reasons, ended runs."""
    lines = [*_head(state)]
    for run in state.runs:
        lines += ["", *_run(run, state.language)]
    lines += _touches(state.touches, state.language)
    lines += _ended(state.ended, state.language)
    return _cut(lines)


def _head(state: CustomerState) -> Iterator[str]:
    language, life = state.language, state.lifecycle
    stage = label(life.stage or "no stage", language)
    since = f" ({label('since', language)} {_time(life.since)} UTC)" if life.since else ""
    yield f"- **{label('stage', language)}**: {stage}{since}"
    yield f"- **{label('tier', language)}**: {label('registered', language)}"
    yield f"- **{label('points', language)}**: {state.points:,}"
    yield f"- **{label('next action', language)}**: {_next_action(state)}"
    for note in attention(state):
        yield f"- ⚠ **{label('attention', language)}**: {_noted(note, language)}"
    if state.clock.simulated:
        yield f"- **{label('clock', language)}**: {label('simulated', language)}"


def _next_action(state: CustomerState) -> str:
    """What time will bring next if no event comes before, and when."""
    language = state.language
    if any(run.phase is Phase.ASKED for run in state.runs):
        return label("working", language)
    deadline = next_deadline(state) if state.policy else None
    if deadline is None or deadline.what is What.FORGET:
        return label("nothing", language)
    return f"{_time(deadline.at)} UTC · {_what(deadline.what, deadline.run, language)}"


def _what(what: What, run: Run | None, language: Language) -> str:
    if run is None:
        return label("stage changes", language)
    return f"{run.journey}: {run.step if what is What.STEP else label('expires', language)}"


def _run(run: Run, language: Language) -> Iterator[str]:
    since = f"{label('since', language)} {_time(run.entered_at)} UTC"
    times = "" if run.entry == 1 else f" · {label('entry', language)} {run.entry}"
    key = f" · {run.key}" if run.key else ""
    control = f" · {label('control', language)}" if run.control else ""
    yield f"#### {run.journey} v{run.version}{key}{times} · {since}{control}"
    yield ""
    yield from _table("", label("step", language), label("state", language))
    done = dict(run.path)
    for step in all_steps(definition(run.definition).journey.steps):
        if step.id == run.step:
            yield _row("▶", f"**{step.id}**", f"**{_present(run, language)}**")
        elif step.id in done:
            outcome, _, why = done[step.id].partition(": ")
            yield _row("✗" if outcome in NOT_SENT else "✓", step.id, _told(outcome, why, language))
        else:
            yield _row("·", step.id, "")


def attention(state: CustomerState) -> list[str]:
    """What a person should look at: what was noted, runs that are paused, and steps that failed for good."""
    paused = [f"paused: {run.journey}" for run in state.runs if run.paused_at is not None]
    failed = [failure for run in state.runs for failure in run.failures]
    return [*state.attention, *paused, *failed]


def _noted(note: str, language: Language) -> str:
    """What a person should look at, in words: a whole sentence, or what is the matter and where."""
    word, _, where = note.partition(": ")
    return label(note, language) if note in LABELS else f"{label(word, language)}: {where}"


def _present(run: Run, language: Language) -> str:
    if run.paused_at is not None:
        return f"{label('paused since', language)} {_time(run.paused_at)} UTC"
    match run.phase:
        case Phase.WAITING if run.deadline:
            return f"{label('waiting until', language)} {_time(run.deadline)} UTC"
        case Phase.HELD if run.deadline:
            why = f" · {hold_reason(run.held_for, language)}" if run.held_for else ""
            return f"{label('held until', language)} {_time(run.deadline)} UTC{why}"
        case _:
            return label("working", language)


def _touches(touches: Sequence[TouchNote], language: Language) -> Iterator[str]:
    """The last first."""
    if not touches:
        return
    yield from ("", f"#### {label('touches', language)}", "")
    yield from _table(f"{label('time', language)} (UTC)", label("touch", language), label("outcome", language))
    for touch in reversed(touches):
        mark = {"sent": "✓", "in_doubt": "?"}.get(touch.outcome, "✗")
        told = _told(touch.outcome, touch.reason, language)
        yield _row(_time(touch.at), f"{touch.journey}: {touch.step}", f"{mark} {told}")


def _ended(ended: Sequence[EndedNote], language: Language) -> Iterator[str]:
    """The last first."""
    if not ended:
        return
    yield from ("", f"#### {label('ended', language)}", "")
    yield from _table(f"{label('time', language)} (UTC)", label("journey", language), label("outcome", language))
    for note in reversed(ended):
        yield _row(_time(note.ended_at), note.journey, _ending(note.outcome, language))


def _told(outcome: str, why: str, language: Language) -> str:
    """An outcome in words, and its reason as a sentence."""
    return f"{label(outcome, language)} · {reason(why, language)}" if why else label(outcome, language)


def _ending(outcome: str, language: Language) -> str:
    """How a run ended, in words: of an exit with its event."""
    word, _, event = outcome.partition(": ")
    return f"{label(word, language)}: {event}" if event else label(word, language)


def _table(*titles: str) -> Iterator[str]:
    yield _row(*titles)
    yield "|" + " --- |" * len(titles)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _time(at: datetime) -> str:
    """Minutes in UTC, as the values are: time zones are not computed here."""
    return at.strftime("%Y-%m-%d %H:%M")


def _cut(lines: Sequence[str]) -> str:
    """Whole lines only, as many as there is room for."""
    kept: list[str] = []
    room = LONGEST
    for line in lines:
        room -= len(line.encode()) + 1
        if room < len("…".encode()):
            return "\n".join([*kept, "…"])
        kept.append(line)
    return "\n".join(kept)
