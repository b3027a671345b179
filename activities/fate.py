"""What became of one delivery: recorded, or in quarantine. Read only, for people."""

from __future__ import annotations

from dataclasses import dataclass

from activities.contracts import Delivery
from activities.database import Connection
from activities.incoming import Incoming, conflicting, read, unfit_delivery
from journeys.names import CustomerId


@dataclass(frozen=True, slots=True)
class Recorded:
    """The event is in the books, with this number among the customer's events."""

    sequence: int


@dataclass(frozen=True, slots=True)
class InQuarantine:
    """The event was not taken, and why."""

    reason: str


Fate = Recorded | InQuarantine


async def read_fate(connection: Connection, customer_id: CustomerId, delivery: Delivery) -> Fate | None:
    """What the books say of a delivery; none as long as they say nothing."""
    digests = [unfit_delivery(delivery, "").digest]
    event = read(delivery, lambda at: False)
    if isinstance(event, Incoming):
        if (sequence := await _recorded(connection, customer_id, event)) is not None:
            return Recorded(sequence)
        digests.append(conflicting(event).digest)
    reason = await connection.fetchval(
        """
        SELECT reason FROM rejected_event WHERE customer_id = $1 AND digest = ANY($2::text[]) AND expires_at > now()
        ORDER BY rejected_at DESC, rejected_id DESC LIMIT 1
        """,
        customer_id,
        digests,
    )
    return InQuarantine(reason) if reason is not None else None


async def _recorded(connection: Connection, customer_id: CustomerId, event: Incoming) -> int | None:
    """The number of the event in the books, if it is there with this very content."""
    sequence: int | None = await connection.fetchval(
        """
        SELECT sequence FROM customer_event
        WHERE customer_id = $1 AND event_id = $2 AND (name, occurred_at, data) = ($3, $4, $5)
        """,
        customer_id,
        event.event_id,
        event.name,
        event.at,
        event.data,
    )
    return sequence
