"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import click
from pydantic_core import to_json

WIDE = 160
"""Columns, where the output goes into a file or a program."""


def print_json(value: object) -> None:
    """One JSON document; times are ISO 8601 in UTC, amounts decimal strings."""
    click.echo(to_json(value, indent=2).decode())


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, zone: ZoneInfo, title: str | None = None
) -> None:
    """A table in the order of the rows, times in a zone; long cells fold."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(told(cell, zone)) for cell in row))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    Console(file=sys.stdout, width=width).print(table)


def counted(number: int, one: str) -> str:
    """A number with its noun, as '1 row' and '1,200 rows'."""
    return f"{number:,} {one if number == 1 else f'{one}s'}"


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal for as long as the block runs; call what it gives with how much of `total` is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


def told(cell: object, zone: ZoneInfo) -> str:
    """A value as a person reads it: times to the minute, with their zone; nothing for none."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return f"{cell.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    return str(cell)
