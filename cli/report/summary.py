"""What a report counts: a record of any length comes down to a few counters, which can be added up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, tzinfo
from typing import NamedTuple

from cli.report.forecast import Forecast, add_counters, day_of, forecast_of, summed
from rules.record import Record

RUNNING = "still running"


class TouchKind(NamedTuple):
    """Touches that count as one in a report; the week is that of its Monday."""

    week: int
    journey: str
    step: str
    outcome: str
    reason: str


@dataclass(slots=True)
class Summary:
    """Counts of what happened. Days and weeks are ordinals of dates in one zone (a week by its Monday)."""

    customers: int = 0
    events: int = 0
    stages: Counter[tuple[int, str]] = field(default_factory=Counter)
    """(day, stage): how many more customers are in it since the day before."""
    touches: Counter[TouchKind] = field(default_factory=Counter)
    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(journey, outcome)."""
    conversions: Counter[tuple[int, str]] = field(default_factory=Counter)
    """(week, journey)."""
    points: Counter[tuple[int, str]] = field(default_factory=Counter)
    """(week, reason): the sum of the amounts."""
    awards: Counter[str] = field(default_factory=Counter)
    """By reason: how many."""
    forecast: Forecast = field(default_factory=Forecast)
    """Of a rehearsal only."""

    def add(self, other: Summary) -> None:
        """Take in the counts of other customers."""
        self.customers += other.customers
        self.events += other.events
        add_counters(self, other)
        self.forecast.add(other.forecast)

    def days(self, last: int) -> range:
        """From the first day on which somebody was there to the last."""
        return range(min((day for day, _ in self.stages), default=last), last + 1)

    def entered(self) -> Counter[str]:
        """Runs by journey."""
        return summed((journey, number) for (journey, _), number in self.runs.items())

    def ended(self, outcome: str) -> Counter[str]:
        """Runs that ended with an outcome, by journey."""
        return summed((journey, number) for (journey, how), number in self.runs.items() if how == outcome)

    def converted(self) -> Counter[str]:
        """Conversions by journey."""
        return summed((journey, number) for (_, journey), number in self.conversions.items())

    def awarded(self) -> Counter[str]:
        """Points by reason."""
        return summed((reason, amount) for (_, reason), amount in self.points.items())


def summary_of(record: Record, *, customers: int, events: int, zone: tzinfo) -> Summary:
    """Count a record by the days of a zone."""
    summary = Summary(customers, events, forecast=forecast_of(record, zone))
    # Many rows of a day are alike: each kind is looked at once.
    changes = Counter((day_of(at, zone), from_, to) for _, from_, to, at, _ in record.stage_changes)
    for (day, from_stage, to_stage), number in changes.items():
        summary.stages[day, str(to_stage)] += number
        if from_stage:
            summary.stages[day, str(from_stage)] -= number
    touches = Counter(
        (day_of(at, zone), journey, step, outcome, reason)
        for _, journey, _, step, at, outcome, reason in record.touches
    )
    for (day, *kind), number in touches.items():
        summary.touches[TouchKind(_monday(day), *kind)] += number
    summary.runs.update((run.journey, run.outcome if run.ended_at else RUNNING) for run in record.runs)
    summary.conversions.update((_monday(day_of(row.at, zone)), row.journey) for row in record.conversions)
    awards = Counter((day_of(at, zone), reason, amount) for _, at, amount, reason in record.points)
    for (day, reason, amount), number in awards.items():
        summary.points[_monday(day), reason] += number * amount
        summary.awards[reason] += number
    return summary


def date_of(ordinal: int) -> date:
    """The date of a day or week."""
    return date.fromordinal(ordinal)


def _monday(day: int) -> int:
    """The Monday of a day's week."""
    return day - (day - 1) % 7
