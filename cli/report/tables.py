"""The tables of a report; those of a forecast are printed on the terminal, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cli.report.forecast import Forecast, by_journey, loads, summed
from cli.report.summary import Summary
from journeys.names import Stage
from rules.walk import DISPLACED

IN_SUM = "in sum"


class Table(NamedTuple):
    """Rows under a header; the first `names` columns are names, the others numbers."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    names: int = 1

    def told(self) -> Iterator[list[str]]:
        """The rows as people read them: thousands apart."""
        return ([number_told(cell) for cell in row] for row in self.rows)


def number_told(cell: object) -> str:
    """As in 1,000 and 12.5."""
    if isinstance(cell, float):
        return f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def forecast_table(summary: Summary) -> Table:
    """Each journey, and the sums."""
    forecast = summary.forecast
    columns = {
        "entered": summary.entered(),
        "refused": summed((journey, number) for (journey, _), number in forecast.refused.items()),
        "displaced": summary.ended(DISPLACED),
        "touches sent": by_journey(forecast.sent),
        "not sent": by_journey(forecast.not_sent),
        "held out": by_journey(forecast.held_out),
        "cap hits": by_journey(forecast.cap_hits),
        "points": by_journey(forecast.points),
        "conversions": summary.converted(),
    }
    return _with_sums("journey", columns)


def refusals_table(forecast: Forecast) -> Table:
    """Why people did not enter."""
    reasons = sorted({reason for _, reason in forecast.refused})
    return _with_sums("not entered", {reason: _of_reason(forecast, reason) for reason in reasons})


def loads_table(forecast: Forecast, days: range) -> Table:
    """How many messages go out on a day."""
    header = ("messages a day", "mean", "95 % of days", "peak", "peak on")
    rows = [(one.channel, one.mean, one.most_days, one.peak, one.peak_on) for one in loads(forecast.sent, days)]
    return Table(header, rows)


def arms_table(summary: Summary) -> Table:
    """Conversions of those who get the touches beside those who are held out."""
    entered, converted, forecast = summary.entered(), summary.converted(), summary.forecast
    rows = []
    for journey in sorted(forecast.control_entered):
        held_out, of_these = forecast.control_entered[journey], forecast.control_converted[journey]
        treated, of_those = entered[journey] - held_out, converted[journey] - of_these
        rows.append((journey, "treatment", treated, of_those, share(of_those, treated)))
        rows.append((journey, "control", held_out, of_these, share(of_these, held_out)))
    return Table(("holdout", "arm", "entered", "conversions", "share"), rows, names=2)


def stage_table(summary: Summary) -> Table:
    """Where everybody stands at the end."""
    standing = summed((stage, number) for (_, stage), number in summary.stages.items())
    rows = [(stage, standing[stage], share(standing[stage], summary.customers)) for stage in Stage if standing[stage]]
    return Table(("stage at the end", "customers", "share"), rows)


def touch_table(summary: Summary) -> Table:
    """Planned touches by message and what became of them."""
    totals: Counter[tuple[str, ...]] = Counter()
    for kind, number in summary.touches.items():
        totals[kind[1:]] += number
    rows = [(*kind, number) for kind, number in sorted(totals.items())]
    return Table(("journey", "message", "outcome", "reason", "touches"), rows, names=4)


def outcome_table(summary: Summary) -> Table:
    """Planned touches by what became of them, and why."""
    totals: Counter[tuple[str, str]] = Counter()
    for kind, number in summary.touches.items():
        totals[kind.outcome, kind.reason] += number
    rows = [(*why, number) for why, number in sorted(totals.items())]
    return Table(("outcome", "reason", "touches"), rows, names=2)


def journey_table(summary: Summary) -> Table:
    """Runs and how many of them converted."""
    entered, converted = summary.entered(), summary.converted()
    rows = [(name, entered[name], converted[name], share(converted[name], entered[name])) for name in sorted(entered)]
    return Table(("journey", "entered", "conversions", "share"), rows)


def run_table(summary: Summary) -> Table:
    """How runs ended."""
    rows = [(journey, outcome, number) for (journey, outcome), number in sorted(summary.runs.items())]
    return Table(("journey", "outcome", "runs"), rows, names=2)


def points_table(summary: Summary) -> Table:
    """Points by what they are for."""
    sums = summary.awarded()
    return Table(("reason", "awards", "points"), [(name, summary.awards[name], sums[name]) for name in sorted(sums)])


def share(part: int, whole: int) -> str:
    """In percent; nothing of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else ""


def _with_sums(name: str, columns: dict[str, Counter[str]]) -> Table:
    journeys = sorted({journey for column in columns.values() for journey in column})
    rows = [(journey, *(column[journey] for column in columns.values())) for journey in journeys]
    if len(rows) > 1:
        rows.append((IN_SUM, *(column.total() for column in columns.values())))
    return Table((name, *columns), rows)


def _of_reason(forecast: Forecast, reason: str) -> Counter[str]:
    return Counter({journey: number for (journey, why), number in forecast.refused.items() if why == reason})
