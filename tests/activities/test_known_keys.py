"""Which payload keys workers have, as long as they have them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from activities.database import Connection, Pool
from activities.known_keys import NO_KEY, NOTE_AGAIN, NOTED_FOR, keep_noting, known_keys, note_keys
from background import in_background
from tests.activities.conftest import Connect

OLD, NEW = ("2026-11", "0a1b2c3d"), ("2026-12", "4e5f6071")
AGE = "UPDATE payload_key SET noted_at = noted_at - $1::interval"
OFTEN = timedelta(milliseconds=10)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_a_key_that_no_worker_has_any_more_is_forgotten(pool: Pool, owner: Connection) -> None:
    """An hour after the last of its notes."""
    await note_keys(pool, [OLD, NEW])
    await owner.execute(AGE, NOTED_FOR - timedelta(minutes=1))
    await note_keys(pool, [NEW])
    assert await known_keys(owner) == {OLD, NEW}
    await owner.execute(AGE, timedelta(minutes=1))
    await note_keys(pool, [NEW])
    assert await known_keys(owner) == {NEW}


async def test_workers_that_encrypt_nothing_any_more_are_forgotten_too(pool: Pool, owner: Connection) -> None:
    """Else a key that was added later would be taken for one of those that nobody has."""
    await note_keys(pool, [])
    assert await known_keys(owner) == {NO_KEY}
    await owner.execute(AGE, NOTED_FOR)
    await note_keys(pool, [NEW])
    assert await known_keys(owner) == {NEW}


async def test_workers_that_name_their_keys_in_another_order_do_not_wait_for_each_other(
    pool: Pool, connected: Connect
) -> None:
    """As while the first key is changed: whatever the order, the note of the same key is taken first."""
    await note_keys(pool, [OLD, NEW])
    holding, watching = await connected(), await connected()
    async with holding.transaction():
        await holding.execute("SELECT FROM payload_key WHERE key_id = $1 FOR UPDATE", OLD[0])
        noting = asyncio.create_task(note_keys(pool, [NEW, OLD]))
        while not await watching.fetchval(WAITING):
            assert not noting.done()
        free = await watching.fetch("SELECT key_id FROM payload_key FOR UPDATE SKIP LOCKED")
    await noting
    assert [row["key_id"] for row in free] == [NEW[0]]


async def test_a_worker_notes_its_keys_as_long_as_it_runs(pool: Pool, owner: Connection) -> None:
    """With the rights of the running product."""
    await note_keys(pool, [OLD])
    await owner.execute(AGE, timedelta(days=1))
    await owner.execute("INSERT INTO payload_key (key_id, key_check, noted_at) VALUES ($1, $2, now())", *NEW)
    async with in_background(keep_noting(pool, [OLD], again=OFTEN)):
        while OLD not in await known_keys(owner):
            pass


async def test_a_database_that_is_away_for_a_while_ends_no_worker(
    pool: Pool, owner: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, and tried again."""
    await note_keys(pool, [OLD])
    await owner.execute("ALTER TABLE payload_key RENAME TO away")
    async with in_background(keep_noting(pool, [OLD], again=OFTEN)):
        while "the notes of payload keys could not be renewed" not in caplog.text:
            await owner.execute("SELECT 1")
        await owner.execute("ALTER TABLE away RENAME TO payload_key")
        await owner.execute(AGE, timedelta(days=1))
        await owner.execute("INSERT INTO payload_key (key_id, key_check, noted_at) VALUES ($1, $2, now())", *NEW)
        while OLD not in await known_keys(owner):
            pass


def test_a_key_outlives_some_notes_that_could_not_be_written() -> None:
    """A database that is away for half an hour makes no key of a worker unknown."""
    assert NOTE_AGAIN * 5 < NOTED_FOR
