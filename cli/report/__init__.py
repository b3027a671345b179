"""The report of a play or a rehearsal: one HTML page that needs nothing else, the same for the same record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cli.report import plots
from cli.report.summary import Summary, date_of
from errors import InputError
from journeys.names import Stage


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many planned touches agree with a rehearsal of the same file; why the others do not, by number."""

    touches: int
    agreeing: int
    explained: Mapping[str, int]

    @property
    def share(self) -> float:
        """Of all planned touches, in percent."""
        return 100 * self.agreeing / self.touches if self.touches else 100.0


class Table(NamedTuple):
    """Rows under a header; the first `names` columns are names, the others numbers."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    names: int = 1


class Section(NamedTuple):
    """A heading with a plot, a table, or both."""

    heading: str
    said: str
    plot: Markup
    table: Table | None


def write_report(
    summary: Summary,
    file: Path,
    *,
    title: str,
    notes: Sequence[str],
    until: datetime,
    agreement: Agreement | None = None,
) -> None:
    """Write the page. `notes` come first: what was assumed. Raises `InputError` if it cannot be written."""
    try:
        file.write_text(report_html(summary, title=title, notes=notes, until=until, agreement=agreement), "utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}): name another place with --out") from error


def report_html(
    summary: Summary, *, title: str, notes: Sequence[str], until: datetime, agreement: Agreement | None = None
) -> str:
    """The page as text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["number"] = _told
    return environment.get_template("report.html.jinja").render(
        title=title,
        notes=notes,
        period=_period(summary, until),
        figures=_figures(summary),
        sections=_sections(summary, until.toordinal()),
        agreement=agreement,
    )


def _period(summary: Summary, until: datetime) -> str:
    """From the first to the last day, in UTC."""
    first = date_of(min((day for day, _ in summary.stages), default=until.toordinal()))
    return f"{first} to {until.date()}, UTC"


def _figures(summary: Summary) -> Sequence[tuple[str, int]]:
    """The numbers at the top."""
    return (
        ("customers", summary.customers),
        ("events", summary.events),
        ("journeys entered", summary.runs.total()),
        ("touches sent", _touches(summary, sent=True).total()),
        ("not sent", _touches(summary, sent=False).total()),
        ("conversions", summary.conversions.total()),
        ("points", summary.points.total()),
    )


def _sections(summary: Summary, last_day: int) -> Sequence[Section]:
    sent, withheld = _touches(summary, sent=True), _touches(summary, sent=False)
    return (
        Section(
            "Customers by stage",
            "Everybody known by the day, in the stage they were in when it ended.",
            Markup(plots.stages_over_time(summary, last_day)),
            _stage_table(summary),
        ),
        Section("Touches sent a week", "By message.", Markup(plots.weekly_bars(sent, last_day)), None),
        Section("Touches not sent a week", "By reason.", Markup(plots.weekly_bars(withheld, last_day)), None),
        Section("Touches by message", "", Markup(), _touch_table(summary)),
        Section(
            "Journeys",
            "How runs ended; a conversion is the goal reached in its window, also after the run has ended.",
            Markup(plots.shares(summary.runs)),
            _journey_table(summary),
        ),
        Section("Conversions a week", "By journey.", Markup(plots.weekly_bars(summary.conversions, last_day)), None),
        Section("Runs by outcome", "", Markup(), _run_table(summary)),
        Section(
            "Points a week", "By reason.", Markup(plots.weekly_bars(summary.points, last_day)), _points_table(summary)
        ),
    )


def _touches(summary: Summary, *, sent: bool) -> Counter[tuple[int, str]]:
    """By week, and by message if sent, by reason if not."""
    counts: Counter[tuple[int, str]] = Counter()
    for (week, kind), number in summary.touches.items():
        if (kind.outcome == "sent") is sent:
            counts[week, kind.step if sent else kind.reason or kind.outcome] += number
    return counts


def _stage_table(summary: Summary) -> Table:
    standing: Counter[str] = Counter()
    for (_, stage), number in summary.stages.items():
        standing[stage] += number
    rows = [(stage, standing[stage], _share(standing[stage], summary.customers)) for stage in Stage if standing[stage]]
    return Table(("stage at the end", "customers", "share"), rows)


def _touch_table(summary: Summary) -> Table:
    totals: Counter[tuple[str, ...]] = Counter()
    for (_, kind), number in summary.touches.items():
        totals[kind] += number
    rows = [(*kind, number) for kind, number in sorted(totals.items())]
    return Table(("journey", "message", "outcome", "reason", "touches"), rows, names=4)


def _journey_table(summary: Summary) -> Table:
    entered, converted = summary.entered(), summary.converted()
    rows = [(name, entered[name], converted[name], _share(converted[name], entered[name])) for name in sorted(entered)]
    return Table(("journey", "entered", "conversions", "share"), rows)


def _run_table(summary: Summary) -> Table:
    rows = [(journey, outcome, number) for (journey, outcome), number in sorted(summary.runs.items())]
    return Table(("journey", "outcome", "runs"), rows, names=2)


def _points_table(summary: Summary) -> Table:
    sums = summary.awarded()
    return Table(("reason", "awards", "points"), [(name, summary.awards[name], sums[name]) for name in sorted(sums)])


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _told(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
