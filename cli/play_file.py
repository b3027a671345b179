"""The files that `play` and `rehearse` read: what customers did, a row an event.

A file has `customer_id` and `occurred_at` (ISO 8601 with the offset) or `date`. What event a row stands for is given
for all, or stands in the column `name`, as in a file for `events`; then an event that stands there twice is one. The
other columns are the event's data. A file is read whole: a customer's rows may stand anywhere in it. A row's data is
checked when its customer is in turn (`life_of`), so that the work can be shared out by customers.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from activities.incoming import EARLIEST
from activities.moments import Moment
from activities.problems import problems_of
from cli.json_object import data_column
from cli.known import event_named
from cli.tabular import Reject, Row, open_table
from errors import InputError
from journeys.events import EventData, EventType
from journeys.names import CustomerId
from rules.customer_id import check_customer_id

_PLACE = ("customer_id", "occurred_at", "date")
_KEYS = frozenset((*_PLACE, "name", "event_id", "data"))
_PREFIX = "data."
_NOTHING = ("", None)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


FileRow = tuple[datetime, Row]
"""A row whose customer and time are sound; its event has yet to be known, and its data to fit it."""


@dataclass(frozen=True, slots=True)
class PlayOptions:
    """How a file is to be understood.

    `event` is what every row stands for; none if the column `name` says it. Each customer's first row is preceded by
    `first_event` (none if there is none, or the file tells of it), up to `first_event_lead` before it; how much is
    spread over the customers by a hash. `customers` takes so many of them, a systematic sample.
    """

    event: EventType | None
    zone: ZoneInfo
    first_event: EventType | None = None
    first_event_lead: timedelta = timedelta(0)
    customers: int | None = None


class LifeEvent(NamedTuple):
    """An event as a file tells it, its time in UTC, its data checked; without an id if the file gives none."""

    at: datetime
    name: str
    data: EventData
    event_id: str = ""

    def payload(self) -> dict[str, Any]:
        """The data as a backend would send it."""
        return self.data.model_dump(mode="json", exclude_unset=True)


class Life(NamedTuple):
    """One customer's events in event-time order; those of one instant in the order of the file."""

    customer_id: CustomerId
    events: Sequence[LifeEvent]


@dataclass(frozen=True, slots=True)
class PlayFile:
    """A file by customers, in the order of their ids, and the rows that could not be taken so far.

    `last` is the latest time in the file, also when only some customers are taken.
    """

    options: PlayOptions
    rows: Mapping[CustomerId, Sequence[FileRow]]
    rejects: Sequence[Reject]
    last: datetime

    @property
    def row_count(self) -> int:
        """How many rows the customers taken have."""
        return sum(map(len, self.rows.values()))


@dataclass(frozen=True, slots=True)
class Lives:
    """Everything that a file tells, checked; the rejects in the order of their lines."""

    lives: Sequence[Life]
    rejects: Sequence[Reject]
    last: datetime


def first_event_named(name: str) -> EventType | None:
    """The event that precedes a customer's first row, none for ''. Raises `InputError` if it cannot be one."""
    if not name:
        return None
    event = event_named(name)
    try:
        event.data()
    except ValidationError as error:
        raise InputError(f"--first-event {name} would need data: choose an event that needs none") from error
    return event


def read_lives(file: Path, options: PlayOptions) -> Lives:
    """Read and check a whole file. Raises `InputError` if it is no such file."""
    read = read_play_file(file, options)
    rejects = list(read.rejects)
    lives = [life_of(customer_id, rows, options, rejects) for customer_id, rows in read.rows.items()]
    rejects.sort(key=lambda reject: reject.line)
    return Lives([life for life in lives if life.events], rejects, read.last)


def read_play_file(file: Path, options: PlayOptions) -> PlayFile:
    """Read a file and sort it by customers. Raises `InputError` if it is no such file."""
    rows: dict[CustomerId, list[FileRow]] = {}
    rejects: list[Reject] = []
    last = EARLIEST
    moment = lru_cache(maxsize=1 << 16)(partial(_moment, zone=options.zone))
    for row in _rows(file, options.event, rejects):
        try:
            name, occurred_at, on = _keys(row)
            at = moment(occurred_at, on)
            if name not in rows:
                rows[check_customer_id(name)] = []
            rows[name].append((at, row))
        except InputError as error:
            rejects.append(Reject(row.line, row.text, str(error)))
            continue
        if at > last:
            last = at
    return PlayFile(options, {name: rows[name] for name in _sample(sorted(rows), options.customers)}, rejects, last)


