"""A file of facts for a rehearsal or a play: what the broker's own books say happened."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

from pydantic import ValidationError

from activities.facts import Fact, FactRow, fact_of
from activities.problems import problems_of
from cli.imports import row_path_of
from cli.tabular import Reject, open_table
from errors import InputError
from journeys.events import EVENTS
from journeys.names import CustomerId, EventId
from rules.paper import PaperEvent


def read_books(file: Path) -> dict[CustomerId, list[PaperEvent]]:
    """The facts of each customer for the paper world, the oldest first. Raises `InputError` as `read_facts`."""
    books: dict[CustomerId, list[PaperEvent]] = {}
    for fact in read_facts(file):
        data = EVENTS[fact.name].data.model_validate(fact.data)
        held_until = data.held_until(fact.occurred_at)
        event = PaperEvent(fact.occurred_at, fact.name, held_until, fact.data, fact.fact_id)
        books.setdefault(fact.customer_id, []).append(event)
    return books


def read_facts(file: Path) -> Sequence[Fact]:
    """Every fact once, the oldest first. Raises `InputError` at the first row that cannot be taken."""
    facts: dict[tuple[CustomerId, EventId], Fact] = {}
    for fact in _facts(file):
        facts.setdefault((fact.customer_id, fact.fact_id), fact)
    return sorted(facts.values(), key=attrgetter("occurred_at", "fact_id"))


def _facts(file: Path) -> list[Fact]:
    facts = []
    with open_table(file, needed=("customer_id", "name", "occurred_at")) as table:
        for row in table:
            if isinstance(row, Reject):
                raise InputError(f"{file}: line {row.line} {row.reason}")
            try:
                facts.append(fact_of(FactRow.of(row.values)))
            except (InputError, ValidationError) as error:
                said = problems_of(error, row_path_of) if isinstance(error, ValidationError) else error
                raise InputError(f"{file}: line {row.line}: {said}; `starter.py facts` tells all such rows") from error
    return facts
