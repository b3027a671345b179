"""What happened to customers, as rows: the same five tables from the durable and from the paper world."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple


class StageChangeRow(NamedTuple):
    """`from_stage` is empty at birth."""

    customer_id: str
    from_stage: str
    to_stage: str
    at: datetime
    cause: str


class TouchRow(NamedTuple):
    """A planned touch and what became of it."""

    customer_id: str
    journey: str
    entry: int
    step: str
    planned_at: datetime
    outcome: str
    reason: str


class RunRow(NamedTuple):
    """A run; `ended_at` is none and `outcome` empty while it goes on."""

    customer_id: str
    journey: str
    entry: int
    entered_at: datetime
    ended_at: datetime | None
    outcome: str


class PointsRow(NamedTuple):
    """A row of the points ledger."""

    customer_id: str
    at: datetime
    amount: int
    reason: str


class ConversionRow(NamedTuple):
    """A goal reached in its window; once for a run."""

    customer_id: str
    journey: str
    entry: int
    at: datetime


class ForecastTouch(NamedTuple):
    """What a forecast asks of a planned touch.

    `channel` is the one that carries it, or would if it were not held out; empty if none does.
    """

    at: datetime
    journey: str
    channel: str
    outcome: str
    reason: str


class ForecastPoints(NamedTuple):
    """Points by the journey that awards them."""

    at: datetime
    journey: str
    amount: int


@dataclass(slots=True)
class ForecastRows:
    """What only the paper world tells, in no order: it is counted, and compared with nothing."""

    touches: list[ForecastTouch] = field(default_factory=list)
    points: list[ForecastPoints] = field(default_factory=list)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(journey, reason): how often somebody did not enter."""
    control_runs: set[tuple[str, str, int]] = field(default_factory=set)
    """(customer, journey, entry) of those held out."""

    def extend(self, other: ForecastRows) -> None:
        """Take over what another tells."""
        self.touches += other.touches
        self.points += other.points
        self.refusals.update(other.refusals)
        self.control_runs |= other.control_runs


@dataclass(slots=True)
class Record:
    """All rows of a play or a rehearsal."""

    stage_changes: list[StageChangeRow] = field(default_factory=list)
    touches: list[TouchRow] = field(default_factory=list)
    runs: list[RunRow] = field(default_factory=list)
    points: list[PointsRow] = field(default_factory=list)
    conversions: list[ConversionRow] = field(default_factory=list)
    forecast: ForecastRows = field(default_factory=ForecastRows, compare=False)

    def extend(self, other: Record) -> None:
        """Take over the rows of another record."""
        self.stage_changes += other.stage_changes
        self.touches += other.touches
        self.runs += other.runs
        self.points += other.points
        self.conversions += other.conversions
        self.forecast.extend(other.forecast)

    def sort(self) -> None:
        """The one order that files and reports are in: by customer, then by what identifies the row."""
        self.stage_changes.sort(key=attrgetter("customer_id", "at"))
        self.touches.sort(key=attrgetter("customer_id", "planned_at", "journey", "entry", "step"))
        self.runs.sort(key=attrgetter("customer_id", "journey", "entry"))
        self.points.sort()
        self.conversions.sort(key=attrgetter("customer_id", "journey", "entry"))
