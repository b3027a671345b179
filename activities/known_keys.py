"""Which payload keys the workers of this deployment have: their ids and digests, never the keys."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta

from activities.database import CONNECT_PROBLEMS, Connection, Pool

_LOG = logging.getLogger(__name__)

NO_KEY = ("", "")
"""Stands for a worker that encrypts nothing."""

KeyMark = tuple[str, str]
"""The id of a key, and the digest that tells two of one id apart."""


NOTE_AGAIN = timedelta(minutes=10)
NOTED_FOR = timedelta(hours=1)
"""A note that is so much older than the latest is of a key that no worker has any more. Workers note theirs six times
as often, so that one which cannot for a while keeps its key."""


async def note_keys(pool: Pool, keys: Iterable[KeyMark]) -> None:
    """A worker has these keys now; with none that is noted, too."""
    marks = list(keys) or [NO_KEY]
    await pool.execute(
        """
        -- In one order for all: workers with other orders of the same keys would wait for each other.
        INSERT INTO payload_key (key_id, key_check) SELECT * FROM unnest($1::text[], $2::text[]) ORDER BY 1, 2
        ON CONFLICT (key_id, key_check) DO UPDATE SET noted_at = now()
        """,
        [id for id, _ in marks],
        [check for _, check in marks],
    )


async def keep_noting(pool: Pool, keys: Iterable[KeyMark], *, again: timedelta = NOTE_AGAIN) -> None:
    """Note them again and again, until it is cancelled. While the database is away the notes stay as they are."""
    marks = list(keys)
    while True:
        await asyncio.sleep(again.total_seconds())
        try:
            await note_keys(pool, marks)
        except CONNECT_PROBLEMS as error:
            _LOG.warning("the notes of payload keys could not be renewed: %s", type(error).__name__)


async def known_keys(connection: Connection) -> set[KeyMark]:
    """The keys that workers have, or had when the last one ran; nothing before the first one did."""
    rows = await connection.fetch(
        """
        SELECT key_id, key_check FROM payload_key
        WHERE noted_at > (SELECT max(noted_at) FROM payload_key) - $1::interval
        """,
        NOTED_FOR,
    )
    return {(row["key_id"], row["key_check"]) for row in rows}
