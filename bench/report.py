"""What a bench found, and how it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Line:
    """One figure. `kept` says whether it is within its budget, if it has one."""

    what: str
    figure: str
    spread: str = ""
    budget: str = ""
    kept: bool | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """Counts in several columns; the first says of what."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one bench, and what has to be known to read them."""

    title: str
    lines: Sequence[Line]
    notes: Sequence[str] = ()
    grids: Sequence[Grid] = ()


def at_least(what: str, value: float, spread: str, budget: float, figure: str = "") -> Line:
    """A figure that must not be less than its budget."""
    return Line(what, figure or f"{value:.2f}", spread, f"≥ {budget:g}", value >= budget)


def at_most(what: str, value: float, spread: str, budget: float, unit: str = "") -> Line:
    """A figure that must not be more than its budget."""
    return Line(what, f"{value:,.0f}{unit}", spread, f"≤ {budget:,.0f}{unit}", value <= budget)


def show(console: Console, report: Report) -> None:
    """Print a report as tables, its notes below."""
    console.print(report.title, style="bold", highlight=False)
    if report.lines:
        console.print(_figures(report.lines))
    for grid in report.grids:
        console.print(_counts(grid))
        console.print()
    for note in report.notes:
        console.print(f"  {note}", style="dim", highlight=False)
    console.print()


def _figures(lines: Sequence[Line]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("what", overflow="fold")
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("quartiles (min–max)", justify="right", no_wrap=True)
    table.add_column("budget", justify="right", no_wrap=True)
    for line in lines:
        table.add_row(line.what, line.figure, line.spread, _budget(line))
    return table


def _counts(grid: Grid) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for column in grid.columns:
        words = any(row[len(table.columns)][:1].isalpha() for row in grid.rows)
        table.add_column(column, justify="left" if words else "right", overflow="fold")
    for row in grid.rows:
        table.add_row(*row)
    return table


def _budget(line: Line) -> str:
    if line.kept is None:
        return line.budget
    return f"{line.budget} [green]✓[/]" if line.kept else f"{line.budget} [red]✗[/]"
