"""The pool of connections to PostgreSQL, and what is said when there is none to be had."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeAlias
from urllib.parse import urlsplit

import asyncpg
from pydantic_core import to_json

from errors import DatabaseError

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
PoolConnection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
AnyConnection: TypeAlias = "Connection | PoolConnection"

STATEMENT_TIMEOUT = timedelta(seconds=10)
CONNECT_TIMEOUT = timedelta(seconds=5)

# What asyncpg raises when a connection cannot be had at all.
CONNECT_PROBLEMS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError)


class _Connection(asyncpg.Connection):
    """A connection that is given back as it is: nothing of ours outlives its transaction, and the reset that asyncpg
    makes at every return would be one more round trip for each statement.
    """

    __slots__ = ()

    def get_reset_query(self) -> str:
        """Nothing."""
        return ""


async def open_pool(
    url: str,
    *,
    size: int = 16,
    statement_timeout: timedelta = STATEMENT_TIMEOUT,
    name: str = "sojourn",
    restricted: bool = False,
) -> Pool:
    """Open a pool of at most `size` connections; `jsonb` columns are read and written as Python values.

    A statement that takes longer than `statement_timeout` is cancelled by the server. `name` is what
    `pg_stat_activity` shows. `restricted` takes the rights of the running product alone. DatabaseError says why the
    database cannot be used, and what to do.
    """
    try:
        return await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            init=_set_up_restricted if restricted else set_codecs,
            connection_class=_Connection,
            timeout=CONNECT_TIMEOUT.total_seconds(),
            # A little later than the server's own limit: it answers with a cleaner error.
            command_timeout=statement_timeout.total_seconds() + 1,
            server_settings={
                "application_name": name,
                "statement_timeout": str(int(statement_timeout.total_seconds() * 1000)),
                "idle_in_transaction_session_timeout": "60000",
            },
        )
    except CONNECT_PROBLEMS as error:
        raise why_not(error, url) from error


async def connect(url: str) -> Connection:
    """One connection without a statement timeout, for what may take long; DatabaseError as for the pool."""
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT.total_seconds())
    except CONNECT_PROBLEMS as error:
        raise why_not(error, url) from error
    await set_codecs(connection)
    return connection


async def restrict(connection: Connection) -> None:
    """Give up all rights but those of the running product, where the role exists and the login may take it."""
    await connection.execute(
        """
        SELECT set_config('role', rolname, false) FROM pg_roles
        WHERE rolname = 'sojourn_app' AND pg_has_role(
            session_user, oid,
            CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
        """
    )


@contextmanager
def membership_told() -> Iterator[None]:
    """DatabaseError if the login lacks a right that the role of the running product would give it."""
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseError(
            f"The login of DATABASE_URL is no member of sojourn_app, or does not inherit its rights ({error}): let an"
            " administrator run `GRANT sojourn_app TO …` (Database rights in docs/production.md)."
        ) from error


async def may_rewrite_books(connection: AnyConnection) -> bool:
    """Whether this connection could change a decision record or delete one, if only by what the owner then calls."""
    return bool(
        await connection.fetchval(
            """
            SELECT has_table_privilege('touch', 'DELETE') OR has_table_privilege('touch', 'TRUNCATE')
                OR has_column_privilege('touch', 'facts', 'UPDATE')
                OR has_schema_privilege('public', 'CREATE')
            """
        )
    )


async def _set_up_restricted(connection: Connection) -> None:
    await set_codecs(connection)
    await restrict(connection)


async def set_codecs(connection: Connection) -> None:
    """Read and write `jsonb` as Python values; models, dates and decimals become JSON on the way in."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: to_json(value).decode(),
        decoder=json.loads,
    )


def why_not(error: Exception, url: str) -> DatabaseError:
    """Why the database cannot be used, and what to do; without the password."""
    place = _place(url)
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return DatabaseError(f"The database at {place} refuses this user or password: correct DATABASE_URL.")
        case asyncpg.InvalidCatalogNameError():
            return DatabaseError(f"There is no database {place}: create it (createdb), or correct DATABASE_URL.")
        case asyncpg.TooManyConnectionsError():
            return DatabaseError(
                f"The database at {place} has no connection left: lower SOJOURN_POOL_SIZE, run fewer workers, "
                "or raise max_connections there."
            )
        case asyncpg.CannotConnectNowError():
            return DatabaseError(f"The database at {place} is starting or stopping: try again in a moment.")
        case OSError():
            return DatabaseError(
                f"The database at {place} cannot be reached: start it (`starter.py up` for a local one), "
                "or correct DATABASE_URL."
            )
        case ValueError() | asyncpg.InterfaceError():
            return DatabaseError(
                "DATABASE_URL cannot be used: write it as postgresql://user:password@host:port/name, "
                "with special characters of the password percent-encoded."
            )
        case _:
            return DatabaseError(f"The database at {place} refuses the connection ({error}): correct DATABASE_URL.")


def _place(url: str) -> str:
    """Host, port and name of the address; nothing of the user and the password."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or 'the local socket'}:{parts.port or 5432}{parts.path}"
    except ValueError:
        return "the address in DATABASE_URL"


def columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows as the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
