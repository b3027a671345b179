"""A worker in a process of its own, so that what it costs can be told from what its customers cost."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized

import psutil
import structlog
from temporalio.client import Client
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig
from temporalio.worker import Worker

from activities.contracts import channel_queue
from activities.database import open_pool
from activities.registry import Activities
from activities.world import World
from bench.bare import Bare, Counting, CountingUnderOurName, Pushes
from bench.ground import Ground, world
from bench.handwritten import HandwrittenOnboarding
from bench.handwritten_books import Books
from engine import connect
from journeys.names import Channel
from stand_in import StandIn
from worker import running, workers

_STARTS_WITHIN = 60.0


@dataclass(frozen=True)
class _Order:
    """What a child is to run, as plain values that can be handed to another process."""

    kind: str
    temporal_address: str
    database_url: str
    task_queue: str
    cached: int
    compiled: str
    """A folder for compiled modules, so that nothing is written into the project."""


@dataclass(frozen=True)
class WorkerProcess:
    """A worker at work elsewhere; `finished` counts what the bare journey has finished."""

    pid: int
    task_queue: str
    finished: Synchronized[int]

    @property
    def resident(self) -> int:
        """Its memory in bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)


@asynccontextmanager
async def worker_process(
    ground: Ground, kind: str, task_queue: str, *, cached: int = 5000
) -> AsyncIterator[WorkerProcess]:
    """A worker of a kind (a key of `KINDS`) that runs as long as the block does."""
    spawn = multiprocessing.get_context("spawn")
    finished: Synchronized[int] = spawn.Value("q", 0)
    ours, theirs = spawn.Pipe()
    folder = tempfile.TemporaryDirectory(prefix="sojourn-bench-")
    order = _Order(kind, ground.stack.temporal_address, ground.stack.database_url, task_queue, cached, folder.name)
    process = spawn.Process(target=_main, args=(order, finished, theirs), daemon=True)
    process.start()
    assert process.pid is not None
    try:
        if not await asyncio.to_thread(ours.poll, _STARTS_WITHIN):
            raise TimeoutError(f"the worker process {kind!r} did not start")
        ours.recv()
        yield WorkerProcess(process.pid, task_queue, finished)
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        folder.cleanup()


def _main(order: _Order, finished: Synchronized[int], ready: Connection) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    # The sandbox imports workflow modules anew for every customer; they are compiled once, as Python does by default.
    sys.dont_write_bytecode, sys.pycache_prefix = False, order.compiled
    asyncio.run(_work(order, finished, ready))


async def _work(order: _Order, finished: Synchronized[int], ready: Connection) -> None:
    # What Temporal's core says of tasks that took long on a busy machine is no news here.
    runtime = Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="ERROR")))
    client = await connect({"target_host": order.temporal_address, "runtime": runtime})
    pool = await open_pool(order.database_url, restricted=True)
    async with running(KINDS[order.kind](client, world(pool), order, finished)):
        ready.send("ready")
        await asyncio.Event().wait()


def _ours(client: Client, world: World, order: _Order, finished: Synchronized[int]) -> Sequence[Worker | StandIn]:
    return workers(client, world, task_queue=order.task_queue, max_cached_workflows=order.cached)


def _handwritten(
    client: Client, world: World, order: _Order, finished: Synchronized[int]
) -> Sequence[Worker | StandIn]:
    books = Books(world.pool)
    lives = Worker(
        client,
        task_queue=order.task_queue,
        workflows=[HandwrittenOnboarding],
        activities=[books.open_onboarding, books.record_event, books.has_happened, books.end_onboarding],
        no_remote_activities=True,
        max_cached_workflows=order.cached,
    )
    sends = [
        Worker(client, task_queue=channel_queue(channel, order.task_queue), activities=Activities(world).remote)
        for channel in Channel
    ]
    return [lives, *sends]


def _bare(client: Client, world: World, order: _Order, finished: Synchronized[int]) -> Sequence[Worker | StandIn]:
    pushes = Pushes(finished)
    return [
        Worker(
            client,
            task_queue=order.task_queue,
            workflows=[Bare],
            activities=[pushes.first_push, pushes.second_push],
            max_cached_workflows=order.cached,
        )
    ]


def _counting(client: Client, world: World, order: _Order, finished: Synchronized[int]) -> Sequence[Worker | StandIn]:
    return [
        Worker(
            client,
            task_queue=order.task_queue,
            workflows=[Counting, CountingUnderOurName],
            max_cached_workflows=order.cached,
        )
    ]


KINDS: Mapping[str, Callable[[Client, World, _Order, Synchronized[int]], Sequence[Worker | StandIn]]] = {
    "ours": _ours,
    "handwritten": _handwritten,
    "bare": _bare,
    "counting": _counting,
}
