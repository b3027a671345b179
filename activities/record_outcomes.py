"""What the fold came to goes into the books, and who enters a journey is decided where it is recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from operator import itemgetter

from activities.contracts import OutcomesRecorded, RecordOutcomesRequest
from activities.conversions import convert
from activities.database import PoolConnection
from activities.record_events import STATE
from activities.runs import open_run_row, put_back_runs
from activities.world import World
from journeys.names import CustomerId
from rules.effects import EntryOffered, PointsAwarded, RunEnded, StageChanged
from rules.entry import EntryDecided, decide
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
        await _award_points(connection, customer_id, request.awards)
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
        # Nobody asks again for a touch whose run is over: a receipt may still settle it.
        await connection.executemany(
            """
            UPDATE touch SET outcome = 'in_doubt', reason = 'answer_lost', settled_at = now()
            WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND outcome = 'claimed'
            """,
            [(customer_id, one.journey, one.entry) for one in ended],
        )


async def _award_points(connection: PoolConnection, customer_id: CustomerId, awards: Sequence[PointsAwarded]) -> None:
    if awards:
        await connection.executemany(
            """
            INSERT INTO points_ledger (customer_id, amount, reason, at, journey, entry, step, occurrence)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (customer_id, journey, entry, step, occurrence) DO NOTHING
            """,
            [
                (customer_id, one.points, one.reason, one.at, one.journey, one.entry, one.step, one.occurrence)
                for one in awards
            ],
        )


async def _decide(
    connection: PoolConnection, world: World, state: CustomerState, offers: Sequence[EntryOffered]
) -> AsyncIterator[EntryDecided]:
    """The decisions on each offer: those that are in the books, whoever took them, then those that are still missing.

    Each run is opened before the next decision: two offers of one moment must not enter a journey twice.
    """
    taken = await _taken(connection, state.customer_id, offers)
    known = {(one.cause, one.journey) for one in taken}
    for offer in offers:
        for decided in (one for one in taken if one.cause == offer.cause):
            await _enter(connection, state, decided)
            yield decided
        too_old = world.age(state.clock, offer.at) > world.backfill_horizon
        for decided in decide(world.catalogue, offer, state, too_old=too_old):
            if (decided.cause, decided.journey) not in known:
                known.add((decided.cause, decided.journey))
                await _write(connection, state.customer_id, decided)
                await _enter(connection, state, decided)
                yield decided


async def _taken(
    connection: PoolConnection, customer_id: CustomerId, offers: Sequence[EntryOffered]
) -> list[EntryDecided]:
    """The decisions on the offers that are in the books, in the order in which a catalogue decides."""
    if not offers:
        return []
    rows = await connection.fetch(
        """
        SELECT journey, version, definition, cause, at, entry, refused FROM entry_decision
        WHERE customer_id = $1 AND cause = ANY($2::text[])
        """,
        customer_id,
        [offer.cause for offer in offers],
    )
    return [EntryDecided(**row) for row in sorted(rows, key=itemgetter("journey"))]


async def _write(connection: PoolConnection, customer_id: CustomerId, decided: EntryDecided) -> None:
    await connection.execute(
        """
        INSERT INTO entry_decision (customer_id, journey, cause, at, version, definition, entry, refused)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        customer_id,
        decided.journey,
        decided.cause,
        decided.at,
        decided.version,
        decided.definition,
        decided.entry,
        decided.refused,
    )


async def _enter(connection: PoolConnection, state: CustomerState, decided: EntryDecided) -> None:
    """Open the run, in the books and in the state that is stored with them.

    Raises `DefinitionMissing` if this worker does not ship what was entered: another has to go on.
    """
    if decided.refused:
        return
    await open_run_row(
        connection,
        state.customer_id,
        decided.journey,
        decided.entry,
        decided.version,
        decided.definition,
        decided.at,
    )
    # What the first steps award or end is written with the entry; the workflow does not write it again.
    first = take_entry(state, decided)
    await _award_points(connection, state.customer_id, first.awards)
    await _ended(connection, state.customer_id, first.ended)


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
