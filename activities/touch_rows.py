"""The rows of a touch: its decision record, claimed and settled, and what keeps it back meanwhile."""

from __future__ import annotations

from datetime import datetime

import asyncpg
from pydantic import TypeAdapter

from activities.gate_facts import Known
from activities.touch_plan import TouchPlan
from activities.world import World
from journeys.templates import Text
from rules.gates import Facts, Judgement, Touch, TouchSettled, Verdict

_TOUCH: TypeAdapter[Touch] = TypeAdapter(Touch)
_FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)
_VERDICTS: TypeAdapter[tuple[Verdict, ...]] = TypeAdapter(tuple[Verdict, ...])


async def claim(
    world: World, plan: TouchPlan, known: Known, judgement: Judgement, outcome: str, text: Text | None = None
) -> bool:
    """Write the decision record, if what it was judged on still holds; false if that changed.

    `text` is what the channel is about to be handed; its hash stays on the record.
    A claim raises the customer's version, so of two that race for one slot under a cap one is judged again.
    """
    written = await world.pool.fetchval(
        """
        WITH unchanged AS (
            UPDATE customer SET version = version + 1 WHERE customer_id = $1 AND version = $6
            -- Looked at once the customer is locked: what the statement sees by itself is of before it had to wait.
            RETURNING customer_id, latest_gate_change() AS last_change
        )
        INSERT INTO touch (customer_id, journey, entry, step, occurrence, outcome, settled_at, text_hash,
                           definition, planned_at, planned, template, content_hash, approval, message_class, channel,
                           product, critical,
                           judged_at, facts, verdicts, reason, language, arm, variables, plain)
        SELECT customer_id, $2, $3, $4, $5, $8, CASE WHEN $8 <> 'claimed' THEN now() END, $9,
               $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
               $20, $21, $22, $23, $24, $25, $26, $27
        FROM unchanged WHERE last_change = $7
        ON CONFLICT DO NOTHING
        RETURNING true
        """,
        *plan.identity,
        known.version,
        known.last_change,
        outcome,
        None if text is None else text.content_hash(),
        *_as_planned(plan),
        *_as_judged(known, judgement),
    )
    return bool(written)


def _as_planned(plan: TouchPlan) -> tuple[object, ...]:
    """What the definition says of a touch, in the order of the statement."""
    touch = plan.touch
    return (
        plan.send.definition,
        plan.send.due,
        _TOUCH.dump_python(touch, mode="json", exclude_none=True),
        touch.template,
        plan.template.content_hash(),
        plan.template.approval,
        touch.message_class,
        plan.channel,
        touch.product,
        touch.critical,
    )


def _as_judged(known: Known, judgement: Judgement) -> tuple[object, ...]:
    """What the gates went by and what they said, in the order of the statement."""
    return (
        known.facts.judged_at,
        *as_json(known.facts, judgement.verdicts),
        judgement.reason,
        known.language,
        known.arm,
        dict(known.variables),
        known.plain,
    )


def as_json(facts: Facts, verdicts: tuple[Verdict, ...]) -> tuple[object, object]:
    """Facts and verdicts as a record has them: what is at its default is left out."""
    return (
        _FACTS.dump_python(facts, mode="json", exclude_defaults=True),
        _VERDICTS.dump_python(verdicts, mode="json", exclude_none=True),
    )


async def settle(
    world: World, plan: TouchPlan, outcome: str, reason: str, provider_id: str | None = None
) -> TouchSettled:
    """Write the outcome; what was settled meanwhile stands, but for a doubt that is resolved.

    The provider's own name of the message is written down in any case: later receipts may know it by that alone.
    """
    row = await world.pool.fetchrow(
        """
        UPDATE touch SET outcome = $6, reason = $7, settled_at = now(), provider_id = coalesce($8, provider_id)
        WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
          AND (outcome = 'claimed' OR outcome = 'in_doubt' AND $6 <> 'in_doubt')
        RETURNING outcome, reason
        """,
        *plan.identity,
        outcome,
        reason,
        provider_id,
    )
    row = row or await _settled_meanwhile(world, plan, provider_id)
    return plan.settled(row["outcome"], row["reason"])


async def _settled_meanwhile(world: World, plan: TouchPlan, provider_id: str | None) -> asyncpg.Record:
    """What somebody else came to, perhaps while this one waited for the row: only a later statement sees that."""
    row = await world.pool.fetchrow(
        """
        SELECT outcome, reason, name_at_provider(touch_id, $6) FROM touch
        WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND step = $4 AND occurrence = $5
        """,
        *plan.identity,
        provider_id,
    )
    assert row is not None, "what is settled was claimed"
    return row


async def note_hold(world: World, plan: TouchPlan, known: Known, judgement: Judgement, until: datetime) -> None:
    """Write down that a gate keeps the touch back, for what and until when."""
    await world.pool.execute(
        """
        INSERT INTO touch_hold AS hold (customer_id, journey, entry, step, occurrence, channel, reason, template,
                                        planned_at, held_at, looked_at, held_until, facts, verdicts, planned)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, $14)
        ON CONFLICT (customer_id, journey, entry, step, occurrence, channel, reason) DO UPDATE
        SET looked_at = excluded.looked_at, held_until = excluded.held_until, looks = hold.looks + 1,
            facts = excluded.facts, verdicts = excluded.verdicts, planned = excluded.planned,
            template = excluded.template, planned_at = excluded.planned_at
        """,
        *plan.identity,
        plan.channel,
        judgement.reason,
        plan.touch.template,
        plan.send.due,
        known.facts.judged_at,
        until,
        *as_json(known.facts, judgement.verdicts),
        _TOUCH.dump_python(plan.touch, mode="json", exclude_none=True),
    )
