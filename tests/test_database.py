"""The pool says why there is no database; migrations apply once, in order, and their absence is noticed."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from activities.database import connect, open_pool
from activities.migrations import ensure_migrated, migrate, pending
from embedded import EmbeddedStack
from errors import DatabaseError, MigrationMissing
from tests.databases import login


def write_migration(folder: Path, name: str, depends: str, statements: str) -> None:
    """Write one migration file as migrations/README.md describes it."""
    text = (
        f"-- {name}\n-- depends: {depends}\n\n-- migrate: apply\n\n{statements}\n\n-- migrate: rollback\n\nSELECT 1;\n"
    )
    (folder / f"{name}.sql").write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations, of which the second needs the first, and holds a function with semicolons."""
    write_migration(
        tmp_path,
        "0002-second",
        "0001-first",
        "INSERT INTO cup VALUES (1);\n\nCREATE FUNCTION two() RETURNS int LANGUAGE plpgsql AS $$\n"
        "BEGIN\n  PERFORM 1;\n  RETURN 2;\nEND;\n$$;",
    )
    write_migration(tmp_path, "0001-first", "", "CREATE TABLE cup (number int PRIMARY KEY);")
    (tmp_path / "README.md").write_text("No migration.")
    return tmp_path


async def test_migrations_apply_from_zero_and_again_change_nothing(empty_database_url: str, folder: Path) -> None:
    """From an empty database all apply in order; a second time nothing does."""
    assert await migrate(empty_database_url, folder) == ["0001-first", "0002-second"]
    assert await migrate(empty_database_url, folder) == []
    connection = await connect(empty_database_url)
    assert await connection.fetchval("SELECT two() + number FROM cup") == 3
    await connection.close()


async def test_a_database_that_is_behind_is_noticed(empty_database_url: str, folder: Path) -> None:
    """What is missing is named, with the command that applies it, and looking changes nothing."""
    assert await pending(empty_database_url, folder) == ["0001-first", "0002-second"]
    await migrate(empty_database_url, folder)
    await ensure_migrated(empty_database_url, folder)
    write_migration(folder, "0003-third", "0002-second", "DROP TABLE cup;")
    with pytest.raises(MigrationMissing, match=r"^The database lacks 0003-third: run `starter\.py migrate` first\.$"):
        await ensure_migrated(empty_database_url, folder)


async def test_two_that_migrate_at_once_wait_for_each_other(empty_database_url: str, folder: Path) -> None:
    """Of two at the same time one applies everything, the other nothing, and none fails."""
    applied = await asyncio.gather(*(migrate(empty_database_url, folder) for _ in range(3)))
    assert sorted(applied) == [[], [], ["0001-first", "0002-second"]]


async def test_a_migration_that_fails_leaves_nothing_and_says_why(empty_database_url: str, folder: Path) -> None:
    """The one that fails is undone as a whole, those before it stay, and PostgreSQL's reason is told."""
    write_migration(folder, "0003-third", "0002-second", "CREATE TABLE saucer ();\nDROP TABLE spoon;")
    with pytest.raises(DatabaseError, match=r'0003-third.*"spoon" does not exist.*`starter\.py migrate` again'):
        await migrate(empty_database_url, folder)
    assert await pending(empty_database_url, folder) == ["0003-third"]
    connection = await connect(empty_database_url)
    assert await connection.fetchval("SELECT to_regclass('saucer')") is None
    await connection.close()


async def test_a_login_without_the_rights_of_the_product_is_told_what_it_lacks(
    stack: EmbeddedStack, database_url: str
) -> None:
    """One that nobody has made a member of the role: which role, and where it is explained."""
    async with login(stack, database_url) as stranger:
        with pytest.raises(DatabaseError, match=r"no member of sojourn_app.*GRANT sojourn_app TO.*docs/production\.md"):
            await ensure_migrated(stranger)


@pytest.mark.parametrize("roles", ["", "IN ROLE sojourn_app"])
async def test_only_the_owner_migrates(stack: EmbeddedStack, database_url: str, folder: Path, roles: str) -> None:
    """Neither a stranger nor a worker's login, whose rights do not reach so far; nothing is changed."""
    async with login(stack, database_url, roles=roles) as worker:
        with pytest.raises(
            DatabaseError, match=r"\(permission denied for .*\): run .* with the login that owns the tab"
        ):
            await migrate(worker, folder)
    assert await pending(database_url, folder) == ["0001-first", "0002-second"]


@pytest.mark.usefixtures("databases")
async def test_nor_does_anybody_else_begin_an_empty_database(
    stack: EmbeddedStack, empty_database_url: str, folder: Path
) -> None:
    """The tables would be a worker's own, who could then do with them as it likes."""
    async with login(stack, empty_database_url, roles="IN ROLE sojourn_app") as worker:
        with pytest.raises(DatabaseError, match="permission denied for schema public"):
            await migrate(worker, folder)


async def test_the_shipped_migrations_apply_and_leave_nothing_pending(database_url: str) -> None:
    """A database of the tests is at the newest schema."""
    assert await pending(database_url) == []


async def test_jsonb_goes_in_and_comes_out_as_values(stack: EmbeddedStack) -> None:
    """Times and exact amounts become JSON on the way in, and JSON becomes Python values on the way out."""
    async with await open_pool(stack.database_url, size=2) as pool:
        value = {"at": datetime(2026, 11, 22, tzinfo=UTC), "amount": Decimal("1000.00"), "用": [1, None]}
        assert await pool.fetchval("SELECT $1::jsonb", value) == {
            "at": "2026-11-22T00:00:00Z",
            "amount": "1000.00",
            "用": [1, None],
        }


async def test_a_statement_that_takes_too_long_is_cancelled(stack: EmbeddedStack) -> None:
    """No statement holds a connection longer than the pool allows."""
    async with await open_pool(stack.database_url, size=1, statement_timeout=timedelta(milliseconds=50)) as pool:
        with pytest.raises(asyncpg.QueryCanceledError):
            await pool.execute("SELECT pg_sleep(5)")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("sojourn:", "stranger:"), "refuses this user or password"),
        (("@", "x@"), "refuses this user or password"),
        (("/sojourn$", "/atlantis"), "There is no database 127.0.0.1:.*/atlantis"),
        (("postgresql://", "mysql://"), "write it as postgresql://"),
    ],
)
async def test_a_database_that_cannot_be_had_says_why(stack: EmbeddedStack, change: tuple[str, str], said: str) -> None:
    """Each reason has its own sentence with a remedy, and none shows the password."""
    old, new = change
    url = re.sub(old, new, stack.database_url, count=1)
    with pytest.raises(DatabaseError, match=said) as caught:
        await open_pool(url)
    assert "DATABASE_URL" in str(caught.value)
    assert stack.secret("postgres") not in str(caught.value)


async def test_a_server_that_is_not_there_is_named(stack: EmbeddedStack) -> None:
    """When nobody listens, the message tells the place and how to start a local one."""
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:1/x cannot be reached: start it \(`starter\.py up`"):
        await open_pool("postgresql://me:secret@127.0.0.1:1/x")
