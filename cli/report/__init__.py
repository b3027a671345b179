"""The report of a play or a rehearsal: one HTML page that needs nothing else, the same for the same record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cli.report import tables
from cli.report.forecast import Cell, caps_told, summed
from cli.report.summary import Summary, date_of
from cli.report.tables import Table, number_told
from errors import InputError


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
    """Write the page. `notes` come first: what was assumed. `until` is in the zone whose days are told.

    Raises `InputError` if it cannot be written.
    """
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
    environment.filters["number"] = number_told
    return environment.get_template("report.html.jinja").render(
        title=title,
        notes=notes,
        period=_period(summary, until),
        figures=_figures(summary),
        sections=_sections(summary, until.toordinal()),
        agreement=agreement,
    )


def _period(summary: Summary, until: datetime) -> str:
    """From the first to the last day."""
    first = date_of(summary.days(until.toordinal()).start)
    return f"{first} to {until.date()}, {until.tzinfo}"


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
    # Drawing takes longer to load than all else, and a rehearsal without a report draws nothing.
    from cli.report import plots

    sent, withheld = _touches(summary, sent=True), _touches(summary, sent=False)
    return (
        *_forecast_sections(summary, last_day),
        Section(
            "Customers by stage",
            "Everybody known by the day, in the stage they were in when it ended.",
            Markup(plots.stages_over_time(summary, last_day)),
            tables.stage_table(summary),
        ),
        Section("Touches sent a week", "By message.", Markup(plots.weekly_area(sent, last_day)), None),
        Section("Touches not sent a week", "By reason.", Markup(plots.weekly_area(withheld, last_day)), None),
        Section("Touches by message", "", Markup(), tables.touch_table(summary)),
        Section(
            "Journeys",
            "How runs ended; a conversion is the goal reached in its window, also after the run has ended.",
            Markup(plots.shares(summary.runs)),
            tables.journey_table(summary),
        ),
        Section("Conversions a week", "By journey.", Markup(plots.weekly_area(summary.conversions, last_day)), None),
        Section("Runs by outcome", "", Markup(), tables.run_table(summary)),
        Section(
            "Points a week",
            "By reason.",
            Markup(plots.weekly_area(summary.points, last_day)),
            tables.points_table(summary),
        ),
    )


def _forecast_sections(summary: Summary, last_day: int) -> Sequence[Section]:
    """What a launch would bring; nothing in the report of a play."""
    from cli.report import plots

    forecast, days = summary.forecast, summary.days(last_day)
    if not forecast:
        return ()

    def drawn(counts: Counter[Cell], label: Callable[[Cell], str]) -> Markup:
        return Markup(plots.daily_area(summed(((cell.day, label(cell)), n) for cell, n in counts.items()), days))

    return (
        Section("Forecast by journey", caps_told(), Markup(), tables.forecast_table(summary)),
        Section("Not entered", "By reason.", Markup(), tables.refusals_table(forecast)),
        Section("Holdout", "Both arms of each journey with a holdout.", Markup(), tables.arms_table(summary)),
        Section(
            "Messages a day by channel",
            "",
            drawn(forecast.sent, lambda cell: cell.channel),
            tables.loads_table(forecast, days),
        ),
        Section(
            "Messages a day by journey", "", drawn(forecast.sent, lambda cell: f"{cell.journey}, {cell.channel}"), None
        ),
        Section("Cap hits a day", "By journey.", drawn(forecast.cap_hits, lambda cell: cell.journey), None),
        Section("Points a day", "By journey.", drawn(forecast.points, lambda cell: cell.journey), None),
    )


def _touches(summary: Summary, *, sent: bool) -> Counter[tuple[int, str]]:
    """By week, and by message if sent, by reason if not."""
    counts: Counter[tuple[int, str]] = Counter()
    for kind, number in summary.touches.items():
        if (kind.outcome == "sent") is sent:
            counts[kind.week, kind.step if sent else kind.reason or kind.outcome] += number
    return counts
