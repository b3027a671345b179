"""Files of rows, CSV or JSON Lines, read one row at a time, and the file for the rows that cannot be taken.

A file of any length is read in constant memory. What is wrong with the file as a whole (no header, a column missing)
is an `InputError`; what is wrong with one row is a `Reject`, and the rows after it are read.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TextIO

import click

from activities.json_text import DEEPEST, TooDeep, no_number, read_json
from cli.edge import SOME_REJECTED
from errors import InputError
from rules.customer_id import mask_numbers
from rules.values import value

LONGEST_LINE = 1 << 20
"""Characters; a longer line is no row of ours, and would sit in memory."""

_ENDINGS = {".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".tsv": "csv"}
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_COLUMNS = ("line", "reason", "row")
_HEAD = b"\xef\xbb\xbf" + ",".join(_COLUMNS).encode()
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_UNFIT = re.compile("[\x00\ud800-\udfff]")


@value
class Row:
    """One row: where it begins (1 is the first line of the file), its text, and its values.

    The values of a CSV are text without spaces around it, those of JSON Lines what JSON says.
    """

    line: int
    text: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be taken, and why."""

    line: int
    text: str
    reason: str


class Table:
    """The rows of an open file. Made by `open_table`; iterate it once."""

    def __init__(self, file: Path, raw: IO[bytes], needed: Collection[str], allowed: Collection[str] | None) -> None:
        self.file = file
        self.size = max(os.fstat(raw.fileno()).st_size, 1)
        self._raw = raw
        self._needed = needed
        self._allowed = allowed
        self.columns: tuple[str, ...] = ()
        """The header of a CSV; nothing for JSON Lines."""
        self._lines = _Lines(file, raw)
        try:
            self._rows = self._open()
        except InputError:
            self._lines.close()
            raise

    @property
    def position(self) -> int:
        """Bytes read so far, of `size`."""
        return self._raw.tell()

    def __iter__(self) -> Iterator[Row | Reject]:
        return self._rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lines.close()

    def _open(self) -> Iterator[Row | Reject]:
        """Find out what the file is; the header is read at once, so that a wrong file is refused before any row."""
        beginning = self._raw.read(64 * 1024)
        self._raw.seek(0)
        if beginning.startswith(_WIDE_MARKS):
            raise InputError(f"{self.file} is UTF-16: save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')")
        first = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if first == b"[":
            raise InputError(f"{self.file} is one JSON array: write one object a line (JSON Lines)")
        lines = self._lines
        if first == b"{" or (first and _ENDINGS.get(self.file.suffix.lower()) == "json"):
            return _json_rows(lines, self._needed)
        header, separator = _header(lines)
        _check_header(self.file, header, self._needed, self._allowed)
        self.columns = tuple(header)
        return _csv_rows(lines, header, separator, self._needed)


def open_table(file: Path, *, needed: Collection[str], allowed: Collection[str] | None = None) -> Table:
    """Open a file of rows; use it in a `with`.

    `needed` columns must be in the header of a CSV, and in each object of JSON Lines. With `allowed`, a CSV with any
    other column is refused. Raises `InputError` if the file cannot be read or is not such a file.
    """
    try:
        raw = file.open("rb")
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}): correct the name, or its permissions") from error
    if not raw.seekable():
        raw.close()
        raise InputError(f"{file} is a stream, which cannot be read twice: write it into a file, and name that")
    return Table(file, raw, needed, allowed)


