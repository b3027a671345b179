"""What the books say of a customer, for people: read only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.database import Connection
from journeys.names import CustomerId


@dataclass(frozen=True, slots=True)
class Profile:
    """Where a customer stands, and what they are to the gates. `stage` is none before the first event."""

    customer_id: str
    stage: str | None
    stage_since: datetime | None
    tier: str
    points: int
    zone: str
    language: str
    risk_class: str | None
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class RunLine:
    """A customer's run of a journey; `ended_at` and `outcome` are none while it goes on."""

    journey: str
    entry: int
    version: int
    entered_at: datetime
    ended_at: datetime | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event as it was recorded, from the bus (`signal`) or from the broker's books (`fact`)."""

    event_id: str
    name: str
    occurred_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class TouchLine:
    """A planned touch, sent or not; each verdict has gate, result, reason and channel."""

    planned_at: datetime
    journey: str
    entry: int
    step: str
    template: str
    message_class: str
    channel: str
    outcome: str
    reason: str
    settled_at: datetime | None
    verdicts: Sequence[dict[str, Any]]
    touch_id: int


@dataclass(frozen=True, slots=True)
class HoldLine:
    """A gate that kept a touch back; `over` when the touch was decided since, or its run has ended."""

    held_at: datetime
    held_until: datetime
    journey: str
    entry: int
    step: str
    template: str
    channel: str
    reason: str
    looks: int
    over: bool


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command that a person gave about the customer; `told` says what was made of it, or why it was refused."""

    at: datetime
    command: str
    journey: str
    actor: str
    reason: str
    done: bool
    told: str


@dataclass(frozen=True, slots=True)
class BrakeLine:
    """A brake that kept a touch of the customer back: who set it, why, and what it stops (empty stands for all)."""

    set_at: datetime
    released_at: datetime | None
    mode: str
    journey: str
    template: str
    channel: str
    set_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class EntryLine:
    """A decision on entry: entered when `refused` is empty."""

    at: datetime
    journey: str
    version: int
    cause: str
    entry: int
    refused: str


@dataclass(frozen=True, slots=True)
class ConversionLine:
    """A goal reached; `step` is the send that gets the credit, none if none was sent before.

    `undone_by` is the event that took it away again, as a deposit that was sent back.
    """

    occurred_at: datetime
    journey: str
    entry: int
    event_id: str
    step: str | None
    credited: bool
    undone_by: str | None


@dataclass(frozen=True, slots=True)
class PointsLine:
    """A row of the points ledger."""

    at: datetime
    amount: int
    reason: str
    journey: str
    step: str


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A delivery in quarantine; `content` is what came, masked."""

    rejected_id: int
    customer_id: str
    reason: str
    content: str
    rejected_at: datetime
    expires_at: datetime
    resent_at: datetime | None


async def read_profile(connection: Connection, customer_id: CustomerId) -> Profile | None:
    """One customer, or none if the id is not known."""
    row = await connection.fetchrow(
        """
        SELECT customer_id, stage, stage_since, 'registered' AS tier,
               (SELECT coalesce(sum(amount), 0)::int FROM points_ledger WHERE customer_id = $1) AS points,
               zone, language, risk_class, tags
        FROM customer WHERE customer_id = $1
        """,
        customer_id,
    )
    return Profile(**row) if row else None


async def read_runs(connection: Connection, customer_id: CustomerId) -> list[RunLine]:
    """All runs, in the order of entry."""
    rows = await connection.fetch(
        """
        SELECT journey, entry, version, entered_at, ended_at, outcome
        FROM journey_run WHERE customer_id = $1 ORDER BY entered_at, journey
        """,
        customer_id,
    )
    return [RunLine(**row) for row in rows]


async def read_events(connection: Connection, customer_id: CustomerId, last: int) -> list[EventLine]:
    """The last events by the time they happened, the newest last."""
    rows = await connection.fetch(
        """
        SELECT event_id, name, occurred_at, source
        FROM customer_event WHERE customer_id = $1 ORDER BY occurred_at DESC, sequence DESC LIMIT $2
        """,
        customer_id,
        last,
    )
    return [EventLine(**row) for row in reversed(rows)]


async def read_touches(connection: Connection, customer_id: CustomerId, last: int | None = None) -> list[TouchLine]:
    """The last touches, or all, by the time they were planned, the newest last."""
    rows = await connection.fetch(
        """
        SELECT planned_at, journey, entry, step, template, message_class, channel, outcome, reason, settled_at,
               verdicts, touch_id
        FROM touch WHERE customer_id = $1 ORDER BY planned_at DESC, touch_id DESC LIMIT $2
        """,
        customer_id,
        last,
    )
    return [TouchLine(**row) for row in reversed(rows)]


