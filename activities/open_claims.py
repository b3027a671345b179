"""Claims without an outcome: one that no provider has taken, for certain, is postponed, taken up again or given up.

Whoever changes that, or writes down beside it what a claim was judged on again, holds the customer's row, so that
nobody acts on what another is just about to change. Tries of one touch may overlap: once a later one has asked a
provider, what an earlier one learns of its own call says nothing of the touch any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from activities.customer_rows import lock_customers, raise_versions
from activities.database import PoolConnection
from activities.gate_facts import Known
from activities.touch_plan import TouchPlan
from activities.touch_rows import as_json
from activities.world import World
from journeys.names import CustomerId, JourneyName
from rules.gates import TouchSettled
from rules.judged_again import JudgedAgain

_GIVE_UP_RUN = """
WITH untaken AS (
    DELETE FROM touch_postponed WHERE customer_id = $1 AND journey = $2 AND entry = $3
    RETURNING step, occurrence, reason
)
UPDATE touch SET outcome = CASE WHEN untaken.reason IS NULL THEN 'in_doubt' ELSE 'failed' END,
                 reason = coalesce(untaken.reason, 'answer_lost'), settled_at = now()
FROM touch AS claimed LEFT JOIN untaken USING (step, occurrence)
WHERE claimed.customer_id = $1 AND claimed.journey = $2 AND claimed.entry = $3
  AND touch.touch_id = claimed.touch_id AND touch.outcome = 'claimed'
