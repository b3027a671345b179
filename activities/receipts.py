"""Receipts: what a provider says later of a message that it took (gates.md, "Claim, deliver, settle").

take_receipts()     both of these, one after the other
record_receipts()   the books alone, in one transaction; the same again changes nothing
tell_events()       then the customers' workflows, which hear of what journeys may wait for

A receipt proves what no answer could: it settles a touch that is in doubt, or whose answer is still on its way. That
a message was delivered stays in the books; that it was opened, clicked, bounced or refused becomes an event.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, assert_never

import asyncpg
from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from activities.customer_rows import lock_customers, raise_versions
from activities.database import AnyConnection, columns
from activities.fact_writing import write_statements
from activities.moments import Moment
from activities.reachability import News, change_reachability
from journeys.events import (
    EventType,
    message_bounced,
    message_clicked,
    message_opened,
    opted_out_of_marketing,
    unsubscribed,
)
from journeys.names import Channel, CustomerId
from rules.statements import OptOutSaid
from rules.touches import TouchIdentity, touch_named

MOST = 1_000
"""Receipts in one batch."""

TOLD_AT_ONCE = 32

MAY_COME_FIRST = timedelta(minutes=10)
"""How long after its time a receipt may have overtaken the answer that has the provider's id of the message."""


class ReceiptKind(StrEnum):
    """What became of a message."""

    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"

    @property
    def arrived(self) -> bool:
        """Whether the customer has the message."""
        return self is not ReceiptKind.BOUNCED


Visible = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,512}$")]
Detail = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 ._:/-]{0,64}$")]


class Receipt(BaseModel):
    """One receipt. The message is named by the `key` that it was sent with, or by the provider's own id.

    `permanent` (bounced): the customer is not to be reached by the channel any more. `scope` (unsubscribed): what is
    refused. `detail` is the provider's code, for people who look: no text, nothing personal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: Channel
    receipt_id: Visible
    kind: ReceiptKind
    at: Moment
    key: Key | None = None
    provider_id: Visible | None = None
    permanent: bool = False
    scope: Literal["marketing", "channel", "all"] | None = None
    detail: Detail = ""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.key is None) == (self.provider_id is None):
            raise ValueError("name the message by its key, or by provider_id: one of them")
        if self.permanent and self.kind is not ReceiptKind.BOUNCED:
            raise ValueError("permanent is said of what bounced only")
        if self.scope is not None and self.kind is not ReceiptKind.UNSUBSCRIBED:
            raise ValueError("scope is said of unsubscribed only")
        return self

    @property
    def refused_scope(self) -> str | None:
        """The scope of the opt-out as the books have it. A "stop" without more means marketing."""
        if self.kind is not ReceiptKind.UNSUBSCRIBED:
            return None
        return str(self.channel) if self.scope == "channel" else self.scope or "marketing"


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """What a customer's workflow is told: the one argument of `record_event`."""

    customer_id: CustomerId
    argument: Mapping[str, Any]


Tell = Callable[[MessageEvent], Awaitable[None]]


@dataclass(slots=True)
class Recorded:
    """What came of a batch, by place: what is new, what cannot be taken and why; and the events to tell, in order.

    `early` are those of the refused that may be taken in a moment: their message is not known yet.
    """

    new: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)
    early: set[int] = field(default_factory=set)
    events: list[MessageEvent] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    """A receipt at its place, with the touch it speaks of."""

    place: int
    receipt: Receipt
    touch: asyncpg.Record

    @property
    def customer_id(self) -> CustomerId:
        return CustomerId(self.touch["customer_id"])


async def take_receipts(connection: AnyConnection, receipts: Sequence[Receipt], tell: Tell, source: str) -> Recorded:
    """Write receipts down, then tell the customers' workflows; raises what `tell` raises.

    Whoever sent the batch sends it again then, and whatever was not told is told: nothing is lost, nothing is twice.
    """
    recorded = await record_receipts(connection, receipts, source)
    await tell_events(recorded.events, tell)
    return recorded


async def tell_events(events: Sequence[MessageEvent], tell: Tell) -> None:
    """Tell the customers' workflows, many at once, each customer's in their order; raises what `tell` raises."""
    for wave in _waves(events):
        for first in range(0, len(wave), TOLD_AT_ONCE):
            await asyncio.gather(*map(tell, wave[first : first + TOLD_AT_ONCE]))


def _waves(events: Sequence[MessageEvent]) -> list[list[MessageEvent]]:
    """The first event of each customer, then the second of each, …: those of one customer stay in order."""
    waves: list[list[MessageEvent]] = []
    turns: Counter[CustomerId] = Counter()
    for event in events:
        if (turn := turns[event.customer_id]) == len(waves):
            waves.append([])
        turns[event.customer_id] += 1
        waves[turn].append(event)
    return waves


