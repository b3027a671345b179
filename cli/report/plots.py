"""The plots of a report: SVG that is the same in every run, with text left as text for the reader's fonts."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from typing import TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cli.report.summary import Summary, date_of
from journeys.names import Stage

Place = TypeVar("Place", int, str)
"""A week, or the name of a row."""

_STAGE_COLOURS = {
    Stage.INTRODUCTION: "#9ecae1",
    Stage.GROWTH: "#74c476",
    Stage.MATURITY: "#238b45",
    Stage.DECLINE: "#fdae6b",
    Stage.CHURNED: "#bdbdbd",
    Stage.CLOSED: "#636363",
}
# The last one is for all others.
_COLOURS = ("#3b6fb6", "#e08a3c", "#4f9d69", "#b5536b", "#7d6bb0", "#c9b037", "#5aa7b8", "#8c8c8c")
OTHERS = "all others"
_INK, _QUIET = "#333333", "#dddddd"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sojourn",
    "font.family": "sans-serif",
    "font.size": 10.0,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.edgecolor": _QUIET,
}
_WEEK = 7
_WIDTH, _BELOW, _ABOVE, _KEY, _LETTER = 9.0, 0.35, 0.1, 0.6, 0.085
"""Inches: a plot, its margins, the colour in a legend, a letter."""


def stages_over_time(summary: Summary, last_day: int) -> str:
    """Customers in each stage, day by day, as a stacked area."""
    if not summary.stages:
        return ""
    first_day = min(day for day, _ in summary.stages)
    days = range(first_day, max(last_day, first_day + 1) + 1)
    series = {stage: _standing(summary, stage, days) for stage in Stage}
    present = {stage: values for stage, values in series.items() if any(values)}
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure, axes = _canvas(3.4)
        axes.stackplot(
            date2num([date_of(day) for day in days]),  # type: ignore[no-untyped-call]
            list(present.values()),
            labels=list(present),
            colors=[_STAGE_COLOURS[stage] for stage in present],
            linewidth=0,
        )
        axes.margins(0)
        _time_axis(axes)
        return _finished(figure, axes)


def weekly_area(counts: Counter[tuple[int, str]], last_day: int) -> str:
    """Counts by (week, label) as a stacked area with a step a week."""
    return _steps(counts, range(min((week for week, _ in counts), default=last_day), last_day + 1, _WEEK))


def daily_area(counts: Counter[tuple[int, str]], days: range) -> str:
    """Counts by (day, label), day by day, as a stacked area with a step a day."""
    return _steps(counts, days)


def _steps(counts: Counter[tuple[int, str]], days: range) -> str:
    if not counts:
        return ""
    counts = _few(counts)
    labels = _labels(counts)
    # The last one has its width, too.
    edges = [*days, days[-1] + days.step]
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure, axes = _canvas(2.6)
        axes.stackplot(
            date2num([date_of(day) for day in edges]),  # type: ignore[no-untyped-call]
            [[counts[min(day, days[-1]), label] for day in edges] for label in labels],
            labels=labels,
            colors=_COLOURS[: len(labels)],
            step="post",
            linewidth=0,
        )
        axes.margins(x=0)
        axes.set_ylim(bottom=0)
        _time_axis(axes)
        return _finished(figure, axes)


def shares(counts: Counter[tuple[str, str]]) -> str:
    """Counts by (row, part) as horizontal bars of 100 %."""
    if not counts:
        return ""
    counts = _few(counts)
    rows = sorted({row for row, _ in counts}, reverse=True)
    totals = [sum(number for (of, _), number in counts.items() if of == row) for row in rows]
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure, axes = _canvas(0.9 + 0.5 * len(rows))
        left = [0.0] * len(rows)
        for label, colour in zip(_labels(counts), _COLOURS, strict=False):
            widths = [100 * counts[row, label] / total for row, total in zip(rows, totals, strict=True)]
            axes.barh(rows, widths, left=left, label=label, color=colour, height=0.6)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        axes.set_xlim(0, 100)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0f} %"))
        return _finished(figure, axes, beside=max(map(len, rows)))


def _standing(summary: Summary, stage: Stage, days: range) -> list[int]:
    """How many customers are in a stage at the end of each day."""
    standing, values = 0, []
    for day in days:
        standing += summary.stages[day, stage]
        values.append(standing)
    return values


def _few(counts: Counter[tuple[Place, str]]) -> Counter[tuple[Place, str]]:
    """As many labels as there are colours, so that each can be told from the others; the rarest become one."""
    labels = _labels(counts)
    if len(labels) <= len(_COLOURS):
        return counts
    rare = set(labels[len(_COLOURS) - 1 :])
    few: Counter[tuple[Place, str]] = Counter()
    for (place, label), number in counts.items():
        few[place, OTHERS if label in rare else label] += number
    return few


def _labels(counts: Counter[tuple[Place, str]]) -> list[str]:
    """The most frequent first, all others last."""
    totals: defaultdict[str, int] = defaultdict(int)
    for (_, label), number in counts.items():
        totals[label] += number
    return sorted(totals, key=lambda label: (label == OTHERS, -totals[label], label))


def _canvas(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height))
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.tick_params(axis="x", pad=6)
    return figure, axes


def _time_axis(axes: Axes) -> None:
    locator = AutoDateLocator(maxticks=10)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    axes.grid(axis="y", color=_QUIET, linewidth=0.6)
    axes.set_axisbelow(True)


def _finished(figure: Figure, axes: Axes, beside: int = 6) -> str:
    """The legend beside the plot, in the order of the stack, and the SVG without what browsers do not need.

    The room of words, at the left `beside` letters, is reckoned: measuring them, in a font that the reader may not
    have, would take half the time.
    """
    handles, labels = axes.get_legend_handles_labels()
    height = figure.get_figheight()
    legend = _KEY + _LETTER * max(map(len, labels), default=0)
    figure.subplots_adjust(
        left=_LETTER * (beside + 1) / _WIDTH,
        right=1 - legend / _WIDTH,
        bottom=_BELOW / height,
        top=1 - _ABOVE / height,
    )
    axes.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    return text[text.index("<svg") :]
