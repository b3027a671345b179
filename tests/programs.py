"""Programs of ours as processes, forked from one that has read their modules: a start takes a tenth of the time.

What starts is a process as any other, with its environment, its output, its exit code and its end by signals. That they
also start from nothing is shown by `starter.py up` (tests/cli/test_up.py).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


class Process:
    """A program that runs, as `asyncio.subprocess.Process` has it."""

    def __init__(self, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.pid = 0
        self.returncode: int | None = None
        self._ending: asyncio.Task[int] | None = None

    async def begin(self, keeper: asyncio.StreamReader) -> None:
        """Learn its process id, and wait from now on for its end."""
        self.pid = int(await keeper.readline())
        self._ending = asyncio.create_task(self._end(keeper))

    async def wait(self) -> int:
        """Wait for its end: its exit code, or minus the signal that ended it."""
        assert self._ending is not None
        return await asyncio.shield(self._ending)

    async def communicate(self) -> tuple[bytes, bytes]:
        """All that it says until its end."""
        output, errors, _ = await asyncio.gather(self.stdout.read(), self.stderr.read(), self.wait())
        return output, errors

    def send_signal(self, sent: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, sent)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    async def _end(self, keeper: asyncio.StreamReader) -> int:
        code = int(await keeper.readline())
        self.returncode = code
        await keeper.read()
        return code


async def started(*arguments: str, environment: Mapping[str, str], folder: Path = ROOT) -> Process:
    """Start what Python would with these arguments: `worker.py`, or `-m` and a module."""
    order = {"arguments": arguments, "environment": dict(environment), "folder": str(folder)}
    pipes = [os.pipe() for _ in range(3)]
    writing = [end for _, end in pipes]
    orders, _ = _launcher()
    socket.send_fds(orders, [json.dumps(order).encode()], writing)
    for end in writing:
        os.close(end)
    output, errors, keeper = [await _reader(end) for end, _ in pipes]
    process = Process(output, errors)
    await process.begin(keeper)
    return process


async def _reader(end: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(end, "rb", 0)
    )
    return reader


@cache
def _launcher() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """One for the process that runs tests. It ends with it, when nobody holds the other end any more."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with closing(its):
        process = subprocess.Popen([sys.executable, "-m", "tests.launcher"], cwd=ROOT, stdin=its.fileno())
    return ours, process
