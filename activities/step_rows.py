"""The rows that steps and commands leave in the books; each is written once, however often it is written."""

from __future__ import annotations

from collections.abc import Sequence

from activities.database import PoolConnection
from journeys.names import CustomerId
from rules.definitions import definition
from rules.effects import ArmAssigned, CommandObeyed, PointsAwarded, RunChanged, TagChanged


async def award_points(connection: PoolConnection, customer_id: CustomerId, awards: Sequence[PointsAwarded]) -> None:
    """Credit points; what is withheld from a control arm is written down beside the ledger."""
    credited = [_award_row(customer_id, one) for one in awards if not one.withheld]
    withheld = [_award_row(customer_id, one) for one in awards if one.withheld]
    if credited:
        await connection.executemany(
            """
            INSERT INTO points_ledger (customer_id, journey, entry, step, occurrence, amount, reason, at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (customer_id, journey, entry, step, occurrence) DO NOTHING
            """,
            credited,
        )
    if withheld:
        await connection.executemany(
            """
            INSERT INTO withheld_award (customer_id, journey, entry, step, occurrence, amount, reason, at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
            """,
            withheld,
        )


async def change_tags(connection: PoolConnection, customer_id: CustomerId, changes: Sequence[TagChanged]) -> None:
    """Give and take tags in their order; a change that was written before changes nothing again."""
    for one in changes:
        await connection.execute(
            """
            WITH new AS (
                INSERT INTO tag_change (customer_id, journey, entry, step, occurrence, tag, present, at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING tag
            )
            UPDATE customer
            SET tags = array_remove(tags, $6) || CASE WHEN $7 THEN ARRAY[$6] ELSE '{}'::text[] END
            WHERE customer_id = $1 AND EXISTS (SELECT FROM new)
            """,
            customer_id,
            one.journey,
            one.entry,
            one.step,
            one.occurrence,
            one.tag,
            one.present,
            one.at,
        )


async def assign_arms(connection: PoolConnection, customer_id: CustomerId, arms: Sequence[ArmAssigned]) -> None:
    """Write down which arm of a split a run goes through, for measurement."""
    if arms:
        await connection.executemany(
            """
            INSERT INTO arm_assignment (customer_id, journey, entry, step, occurrence, split, arm, at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
            """,
            [
                (customer_id, one.journey, one.entry, one.step, one.occurrence, one.split, one.arm, one.at)
                for one in arms
            ],
        )


async def change_runs(connection: PoolConnection, customer_id: CustomerId, changes: Sequence[RunChanged]) -> None:
    """Pause runs, let them go on, move them to another version: the gate and the conversions look here."""
    for one in changes:
        plan = definition(one.definition).plan
        await connection.execute(
            """
            UPDATE journey_run
            SET paused_at = CASE WHEN $4 THEN $5::timestamptz END, version = $6, definition = $7, goal_event = $8,
                goal_until = entered_at + $9::interval, exit_events = $10, goal_where = $11
            WHERE customer_id = $1 AND journey = $2 AND entry = $3 AND ended_at IS NULL
            """,
            customer_id,
            one.journey,
            one.entry,
            one.paused,
            one.at,
            one.version,
            one.definition,
            plan.goal,
            plan.goal_within if plan.goal else None,
            sorted(plan.exits_on),
            plan.goal_where,
        )


async def write_commands(connection: PoolConnection, customer_id: CustomerId, obeyed: Sequence[CommandObeyed]) -> None:
    """Write commands into the audit: who, when, why, before and after, also those that were refused."""
    if obeyed:
        await connection.executemany(
            """
            INSERT INTO audit (at, actor, command, subject, reason, before, after, command_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (subject, command_id) WHERE command_id IS NOT NULL
            DO NOTHING
            """,
            [_command_row(customer_id, one) for one in obeyed],
        )


def _award_row(customer_id: CustomerId, one: PointsAwarded) -> tuple[object, ...]:
    return customer_id, one.journey, one.entry, one.step, one.occurrence, one.points, one.reason, one.at


def _command_row(customer_id: CustomerId, one: CommandObeyed) -> tuple[object, ...]:
    before = {"journey": one.journey, "stood": one.before}
    after = {"done": one.done, "told": one.told, "stands": one.after}
    # One id may stand for commands about several journeys.
    command_id = f"{one.verb} {one.journey} {one.command_id}"
    return one.at, one.actor, one.verb, customer_id, one.reason, before, after, command_id
