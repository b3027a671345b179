"""Events go into the books: one transaction for each batch of deliveries (architecture.md, "Life of an event")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import asyncpg
from pydantic import TypeAdapter

from activities.contracts import RecordedBatch, RecordEventsRequest
from activities.conversions import convert, reverse
from activities.database import PoolConnection
from activities.fact_writing import source_of, write_statements
from activities.incoming import EARLIEST, Incoming, Rejected, conflicting, nameless, read
from activities.rejections import reject
from activities.runs import put_back_runs
from activities.world import World
from errors import InputError
from journeys.events import EVENTS
from journeys.names import CustomerId, EventId
from rules.customer_id import check_customer_id, mask
from rules.effects import RecordedEvent
from rules.state import CustomerState
from rules.statements import Statement, statement_of

STATE: TypeAdapter[CustomerState] = TypeAdapter(CustomerState)

ANSWERED = 500
"""Events in one answer: it becomes a marker in the history, which has to stay well below the server's limits."""


async def record_events(world: World, request: RecordEventsRequest) -> RecordedBatch:
    """Store what is new and fits, quarantine what does not, and answer the first of what has not taken effect yet.

    Answers the same when it is run again: what takes effect is told by the state's cursor, not by who wrote it.
    """
    state = request.state
    try:
        customer_id = check_customer_id(state.customer_id)
    except InputError as error:
        refused = [nameless(delivery, str(error)) for delivery in request.deliveries]
        await _quarantine(world, CustomerId(mask(state.customer_id)), refused)
        return _answer(world, request, [], len(refused), refused_id=True)
    incoming, rejected = _sort_out(world, request)
    async with world.pool.acquire() as connection, connection.transaction():
        last_sequence, stored = await _lock(connection, customer_id)
        if (stored_rules := _stored_rules(state, stored)) > world.rules_version:
            # Not even to be read: what this worker does not know of it would be lost with the next save.
            return _answer(world, request, [], 0, stored_rules=stored_rules)
        restored = _restored(state, stored)
        current = restored or state
        # A database that was restored to an earlier time must not give out numbers that have taken effect already.
        last_sequence = max(last_sequence, current.folded, *current.folded_ahead)
        conflicts = await _store(connection, customer_id, last_sequence, incoming)
        rejected += [conflicting(incoming[place]) for place in sorted(conflicts)]
        await reject(connection, customer_id, rejected, world.rejected_retention)
        taken = [event for place, event in enumerate(incoming) if place not in conflicts]
        await write_statements(connection, _statements(customer_id, taken))
        await _save(connection, customer_id, last_sequence + len(incoming), current)
        await put_back_runs(connection, current)
        await _convert(world, connection, current, incoming)
        rows = []
        if request.answer and (incoming or current.folded < last_sequence):
            rows = await _not_folded(connection, current)
    events = [recorded(world, row) for row in rows[:ANSWERED]]
    more = not request.answer or len(rows) > ANSWERED
    return _answer(world, request, events, len(rejected), more=more, restored=restored)


def recorded(world: World, row: asyncpg.Record) -> RecordedEvent:
    """A stored event as the fold needs it, with the catalogue's answers."""
    event = EVENTS.get(row["name"])
    asked = world.catalogue.fields_asked.get(row["name"], ())
    data = event.data.model_validate(row["data"]) if event else None
    return RecordedEvent(
        sequence=row["sequence"],
        event_id=EventId(row["event_id"]),
        name=row["name"],
        at=row["occurred_at"],
        milestone=event is not None and event.milestone,
        starts=bool(world.catalogue.starting_on_event(row["name"])),
        held_until=data.held_until(row["occurred_at"]) if data else None,
        data={field: row["data"][field] for field in asked if field in row["data"]},
        recorded_at=row.get("recorded_at"),
    )


def _sort_out(world: World, request: RecordEventsRequest) -> tuple[list[Incoming], list[Rejected]]:
    """What fits, in event-time order (arrival decides at one instant), and what does not."""
    clock = request.state.clock

    def is_ahead(at: datetime) -> bool:
        return world.age(clock, at) < -world.future_tolerance

    outcomes = [read(delivery, is_ahead) for delivery in request.deliveries]
    incoming = sorted((one for one in outcomes if isinstance(one, Incoming)), key=lambda event: event.at)
    return incoming, [one for one in outcomes if isinstance(one, Rejected)]


async def _quarantine(world: World, customer_id: CustomerId, rejected: Sequence[Rejected]) -> None:
    async with world.pool.acquire() as connection:
        await reject(connection, customer_id, rejected, world.rejected_retention)


async def _lock(connection: PoolConnection, customer_id: CustomerId) -> tuple[int, Any]:
    """Lock the customer's row, made if there is none; answers the last sequence number and the stored life."""
    row = await connection.fetchrow(
        """
        INSERT INTO customer (customer_id) VALUES ($1)
        ON CONFLICT (customer_id) DO UPDATE SET version = customer.version + 1
        RETURNING last_sequence, state
        """,
        customer_id,
    )
    assert row is not None
    return row["last_sequence"], row["state"]


