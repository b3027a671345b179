"""What the fold came to goes into the books, and who enters a journey is decided where it is recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import asyncpg

from activities.contracts import OutcomesRecorded, RecordOutcomesRequest
from activities.conversions import convert
from activities.customer_facts import read_facts
from activities.database import PoolConnection
from activities.open_claims import give_up_claims
from activities.record_events import STATE
from activities.runs import open_run_row, put_back_runs
from activities.step_rows import assign_arms, award_points, change_runs, change_tags, write_commands
from activities.world import World
from journeys.names import ContentHash, CustomerId, JourneyName
from rules.conditions import CustomerFacts, looks_back_to
from rules.definitions import Definition
from rules.effects import EntryOffered, RunEnded, StageChanged
from rules.entry import EntryDecided, candidates, decide, run_of
from rules.life import take_entry
from rules.state import CustomerState


async def record_outcomes(world: World, request: RecordOutcomesRequest) -> OutcomesRecorded:
    """Write all rows in one transaction; run again, it changes nothing and answers the same."""
    state = request.state
    customer_id = state.customer_id
    async with world.pool.acquire() as connection, connection.transaction():
        await _save(connection, state)
        await put_back_runs(connection, state)
        await _stage_changes(connection, customer_id, request.stage_changes)
        await _ended(connection, customer_id, request.ended)
        await award_points(connection, customer_id, request.awards)
        await change_tags(connection, customer_id, request.tags)
        await assign_arms(connection, customer_id, request.arms)
        await change_runs(connection, customer_id, request.changes)
        await write_commands(connection, customer_id, request.obeyed)
        decisions = [decided async for decided in _decide(connection, world, state, request.offers)]
        if entered := [decided for decided in decisions if not decided.refused]:
            await convert(
                connection, customer_id, after_sequence=0, since=_earliest(entered), attribution=world.attribution
            )
            await _save(connection, state)
    return OutcomesRecorded(decisions)


async def _stage_changes(connection: PoolConnection, customer_id: CustomerId, changes: Sequence[StageChanged]) -> None:
    if changes:
        await connection.executemany(
            """
            INSERT INTO stage_change (customer_id, from_stage, to_stage, at, cause)
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
            """,
            [(customer_id, one.from_stage, one.to_stage, one.at, one.cause) for one in changes],
        )


async def _ended(connection: PoolConnection, customer_id: CustomerId, ended: Sequence[RunEnded]) -> None:
    if ended:
        await connection.executemany(
            """
            UPDATE journey_run SET ended_at = $4, outcome = $5
            WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND ended_at IS NULL
            """,
            [(customer_id, one.journey, one.entry, one.at, one.outcome) for one in ended],
        )
        await give_up_claims(connection, customer_id, [(one.journey, one.entry) for one in ended])


async def _decide(
    connection: PoolConnection, world: World, state: CustomerState, offers: Sequence[EntryOffered]
) -> AsyncIterator[EntryDecided]:
    """The decisions on each offer: those that are in the books, whoever took them, then those that are still missing.

    Each run is opened before the next decision: two offers of one moment must not enter a journey twice.
    """
    taken = await _taken(connection, state.customer_id, offers)
    known = {(one.cause, one.journey) for one in taken}
    for offer in offers:
        for decided in (one for one in taken if one.cause == offer.cause and offer.journey in (None, one.journey)):
            await _enter(connection, state, decided)
            yield decided
        too_old = world.age(state.clock, offer.happened_at or offer.at) > world.backfill_horizon
        for one in candidates(world.catalogue, offer):
            if (offer.cause, one.journey.name) not in known:
                known.add((offer.cause, one.journey.name))
                facts = await _facts(connection, state, one, offer)
                decided = decide(one, offer, state, facts, world.entries, too_old=too_old)
                await _write(connection, state.customer_id, decided)
                await _enter(connection, state, decided)
                yield decided


async def _facts(
    connection: PoolConnection, state: CustomerState, one: Definition, offer: EntryOffered
) -> CustomerFacts | None:
    """What an entry condition asks; none for a journey without one."""
    if one.journey.entry is None:
        return None
    since = looks_back_to((one.journey.entry,), offer.at, None)
    return await read_facts(
        connection,
        state.customer_id,
        now=offer.at,
        stage=state.lifecycle.stage,
        points=state.points,
        events=list(since),
        since=since,
        folded=state.folded,
        folded_ahead=state.folded_ahead,
    )


async def _taken(
    connection: PoolConnection, customer_id: CustomerId, offers: Sequence[EntryOffered]
) -> list[EntryDecided]:
    """The decisions on the offers that are in the books, in the order in which a catalogue decides."""
    if not offers:
        return []
    rows = await connection.fetch(
        """
        SELECT journey, version, definition, cause, at, entry, refused, key, control, displaced, inputs,
               offer_again_until, caused_by
        FROM entry_decision WHERE customer_id = $1 AND cause = ANY($2::text[])
        ORDER BY decision_id
        """,
        customer_id,
        [offer.cause for offer in offers],
    )
    return [_decided(row) for row in rows]


def _decided(row: asyncpg.Record) -> EntryDecided:
    displaced, offer_again_until = row["displaced"] or {}, row["offer_again_until"]
    return EntryDecided(
        JourneyName(row["journey"]),
        row["version"],
        ContentHash(row["definition"]),
        row["cause"],
        row["at"],
        row["entry"],
        row["refused"],
        row["key"],
        row["control"],
        (JourneyName(displaced["journey"]), displaced["entry"]) if displaced else None,
        row["inputs"],
        offer_again_until,
        row["caused_by"],
    )


async def _write(connection: PoolConnection, customer_id: CustomerId, decided: EntryDecided) -> None:
    await connection.execute(
        """
        INSERT INTO entry_decision (customer_id, journey, cause, at, version, definition, entry, refused,
                                    key, control, displaced, inputs, offer_again_until, caused_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """,
        customer_id,
        decided.journey,
        decided.cause,
        decided.at,
        decided.version,
        decided.definition,
        decided.entry,
        decided.refused,
        decided.key,
        decided.control,
        None if decided.displaces is None else {"journey": decided.displaces[0], "entry": decided.displaces[1]},
        decided.inputs,
        decided.offer_again_until,
        decided.caused_by,
    )


async def _enter(connection: PoolConnection, state: CustomerState, decided: EntryDecided) -> None:
    """Open the run, in the books and in the state that is stored with them.

    Raises `DefinitionMissing` if this worker does not ship what was entered: another has to go on.
    """
    if decided.refused:
        take_entry(state, decided)
        return
    # What the first steps lead to, and the end of a run that makes way, is written with the entry; the workflow does
    # not write it again.
    first = take_entry(state, decided)
    await open_run_row(connection, state.customer_id, run_of(decided))
    await _ended(connection, state.customer_id, first.ended)
    await award_points(connection, state.customer_id, first.awards)
    await change_tags(connection, state.customer_id, first.tags)
    await assign_arms(connection, state.customer_id, first.arms)


def _earliest(entered: Sequence[EntryDecided]) -> datetime:
    return min(decided.at for decided in entered)


async def _save(connection: PoolConnection, state: CustomerState) -> None:
    """Store the life as it is told, unless a later one is there; locks the customer.

    What a gate looks at changes: the version goes up. A database that was restored to an earlier time may not know
    the customer.
    """
    await connection.execute(
        """
        INSERT INTO customer (customer_id, state, stage, stage_since) VALUES ($1, $2, $3, $4)
        ON CONFLICT (customer_id) DO UPDATE
        SET version = customer.version + 1, (state, stage, stage_since) = (
            SELECT told.state, told.stage, told.since
            FROM (VALUES (1, excluded.state, excluded.stage, excluded.stage_since),
                         (2, customer.state, customer.stage, customer.stage_since)) AS told (place, state, stage, since)
            ORDER BY (told.state ->> 'as_of')::timestamptz DESC NULLS LAST, place LIMIT 1
        )
        """,
        state.customer_id,
        STATE.dump_python(state, mode="json"),
        state.lifecycle.stage,
        state.lifecycle.since,
    )
