"""Both servers together."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from embedded.folder import LOOPBACK, Addresses, StackFolder, holder, remembered
from embedded.identity import Identity
from embedded.postgres import DATABASE, USER, PostgresServer
from embedded.process import Service
from embedded.temporal import TemporalServer


class EmbeddedStack:
    """PostgreSQL and Temporal, started together.

    With a `state_folder` they are kept there, durable, at the same addresses at the next start. Without, they
    live in a temporary folder and in memory, and are gone at the end. `dynamic_config` sets values of Temporal's
    server beside ours; `identity` is whom PostgreSQL runs as (found out if not given). With `codec`, the UI asks the
    web application of this stack to decrypt payloads.
    """

    def __init__(
        self,
        state_folder: Path | None = None,
        *,
        dynamic_config: Mapping[str, str] | None = None,
        identity: Identity | None = None,
        codec: bool = False,
    ) -> None:
        self.codec = codec
        self._temporary = state_folder is None
        durable = not self._temporary
        self.folder = StackFolder(state_folder or Path(tempfile.mkdtemp(prefix="sojourn-")))
        self.postgres = PostgresServer(self.folder, durable=durable, identity=identity)
        self.temporal = TemporalServer(
            self.folder,
            durable=durable,
            dynamic_config=dynamic_config,
            codec=self._codec_endpoint if codec else None,
        )

    @property
    def services(self) -> tuple[Service, ...]:
        """Both, in the order of their start."""
        return (self.postgres, self.temporal)

    @property
    def database_url(self) -> str:
        """The address of the database, password and all."""
        return self.postgres.url()

    @property
    def temporal_address(self) -> str:
        """`host:port` for clients and workers."""
        return self.temporal.address

    @property
    def ui_url(self) -> str:
        """Temporal's UI for people."""
        return self.temporal.ui_url

    @property
    def http_url(self) -> str:
        """Temporal's HTTP API."""
        return self.temporal.http_url

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to use this stack."""
        return {
            "DATABASE_URL": self.database_url,
            "TEMPORAL_ADDRESS": self.temporal_address,
            "SOJOURN_ENVIRONMENT": "embedded",
        }

    def secret(self, name: str) -> str:
        """A random secret, made once and remembered with the state."""
        return self.folder.secret(name)

    def _codec_endpoint(self) -> str:
        """The UI can be told an address and nothing else, so the secret stands in it."""
        port = self.folder.choose_ports(["web"], usual=not self._temporary)["web"]
        return f"http://{LOOPBACK}:{port}/codec/as/{self.secret('codec')}"

    async def start(self) -> None:
        """Own the folder and start both at once; StackError, and nothing left running, if one does not start."""
        await asyncio.to_thread(self.folder.own)
        started = await asyncio.gather(*(each.start() for each in self.services), return_exceptions=True)
        problems = [each for each in started if isinstance(each, BaseException)]
        if problems:
            await self.stop()
            raise problems[0]

    async def stop(self) -> None:
        """Stop both, let go of the folder, and delete it if it was a temporary one."""
        for each in reversed(self.services):
            await each.stop()
        self.folder.release()
        if self._temporary:
            await asyncio.to_thread(shutil.rmtree, self.folder.path, ignore_errors=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def running_stack(state_folder: Path) -> Addresses | None:
    """Where the stack that runs in this folder is reached; None if none runs."""
    memory = remembered(state_folder)
    if holder(state_folder) is None or "postgres" not in memory.ports or "temporal" not in memory.ports:
        return None
    database = f"postgresql://{USER}:{memory.secrets['postgres']}@{LOOPBACK}:{memory.ports['postgres']}/{DATABASE}"
    return Addresses(
        database_url=database,
        temporal_address=f"{LOOPBACK}:{memory.ports['temporal']}",
        ui_url=f"http://{LOOPBACK}:{memory.ports['temporal-ui']}",
        http_url=f"http://{LOOPBACK}:{memory.ports['temporal-http']}",
    )
