"""What was decided about a customer, for people: read only, by time, the newest last.

`since` leaves out what happened before; none stands for the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.database import Connection
from journeys.names import CustomerId


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
class TouchLine:
    """A planned touch, sent or not; each verdict has gate, result, reason and channel.

    `receipts` is what the provider told later, the oldest first, each with kind, at, permanent and detail. `kept_back`
    is what the gates said last that kept a claimed touch from being handed over again: at, reason, until and verdicts.
    """

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
    receipts: Sequence[dict[str, Any]]
    kept_back: dict[str, Any] | None


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
class Story:
    """Everything that was decided about a customer, each list with the newest last.

    `earlier` is how much is left out because it happened before; `planned` and `sent` count all touches that were
    decided, `held` those that a gate keeps back now.
    """

    customer_id: str
    entries: list[EntryLine]
    runs: list[RunLine]
    touches: list[TouchLine]
    holds: list[HoldLine]
    commands: list[CommandLine]
    brakes: list[BrakeLine]
    points: list[PointsLine]
    conversions: list[ConversionLine]
    planned: int = 0
    sent: int = 0
    held: int = 0
    earlier: int = 0


@dataclass(frozen=True, slots=True)
class _Extent:
    """How far back a story goes (none: to the beginning), and how much there is of it."""

    since: datetime | None
    earlier: int
    planned: int
    sent: int
    held: int


async def read_story(connection: Connection, customer_id: CustomerId, newest: int | None = None) -> Story:
    """The newest that was decided about a customer, or all; nothing for one who is not known.

    Of several that happened together all are told, also if they are more than `newest`.
    """
    extent = await _extent(connection, customer_id, newest)
    asked = (connection, customer_id, extent.since)
    return Story(
        customer_id=customer_id,
        entries=await read_entries(*asked),
        runs=await read_runs(*asked),
        touches=await read_touches(*asked),
        holds=await read_holds(*asked),
        commands=await read_commands(*asked),
        brakes=await read_brakes(*asked),
        points=await read_points(*asked),
        conversions=await read_conversions(*asked),
        planned=extent.planned,
        sent=extent.sent,
        held=extent.held,
        earlier=extent.earlier,
    )


async def _extent(connection: Connection, customer_id: CustomerId, newest: int | None) -> _Extent:
    row = await connection.fetchrow(
        """
        WITH happened (at) AS MATERIALIZED (
            SELECT at FROM entry_decision WHERE customer_id = $1
            UNION ALL SELECT ended_at FROM journey_run WHERE customer_id = $1 AND ended_at IS NOT NULL
            UNION ALL SELECT planned_at FROM touch WHERE customer_id = $1
            UNION ALL SELECT held_at FROM touch_hold WHERE customer_id = $1
            UNION ALL SELECT at FROM audit WHERE subject = $1
            UNION ALL SELECT at FROM points_ledger WHERE customer_id = $1
            UNION ALL SELECT occurred_at FROM conversion WHERE customer_id = $1
        ), beginning AS (
            SELECT min(at) AS since FROM (SELECT at FROM happened ORDER BY at DESC LIMIT $2) AS shown
             WHERE $2::bigint IS NOT NULL
        )
        SELECT since, (SELECT count(*) FROM happened WHERE at < since) AS earlier,
               (SELECT count(*) FROM touch WHERE customer_id = $1) AS planned,
               (SELECT count(*) FROM touch WHERE customer_id = $1 AND outcome = 'sent') AS sent,
               (SELECT count(DISTINCT (journey, entry, hold.step, occurrence))
                  FROM touch_hold AS hold
                  JOIN journey_run AS run USING (customer_id, journey, entry)
                  LEFT JOIN touch USING (customer_id, journey, entry, step, occurrence)
                 WHERE customer_id = $1 AND touch.touch_id IS NULL AND run.ended_at IS NULL) AS held
        FROM beginning
        """,
        customer_id,
        newest,
    )
    assert row is not None, "an aggregate has a row"
    return _Extent(**row)


async def read_entries(
    connection: Connection, customer_id: CustomerId, since: datetime | None = None
) -> list[EntryLine]:
    """The decisions on entry."""
    rows = await connection.fetch(
        """
        SELECT at, journey, version, cause, entry, refused
        FROM entry_decision WHERE customer_id = $1 AND at >= coalesce($2::timestamptz, '-infinity')
        ORDER BY at, decided_at, journey
        """,
        customer_id,
        since,
    )
    return [EntryLine(**row) for row in rows]


async def read_runs(connection: Connection, customer_id: CustomerId, since: datetime | None = None) -> list[RunLine]:
    """The runs that are open or ended since then, in the order of entry."""
    rows = await connection.fetch(
        """
        SELECT journey, entry, version, entered_at, ended_at, outcome
        FROM journey_run
        WHERE customer_id = $1 AND coalesce(ended_at, 'infinity') >= coalesce($2::timestamptz, '-infinity')
        ORDER BY entered_at, journey
        """,
        customer_id,
        since,
    )
    return [RunLine(**row) for row in rows]


async def read_touches(
    connection: Connection, customer_id: CustomerId, since: datetime | None = None, *, last: int | None = None
) -> list[TouchLine]:
    """The touches by the time they were planned: all since then, or the last of them."""
    rows = await connection.fetch(
        """
        SELECT planned_at, journey, entry, step, template, message_class, channel, outcome, reason, settled_at,
               verdicts, touch_id,
               (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'at', at, 'permanent', permanent,
                                                             'detail', detail) ORDER BY at, receipt_id), '[]')
                  FROM receipt WHERE receipt.touch_id = touch.touch_id) AS receipts,
               (SELECT jsonb_build_object('at', again.judged_at, 'reason', again.reason, 'until', again.held_until,
                                          'verdicts', again.verdicts)
                  FROM touch_judgement AS again WHERE again.touch_id = touch.touch_id AND again.decision <> 'send'
                 ORDER BY judgement_id DESC LIMIT 1) AS kept_back
        FROM touch WHERE customer_id = $1 AND planned_at >= coalesce($2::timestamptz, '-infinity')
        ORDER BY planned_at DESC, touch_id DESC LIMIT $3
        """,
        customer_id,
        since,
        last,
    )
    return [TouchLine(**row) for row in reversed(rows)]


async def read_holds(connection: Connection, customer_id: CustomerId, since: datetime | None = None) -> list[HoldLine]:
    """The holds by the time they began."""
    rows = await connection.fetch(
        """
        SELECT hold.held_at, hold.held_until, journey, entry, hold.step, hold.template, hold.channel, hold.reason,
               hold.looks, touch.touch_id IS NOT NULL OR run.ended_at IS NOT NULL AS over
        FROM touch_hold AS hold
        JOIN journey_run AS run USING (customer_id, journey, entry)
        LEFT JOIN touch USING (customer_id, journey, entry, step, occurrence)
        WHERE customer_id = $1 AND hold.held_at >= coalesce($2::timestamptz, '-infinity')
        ORDER BY hold.held_at, hold.reason
        """,
        customer_id,
        since,
    )
    return [HoldLine(**row) for row in rows]


async def read_commands(
    connection: Connection, customer_id: CustomerId, since: datetime | None = None
) -> list[CommandLine]:
    """The commands about the customer, done and refused."""
    rows = await connection.fetch(
        """
        SELECT at, command, coalesce(before ->> 'journey', '') AS journey, actor, reason,
               coalesce((after ->> 'done')::boolean, true) AS done, coalesce(after ->> 'told', '') AS told
        FROM audit WHERE subject = $1 AND at >= coalesce($2::timestamptz, '-infinity') ORDER BY at, audit_id
        """,
        customer_id,
        since,
    )
    return [CommandLine(**row) for row in rows]


async def read_brakes(
    connection: Connection, customer_id: CustomerId, since: datetime | None = None
) -> list[BrakeLine]:
    """The brakes that withheld a touch of the customer or kept it back since then, by the time they were set."""
    rows = await connection.fetch(
        """
        WITH stopped AS (
            SELECT journey, template, channel, recorded_at AS since, recorded_at AS last FROM touch
             WHERE customer_id = $1 AND reason = 'brake' AND planned_at >= coalesce($2::timestamptz, '-infinity')
            UNION ALL
            SELECT journey, template, channel, again.recorded_at, again.recorded_at
              FROM touch_judgement AS again JOIN touch USING (touch_id)
             WHERE customer_id = $1 AND again.reason = 'brake' AND planned_at >= coalesce($2::timestamptz, '-infinity')
            UNION ALL
            SELECT journey, template, channel, held_at, looked_at FROM touch_hold
             WHERE customer_id = $1 AND reason = 'brake' AND held_at >= coalesce($2::timestamptz, '-infinity')
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
        since,
    )
    return [BrakeLine(**row) for row in rows]


