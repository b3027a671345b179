"""Brakes: the stop button for all touches or for those of a journey, a template or a channel (gates.md, gate 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from activities.audit import audit
from activities.database import Connection
from errors import InputError
from journeys.names import Channel, JourneyName, TemplateName
from rules.gates import Brake, BrakeMode


@dataclass(frozen=True, slots=True)
class BrakeScope:
    """What a brake stops; all that is none stands for every journey, template or channel."""

    journey: JourneyName | None = None
    template: TemplateName | None = None
    channel: Channel | None = None

    def told(self) -> str:
        """In words, for people and for the audit."""
        parts = {"journey": self.journey, "template": self.template, "channel": self.channel}
        return " ".join(f"{name}={value}" for name, value in parts.items() if value) or "everything"


@dataclass(frozen=True, slots=True)
class BrakeSet:
    """A brake that is on, with who put it on and when."""

    brake_id: int
    brake: Brake
    set_by: str
    set_at: datetime

    @property
    def scope(self) -> BrakeScope:
        """What it stops."""
        return BrakeScope(self.brake.journey, self.brake.template, self.brake.channel)


async def list_brakes(connection: Connection) -> list[BrakeSet]:
    """The brakes that are on, the oldest first."""
    rows = await connection.fetch(
        """
        SELECT brake_id, mode, reason, journey, template, channel, set_by, set_at
        FROM brake WHERE released_at IS NULL ORDER BY brake_id
        """
    )
    return [_brake_set(row) for row in rows]


async def put_brake_on(
    connection: Connection, scope: BrakeScope, mode: BrakeMode, *, reason: str, actor: str
) -> BrakeSet:
    """Put a brake on; the next gate sees it. Raises `InputError` if the same one is on already."""
    async with connection.transaction():
        await _one_at_a_time(connection)
        for other in await list_brakes(connection):
            if other.scope == scope and other.brake.mode is mode:
                raise InputError(
                    f"the brake on {scope.told()} ({mode}) is on already, since {other.set_at:%Y-%m-%d %H:%M %Z} by"
                    f" {other.set_by}: nothing more to do"
                )
        row = await connection.fetchrow(
            """
            INSERT INTO brake (mode, reason, journey, template, channel, set_by) VALUES ($1, $2, $3, $4, $5, $6)
            RETURNING brake_id, mode, reason, journey, template, channel, set_by, set_at
            """,
            mode,
            reason,
            scope.journey,
            scope.template,
            scope.channel,
            actor,
        )
        assert row is not None
        brake = _brake_set(row)
        await _write_audit(connection, "brake on", brake, actor=actor, reason=reason)
        return brake


async def take_brakes_off(
    connection: Connection, scope: BrakeScope, mode: BrakeMode | None, *, reason: str, actor: str
) -> list[BrakeSet]:
    """Take off the brakes of exactly this scope (of one mode, if one is given).

    Raises `InputError` if there is none; a wider or narrower brake is another one and stays.
    """
    async with connection.transaction():
        await _one_at_a_time(connection)
        on = await list_brakes(connection)
        matching = [each for each in on if each.scope == scope and mode in (None, each.brake.mode)]
        if not matching:
            others = "; ".join(f"{each.scope.told()} ({each.brake.mode})" for each in on) or "none"
            wanted = f"{scope.told()} ({mode})" if mode else scope.told()
            raise InputError(f"no brake on {wanted} is on, so nothing was released; on now: {others}")
        await connection.execute(
            "UPDATE brake SET released_at = now() WHERE brake_id = ANY($1::bigint[])",
            [each.brake_id for each in matching],
        )
        for brake in matching:
            await _write_audit(connection, "brake off", brake, actor=actor, reason=reason)
        return matching


async def _one_at_a_time(connection: Connection) -> None:
    """Two who press the button at once do not both press it; gates go on reading."""
    await connection.execute("SELECT pg_advisory_xact_lock('brake'::regclass::oid::bigint)")


async def _write_audit(connection: Connection, command: str, brake: BrakeSet, *, actor: str, reason: str) -> None:
    state = {"brake_id": brake.brake_id, "mode": str(brake.brake.mode), "reason": brake.brake.reason}
    on = command == "brake on"
    await audit(
        connection,
        actor=actor,
        command=command,
        subject=brake.scope.told(),
        reason=reason,
        before={} if on else state,
        after=state if on else {},
    )


def brake_of(row: asyncpg.Record | Mapping[str, Any]) -> Brake:
    """A row of the table as the gates take it."""
    channel = row["channel"]
    return Brake(
        BrakeMode(row["mode"]), row["reason"], row["journey"], row["template"], Channel(channel) if channel else None
    )


def _brake_set(row: asyncpg.Record) -> BrakeSet:
    return BrakeSet(row["brake_id"], brake_of(row), row["set_by"], row["set_at"])