def _stored_rules(state: CustomerState, stored: Any) -> int:
    """The rules version of the stored life, if a workflow would take it over."""
    return stored["rules_version"] if stored is not None and state.policy is None else 0


def _restored(state: CustomerState, stored: Any) -> CustomerState | None:
    """The stored life, for a workflow that has none of its own yet."""
    if stored is None or state.policy is not None:
        return None
    restored = STATE.validate_python(stored)
    restored.clock, restored.as_of = state.clock, state.as_of
    return restored


async def _store(
    connection: PoolConnection, customer_id: CustomerId, last_sequence: int, incoming: Sequence[Incoming]
) -> set[int]:
    """Insert what is new, in order; answers the places of events whose id was seen before with other content."""
    if not incoming:
        return set()
    new = await connection.fetch(
        """
        INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data)
        SELECT $1, $2 + place, event_id, name, occurred_at, data
        FROM unnest($3::text[], $4::text[], $5::timestamptz[], $6::jsonb[])
             WITH ORDINALITY AS event (event_id, name, occurred_at, data, place)
        ON CONFLICT (customer_id, event_id) DO NOTHING
        RETURNING sequence
        """,
        customer_id,
        last_sequence,
        [event.event_id for event in incoming],
        [event.name for event in incoming],
        [event.at for event in incoming],
        [event.data for event in incoming],
    )
    if len(new) == len(incoming):
        return set()
    return await _conflicts(connection, customer_id, incoming)


async def _conflicts(connection: PoolConnection, customer_id: CustomerId, events: Sequence[Incoming]) -> set[int]:
    """Compared in the database: there a number is the same however it is written."""
    rows = await connection.fetch(
        """
        SELECT place FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::jsonb[])
             WITH ORDINALITY AS event (event_id, name, occurred_at, data, place)
        JOIN customer_event AS stored USING (event_id)
        WHERE customer_id = $1
          AND (stored.name, stored.occurred_at, stored.data) <> (event.name, event.occurred_at, event.data)
        """,
        customer_id,
        [event.event_id for event in events],
        [event.name for event in events],
        [event.at for event in events],
        [event.data for event in events],
    )
    return {row["place"] - 1 for row in rows}


def _statements(customer_id: CustomerId, taken: Iterable[Incoming]) -> list[tuple[CustomerId, Statement]]:
    """What the gates look at counts from the moment it is recorded, whatever the journeys do with the event."""
    said = (statement_of(event.name, event.at, event.data, source_of(event.event_id)) for event in taken)
    return [(customer_id, statement) for statement in said if statement is not None]


async def _convert(
    world: World, connection: PoolConnection, state: CustomerState, incoming: Sequence[Incoming]
) -> None:
    """Goals that are reached, and those that are undone; without a run there are none."""
    customer_id, attribution = state.customer_id, world.attribution
    if state.entries and incoming:
        await convert(connection, customer_id, after_sequence=state.folded, since=EARLIEST, attribution=attribution)
    if any(EVENTS[event.name].reverses for event in incoming):
        await reverse(connection, customer_id, attribution)


async def _save(connection: PoolConnection, customer_id: CustomerId, last_sequence: int, state: CustomerState) -> None:
    """Store the life as it is told, unless a later one is there: whoever tells it may have been held up for long."""
    await connection.execute(
        """
        UPDATE customer SET last_sequence = $2,
            state = CASE WHEN (state->>'as_of')::timestamptz > ($3::jsonb->>'as_of')::timestamptz THEN state ELSE $3 END
        WHERE customer_id = $1
        """,
        customer_id,
        last_sequence,
        STATE.dump_python(state, mode="json"),
    )


async def _not_folded(connection: PoolConnection, state: CustomerState) -> list[asyncpg.Record]:
    """What has not taken effect, the first by event time, and one more than is answered, if there is."""
    return await connection.fetch(
        """
        SELECT sequence, event_id, name, occurred_at, recorded_at, data FROM customer_event
        WHERE customer_id = $1 AND sequence > $2 AND sequence <> ALL($3::bigint[])
        ORDER BY occurred_at, sequence LIMIT $4
        """,
        state.customer_id,
        state.folded,
        state.folded_ahead,
        ANSWERED + 1,
    )


def _answer(
    world: World,
    request: RecordEventsRequest,
    events: list[RecordedEvent],
    rejected: int,
    *,
    more: bool = False,
    restored: CustomerState | None = None,
    refused_id: bool = False,
    stored_rules: int = 0,
) -> RecordedBatch:
    state = restored or request.state
    return RecordedBatch(
        events=events,
        rejected=rejected,
        rules_version=world.rules_version,
        language=world.language,
        policy=None if state.policy == world.policy else world.policy,
        numbers=None if state.numbers == world.numbers else world.numbers,
        more=more,
        restored=restored,
        no_simulation=not world.simulation_allowed,
        refused_id=refused_id,
        stored_rules=stored_rules,
    )
