"""What a report counts: a record of any length comes down to a few counters, which can be added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from rules.record import Record

RUNNING = "still running"


class TouchKind(NamedTuple):
    """Touches that count as one in a report."""

    journey: str
    step: str
    outcome: str
    reason: str


@dataclass(slots=True)
class Summary:
    """Counts of what happened. Days and weeks are ordinals of UTC dates (a week by its Monday)."""

    customers: int = 0
    events: int = 0
    stages: Counter[tuple[int, str]] = field(default_factory=Counter)
    """(day, stage): how many more customers are in it since the day before."""
    touches: Counter[tuple[int, TouchKind]] = field(default_factory=Counter)
    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(journey, outcome)."""
    conversions: Counter[tuple[int, str]] = field(default_factory=Counter)
    """(week, journey)."""
    points: Counter[tuple[int, str]] = field(default_factory=Counter)
    """(week, reason): the sum of the amounts."""
    awards: Counter[str] = field(default_factory=Counter)
    """By reason: how many."""

    def add(self, other: Summary) -> None:
        """Take in the counts of other customers."""
        self.customers += other.customers
        self.events += other.events
        self.stages.update(other.stages)
        self.touches.update(other.touches)
        self.runs.update(other.runs)
        self.conversions.update(other.conversions)
        self.points.update(other.points)
        self.awards.update(other.awards)

    def entered(self) -> Counter[str]:
        """Runs by journey."""
        return _by_name((journey, number) for (journey, _), number in self.runs.items())

    def converted(self) -> Counter[str]:
        """Conversions by journey."""
        return _by_name((journey, number) for (_, journey), number in self.conversions.items())

    def touched(self, *, sent: bool) -> Counter[str]:
        """Touches sent, or not sent, by journey."""
        return _by_name((k.journey, n) for (_, k), n in self.touches.items() if (k.outcome == "sent") is sent)

    def awarded(self) -> Counter[str]:
        """Points by reason."""
        return _by_name((reason, amount) for (_, reason), amount in self.points.items())


def summary_of(record: Record, *, customers: int, events: int) -> Summary:
    """Count a record."""
    summary = Summary(customers, events)
    for change in record.stage_changes:
        day = change.at.toordinal()
        summary.stages[day, str(change.to_stage)] += 1
        if change.from_stage:
            summary.stages[day, str(change.from_stage)] -= 1
    for touch in record.touches:
        kind = TouchKind(touch.journey, touch.step, touch.outcome, touch.reason)
        summary.touches[_week(touch.planned_at), kind] += 1
    for run in record.runs:
        summary.runs[run.journey, run.outcome if run.ended_at else RUNNING] += 1
    for conversion in record.conversions:
        summary.conversions[_week(conversion.at), conversion.journey] += 1
    for points in record.points:
        summary.points[_week(points.at), points.reason] += points.amount
        summary.awards[points.reason] += 1
    return summary


def date_of(ordinal: int) -> date:
    """The date of a day or week."""
    return date.fromordinal(ordinal)


def _by_name(numbers: Iterable[tuple[str, int]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for name, number in numbers:
        sums[name] += number
    return sums


def _week(at: datetime) -> int:
    """The Monday of a time's week."""
    day = at.toordinal()
    return day - (day - 1) % 7