async def record_receipts(connection: AnyConnection, receipts: Sequence[Receipt], source: str) -> Recorded:
    """Write receipts down in one transaction; the same again changes nothing.

    Answers the events of which the books do not know yet that a workflow has them, also of receipts that are known.
    """
    recorded = Recorded()
    async with connection.transaction():
        found = await _find(connection, receipts, recorded)
        await lock_customers(connection, {each.customer_id for each in found})
        known = await _insert(connection, found, source, recorded)
        new = [each for each in found if each.place in recorded.new]
        await _take_effect(connection, new)
        recorded.events = await _untold(connection, [each for each in found if each.place in recorded.new | known])
    return recorded


async def _find(connection: AnyConnection, receipts: Sequence[Receipt], recorded: Recorded) -> list[_Found]:
    """The receipts of touches that were handed to a channel, by the time that they speak of."""
    touches = {row["place"]: row for row in await _touches(connection, receipts)}
    found = []
    for place, receipt in enumerate(receipts):
        if (touch := touches.get(place)) is None:
            recorded.refused[place] = "no message of this channel has this key or provider_id: correct it"
            if receipt.provider_id is not None and datetime.now(UTC) - receipt.at < MAY_COME_FIRST:
                recorded.refused[place] = "no message has this provider_id yet: send it again in a minute"
                recorded.early.add(place)
        elif touch["outcome"] == "withheld":
            recorded.refused[place] = "this message was never handed to a channel: correct the key"
        else:
            found.append(_Found(place, receipt, touch))
    return sorted(found, key=lambda each: each.receipt.at)


async def _touches(connection: AnyConnection, receipts: Sequence[Receipt]) -> list[asyncpg.Record]:
    named = [
        (place, receipt.channel, *identity)
        for place, receipt in enumerate(receipts)
        if receipt.key is not None and (identity := touch_named(receipt.key)) is not None
    ]
    by_provider = [
        (place, receipt.channel, receipt.provider_id)
        for place, receipt in enumerate(receipts)
        if receipt.provider_id is not None
    ]
    return await connection.fetch(
        """
        SELECT place, touch.touch_id, customer_id, journey, entry, step, occurrence, template, channel, outcome
        FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::int[])
             AS named (place, channel, customer_id, journey, entry, step, occurrence)
        JOIN touch USING (customer_id, journey, entry, step, occurrence, channel)
        UNION ALL
        SELECT place, touch.touch_id, customer_id, journey, entry, step, occurrence, template, channel, outcome
        FROM unnest($8::int[], $9::text[], $10::text[]) AS named (place, channel, provider_id)
        JOIN touch USING (channel, provider_id)
        """,
        *columns(named, 7),
        *columns(by_provider, 3),
    )


async def _insert(connection: AnyConnection, found: Sequence[_Found], source: str, recorded: Recorded) -> set[int]:
    """Add what is new; answers the places of what was known. An id with other content than before is refused."""
    if not found:
        return set()
    inserted = await connection.fetch(
        """
        INSERT INTO receipt (channel, receipt_id, touch_id, customer_id, kind, at, permanent, scope, detail, source)
        SELECT channel, receipt_id, touch_id, customer_id, kind, at, permanent, scope, detail, $10
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::bool[],
                    $8::text[], $9::text[])
             AS new (channel, receipt_id, touch_id, customer_id, kind, at, permanent, scope, detail)
        ON CONFLICT DO NOTHING
        RETURNING channel, receipt_id
        """,
        *columns([_row(each) for each in found], 9),
        source,
    )
    fresh = {(row["channel"], row["receipt_id"]) for row in inserted}
    return await _compare(connection, found, fresh, recorded)


async def _compare(
    connection: AnyConnection, found: Sequence[_Found], fresh: set[tuple[str, str]], recorded: Recorded
) -> set[int]:
    """Tell apart what is new, what was known, and what contradicts the books."""
    stored = await connection.fetch(
        """
        SELECT channel, receipt_id, touch_id, kind, at, permanent, scope FROM receipt
        JOIN unnest($1::text[], $2::text[]) AS asked (channel, receipt_id) USING (channel, receipt_id)
        """,
        *columns([(each.receipt.channel, each.receipt.receipt_id) for each in found], 2),
    )
    books = {(row["channel"], row["receipt_id"]): row for row in stored}
    known = set()
    for each in found:
        receipt = each.receipt
        row = books[(name := (str(receipt.channel), receipt.receipt_id))]
        said = (each.touch["touch_id"], receipt.kind, receipt.at, receipt.permanent, receipt.refused_scope)
        if said != (row["touch_id"], row["kind"], row["at"], row["permanent"], row["scope"]):
            recorded.refused[each.place] = "receipt_id was seen before with other content: give each receipt its own"
        elif name in fresh:
            fresh.remove(name)
            recorded.new.add(each.place)
        else:
            known.add(each.place)
    return known


async def _take_effect(connection: AnyConnection, new: Sequence[_Found]) -> None:
    """Touches, reachability and opt-outs; the version goes up of whoever the gates now see otherwise."""
    changed = {
        *await _settle(connection, new),
        *await _change_reachability(connection, new),
        *await _opt_out(connection, new),
    }
    await raise_versions(connection, changed)


