"""Which way does a `when` or a `repeat` go? Asked once, written down with what was looked at, and never asked anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from activities.contracts import ConditionsEvaluated, EvaluateConditionsRequest
from activities.customer_facts import read_facts
from activities.database import PoolConnection
from activities.world import World
from rules.conditions import first_that_holds, looked_at, looks_back_to
from rules.definitions import conditions_of, definition
from rules.effects import TagChanged


async def evaluate_conditions(world: World, request: EvaluateConditionsRequest) -> ConditionsEvaluated:
    """The place of the first condition that holds. Asked again, it answers what stands in the books.

    Two statements, each by itself: nothing between them has to hold still, the first answer written stands.
    """
    asked = request.asked
    conditions = conditions_of(definition(asked.definition).plan.steps[asked.step].step)
    since = looks_back_to(conditions, asked.at, asked.entered_at)
    async with world.pool.acquire() as connection:
        facts = await read_facts(
            connection,
            request.customer_id,
            now=asked.at,
            stage=request.stage,
            points=request.points,
            events=list(since),
            since=since,
            folded=request.folded,
            folded_ahead=request.folded_ahead,
            entered_at=asked.entered_at,
        )
        facts = replace(facts, tags=_with(request.tags, facts.tags))
        holds, inputs = first_that_holds(conditions, facts), looked_at(conditions, facts)
        return ConditionsEvaluated(await _written(connection, request, holds, inputs))


def _with(changes: Iterable[TagChanged], tags: tuple[str, ...]) -> tuple[str, ...]:
    for change in changes:
        others = tuple(tag for tag in tags if tag != change.tag)
        tags = (*others, change.tag) if change.present else others
    return tags


async def _written(
    connection: PoolConnection, request: EvaluateConditionsRequest, holds: int | None, inputs: dict[str, Any]
) -> int | None:
    """Write an answer down, unless there is one; answers the one that stands."""
    asked = request.asked
    key = (request.customer_id, asked.journey, asked.entry, asked.step, asked.occurrence)
    row = await connection.fetchrow(
        """
        WITH new AS (
            INSERT INTO condition_answer (customer_id, journey, entry, step, occurrence, at, holds, inputs)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
            RETURNING holds
        )
        SELECT holds FROM new
        UNION ALL
        SELECT holds FROM condition_answer
        WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
        """,
        *key,
        asked.at,
        holds,
        inputs,
    )
    # None was written and none seen: another attempt wrote one after this statement had begun.
    return row["holds"] if row is not None else await _standing(connection, key)


async def _standing(connection: PoolConnection, key: tuple[object, ...]) -> int | None:
    row = await connection.fetchrow(
        """
        SELECT holds FROM condition_answer
        WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
        """,
        *key,
    )
    assert row is not None, "an answer is never removed"
    holds: int | None = row["holds"]
    return holds
