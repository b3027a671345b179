"""The record of what happened, read back from the books: the durable world's side of every comparison."""

from __future__ import annotations

from activities.database import Pool
from rules.record import ConversionRow, PointsRow, Record, RunRow, StageChangeRow, TouchRow


async def read_record(pool: Pool) -> Record:
    """Every customer's rows, sorted. A touch that is only claimed counts as in doubt."""
    record = Record()
    async with pool.acquire() as connection:
        for row in await connection.fetch(
            "SELECT customer_id, coalesce(from_stage, ''), to_stage, at, cause FROM stage_change"
        ):
            record.stage_changes.append(StageChangeRow(*row))
        for row in await connection.fetch(
            """
            SELECT customer_id, journey, entry, step, planned_at,
                   CASE outcome WHEN 'claimed' THEN 'in_doubt' ELSE outcome END, reason
            FROM touch
            """
        ):
            record.touches.append(TouchRow(*row))
        for row in await connection.fetch(
            "SELECT customer_id, journey, entry, entered_at, ended_at, coalesce(outcome, '') FROM journey_run"
        ):
            record.runs.append(RunRow(*row))
        for row in await connection.fetch("SELECT customer_id, at, amount, reason FROM points_ledger"):
            record.points.append(PointsRow(*row))
        for row in await connection.fetch("SELECT customer_id, journey, entry, occurred_at FROM standing_conversion"):
            record.conversions.append(ConversionRow(*row))
    record.sort()
    return record
