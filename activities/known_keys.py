"""Which payload keys the workers of this deployment have: their ids and digests, never the keys."""

from __future__ import annotations

from collections.abc import Iterable

from activities.database import Connection, Pool

NO_KEY = ("", "")
"""Stands for a worker that encrypts nothing."""

KeyMark = tuple[str, str]
"""The id of a key, and the digest that tells two of one id apart."""


async def note_keys(pool: Pool, keys: Iterable[KeyMark]) -> None:
    """A worker starts with these keys; with none that is noted, too."""
    marks = list(keys) or [NO_KEY]
    await pool.execute(
        """
        INSERT INTO payload_key (key_id, key_check) SELECT * FROM unnest($1::text[], $2::text[])
        ON CONFLICT DO NOTHING
        """,
        [id for id, _ in marks],
        [check for _, check in marks],
    )


async def known_keys(connection: Connection) -> set[KeyMark]:
    """The keys that any worker has ever started with; nothing before the first one did."""
    rows = await connection.fetch("SELECT key_id, key_check FROM payload_key")
    return {(row["key_id"], row["key_check"]) for row in rows}
