"""A file of facts for the paper world: what the broker's own books say happened."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from activities.facts import Fact, FactRow, fact_of
from cli.tabular import Reject, open_table
from errors import InputError
from journeys.events import EVENTS
from journeys.names import CustomerId
from rules.paper import PaperEvent

_FIELDS = ("customer_id", "name", "occurred_at", "fact_id")


def read_books(file: Path) -> dict[CustomerId, list[PaperEvent]]:
    """The facts of each customer, the oldest first. Raises `InputError` at the first row that cannot be taken."""
    facts = {(fact.customer_id, fact.fact_id): fact for fact in _facts(file)}
    books: dict[CustomerId, list[PaperEvent]] = {}
    for fact in sorted(facts.values(), key=attrgetter("occurred_at", "fact_id")):
        data = EVENTS[fact.name].data.model_validate(fact.data)
        event = PaperEvent(fact.occurred_at, fact.name, data.held_until(fact.occurred_at), fact.data)
        books.setdefault(fact.customer_id, []).append(event)
    return books


def _facts(file: Path) -> list[Fact]:
    facts = []
    with open_table(file, needed=("customer_id", "name", "occurred_at")) as table:
        for row in table:
            if isinstance(row, Reject):
                raise InputError(f"{file}: line {row.line} {row.reason}")
            try:
                facts.append(fact_of(FactRow.model_validate(_fields(row.values))))
            except (InputError, ValidationError) as error:
                said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
                raise InputError(f"{file}: line {row.line}: {said}; `starter.py facts` tells all such rows") from error
    return facts


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the row itself; further columns are the event's data, empty cells are none."""
    row = {name: value for name, value in values.items() if value not in (None, "")}
    data = row.pop("data", {})
    fields = {name: row.pop(name) for name in _FIELDS if name in row}
    if not isinstance(data, dict):
        raise InputError("data is not a JSON object: give each field of the event a column of its own")
    return {**fields, "data": {**row, **data}}