async def read_holds(connection: Connection, customer_id: CustomerId) -> list[HoldLine]:
    """All holds, by the time they began, the newest last."""
    rows = await connection.fetch(
        """
        SELECT hold.held_at, hold.held_until, journey, entry, hold.step, hold.template, hold.channel, hold.reason,
               hold.looks, touch.touch_id IS NOT NULL OR run.ended_at IS NOT NULL AS over
        FROM touch_hold AS hold
        JOIN journey_run AS run USING (customer_id, journey, entry)
        LEFT JOIN touch USING (customer_id, journey, entry, step, occurrence)
        WHERE customer_id = $1 ORDER BY hold.held_at, hold.reason
        """,
        customer_id,
    )
    return [HoldLine(**row) for row in rows]


async def read_brakes(connection: Connection, customer_id: CustomerId) -> list[BrakeLine]:
    """The brakes that withheld a touch of the customer or kept it back, by the time they were set."""
    rows = await connection.fetch(
        """
        WITH stopped AS (
            SELECT journey, template, channel, recorded_at AS since, recorded_at AS last FROM touch
             WHERE customer_id = $1 AND reason = 'brake'
            UNION ALL
            SELECT journey, template, channel, held_at, looked_at FROM touch_hold
             WHERE customer_id = $1 AND reason = 'brake'
        )
        SELECT set_at, released_at, mode, coalesce(journey, '') AS journey, coalesce(template, '') AS template,
               coalesce(channel, '') AS channel, set_by, reason
        FROM brake
        WHERE EXISTS (SELECT FROM stopped
                       WHERE stopped.last >= brake.set_at
                         AND stopped.since <= coalesce(brake.released_at, 'infinity')
                         AND coalesce(brake.journey, stopped.journey) = stopped.journey
                         AND coalesce(brake.template, stopped.template) = stopped.template
                         AND coalesce(brake.channel, stopped.channel) = stopped.channel)
        ORDER BY set_at, brake_id
        """,
        customer_id,
    )
    return [BrakeLine(**row) for row in rows]


async def read_commands(connection: Connection, customer_id: CustomerId) -> list[CommandLine]:
    """All commands about the customer, done and refused, the newest last."""
    rows = await connection.fetch(
        """
        SELECT at, command, coalesce(before ->> 'journey', '') AS journey, actor, reason,
               coalesce((after ->> 'done')::boolean, true) AS done, coalesce(after ->> 'told', '') AS told
        FROM audit WHERE subject = $1 ORDER BY at, audit_id
        """,
        customer_id,
    )
    return [CommandLine(**row) for row in rows]


async def read_entries(connection: Connection, customer_id: CustomerId) -> list[EntryLine]:
    """All decisions on entry, the newest last."""
    rows = await connection.fetch(
        """
        SELECT at, journey, version, cause, entry, refused
        FROM entry_decision WHERE customer_id = $1 ORDER BY at, decided_at, journey
        """,
        customer_id,
    )
    return [EntryLine(**row) for row in rows]


async def read_conversions(connection: Connection, customer_id: CustomerId) -> list[ConversionLine]:
    """All goals reached, the newest last."""
    rows = await connection.fetch(
        """
        SELECT reached.occurred_at, reached.journey, reached.entry, reached.event_id, step, credited,
               undone.event_id AS undone_by
        FROM conversion AS reached
        LEFT JOIN conversion_reversal AS undone
             ON (undone.customer_id, undone.journey, undone.entry, undone.converted_by)
              = (reached.customer_id, reached.journey, reached.entry, reached.event_id)
        WHERE reached.customer_id = $1 ORDER BY reached.occurred_at, reached.journey
        """,
        customer_id,
    )
    return [ConversionLine(**row) for row in rows]


async def read_points(connection: Connection, customer_id: CustomerId) -> list[PointsLine]:
    """The whole points ledger, the newest row last."""
    rows = await connection.fetch(
        "SELECT at, amount, reason, journey, step FROM points_ledger WHERE customer_id = $1 ORDER BY at, ledger_id",
        customer_id,
    )
    return [PointsLine(**row) for row in rows]


async def read_rejected(connection: Connection) -> list[RejectedLine]:
    """Everything in quarantine that has not expired, the last that came the last."""
    rows = await connection.fetch(
        """
        SELECT rejected_id, customer_id, reason, content, rejected_at, expires_at, resent_at
        FROM rejected_event WHERE expires_at > now() ORDER BY rejected_at, rejected_id
        """
    )
    return [RejectedLine(**row) for row in rows]


async def read_one_rejected(connection: Connection, rejected_id: int) -> RejectedLine | None:
    """One delivery in quarantine, or none if there is no such or it has expired."""
    row = await connection.fetchrow(
        """
        SELECT rejected_id, customer_id, reason, content, rejected_at, expires_at, resent_at
        FROM rejected_event WHERE rejected_id = $1 AND expires_at > now()
        """,
        rejected_id,
    )
    return RejectedLine(**row) if row else None


async def mark_resent(connection: Connection, rejected_id: int) -> None:
    """Note that a delivery was corrected and sent again."""
    await connection.execute("UPDATE rejected_event SET resent_at = now() WHERE rejected_id = $1", rejected_id)
