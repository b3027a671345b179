"""What is in quarantine, for people who correct it and send it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from activities.database import Connection


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
