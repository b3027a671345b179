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
class Report:
    """The figures of one bench, and what has to be known to read them."""

    title: str
    lines: Sequence[Line]
    notes: Sequence[str] = ()


def at_least(what: str, value: float, spread: str, budget: float, figure: str = "") -> Line:
    """A figure that must not be less than its budget."""
    return Line(what, figure or f"{value:.2f}", spread, f"≥ {budget:g}", value >= budget)


def at_most(what: str, value: float, spread: str, budget: float, unit: str = "") -> Line:
    """A figure that must not be more than its budget."""
    return Line(what, f"{value:,.0f}{unit}", spread, f"≤ {budget:,.0f}{unit}", value <= budget)


def show(console: Console, report: Report) -> None:
    """Print a report as a table, its notes below."""
    table = Table(title=report.title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column("what", overflow="fold")
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("quartiles (min–max)", justify="right", no_wrap=True)
    table.add_column("budget", justify="right", no_wrap=True)
    for line in report.lines:
        table.add_row(line.what, line.figure, line.spread, _budget(line))
    console.print(table)
    for note in report.notes:
        console.print(f"  {note}", style="dim", highlight=False)
    console.print()


def _budget(line: Line) -> str:
    if line.kept is None:
        return line.budget
    return f"{line.budget} [green]✓[/]" if line.kept else f"{line.budget} [red]✗[/]"
