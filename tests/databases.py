"""Databases for tests. One with the whole schema and no rows is emptied after a test and given to the next one."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from activities.migrations import migrate
from embedded import EmbeddedStack

# What a test can change of a schema, of its rights, of the planner's statistics and of what the migrations wrote.
_LASTING = (
    "pg_attrdef",
    "pg_attribute",
    "pg_class",
    "pg_constraint",
    "pg_default_acl",
    "pg_event_trigger",
    "pg_index",
    "pg_namespace",
    "pg_policy",
    "pg_proc",
    "pg_rewrite",
    "pg_statistic",
    "pg_trigger",
    "pg_type",
    "public._pogo_migration",
    "public._pogo_version",
)

# A row that was written later has a higher xmin, and one that went is missing in the count.
_SIGNATURE = " UNION ALL ".join(
    (
        *(f"SELECT '{name}', count(*), max(xmin::text::bigint) FROM {name}" for name in _LASTING),  # noqa: S608
        "SELECT 'owner and rights', 1, xmin::text::bigint FROM pg_database WHERE datname = current_database()",
        "SELECT 'settings', count(*), 0 FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase"
        " WHERE datname = current_database()",
        "SELECT 'vacuumed', count(*), 0 FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relpages > 0",
    )
)

_END_CONNECTIONS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""

_SIZE = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relnamespace = 'public'::regnamespace"

# As a replica does it: no trigger keeps the books, and none looks for what is referred to.
_EMPTY = """
    DO $$
    DECLARE
        book regclass;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR book IN SELECT oid FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT starts_with(relname, '_pogo_')
        LOOP
            EXECUTE format('DELETE FROM %s', book);
        END LOOP;
        PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
    END
    $$
"""

_LARGE = 8 * 2**20
"""Bytes: emptying leaves dead rows behind, and with so many a new database is cheaper."""


@dataclass(frozen=True)
class _Database:
    """The connection stays open: to a new one PostgreSQL would explain the whole schema each time."""

    name: str
    connection: asyncpg.Connection[asyncpg.Record]
    signature: list[asyncpg.Record]

    async def emptied(self) -> bool:
        """Whether it is again as it was made: only rows were written, and they are gone."""
        await self.connection.execute(_END_CONNECTIONS)
        if await self.connection.fetch(_SIGNATURE) != self.signature:
            return False
        if await self.connection.fetchval(_SIZE) > _LARGE:
            return False
        await self.connection.execute(_EMPTY)
        return True


@asynccontextmanager
async def login(stack: EmbeddedStack, url: str, *, name: str = "stranger", roles: str = "") -> AsyncIterator[str]:
    """The address of a database for a login that owns nothing, a member of `roles` (as in `IN ROLE sojourn_app`)."""
    owner = await asyncpg.connect(url)
    await owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'test' {roles}")
    try:
        yield url.replace(f"sojourn:{stack.secret('postgres')}@", f"{name}:test@")
    finally:
        # What it made and what it was given would keep it.
        await owner.execute(f"DROP OWNED BY {name}")
        await owner.execute(f"DROP ROLE {name}")
        await owner.close()


class Databases:
    """The databases of one server."""

    def __init__(self, stack: EmbeddedStack, template: str) -> None:
        self._stack = stack
        self._template = template
        self._numbers = itertools.count(1)
        self._empty: list[_Database] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[str]:
        """The address of a migrated database without rows, as long as the block lasts."""
        database = self._empty.pop() if self._empty else await self._make()
        try:
            yield self._stack.postgres.url(database.name)
        finally:
            if await database.emptied():
                self._empty.append(database)
            else:
                await self._drop(database)

    async def close(self) -> None:
        """Drop what was kept for the next test."""
        for database in self._empty:
            await self._drop(database)

    async def _make(self) -> _Database:
        name = f"test_{next(self._numbers)}"
        await administer(self._stack, f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy")
        connection = await asyncpg.connect(self._stack.postgres.url(name))
        return _Database(name, connection, await connection.fetch(_SIGNATURE))

    async def _drop(self, database: _Database) -> None:
        await database.connection.close()
        await drop(self._stack, database.name)


async def make_template(stack: EmbeddedStack) -> str:
    """The name of a database with the whole schema and no rows, to be copied and never used."""
    await administer(stack, "CREATE DATABASE migrated")
    await migrate(stack.postgres.url("migrated"))
    return "migrated"


async def administer(stack: EmbeddedStack, statement: str) -> None:
    """Carry out a statement that concerns whole databases."""
    connection = await asyncpg.connect(stack.postgres.url("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def drop(stack: EmbeddedStack, name: str) -> None:
    """Drop a database, whoever uses it."""
    await administer(stack, f"DROP DATABASE {name} WITH (FORCE)")
