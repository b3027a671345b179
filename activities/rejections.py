"""Quarantine: what did not parse, with its reason, until its retention time is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from activities.database import PoolConnection
from activities.incoming import Rejected
from journeys.names import CustomerId
from rules.customer_id import mask_numbers


async def reject(
    connection: PoolConnection,
    customer_id: CustomerId,
    rejected: Sequence[Rejected],
    retention: timedelta,
) -> None:
    """Put deliveries into quarantine, each content once, and clear out what has expired.

    A content that comes again is listed anew, also if it was sent again before: it has not been taken this time either.
    """
    if not rejected:
        return
    await connection.execute("DELETE FROM rejected_event WHERE expires_at < now()")
    await connection.executemany(
        """
        INSERT INTO rejected_event (customer_id, digest, reason, content, expires_at)
        VALUES ($1, $2, $3, $4, now() + $5::interval)
        ON CONFLICT (customer_id, digest) DO UPDATE
        SET reason = excluded.reason, rejected_at = now(), expires_at = excluded.expires_at, resent_at = NULL
        """,
        [(customer_id, one.digest, _kept(one.reason), _kept(one.content), retention) for one in rejected],
    )


def _kept(text: str) -> str:
    """A text without what would name a person, and without what PostgreSQL cannot store."""
    return mask_numbers(text.replace("\0", "").encode(errors="backslashreplace").decode())
