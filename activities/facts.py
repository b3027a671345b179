"""What the broker's own books say happened: asked before a journey takes `otherwise` (`check_conversion`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from activities.database import AnyConnection
from activities.imported import Imported
from activities.moments import Moment, TimeContext
from journeys.events import EVENTS
from journeys.names import CustomerId, EventId
from rules.customer_id import check_customer_id


def _check_event(name: str) -> str:
    if name not in EVENTS:
        raise ValueError(f"is no event: the events are {', '.join(EVENTS)}")
    return name


class FactRow(BaseModel):
    """A row of a file of facts; `data` has yet to fit the event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_id: Annotated[CustomerId, AfterValidator(check_customer_id)]
    name: Annotated[str, AfterValidator(_check_event)]
    occurred_at: Moment
    fact_id: Annotated[EventId, Field(pattern=r"^[\x21-\x7e]{1,128}$")] | None = None
    data: Mapping[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any], context: TimeContext | None = None) -> FactRow:
        """A row of a file: columns that are no field of ours are the event's data, empty cells are none.

        Raises `ValidationError` if it does not fit, and `InputError` for a bad customer id.
        """
        row = {name: value for name, value in values.items() if value not in (None, "")}
        fields = {name: row.pop(name) for name in cls.model_fields if name in row}
        if isinstance(data := fields.get("data", {}), Mapping):
            fields["data"] = {**row, **data}
        return cls.model_validate(fields, context=context)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, as the books have it; its id is the id of the event that it may become."""

    customer_id: CustomerId
    name: str
    occurred_at: datetime
    fact_id: EventId
    data: dict[str, Any]


def fact_of(row: FactRow) -> Fact:
    """Fit the data to the event and name the fact. Raises `ValidationError` if the data do not fit.

    The data are kept as the event's model reads them, without its defaults: '30' in a CSV is the number 30 of
    the bus. A fact without an id is named by its content.
    """
    data = EVENTS[row.name].data.model_validate(dict(row.data)).model_dump(mode="json", exclude_unset=True)
    fact_id = row.fact_id or _id_of(row.customer_id, row.name, row.occurred_at, data)
    return Fact(row.customer_id, row.name, row.occurred_at, fact_id, data)


def _id_of(customer_id: CustomerId, name: str, occurred_at: datetime, data: dict[str, Any]) -> EventId:
    content = json.dumps([customer_id, name, occurred_at.isoformat(), data], sort_keys=True, ensure_ascii=False)
    return EventId(f"fact-{hashlib.sha256(content.encode()).hexdigest()[:32]}")


async def import_facts(connection: AnyConnection, facts: Sequence[Fact]) -> Imported:
    """Write facts in one transaction; the same again changes nothing.

    A fact whose id is known with other content is refused: the first one stands.
    """
    columns = (
        [fact.customer_id for fact in facts],
        [fact.name for fact in facts],
        [fact.occurred_at for fact in facts],
        [fact.fact_id for fact in facts],
        [fact.data for fact in facts],
    )
    async with connection.transaction():
        new = await connection.execute(
            """
            INSERT INTO customer_fact (customer_id, name, occurred_at, fact_id, data)
            SELECT customer_id, name, occurred_at, fact_id, data
            FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::jsonb[])
                 WITH ORDINALITY AS told (customer_id, name, occurred_at, fact_id, data, place)
            -- In one order for all: two files with other orders of the same rows would wait for each other.
            ORDER BY customer_id, fact_id, place
            ON CONFLICT (customer_id, fact_id) DO NOTHING
            """,
            *columns,
        )
        contradicted = await connection.fetch(
            """
            SELECT new.place
            FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::jsonb[])
                 WITH ORDINALITY AS new (customer_id, name, occurred_at, fact_id, data, place)
            JOIN customer_fact AS old USING (customer_id, fact_id)
            WHERE (new.name, new.occurred_at, new.data) <> (old.name, old.occurred_at, old.data)
            """,
            *columns,
        )
    said = "the fact id is known with other content: give the correction an id of its own"
    count = int(new.split()[-1])
    return Imported(count, count, {row["place"] - 1: said for row in contradicted})