def life_of(customer_id: CustomerId, rows: Sequence[FileRow], options: PlayOptions, rejects: list[Reject]) -> Life:
    """Check one customer's rows and put them in order; a row that does not fit its event goes to `rejects`."""
    events: list[LifeEvent] = []
    in_order = sorted(rows, key=itemgetter(0))
    for at, row in in_order if options.event else _once(in_order):
        try:
            event = options.event or _event_of(row)
            event_id = "" if options.event else str(row.values.get("event_id") or "")
            events.append(LifeEvent(at, event, _fitting(event, row), event_id))
        except InputError as error:
            rejects.append(Reject(row.line, row.text, str(error)))
    first = options.first_event
    if events and first is not None and all(event.name != first for event in events):
        at = events[0].at - _lead(customer_id, options.first_event_lead)
        events.insert(0, LifeEvent(at, first, _without_data(first)))
    return Life(customer_id, events)


@cache
def _without_data(event: EventType) -> EventData:
    """Of an event that needs none."""
    return event.data()


def _once(rows: Iterable[FileRow]) -> Iterator[FileRow]:
    """Each event once: by its id, or else by the whole row."""
    known = set[str]()
    for at, row in rows:
        same = str(row.values.get("event_id") or row.text.strip())
        if same not in known:
            known.add(same)
            yield at, row


def _fitting(event: EventType, row: Row) -> EventData:
    try:
        return event.data.model_validate(_data(row))
    except ValidationError as error:
        raise InputError(f"does not fit {event}: {problems_of(error)}") from error


def _data(row: Row) -> dict[str, Any]:
    """The event's data: an empty cell is no value."""
    values = row.values
    data = {
        name.removeprefix(_PREFIX): value
        for name, value in values.items()
        if value not in _NOTHING and name not in _KEYS
    }
    if values.get("data", "") in _NOTHING:
        return data
    return {**data, **data_column(values["data"])}


def _rows(file: Path, event: EventType | None, rejects: list[Reject]) -> Iterator[Row]:
    with open_table(file, needed=("customer_id",)) as table:
        columns: Collection[str] = table.columns
        if columns:
            _check_time(file, columns)
            _check_name(file, columns, event)
        for row in table:
            if isinstance(row, Reject):
                rejects.append(row)
                continue
            if not columns:
                # JSON Lines have no header: the first row says what kind of file it is.
                columns = row.values
                _check_name(file, columns, event)
            yield row


def _check_time(file: Path, columns: Collection[str]) -> None:
    if not {"occurred_at", "date"}.intersection(columns):
        raise InputError(f"{file} has neither a column 'occurred_at' nor a column 'date': add one")


def _check_name(file: Path, columns: Collection[str], event: EventType | None) -> None:
    """Either the command says what a row stands for, or the file does."""
    if event is None and "name" not in columns:
        raise InputError(f"{file} has no column 'name': add it, or say with --event what every row stands for")
    if event is not None and "name" in columns:
        raise InputError(f"{file} has a column 'name', which says what each row stands for: leave out --event")


def _event_of(row: Row) -> EventType:
    name = row.values.get("name") or ""
    if not isinstance(name, str) or not name:
        raise InputError("name is not text: write it in quotes" if name else "has no name: add it")
    return event_named(name)


def _keys(row: Row) -> tuple[CustomerId, str, str]:
    """Who, and when: a time or a date. The customer id has yet to be checked."""
    values = row.values
    name, occurred_at, on = values["customer_id"], values.get("occurred_at") or "", values.get("date") or ""
    if isinstance(name, str) and isinstance(occurred_at, str) and isinstance(on, str):
        return CustomerId(name), occurred_at, on
    raise InputError(f"{', '.join(_PLACE)} are text: write them in quotes")


def _moment(occurred_at: str, on: str, zone: ZoneInfo) -> datetime:
    """The time of a row in UTC; a date is its first instant in the zone. Raises `InputError`."""
    try:
        if occurred_at:
            return _MOMENT.validate_python(occurred_at)
        if not on:
            raise InputError("has neither occurred_at nor date: add one")
        return _MOMENT.validate_python(midnight(on, zone))
    except ValidationError as error:
        raise InputError(problems_of(error)) from error


def midnight(on: str, zone: ZoneInfo) -> datetime:
    """The first instant of a date in a zone, in UTC. Raises `InputError` if it is no date."""
    try:
        if not _DATE.fullmatch(on):
            raise ValueError
        return datetime.combine(date.fromisoformat(on), time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(f"{on!r} is no date: write it as in 2026-11-22") from None


def _sample(names: Sequence[CustomerId], size: int | None) -> Sequence[CustomerId]:
    """Every so-many-th, from the first on."""
    if size is None or size >= len(names):
        return names
    return [names[place * len(names) // size] for place in range(size)]


def _lead(customer_id: CustomerId, longest: timedelta) -> timedelta:
    """Between nothing and the longest, in whole seconds; the same for the same customer in every run."""
    return timedelta(seconds=int(longest.total_seconds() * zlib.crc32(customer_id.encode()) / 2**32))