"""

# $1-$5 the touch   $6 the customer's version that it was judged at: who takes a touch up or postpones it raises that
# $7 the last change of a gate   $8-$14 the judgement; a hold that says what the last one said is not written down again
_NOTE = """
WITH locked AS MATERIALIZED (
    SELECT customer_id FROM customer WHERE customer_id = $1 AND version = $6 FOR NO KEY UPDATE
), unchanged AS MATERIALIZED (
    -- Looked at once the customer is locked, as in a claim.
    SELECT customer_id FROM locked WHERE latest_gate_change() = $7
), judged AS MATERIALIZED (
    SELECT touch_id FROM touch JOIN unchanged USING (customer_id)
    WHERE journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5 AND outcome = 'claimed'
    FOR NO KEY UPDATE OF touch
), noted AS (
    INSERT INTO touch_judgement (touch_id, untaken, judged_at, decision, reason, held_until, facts, verdicts)
    SELECT touch_id, $8, $9, $10, $11, $12, $13, $14
    FROM judged LEFT JOIN LATERAL (
        SELECT untaken, decision, reason, verdicts FROM touch_judgement AS before
        WHERE before.touch_id = judged.touch_id ORDER BY judgement_id DESC LIMIT 1
    ) AS last ON $10 = 'hold'
    WHERE (last.untaken, last.decision, last.reason, last.verdicts)
       IS DISTINCT FROM ($8::boolean, $10::text, $11::text, $14::jsonb)
)
SELECT EXISTS (SELECT FROM judged)
"""

# $1-$5 the touch   $6 the reason   $7 whether it is asked for again
# Nothing changes if a later try has asked a provider since.
_NOT_TAKEN = """
WITH untaken AS (
    SELECT touch_id, $7 AND outcome = 'claimed' AS again FROM touch
    WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
      AND NOT EXISTS (SELECT FROM touch_judgement AS later
                      WHERE later.touch_id = touch.touch_id AND NOT later.untaken AND later.decision = 'send')
), postponed AS (
    INSERT INTO touch_postponed (customer_id, journey, entry, step, occurrence, reason)
    SELECT $1, $2, $3, $4, $5, $6 FROM untaken WHERE again
    ON CONFLICT DO NOTHING
)
UPDATE touch SET outcome = 'failed', reason = $6, settled_at = now()
FROM untaken WHERE touch.touch_id = untaken.touch_id AND NOT again AND outcome IN ('claimed', 'in_doubt')
"""


async def give_up_claims(
    connection: PoolConnection, customer_id: CustomerId, runs: Sequence[tuple[JourneyName, int]]
) -> None:
    """Nobody asks again for a touch whose run (journey and entry) is over.

    What no provider has taken has failed, and the rest is in doubt: a receipt may still settle it. Whoever calls has
    locked the customer.
    """
    if runs:
        await connection.executemany(_GIVE_UP_RUN, [(customer_id, *run) for run in runs])


async def note_judgement(world: World, plan: TouchPlan, known: Known, again: JudgedAgain) -> bool:
    """Write down what a claimed touch was judged on again; false if the customer's facts have changed since.

    Of a hold only what the last judgement did not say already.
    """
    return bool(await world.pool.fetchval(_NOTE, *_as_judged(plan, known, again)))


async def give_up(world: World, plan: TouchPlan, known: Known, reason: str, again: JudgedAgain) -> TouchSettled | None:
    """Settle a touch for which no provider is asked again. None if somebody else was first.

    What nobody has taken has failed: the customer has nothing. The rest is in doubt.
    """
    async with world.pool.acquire() as connection, connection.transaction():
        await lock_customers(connection, [plan.customer_id])
        if not await connection.fetchval(_NOTE, *_as_judged(plan, known, again)):
            return None
        outcome = "failed" if again.untaken else "in_doubt"
        await connection.execute(
            """
            WITH no_longer_postponed AS (
                DELETE FROM touch_postponed
                WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
            )
            UPDATE touch SET outcome = $6, reason = $7, settled_at = now()
            WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
            """,
            *plan.identity,
            outcome,
            reason,
        )
        return plan.settled(outcome, reason)


def _as_judged(plan: TouchPlan, known: Known, again: JudgedAgain) -> tuple[object, ...]:
    """What a claimed touch was judged on again, and what it came to, in the order of the statements."""
    judgement = again.judgement
    return (
        *plan.identity,
        known.version,
        known.last_change,
        again.untaken,
        again.facts.judged_at,
        judgement.decision,
        judgement.reason,
        judgement.hold_until,
        *as_json(again.facts, judgement.verdicts),
    )


async def note_untaken(world: World, plan: TouchPlan, reason: str, *, ask_again: bool) -> TouchSettled | None:
    """Write down that no provider has taken a claimed touch so far: it is postponed, or has failed. None if it is open.

    If its run is over nobody asks again. If another try has asked a provider since, that one settles it.
    """
    async with world.pool.acquire() as connection, connection.transaction():
        # The lock, too; and what was judged while this try was under way is judged again.
        await raise_versions(connection, [plan.customer_id])
        await connection.execute(_NOT_TAKEN, *plan.identity, reason, ask_again)
        row = await connection.fetchrow(
            """
            SELECT outcome, reason FROM touch
            WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
            """,
            *plan.identity,
        )
        assert row is not None, "what was handed over was claimed"
        return None if row["outcome"] == "claimed" else plan.settled(row["outcome"], row["reason"])


async def take_up(world: World, plan: TouchPlan, known: Known, again: JudgedAgain) -> bool:
    """Take a postponed touch up again, before a provider is asked, if what it was judged on still holds.

    False if that changed, or if somebody else was first. As in a claim, of two that race one is judged again.
    """
    return bool(
        await world.pool.fetchval(
            """
            WITH unchanged AS (
                UPDATE customer SET version = version + 1 WHERE customer_id = $1 AND version = $6
                RETURNING latest_gate_change() AS last_change
            ), taken_up AS (
                DELETE FROM touch_postponed USING unchanged
                WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
                  AND unchanged.last_change = $7
                RETURNING customer_id
            )
            INSERT INTO touch_judgement (touch_id, untaken, judged_at, decision, reason, held_until, facts, verdicts)
            SELECT touch_id, $8, $9, $10, $11, $12, $13, $14
            FROM touch JOIN taken_up USING (customer_id)
            WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
            RETURNING true
            """,
            *_as_judged(plan, known, again),
        )
    )
