"""Which servers a command speaks to: those of the environment, else those that `starter.py up` keeps running here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import asyncpg

from activities.database import connect as connect_database
from activities.known_keys import NO_KEY, KeyMark, known_keys
from errors import DatabaseError, SettingsError
from payload_keys import PayloadKey, PayloadKeys
from settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from embedded import Addresses

_TEMPORAL_IS_NAMED_BY = ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE")


def local_stack(settings: Settings) -> Addresses | None:
    """The stack that runs in this folder; None if none does, or if the environment names a server.

    It is taken whole or not at all: an event for the engine of one must not meet the database of another. Whose
    environment names the Temporal of this very stack, as the `temporal` command wants it, speaks to this stack.
    """
    named = temporal_is_named_by()
    if settings.database_url is not None or named not in ([], ["TEMPORAL_ADDRESS"]):
        return None
    from embedded import running_stack
    from embedded.folder import LOOPBACK

    stack = running_stack(settings.state_folder)
    if stack is None or not named:
        return stack
    host, _, port = os.environ["TEMPORAL_ADDRESS"].rpartition(":")
    here = f"{LOOPBACK if host == 'localhost' else host}:{port}"
    return stack if here == stack.temporal_address else None


def temporal_is_named_by() -> list[str]:
    """The variables of the environment that name a Temporal."""
    return [name for name in _TEMPORAL_IS_NAMED_BY if os.environ.get(name)]


async def connect_temporal(settings: Settings) -> Client:
    """A client of Temporal. EngineError if it cannot be reached, SettingsError if there is no key, or a wrong one."""
    from engine import connect

    stack = local_stack(settings)
    await _refuse_unknown_key(settings.payload_keys, stack.database_url if stack else _database_url(settings))
    if stack is None:
        return await connect(keys=_required_keys(settings))
    # Whatever a person has configured for a server elsewhere does not concern this one.
    here = {"target_host": stack.temporal_address, "namespace": "default", "tls": False, "api_key": None}
    return await connect(here, keys=settings.payload_keys)


def _required_keys(settings: Settings) -> PayloadKeys:
    """The keys for a Temporal that the environment names; SettingsError also if it names none."""
    named = [*(["DATABASE_URL"] if settings.database_url else []), *temporal_is_named_by()]
    if settings.payload_keys or settings.environment == "embedded":
        return settings.payload_keys
    if not named:
        raise SettingsError(
            "No stack runs in this folder: start one with `starter.py up` (SOJOURN_STATE names another folder), or set"
            " TEMPORAL_ADDRESS, DATABASE_URL and SOJOURN_PAYLOAD_KEYS for servers elsewhere."
        )
    raise SettingsError(
        f"{' and '.join(named)} {'names' if len(named) == 1 else 'name'} servers other than the stack of `starter.py"
        " up`, whose Temporal would keep customers' data readable: set SOJOURN_PAYLOAD_KEYS as the workers have it, or"
        f" unset {' and '.join(named)} for the stack that runs here."
    )


def _database_url(settings: Settings) -> str | None:
    return settings.database_url.get_secret_value() if settings.database_url else None


async def _refuse_unknown_key(keys: PayloadKeys, database_url: str | None) -> None:
    """SettingsError if no worker could read what would be sent: its customer would be held up until one can.

    Where the books cannot be asked nothing is refused: a command has to work while they are down.
    """
    if keys.encrypting is None or database_url is None:
        return
    try:
        connection = await connect_database(database_url)
    except DatabaseError:
        return
    try:
        known = await known_keys(connection)
    except asyncpg.PostgresError:
        return
    finally:
        await connection.close()
    if known and keys.encrypting.mark not in known:
        raise SettingsError(_not_theirs(keys.encrypting, known))


def _not_theirs(key: PayloadKey, known: set[KeyMark]) -> str:
    """What is wrong with a key that no worker has, and what to do."""
    if known == {NO_KEY}:
        return "Nothing was sent: the workers have no keys, and could not read it: unset SOJOURN_PAYLOAD_KEYS here."
    return (
        f"Nothing was sent: no worker has the key {key.id!r}, which stands first in SOJOURN_PAYLOAD_KEYS"
        f" here, and none could read it (they have {', '.join(sorted(id for id, _ in known if id))}): set"
        " SOJOURN_PAYLOAD_KEYS as the workers have it; a new key is given to them first."
    )
