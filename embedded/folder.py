"""The folder of one stack: who owns it, what it remembers, which processes it started."""

from __future__ import annotations

import fcntl
import os
import random
import secrets
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import psutil
from pydantic import BaseModel, Field, ValidationError

from errors import StackError

LOOPBACK = "127.0.0.1"
Model = TypeVar("Model", bound=BaseModel)

OTHER_PORTS = range(20_000, 32_000)

USUAL_PORTS = {"temporal": 7233, "temporal-ui": 8233, "temporal-http": 7243, "postgres": 5433, "web": 8480}
_LOCK_PATIENCE = timedelta(seconds=0.5)
_LEFTOVER_PATIENCE = timedelta(seconds=5)
_START_TOLERANCE_SECONDS = 2.0


class Addresses(BaseModel, frozen=True):
    """Where the servers of a stack are reached. The database's address holds its password."""

    database_url: str
    temporal_address: str
    ui_url: str
    http_url: str


class Memory(BaseModel):
    """What stays the same from one start to the next."""

    ports: dict[str, int] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)


class StartedProcess(BaseModel, frozen=True):
    """A process as it was started: its id, and when (seconds since 1970), because ids are used again."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> StartedProcess:
        return cls(pid=pid, started=psutil.Process(pid).create_time())

    def alive(self) -> psutil.Process | None:
        """The process if it still runs; None if it is gone, or if its id belongs to another by now."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) < _START_TOLERANCE_SECONDS and is_alive(process):
                return process
        return None


class _Children(BaseModel):
    """The processes that the owner of the folder has running, by name."""

    running: dict[str, StartedProcess] = Field(default_factory=dict)


class StackFolder:
    """The state folder. `own()` it before use, `release()` it after; the system releases it for a killed owner."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.memory = Memory()
        self._children = _Children()
        self._lock: int | None = None

    def own(self) -> None:
        """Take the folder, read what it remembers, and end what a killed owner left running.

        StackError if another process holds it, or if it cannot be written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _locked(self.path / "lock")
        except OSError as error:
            raise StackError(
                f"The state folder {self.path} cannot be used ({error.strerror}): "
                "choose another with SOJOURN_STATE, or correct its permissions."
            ) from None
        self.memory = _read(self.path / "memory.json", Memory)
        self._children = _read(self.path / "children.json", _Children)
        self._end_leftovers()

    def release(self) -> None:
        """Let another process own the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secret(self, name: str) -> str:
        """A random secret of this folder, made once and remembered."""
        if name not in self.memory.secrets:
            self.memory.secrets[name] = secrets.token_urlsafe(24)
            _write(self.path / "memory.json", self.memory)
        return self.memory.secrets[name]

    def choose_ports(self, names: Iterable[str], *, usual: bool) -> dict[str, int]:
        """A free port of loopback for each name: the remembered one, else the usual one if wanted, else any."""
        wanted = {name: self.memory.ports.get(name, USUAL_PORTS[name] if usual else 0) for name in names}
        with ExitStack() as held:
            chosen = {name: _free_port(port, held) for name, port in wanted.items()}
        self.memory.ports.update(chosen)
        _write(self.path / "memory.json", self.memory)
        return chosen

    async def on_free_ports(
        self, names: Sequence[str], serve: Callable[[Mapping[str, int]], Awaitable[None]], *, usual: bool
    ) -> None:
        """Start a server on chosen ports; on others if somebody took one between the choice and the start."""
        while True:
            ports = self.choose_ports(names, usual=usual)
            try:
                return await serve(ports)
            except StackError:
                if all(map(_is_free, ports.values())):
                    raise

    def record(self, name: str, pid: int) -> None:
        """Note a child, for an owner that comes after a kill -9 of this one."""
        with suppress(psutil.NoSuchProcess):
            self._children.running[name] = StartedProcess.of(pid)
        _write(self.path / "children.json", self._children)

    def forget(self, name: str) -> None:
        """Note that a child has ended."""
        self._children.running.pop(name, None)
        _write(self.path / "children.json", self._children)

    def _end_leftovers(self) -> None:
        alive = [process for child in self._children.running.values() if (process := child.alive())]
        end_processes(alive)
        self._children = _Children()
        _write(self.path / "children.json", self._children)


def end_processes(processes: Iterable[psutil.Process]) -> None:
    """Ask processes to end; after 5 seconds, end them. Each is known by id and start, so nobody else's is met."""
    alive = [process for process in processes if is_alive(process)]
    for each in (signal.SIGINT, signal.SIGKILL):
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(each)
        alive = _still_alive_after(alive, _LEFTOVER_PATIENCE)


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs. A zombie does not: where nobody collects orphans, as in many containers, it stays for ever."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _still_alive_after(processes: list[psutil.Process], patience: timedelta) -> list[psutil.Process]:
    deadline = time.monotonic() + patience.total_seconds()
    while alive := [process for process in processes if is_alive(process)]:
        if time.monotonic() > deadline:
            return alive
        time.sleep(0.02)
    return []


def holder(path: Path) -> int | None:
    """The id of the process that owns the state folder `path`; None if nobody does."""
    try:
        descriptor = os.open(path / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder_in(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def remembered(path: Path) -> Memory:
    """What the state folder `path` remembers, without owning it."""
    return _read(path / "memory.json", Memory)


def _locked(path: Path) -> int:
    """Lock the file for this process; the lock goes with the process, however it ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LOCK_PATIENCE.total_seconds()
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            pid = _holder_in(descriptor)
            os.close(descriptor)
            raise StackError(
                f"A stack already runs in {path.parent} (process {pid}): use it, end it with Ctrl-C or "
                f"`kill {pid}`, or give this one a folder of its own with SOJOURN_STATE."
            )
        time.sleep(0.05)
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder_in(descriptor: int) -> int:
    return int(os.pread(descriptor, 32, 0) or b"0")


def _free_port(wanted: int, held: ExitStack) -> int:
    """Bind the port, else any other, and hold it until all are chosen, so that no two are the same.

    Others come from below the range that the system takes for outgoing connections: one of those would snatch the
    port between the choice and the start of its server.
    """
    candidates = random.sample(OTHER_PORTS, k=200)
    for port in (wanted, *candidates) if wanted else candidates:
        with suppress(OSError):
            _bind(port, held)
            return port
    raise StackError(f"No port is free from {OTHER_PORTS.start} to {OTHER_PORTS.stop}: end what takes them all.")


def _is_free(port: int) -> bool:
    with ExitStack() as held, suppress(OSError):
        _bind(port, held)
        return True
    return False


def _bind(port: int, held: ExitStack) -> None:
    listener = held.enter_context(closing(socket.socket()))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))


def _read(path: Path, model: type[Model]) -> Model:
    """What the file holds; empty if there is none. StackError if it is not ours."""
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return model()
    except ValidationError:
        raise StackError(
            f"{path} is damaged: put a copy of it back, or delete {path.parent} to begin anew (its data go, too)."
        ) from None


def _write(path: Path, model: BaseModel) -> None:
    """Write whole or not at all, for its owner's eyes only."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(model.model_dump_json(indent=2))
    fresh.replace(path)
