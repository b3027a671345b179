"""Keeping a stack and its programs running: what dies is started again, the others go on."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from embedded.process import Program, Service
from embedded.stack import EmbeddedStack
from errors import StackError

Report = Callable[[str], None]
Prepare = Callable[[EmbeddedStack], Awaitable[Sequence[Program]]]
Ready = Callable[[EmbeddedStack], None]

_FIRST_PAUSE = timedelta(milliseconds=200)
_LONGEST_PAUSE = timedelta(seconds=30)
_SETTLED = timedelta(seconds=30)


async def keep_running(
    state_folder: Path,
    prepare: Prepare,
    report: Report,
    *,
    ready: Ready | None = None,
    stop: asyncio.Event | None = None,
    codec: bool = False,
) -> None:
    """Run the stack and the programs that `prepare` returns until SIGINT, SIGTERM or `stop`; then end all in order.

    `prepare` runs when both servers answer (migrate there); `ready` runs once when all programs are started.
    With `codec`, the UI has payloads decrypted by the web application.
    `report` gets one line for each death and each new start. StackError if the first start does not succeed.
    """
    ending = stop or asyncio.Event()
    with _ended_by_signals(ending):
        await _run(EmbeddedStack(state_folder, codec=codec), prepare, report, ready, ending)


async def _run(
    stack: EmbeddedStack, prepare: Prepare, report: Report, ready: Ready | None, ending: asyncio.Event
) -> None:
    async with stack:
        programs = await prepare(stack)
        for program in programs:
            program.live_in(stack.folder)
        services: list[Service] = [*stack.services, *programs]
        try:
            for program in programs:
                await program.start()
            if ready:
                ready(stack)
            await _watch_all(services, report, ending)
        finally:
            for program in reversed(programs):
                await program.stop()


@contextmanager
def _ended_by_signals(ending: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for each in signals:
        loop.add_signal_handler(each, ending.set)
    try:
        yield
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


async def _watch_all(services: Sequence[Service], report: Report, ending: asyncio.Event) -> None:
    """Watch each until the end is asked for; nobody is started again while all are being ended."""
    async with asyncio.TaskGroup() as group:
        watchers = [group.create_task(_watch(service, report)) for service in services]
        await ending.wait()
        for watcher in watchers:
            watcher.cancel()


async def _watch(service: Service, report: Report) -> None:
    """Start the service again each time it ends, at longer and longer intervals if it does not last."""
    pause = _FIRST_PAUSE
    while True:
        since = time.monotonic()
        code = await service.wait()
        if time.monotonic() - since > _SETTLED.total_seconds():
            pause = _FIRST_PAUSE
        report(f"{service.name} ended ({_cause(code)}); it is started again.")
        pause = await _start_again(service, report, pause)


async def _start_again(service: Service, report: Report, pause: timedelta) -> timedelta:
    """Try until it starts; return the pause that the next death has to wait."""
    while True:
        await asyncio.sleep(pause.total_seconds())
        pause = min(pause * 2, _LONGEST_PAUSE)
        try:
            await service.start()
        except StackError as error:
            report(f"{service.name}: {error} It is tried again in {pause.total_seconds():.0f} s.")
        else:
            report(f"{service.name} runs again.")
            return pause


def _cause(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