async def read_points(
    connection: Connection, customer_id: CustomerId, since: datetime | None = None
) -> list[PointsLine]:
    """The points ledger."""
    rows = await connection.fetch(
        """
        SELECT at, amount, reason, journey, step
        FROM points_ledger WHERE customer_id = $1 AND at >= coalesce($2::timestamptz, '-infinity')
        ORDER BY at, ledger_id
        """,
        customer_id,
        since,
    )
    return [PointsLine(**row) for row in rows]


async def read_conversions(
    connection: Connection, customer_id: CustomerId, since: datetime | None = None
) -> list[ConversionLine]:
    """The goals reached."""
    rows = await connection.fetch(
        """
        SELECT reached.occurred_at, reached.journey, reached.entry, reached.event_id, step, credited,
               undone.event_id AS undone_by
        FROM conversion AS reached
        LEFT JOIN conversion_reversal AS undone
             ON (undone.customer_id, undone.journey, undone.entry, undone.converted_by)
              = (reached.customer_id, reached.journey, reached.entry, reached.event_id)
        WHERE reached.customer_id = $1 AND reached.occurred_at >= coalesce($2::timestamptz, '-infinity')
        ORDER BY reached.occurred_at, reached.journey
        """,
        customer_id,
        since,
    )
    return [ConversionLine(**row) for row in rows]
