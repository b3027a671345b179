"""Files of events: the rows of a CSV or JSON Lines as the events that they stand for (docs/files.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from cli.json_object import data_column
from cli.sending import Outgoing, checked
from cli.tabular import Reject, Rejects, Row, Table
from errors import InputError
from journeys.events import EVENTS

SHOWN_EVERY = 256
"""Rows: the bar on the terminal costs time, too."""

NEEDED = ("customer_id", "name", "occurred_at")
_FIELDS = (*NEEDED, "event_id")
_PREFIX = "data."


def events_of(table: Table, rejects: Rejects, tolerance: timedelta, show: Callable[[int], None]) -> Iterator[Outgoing]:
    """The events of a table, in its order, one at a time; the rows that are none go to `rejects`.

    `tolerance` is how far ahead of this machine's clock an event may be. `show` is told how many bytes were read.
    """
    for count, row in enumerate(table):
        if count % SHOWN_EVERY == 0:
            show(table.position)
        if isinstance(row, Reject):
            rejects.add(row)
            continue
        try:
            yield event_of(row, tolerance)
        except InputError as error:
            rejects.add(row, str(error))


def event_of(row: Row, tolerance: timedelta) -> Outgoing:
    """The event that a row stands for. InputError says what is wrong with it."""
    values = {name: value for name, value in row.values.items() if value not in (None, "")}
    customer_id, name = _text(values, "customer_id"), _text(values, "name")
    occurred_at = _text(values, "occurred_at")
    data = _data(name, values)
    event_id = values.get("event_id") or derived_id(customer_id, name, occurred_at, data)
    argument = {"event_id": event_id, "name": name, "occurred_at": occurred_at, "data": data}
    return checked(customer_id, argument, tolerance, row)


def derived_id(customer_id: str, name: str, occurred_at: str, data: Mapping[str, Any]) -> str:
    """The id of an event that was given none: the same for the same content, so that twice is once."""
    content = json.dumps([customer_id, name, occurred_at, data], sort_keys=True)
    return f"row-{hashlib.sha256(content.encode()).hexdigest()[:32]}"


def _text(values: Mapping[str, Any], name: str) -> str:
    if not isinstance(value := values[name], str):
        raise InputError(f"{name} is not text: write it in quotes")
    return value


def _data(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the column `data` says, and every further column; a column may be called `amount` or `data.amount`."""
    columns = {key.removeprefix(_PREFIX): value for key, value in values.items() if key not in (*_FIELDS, "data")}
    return {**_typed(name, columns), **data_column(values.get("data", {}))}


def _typed(name: str, columns: Mapping[str, Any]) -> Mapping[str, Any]:
    """Cells as the event's model reads them: '30' in a CSV is the number 30 of the bus."""
    if not any(isinstance(value, str) for value in columns.values()) or (event := EVENTS.get(name)) is None:
        return columns
    try:
        return event.data.model_validate(columns).model_dump(mode="json", exclude_unset=True)
    except ValidationError:
        # Some of it may stand in the column `data`; what does not fit in the end is said by the check of the whole.
        return columns
