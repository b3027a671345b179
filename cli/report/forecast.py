"""What a launch would bring: messages by day, journey and channel, cap hits, points, refusals, arms of a holdout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta, tzinfo
from math import ceil
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from journeys.caps import CAPS, Cap
from journeys.names import Channel
from rules.gates import CAP, HOLDOUT
from rules.record import Record

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ALL_CHANNELS = "all channels"

Name = TypeVar("Name", bound=Hashable)
Counts = TypeVar("Counts", bound="DataclassInstance")


class Cell(NamedTuple):
    """A day (the ordinal of its date), a journey, and a channel; empty for points and for what no channel carries."""

    day: int
    journey: str
    channel: str


class Load(NamedTuple):
    """How many messages a day go out on a channel: on average, on 19 days of 20 at most, and on the busiest."""

    channel: str
    mean: float
    most_days: int
    peak: int
    peak_on: date


@dataclass(slots=True)
class Forecast:
    """Counts of planned touches by cell and what became of them; empty unless it was a rehearsal."""

    sent: Counter[Cell] = field(default_factory=Counter)
    not_sent: Counter[Cell] = field(default_factory=Counter)
    """Without those held out."""
    held_out: Counter[Cell] = field(default_factory=Counter)
    cap_hits: Counter[Cell] = field(default_factory=Counter)
    """Messages among those sent that a frequency cap would stop."""
    points: Counter[Cell] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(journey, reason)."""
    control_entered: Counter[str] = field(default_factory=Counter)
    """Runs of the control arm by journey, and how many of them converted."""
    control_converted: Counter[str] = field(default_factory=Counter)

    def add(self, other: Forecast) -> None:
        """Take in the counts of other customers."""
        add_counters(self, other)

    def cells(self) -> Sequence[Cell]:
        """Every day, journey and channel on which something happens, in this order."""
        return sorted({*self.sent, *self.not_sent, *self.held_out, *self.points})

    def __bool__(self) -> bool:
        return bool(self.cells() or self.refused or self.control_entered)


def forecast_of(record: Record, zone: tzinfo) -> Forecast:
    """Count what the paper world told, by the days of a zone."""
    rows, forecast = record.forecast, Forecast()
    kinds = Counter(
        (day_of(at, zone), journey, channel, outcome, reason if reason in (HOLDOUT, CAP) else "")
        for at, journey, channel, outcome, reason in rows.touches
    )
    for (day, journey, channel, outcome, reason), number in kinds.items():
        cell, sent = Cell(day, journey, channel), outcome == "sent"
        counts = forecast.held_out if reason == HOLDOUT else forecast.sent if sent else forecast.not_sent
        counts[cell] += number
        if reason == CAP:
            forecast.cap_hits[cell] += number
    awards = Counter((day_of(at, zone), journey, amount) for at, journey, amount in rows.points)
    for (day, journey, amount), number in awards.items():
        forecast.points[Cell(day, journey, "")] += number * amount
    forecast.refused.update(rows.refusals)
    forecast.control_entered.update(journey for _, journey, _ in rows.control_runs)
    forecast.control_converted.update(row.journey for row in record.conversions if row[:3] in rows.control_runs)
    return forecast


def day_of(at: datetime, zone: tzinfo) -> int:
    """The ordinal of the date of a time in a zone."""
    return at.astimezone(zone).toordinal()


def add_counters(counts: Counts, more: Counts) -> None:
    """Add every counter of one to the same counter of another."""
    for one in fields(counts):
        counter = getattr(counts, one.name)
        if isinstance(counter, Counter):
            counter.update(getattr(more, one.name))


def summed(numbers: Iterable[tuple[Name, int]]) -> Counter[Name]:
    """The sum for each name."""
    sums: Counter[Name] = Counter()
    for name, number in numbers:
        sums[name] += number
    return sums


def by_journey(counts: Counter[Cell]) -> Counter[str]:
    """Sums over days and channels."""
    return summed((cell.journey, number) for cell, number in counts.items())


def loads(sent: Counter[Cell], days: range) -> Iterator[Load]:
    """The messages a day of each channel, and of all if there are several."""
    channels = sorted({cell.channel for cell in sent})
    for channel in channels:
        yield _load(channel, Counter({cell: n for cell, n in sent.items() if cell.channel == channel}), days)
    if len(channels) > 1:
        yield _load(ALL_CHANNELS, sent, days)


def caps_told() -> str:
    """What a cap hit is."""
    *most, last = [_cap_told(cap) for cap in CAPS if cap.channel in (None, *Channel)]
    return f"A cap hit is a message beyond {', '.join(most)} or {last}: it is not sent."


def _cap_told(cap: Cap) -> str:
    where = f" by {cap.channel}" if cap.channel else ""
    return f"{cap.touches}{where} in {_told(cap.within)} ({', '.join(sorted(cap.classes))})"


def _load(channel: str, sent: Counter[Cell], days: range) -> Load:
    by_day = summed((cell.day, number) for cell, number in sent.items())
    numbers = sorted(by_day[day] for day in days)
    peak_day = max(days, key=lambda day: (by_day[day], -day))
    most_days = numbers[ceil(0.95 * len(numbers)) - 1]
    return Load(channel, sum(numbers) / len(numbers), most_days, by_day[peak_day], date.fromordinal(peak_day))


def _told(within: timedelta) -> str:
    return "1 day" if within == timedelta(days=1) else f"{within / timedelta(days=1):g} days"
