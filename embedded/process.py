"""One child process: in a session of its own, its output in a file, ended by its id."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import psutil

from embedded.folder import StackFolder
from embedded.identity import Identity, Myself
from errors import StackError

GRACE = timedelta(seconds=10)


class Service(Protocol):
    """What can be started, waited for, and stopped."""

    name: str

    async def start(self) -> None:
        """Start it and wait until it serves; StackError says why it does not."""

    async def stop(self) -> None:
        """End it; nothing if it does not run."""

    async def wait(self) -> int:
        """Wait for its end: its exit code, or minus the signal that ended it."""


class Child:
    """One process, and its note in the state folder."""

    def __init__(self, folder: StackFolder, name: str, identity: Identity | None = None) -> None:
        self.name = name
        self.log = folder.path / f"{name}.log"
        self._folder = folder
        self._identity = identity or Myself()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None if it does not run."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process and running else None

    def listens_on(self, port: int) -> bool:
        """Whether it is this process that serves the port, and not somebody else's."""
        with suppress(psutil.NoSuchProcess):
            sockets = psutil.Process(self.pid).net_connections("tcp") if self.pid else []
            return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets)
        return False

    async def start(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        end_with_parent: str = "TERM",
        show_output: bool = False,
    ) -> None:
        """Start it. Its output goes to its log, or, with `show_output`, where ours goes."""
        command = self._identity.command(argv, end_with_parent=end_with_parent)
        output = None if show_output else os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if environment is None else {**os.environ, **environment},
                # A session of its own: a Ctrl-C at the terminal is for the supervisor alone.
                start_new_session=True,
            )
        except OSError as error:
            raise StackError(f"{argv[0]} cannot be started ({error.strerror}): run `make setup` again.") from None
        finally:
            if output is not None:
                os.close(output)
        self._folder.record(self.name, self._process.pid)

    async def wait(self) -> int:
        """Wait for its end: its exit code, or minus the signal that ended it. At once if it never ran."""
        return await self._process.wait() if self._process else 0

    async def stop(self, stop_signal: signal.Signals = signal.SIGTERM, grace: timedelta = GRACE) -> None:
        """Ask it to end; after `grace`, end it. What it started and left behind goes with it."""
        if self._process is None:
            return
        group = self._process.pid
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(stop_signal)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), grace.total_seconds())
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        await self._process.wait()
        self._process = None
        self._folder.forget(self.name)

    def last_words(self) -> str:
        """The end of its log."""
        return last_lines(self.log)


class Program:
    """A program of ours beside the servers: a worker, the web application."""

    def __init__(self, name: str, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._argv = tuple(argv)
        self._environment = dict(environment or {})
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None if it does not run."""
        return self._child.pid if self._child else None

    def live_in(self, folder: StackFolder) -> None:
        """Say which stack it belongs to; needed before the start."""
        self._child = Child(folder, self.name)

    async def start(self, *, show_output: bool = True) -> None:
        """Start it; its output goes where ours goes, or into the stack's folder."""
        await self._running().start(self._argv, environment=self._environment, show_output=show_output)

    async def stop(self) -> None:
        """Ask it to end, and end it after 10 seconds."""
        await self._running().stop()

    async def wait(self) -> int:
        """Wait for its end."""
        return await self._running().wait()

    def _running(self) -> Child:
        if self._child is None:
            raise StackError(f"The program {self.name} belongs to no stack: hand it to keep_running().")
        return self._child


def last_lines(log: Path, count: int = 3) -> str:
    """The last lines of a log, on one line; a word for none."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return " / ".join(line.strip() for line in lines[-count:] if line.strip()) or "it said nothing"
