"""The files that `play` and `rehearse` write: CSV, sorted; times in ISO 8601 UTC, the days of a forecast in a zone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import TextIO

from cli.report.forecast import Cell, Forecast
from errors import InputError
from rules.record import Record

_HEADERS = {
    "stage_changes.csv": "customer_id,from_stage,to_stage,at,cause\n",
    "touches.csv": "customer_id,journey,entry,step,planned_at,outcome,reason\n",
    "runs.csv": "customer_id,journey,entry,entered_at,ended_at,outcome\n",
    "points.csv": "customer_id,at,amount,reason\n",
}


def tables_of(record: Record) -> Sequence[str]:
    """The rows of a sorted record as CSV without headers, one text for each file."""
    # Written by hand: the rows of a rehearsal are millions, and nearly all their cells need no quotes.
    return (
        "".join(
            [f"{who},{from_},{to},{utc(at)},{cell(cause)}\n" for who, from_, to, at, cause in record.stage_changes]
        ),
        "".join(
            [
                f"{who},{name},{entry},{step},{utc(at)},{outcome},{cell(reason)}\n"
                for who, name, entry, step, at, outcome, reason in record.touches
            ]
        ),
        "".join(
            [
                f"{who},{name},{entry},{utc(at)},{utc(end) if end else ''},{cell(outcome)}\n"
                for who, name, entry, at, end, outcome in record.runs
            ]
        ),
        "".join([f"{who},{utc(at)},{amount},{cell(reason)}\n" for who, at, amount, reason in record.points]),
    )


@lru_cache(maxsize=1 << 12)
def cell(text: str) -> str:
    """A text as a cell of a CSV: in quotes if it needs them."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


@lru_cache(maxsize=1 << 16)
def utc(at: datetime) -> str:
    """As in 1997-01-02T00:00:00Z."""
    return at.astimezone(UTC).isoformat()[:-6] + "Z"


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The files of the tables, open for writing."""

    streams: Sequence[TextIO]

    def add(self, tables: Iterable[str]) -> None:
        """Write further rows; the parts have to come in the order of the customers."""
        for stream, text in zip(self.streams, tables, strict=True):
            stream.write(text)


@contextmanager
def table_files(folder: Path) -> Iterator[TableFiles]:
    """Create the files with their headers. Raises `InputError` if they cannot be written."""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            streams = [
                stack.enter_context((folder / name).open("w", encoding="utf-8", newline="")) for name in _HEADERS
            ]
        except OSError as error:
            raise InputError(f"{folder} cannot be written ({error.strerror}): name another place with --out") from error
        files = TableFiles(streams)
        files.add(_HEADERS.values())
        yield files


def write_tables(record: Record, folder: Path) -> None:
    """Sort a record and write its tables."""
    record.sort()
    with table_files(folder) as files:
        files.add(tables_of(record))


def write_forecast(forecast: Forecast, file: Path) -> None:
    """Write a row for each day, journey and channel; no channel stands for points, and for what none carries."""
    header = ("date", "journey", "channel", "planned", "sent", "withheld", "cap_hits", "points")
    rows = [header, *map(partial(_forecast_row, forecast), forecast.cells())]
    file.write_text(_csv(rows), encoding="utf-8", newline="")


def _forecast_row(forecast: Forecast, cell: Cell) -> Sequence[object]:
    sent, withheld = forecast.sent[cell], forecast.not_sent[cell] + forecast.held_out[cell]
    place = date.fromordinal(cell.day), cell.journey, cell.channel
    return (*place, sent + withheld, sent, withheld, forecast.cap_hits[cell], forecast.points[cell])


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