class _Lines:
    """The lines of a file with their endings, counted; some can be put back to be read again."""

    def __init__(self, file: Path, raw: IO[bytes]) -> None:
        self._file = file
        self._stream = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._again: list[str] = []
        self.read = 0
        """The number of the line that was read last."""
        self.taken: list[str] = []
        """The lines of the row that is being read."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._stream.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self.read += 1
        if len(line) >= LONGEST_LINE:
            raise InputError(f"{self._file}: line {self.read} is longer than a million characters: is it CSV or JSON?")
        self.taken.append(line)
        return line

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def put_back(self) -> str:
        """Put back all lines of the row but its first, which is answered."""
        first, *others = self.taken
        self._again += reversed(others)
        self.read -= len(others)
        return first


def _header(lines: _Lines) -> tuple[list[str], str]:
    """The names of the columns, and what separates them: a comma, a tab or a semicolon."""
    for line in lines:
        if line.strip():
            separator = next((mark for mark in ",\t;" if mark in line), ",")
            return [name.strip() for name in next(csv.reader([line], delimiter=separator))], separator
    return [], ","


def _check_header(file: Path, header: list[str], needed: Collection[str], allowed: Collection[str] | None) -> None:
    if any(_UNFIT.search(name) for name in header):
        raise InputError(f"{file} is not UTF-8: save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')")
    has = f"its header has {', '.join(map(repr, header)) or 'nothing'}"
    for name in needed:
        if name not in header:
            raise InputError(f"{file} lacks the column {name!r} ({has}): add it")
    for name in header:
        if header.count(name) > 1:
            raise InputError(f"{file} has the column {name!r} twice: take one out")
        if allowed is not None and name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"take it out; the columns are {', '.join(allowed)}"
            raise InputError(f"{file} has a column {name!r} that nothing reads: {hint}")


def _csv_rows(lines: _Lines, header: list[str], separator: str, needed: Collection[str]) -> Iterator[Row | Reject]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        line, lines.taken = lines.read + 1, []
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # A quote that is never closed swallows what follows it: only its own line is lost.
            first = lines.put_back()
            yield Reject(line, first, "has quotes that do not fit: close each, and write a quote inside as two")
            continue
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield _csv_row(line, "".join(lines.taken), header, cells, needed)


def _csv_row(line: int, text: str, header: list[str], cells: list[str], needed: Collection[str]) -> Row | Reject:
    if problem := _not_storable(text):
        return Reject(line, text, problem)
    if len(cells) != len(header):
        return Reject(line, text, f"has {len(cells)} cells where the header has {len(header)}: quote cells with commas")
    return _complete(Row(line, text, dict(zip(header, cells, strict=True))), needed)


def _json_rows(lines: _Lines, needed: Collection[str]) -> Iterator[Row | Reject]:
    for text in lines:
        lines.taken = []
        if text.strip():
            yield _json_row(lines.read, text, needed)


def _json_row(line: int, text: str, needed: Collection[str]) -> Row | Reject:
    if problem := _not_storable(text):
        return Reject(line, text, problem)
    try:
        values = read_json(text, parse_constant=no_number)
    except TooDeep:
        return Reject(line, text, f"is nested too deep: use at most {DEEPEST} levels of objects and lists")
    except ValueError:
        return Reject(line, text, "is not valid JSON: check quotes, commas and brackets")
    if not isinstance(values, dict):
        return Reject(line, text, "is not a JSON object: write one {…} a line")
    if "\\u" in text and (problem := _not_storable(json.dumps(values, ensure_ascii=False).replace("\\u0000", "\0"))):
        return Reject(line, text, problem)
    return _complete(Row(line, text, values), needed)


def _complete(row: Row, needed: Collection[str]) -> Row | Reject:
    for name in needed:
        if row.values.get(name) in (None, ""):
            return Reject(row.line, row.text, f"has no {name}: add it")
    return row


def _not_storable(text: str) -> str:
    """Why a text cannot be stored, or nothing."""
    if text.isascii():
        return "has a NUL character: take it out" if "\0" in text else ""
    match = _UNFIT.search(text)
    return "is not UTF-8, or has a NUL character: save the file as UTF-8" if match else ""


class Rejects:
    """The file for rows that cannot be taken: line number, reason, row. It is written only if there are any.

    Use it in a `with`. A file that an earlier run left at the same place is replaced, or goes if all is well now; any
    other file there stays as it is, and `InputError` says so.
    """

    def __init__(self, source: Path, place: Path | None = None) -> None:
        self.file = place or source.with_name(f"{source.name}.rejects.csv")
        self.count = 0
        self._stream: TextIO | None = None
        if self.file.resolve() == source.resolve():
            raise InputError("--rejects names the file that is read: name another")
        if self.file.exists() and not self._is_ours():
            raise InputError(f"{self.file} holds no rejects of an earlier run: name another place with --rejects")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._stream is not None:
            self._stream.close()
        elif kind is None:
            self.file.unlink(missing_ok=True)

    def add(self, row: Row | Reject, reason: str | None = None) -> None:
        """Write down a row; the reason goes without phone and identity numbers, the row as it was."""
        said = reason if reason is not None else row.reason if isinstance(row, Reject) else ""
        if self._stream is None:
            self._stream = self._create()
        self._write([row.line, mask_numbers(said), row.text.rstrip("\r\n")])
        self.count += 1

    def leave(self) -> None:
        """End the command with exit code 1, and say where the rejects are, if there are any."""
        if self.count:
            said = "1 row was rejected" if self.count == 1 else f"{self.count:,} rows were rejected"
            click.echo(f"{said}: see {self.file}, correct them and run the command again.", err=True)
            raise click.exceptions.Exit(SOME_REJECTED)

    def _is_ours(self) -> bool:
        """Whether the file there was written by an earlier run, or has nothing in it."""
        try:
            with self.file.open("rb") as stream:
                return stream.read(len(_HEAD)) in (_HEAD, b"")
        except OSError:
            return False

    def _create(self) -> TextIO:
        """For the owner's eyes only; with the mark that makes a spreadsheet read Chinese."""
        try:
            descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.fchmod(descriptor, 0o600)
        except OSError as error:
            raise InputError(
                f"{self.file} cannot be written ({error.strerror}): name another place with --rejects"
            ) from error
        self._stream = open(descriptor, "w", encoding="utf-8-sig", errors="backslashreplace", newline="")  # noqa: SIM115
        self._write(_COLUMNS)
        return self._stream

    def _write(self, cells: Sequence[object]) -> None:
        csv.writer(self._stream).writerow(map(_harmless, cells))  # type: ignore[arg-type]


def _harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula: it is shown with a quote before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_BEGINS_A_FORMULA) else cell
