"""The databases of the tests themselves: what one test leaves, the next does not find."""

from __future__ import annotations

import asyncpg
import pytest

from activities.database import connect
from tests.databases import Databases

BOOKED = """
    INSERT INTO audit (actor, command, subject, reason) VALUES ('test', 'test', 'test', 'test') RETURNING audit_id
"""


async def done(databases: Databases, *statements: str) -> tuple[str, list[object]]:
    """The address of a database in which the statements were carried out, and what each answered."""
    async with databases.one() as url:
        connection = await connect(url)
        answers = [await connection.fetchval(statement) for statement in statements]
        await connection.close()
        return url, answers


async def test_rows_and_numbers_begin_anew(databases: Databases) -> None:
    """The next test gets the same database, without the rows, however well a trigger keeps them."""
    before, [first] = await done(databases, BOOKED)
    after, [left, again] = await done(databases, "SELECT count(*) FROM audit", BOOKED)
    assert (after, left, again) == (before, 0, first)


async def test_who_is_still_connected_is_sent_away(databases: Databases) -> None:
    """Nothing that a test forgot can write into the next one's database."""
    async with databases.one() as url:
        forgotten = await connect(url)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await forgotten.execute(BOOKED)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE another ()",
        "DROP TABLE audit CASCADE",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "ALTER TABLE audit ALTER actor DROP NOT NULL",
        "GRANT DELETE ON audit TO sojourn_app",
        "CREATE FUNCTION one() RETURNS int RETURN 1",
        "DELETE FROM _pogo_migration",
        "ANALYZE audit",
    ],
)
async def test_what_more_than_rows_was_changed_in_is_not_used_again(databases: Databases, change: str) -> None:
    """A schema, a right, the planner's knowledge or a migration: the next test gets another database."""
    before, _ = await done(databases, BOOKED, change)
    after, _ = await done(databases)
    assert after != before
