"""The schema: which migrations there are, which are missing, and applying them. The SQL is in `migrations/`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from pogo_core.error import BadMigrationError
from pogo_core.migration import Migration, topological_sort
from pogo_core.util import migrate as pogo
from pogo_core.util import sql

from activities.database import Connection, connect, membership_told
from errors import DatabaseError, MigrationMissing

MIGRATIONS = Path(__file__).parent.parent / "migrations"

_SCHEMA = "public"
# Any number will do, as long as nobody else locks it ("sojourn" in ASCII, cut to 63 bits).
_LOCK = 0x736F6A6F75726E
_quiet = logging.getLogger("sojourn.migrations")
_quiet.setLevel(logging.ERROR)


async def migrate(database_url: str, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing, in order, each in a transaction of its own; return the names of what was applied.

    Two at once wait for each other. DatabaseError names the migration that failed, and why, or says that the login
    may not migrate.
    """
    async with _locked(database_url) as connection:
        try:
            missing = await _missing(connection, folder)
            await pogo.apply(connection, folder, schema_name=_SCHEMA, logger=_quiet)
        except BadMigrationError as error:
            raise _failed(error) from error
        except asyncpg.InsufficientPrivilegeError as error:
            raise _not_the_owner(error) from error
        return missing


async def pending(database_url: str, folder: Path = MIGRATIONS) -> list[str]:
    """The names of the migrations that the database lacks, in the order in which they apply. Changes nothing."""
    connection = await connect(database_url)
    try:
        return await _missing(connection, folder)
    finally:
        await connection.close()


async def ensure_migrated(database_url: str, folder: Path = MIGRATIONS) -> None:
    """MigrationMissing if the database is older than this code; DatabaseError if the login may not look."""
    with membership_told():
        missing = await pending(database_url, folder)
    if missing:
        raise MigrationMissing(f"The database lacks {', '.join(missing)}: run `starter.py migrate` first.")


async def _missing(connection: Connection, folder: Path) -> list[str]:
    migrations = await sql.read_migrations(folder, None, schema_name=_SCHEMA)
    applied = await _applied(connection)
    if all(migration.id in applied for migration in migrations):
        # As at nearly every start. Only to put them in order are they parsed, which takes 50 ms.
        return []
    try:
        return [migration.id for migration in _in_order(migrations) if migration.id not in applied]
    except BadMigrationError as error:
        raise _failed(error) from error


def _in_order(migrations: list[Migration]) -> list[Migration]:
    return topological_sort([migration.load() for migration in sorted(migrations, key=lambda each: each.id)])


async def _applied(connection: Connection) -> set[str]:
    if not await connection.fetchval("SELECT to_regclass('public._pogo_migration') IS NOT NULL"):
        return set()
    return await sql.get_applied_migrations(connection, schema_name=_SCHEMA)


@asynccontextmanager
async def _locked(database_url: str) -> AsyncIterator[Connection]:
    """A connection that alone may migrate. It asks again and again: one that waits inside a statement would
    hold a snapshot, and block an index that is built concurrently for ever.
    """
    connection = await connect(database_url)
    try:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        yield connection
    finally:
        await connection.close()


def _failed(error: BadMigrationError) -> DatabaseError:
    """What went wrong in which file; nothing of that file was kept."""
    cause = error.__cause__
    if isinstance(cause, asyncpg.InsufficientPrivilegeError):
        return _not_the_owner(cause)
    detail = f" ({cause})" if isinstance(cause, asyncpg.PostgresError) else ""
    what = str(error).rstrip(".")
    return DatabaseError(f"{what}{detail}: nothing of it was kept. Correct it, then run `starter.py migrate` again.")


def _not_the_owner(error: asyncpg.InsufficientPrivilegeError) -> DatabaseError:
    """A worker's login, most likely: it may use the tables, and not make them."""
    return DatabaseError(
        f"The login of DATABASE_URL may not migrate ({error}): run `starter.py migrate` with the login that owns the"
        " tables (Database rights in docs/production.md)."
    )
