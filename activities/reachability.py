"""Whom a channel does not reach any more, and who is back: by what receipts and channels say of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from activities.customer_rows import lock_customers, raise_versions
from activities.database import AnyConnection, Pool, columns
from journeys.names import Channel, CustomerId

News = tuple[CustomerId, Channel, bool, datetime]
"""Whether a channel reached a customer at a time; one for each customer and channel."""


async def change_reachability(connection: AnyConnection, news: Sequence[News]) -> set[str]:
    """Unreachable from the time of the bad news, until good news is later: a message that arrives, an address told.

    Answers whose changed. Whoever calls has locked the customers, and raises the version of those who are answered. No
    word in the books is as good as reachable.
    """
    rows = await connection.fetch(
        """
        WITH news AS (
            SELECT * FROM unnest($1::text[], $2::text[], $3::bool[], $4::timestamptz[])
                          AS news (customer_id, channel, reachable, at)
        ), closed AS (
            INSERT INTO reachability (customer_id, channel, reachable, at)
            SELECT * FROM news WHERE NOT reachable AND NOT EXISTS (
                SELECT FROM touch JOIN receipt USING (touch_id)
                WHERE touch.customer_id = news.customer_id AND receipt.channel = news.channel
                  AND receipt.kind <> 'bounced' AND receipt.at > news.at)
              AND NOT EXISTS (
                SELECT FROM channel_address AS told
                WHERE (told.customer_id, told.channel) = (news.customer_id, news.channel)
                  AND told.active AND told.at > news.at)
            ON CONFLICT (customer_id, channel) DO UPDATE SET reachable = false, at = excluded.at
            WHERE reachability.reachable AND reachability.at <= excluded.at
            RETURNING customer_id
        ), opened AS (
            UPDATE reachability AS known SET reachable = true, at = news.at FROM news
            WHERE (known.customer_id, known.channel) = (news.customer_id, news.channel) AND news.reachable
              AND NOT known.reachable AND known.at < news.at
            RETURNING known.customer_id
        )
        SELECT customer_id FROM closed UNION ALL SELECT customer_id FROM opened
        """,
        *columns(news, 4),
    )
    return {row["customer_id"] for row in rows}


async def note_gone(pool: Pool, customer_id: CustomerId, channel: Channel, at: datetime, tried: Sequence[str]) -> None:
    """Write down that a channel has said that it does not reach a customer any more; the gates judge anew.

    It said so of the addresses that it `tried`: while another one is active, nothing is known of that.
    """
    async with pool.acquire() as connection, connection.transaction():
        await lock_customers(connection, [customer_id])
        row = await connection.fetchrow(
            """
            -- By the clock that dates addresses: whoever tells one after this is later.
            SELECT least($4, clock_timestamp()) AS at, EXISTS (
                SELECT FROM channel_address
                WHERE customer_id = $1 AND channel = $2 AND active AND address <> ALL($3::text[])) AS elsewhere
            """,
            *(customer_id, channel, list(tried), at),
        )
        assert row is not None, "a query without a table answers one row"
        if not row["elsewhere"]:
            news = (customer_id, channel, False, row["at"])
            await raise_versions(connection, await change_reachability(connection, [news]))