async def _settle(connection: AnyConnection, new: Sequence[_Found]) -> set[str]:
    """End the doubt. A message that arrived was sent, whatever bounced elsewhere; what was decided stands.

    A touch that was postponed is not handed over again.
    """
    arrived = {each.touch["touch_id"] for each in new if each.receipt.kind.arrived}
    bounced = {each.touch["touch_id"] for each in new} - arrived
    settled = await connection.fetch(
        """
        WITH settled AS (
            UPDATE touch SET outcome = CASE WHEN touch_id = ANY($1::bigint[]) THEN 'sent' ELSE 'failed' END,
                             reason = CASE WHEN touch_id = ANY($1::bigint[]) THEN '' ELSE 'bounced' END,
                             settled_at = now()
            WHERE touch_id = ANY($1::bigint[] || $2::bigint[]) AND outcome IN ('claimed', 'in_doubt')
            RETURNING customer_id, journey, entry, step, occurrence
        ), no_longer_postponed AS (
            DELETE FROM touch_postponed AS postponed USING settled
            WHERE (postponed.customer_id, postponed.journey, postponed.entry, postponed.step, postponed.occurrence)
                = (settled.customer_id, settled.journey, settled.entry, settled.step, settled.occurrence)
        )
        SELECT customer_id FROM settled
        """,
        sorted(arrived),
        sorted(bounced),
    )
    return {row["customer_id"] for row in settled}


async def _change_reachability(connection: AnyConnection, new: Sequence[_Found]) -> set[str]:
    """Bounced for good: unreachable there, until a message arrives later. The latest news of a channel counts."""
    latest: dict[tuple[CustomerId, Channel], News] = {}
    for each in new:
        receipt = each.receipt
        if receipt.permanent or receipt.kind.arrived:
            name = (each.customer_id, receipt.channel)
            latest[name] = (*name, receipt.kind.arrived, receipt.at)
    return await change_reachability(connection, list(latest.values()))


async def _opt_out(connection: AnyConnection, new: Sequence[_Found]) -> set[str]:
    """A refusal counts from the moment it is recorded; the receipt is its evidence."""
    return await write_statements(
        connection,
        [
            (each.customer_id, OptOutSaid(each.receipt.at, scope, True, _evidence(each.receipt)))
            for each in new
            if (scope := each.receipt.refused_scope) is not None
        ],
    )


def _evidence(receipt: Receipt) -> str:
    return f"receipt {receipt.channel} {receipt.receipt_id}"


async def _untold(connection: AnyConnection, taken: Sequence[_Found]) -> list[MessageEvent]:
    """The events of receipts, but for those that a workflow has recorded: a repeated batch wakes nobody twice."""
    events = [event for each in taken for event in _events(each)]
    told = await connection.fetch(
        """
        SELECT customer_id, event_id FROM customer_event
        JOIN unnest($1::text[], $2::text[]) AS asked (customer_id, event_id) USING (customer_id, event_id)
        """,
        *columns([(event.customer_id, event.argument["event_id"]) for event in events], 2),
    )
    known = {(row["customer_id"], row["event_id"]) for row in told}
    return [event for event in events if (event.customer_id, event.argument["event_id"]) not in known]


def _events(each: _Found) -> list[MessageEvent]:
    """What the workflow is told of a receipt: nothing of a delivery, which concerns no journey."""
    receipt = each.receipt
    match receipt.kind:
        case ReceiptKind.DELIVERED:
            return []
        case ReceiptKind.OPENED:
            return [_event(each, message_opened)]
        case ReceiptKind.CLICKED:
            return [_event(each, message_clicked)]
        case ReceiptKind.BOUNCED:
            return [_event(each, message_bounced, permanent=receipt.permanent)]
        case ReceiptKind.UNSUBSCRIBED:
            told = [_event(each, unsubscribed, scope=receipt.refused_scope)]
            return told if receipt.scope == "channel" else [*told, _refusal(each)]
        case _:
            assert_never(receipt.kind)


def _event(each: _Found, event: EventType, **more: object) -> MessageEvent:
    touch = each.touch
    data = {
        "channel": touch["channel"],
        "journey": touch["journey"],
        "step": touch["step"],
        "template": touch["template"],
        "touch": "/".join(str(touch[name]) for name in TouchIdentity._fields),
    }
    return _told(each, event, {**data, **more})


def _refusal(each: _Found) -> MessageEvent:
    """The event that journeys end with, however marketing was refused."""
    return _told(each, opted_out_of_marketing, {})


def _told(each: _Found, event: EventType, data: Mapping[str, object]) -> MessageEvent:
    receipt = each.receipt
    digest = hashlib.sha256(f"{receipt.channel} {receipt.receipt_id} {event}".encode()).hexdigest()[:32]
    return MessageEvent(
        each.customer_id,
        {
            "event_id": f"receipt-{digest}",
            "name": str(event),
            "occurred_at": receipt.at.isoformat(),
            "data": dict(data),
        },
    )


def _row(each: _Found) -> tuple[object, ...]:
    receipt = each.receipt
    return (
        receipt.channel,
        receipt.receipt_id,
        each.touch["touch_id"],
        each.customer_id,
        receipt.kind,
        receipt.at,
        receipt.permanent,
        receipt.refused_scope,
        receipt.detail,
    )
