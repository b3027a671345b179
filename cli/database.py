"""The database of a command: where it is, and what is said when it goes away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from activities.database import Connection, connect, restrict
from activities.migrations import ensure_migrated
from cli.servers import local_stack, temporal_is_named_by
from errors import DatabaseError, SettingsError
from settings import Settings


def database_url(settings: Settings) -> str:
    """DATABASE_URL, or else the stack that `starter.py up` keeps running here. SettingsError if there is neither."""
    stack = local_stack(settings)
    if stack is None and settings.database_url is None and (named := temporal_is_named_by()):
        raise SettingsError(
            f"There is no database: {' and '.join(named)} names a Temporal elsewhere, so that the stack of `starter.py"
            f" up` is not used: unset {' and '.join(named)} for that stack, or set DATABASE_URL, too."
        )
    return stack.database_url if stack else settings.require_database_url()


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Connection]:
    """A connection to a database with our schema. DatabaseError says why there is none, or why it went away."""
    url = database_url(settings)
    await ensure_migrated(url)
    connection = await connect(url)
    try:
        await restrict(connection)
        yield connection
    except (ConnectionError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError) as error:
        raise DatabaseError(
            "The database went away in the middle: run the command again; what was written stays,"
            " and nothing is written twice."
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseError(f"The database does not allow it ({error}): grant its user what is missing.") from error
    finally:
        await connection.close()
