"""What happened to a customer, as lines for people: when, what, where and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from activities.story import BrakeLine, CommandLine, ConversionLine, EntryLine, HoldLine, Story, TouchLine
from cli.show import told

Line = tuple[datetime, str, str, str]


def happenings(story: Story, zone: ZoneInfo) -> Iterator[Line]:
    """A story as lines (when, what, where, why), kind by kind; times in the sentences are in the zone."""
    yield from map(_entry, story.entries)
    yield from (touch_line(touch, zone) for touch in story.touches)
    yield from (hold_line(hold, zone) for hold in story.holds)
    yield from map(_command, story.commands)
    yield from map(_brake, story.brakes)
    for row in story.points:
        yield row.at, f"{row.amount:+,} points", f"{row.journey} / {row.step}", row.reason
    yield from map(_conversion, story.conversions)
    for run in story.runs:
        if run.ended_at is not None:
            yield run.ended_at, "journey ended", f"{run.journey} (entry {run.entry})", run.outcome or ""


def _entry(entry: EntryLine) -> Line:
    what = "did not enter" if entry.refused else "entered"
    where = f"{entry.journey} {entry.version}" + (f" (entry {entry.entry})" if entry.entry else "")
    return entry.at, what, where, f"{entry.refused}, on {entry.cause}" if entry.refused else f"on {entry.cause}"


def _conversion(row: ConversionLine) -> Line:
    credit = f"after {row.step}" if row.step else "without a touch before"
    undone = f", undone by {row.undone_by}" if row.undone_by else ""
    return row.occurred_at, "goal reached", f"{row.journey} (entry {row.entry})", f"{row.event_id}, {credit}{undone}"


def touch_line(touch: TouchLine, zone: ZoneInfo) -> Line:
    """A touch; beside the reason what kept it back once it was claimed, and what the provider told of it later."""
    done = {"sent": "sent", "withheld": "not sent", "failed": "failed", "in_doubt": "in doubt", "claimed": "on its way"}
    where = f"{touch.journey} / {touch.step} on {touch.channel}"
    later = (_kept_back(touch.kept_back, zone), *(_receipt(one, zone) for one in touch.receipts))
    why = "; ".join(filter(None, (_why(touch.reason, touch.verdicts), *later)))
    return touch.planned_at, f"{done[touch.outcome]}: {touch.template}", where, why


def _kept_back(judged: Mapping[str, Any] | None, zone: ZoneInfo) -> str:
    """What the gates said of a claimed touch before a provider was to be asked once more."""
    if judged is None:
        return ""
    until = f", until {told(datetime.fromisoformat(judged['until']), zone)}" if judged["until"] else ""
    at = told(datetime.fromisoformat(judged["at"]), zone)
    return f"judged again {at}: {_why(judged['reason'], judged['verdicts'])}{until}"


def _receipt(receipt: Mapping[str, Any], zone: ZoneInfo) -> str:
    """What became of a message, and when; of a bounce also whether the customer can be reached there any more."""
    for_good = " for good" if receipt["permanent"] else ""
    detail = f" ({receipt['detail']})" if receipt["detail"] else ""
    return f"{receipt['kind']}{for_good} {told(datetime.fromisoformat(receipt['at']), zone)}{detail}"


def hold_line(hold: HoldLine, zone: ZoneInfo) -> Line:
    """What was kept back, or still is."""
    what = f"{'was held' if hold.over else 'held'}: {hold.template}"
    where = f"{hold.journey} / {hold.step} on {hold.channel}"
    times = f", looked at {hold.looks} times" if hold.looks > 1 else ""
    return hold.held_at, what, where, f"{hold.reason}, until {told(hold.held_until, zone)}{times}"


def _command(command: CommandLine) -> Line:
    """Who, what and why; of one that was refused, the answer."""
    what = command.command if command.done else f"refused: {command.command}"
    answer = f" ({command.told})" if command.told else ""
    return command.at, what, command.journey, f"{command.actor}: {command.reason}{answer}"


def _brake(brake: BrakeLine) -> Line:
    """Who set it and why; what it stops."""
    narrowed = (("journey", brake.journey), ("template", brake.template), ("channel", brake.channel))
    where = ", ".join(f"{kind} {name}" for kind, name in narrowed if name) or "everything"
    return brake.set_at, f"brake ({brake.mode})", where, f"{brake.set_by}: {brake.reason}"


def _why(reason: str, verdicts: Sequence[Mapping[str, Any]]) -> str:
    """The reason, and every gate that did not let the touch pass, with its channel."""
    gates = [
        f"{verdict['gate']}{' on ' + verdict['channel'] if verdict.get('channel') else ''}: {verdict['reason']}"
        for verdict in verdicts
        if verdict["result"] != "pass"
    ]
    if not gates:
        return reason
    return f"{reason} ({'; '.join(gates)})" if reason else "; ".join(gates)
