"""Which servers a command speaks to: those of the environment, else those that `starter.py up` keeps running here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from embedded import Addresses

_TEMPORAL_IS_NAMED_BY = ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE")


def local_stack(settings: Settings) -> Addresses | None:
    """The stack that runs in this folder; None if none does, or if the environment names a server.

    It is taken whole or not at all: an event for the engine of one must not meet the database of another.
    """
    if settings.database_url is not None or any(os.environ.get(name) for name in _TEMPORAL_IS_NAMED_BY):
        return None
    from embedded import running_stack

    return running_stack(settings.state_folder)


async def connect_temporal(settings: Settings) -> Client:
    """A client of Temporal. EngineError if it cannot be reached, SettingsError if it needs a key and there is none."""
    from engine import connect

    if (stack := local_stack(settings)) is None:
        return await connect(keys=settings.require_payload_keys())
    # Whatever a person has configured for a server elsewhere does not concern this one.
    here = {"target_host": stack.temporal_address, "namespace": "default", "tls": False, "api_key": None}
    return await connect(here, keys=settings.payload_keys)
