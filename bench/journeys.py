"""Whole journeys per second, against the same journey by hand and against the least that Temporal can be asked for.

A closed loop: so many customers are in flight, each registers, gets two messages and ends; then the next one starts.
The ten business days pass in a second and a half of timers. Each way has a worker process of its own, on the same
servers, and as many customers in flight as keep it busy; only one way is at work at a time.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
from temporalio.api.enums.v1 import EventType

from activities.contracts import workflow_id
from bench.child import WorkerProcess, worker_process
from bench.ground import AT_ONCE, Ground, allow, cpu_seconds, event, sped_up
from bench.measure import alternate, ratio, spread
from bench.report import Line, Report, at_least
from rules.clock import Clock

BORN = datetime(2026, 1, 1, tzinfo=UTC)
BUSINESS, REAL, GRACE = timedelta(days=10), timedelta(seconds=1.5), timedelta(seconds=0.05)
CROWDED = 1.6
"""So many times the customers who would be in flight if nobody had to wait for the machine."""

LOOKED_AT = 10
"""Customers whose histories are counted after each round."""


@dataclass(frozen=True, slots=True)
class Load:
    """How many customers a round has, and how many of them at once."""

    customers: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one way: journeys a second, processor milliseconds a journey, and what the histories hold."""

    per_second: float
    cpu: Mapping[str, float]
    events: float
    timers: float
    activities: float


@dataclass(frozen=True)
class Way:
    """One way to run the journey."""

    name: str
    workflow: str
    worker: WorkerProcess
    start: Callable[[Clock], Any]
    finished: Callable[[], Awaitable[int]]
    known: bool = True
    """Whether its customers are in the books."""


async def run(ground: Ground) -> Report:
    """Find out how much each takes, then measure all three, alternating."""
    async with AsyncExitStack() as opened:
        workers = {
            kind: await opened.enter_async_context(worker_process(ground, kind, f"journeys-{kind}"))
            for kind in ("ours", "handwritten", "bare")
        }
        loads: dict[str, Load] = {}
        measure = {way.name: _measured(ground, way, loads) for way in _ways(ground, workers)}
        warm = await alternate(measure, 1, lambda text: ground.show(f"warming up, {text}"))
        loads |= {name: _load(samples[0], ground.quick) for name, samples in warm.items()}
        samples = await alternate(measure, 2 if ground.quick else 6, ground.show)
    return _report(samples, loads)


def _ways(ground: Ground, workers: Mapping[str, WorkerProcess]) -> list[Way]:
    async def ended() -> int:
        return int(await ground.pool.fetchval("SELECT count(*) FROM journey_run WHERE ended_at IS NOT NULL"))

    async def counted() -> int:
        return workers["bare"].finished.value

    wait = (REAL + 2 * GRACE).total_seconds()
    return [
        Way("Sojourn", "CustomerLifecycle", workers["ours"], lambda clock: {"clock": clock}, ended),
        Way("by hand", "HandwrittenOnboarding", workers["handwritten"], lambda clock: {"clock": clock}, ended),
        Way("bare", "Bare", workers["bare"], lambda clock: wait, counted, known=False),
    ]


def _load(warm: Sample, quick: bool) -> Load:
    waits = (REAL + 2 * GRACE).total_seconds()
    return Load(
        customers=max(round(warm.per_second * (5 if quick else 12)), 40),
        in_flight=max(round(CROWDED * warm.per_second * waits), 16),
    )


def _measured(ground: Ground, way: Way, loads: Mapping[str, Load]) -> Callable[[int], Awaitable[Sample]]:
    numbers = itertools.count(1)

    async def one(number: int) -> Sample:
        load = loads.get(way.name, Load(customers=100, in_flight=50))
        names = [f"{way.worker.task_queue}-{next(numbers)}-{each}" for each in range(load.customers)]
        if way.known:
            await allow(ground.pool, names)
        try:
            return await _Loop(ground, way, load, names).measure()
        finally:
            await ground.terminate(names)

    return one


class _Loop:
    """A closed loop of one round."""

    def __init__(self, ground: Ground, way: Way, load: Load, names: Sequence[str]) -> None:
        self._ground = ground
        self._way = way
        self._load = load
        self._names = names
        self._waiting = iter(names)
        self._free = asyncio.Semaphore(0)
        self._last_start = 0.0
        self._finished = [(0.0, 0)]

    async def measure(self) -> Sample:
        """Run all customers of the round."""
        before = await self._way.finished()
        cpu = self._cpu()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._start())
            group.create_task(self._fill())
            await self._follow(before)
        spent = {name: (after - cpu[name]) * 1000 / self._load.customers for name, after in self._cpu().items()}
        counted = [await self._counted(customer) for customer in self._names[-LOOKED_AT:]]
        return Sample(self._rate(), spent, *(statistics.fmean(column) for column in zip(*counted, strict=True)))

    async def _fill(self) -> None:
        """The first customers come in evenly, or all would move in step for the whole round."""
        for _ in range(self._load.in_flight):
            self._free.release()
            await asyncio.sleep(REAL.total_seconds() / self._load.in_flight)

    async def _start(self) -> None:
        way = self._way
        for customer in self._waiting:
            await self._free.acquire()
            clock = sped_up(BORN, BUSINESS, REAL, GRACE)
            registered = event("app_registered", BORN, customer)
            await self._ground.signal(customer, registered, way.worker.task_queue, way.start(clock), way.workflow)
            self._last_start = time.perf_counter()

    async def _follow(self, before: int) -> None:
        """Let one in for each who has finished, until all have."""
        released = 0
        while released < self._load.customers:
            finished = await self._way.finished() - before
            self._finished.append((time.perf_counter(), finished))
            for _ in range(finished - released):
                self._free.release()
            released = finished
            await asyncio.sleep(0.02)
        for _ in range(AT_ONCE):
            self._free.release()

    def _rate(self) -> float:
        """Journeys a second while the loop was full: from the first end to the last start."""
        full = [(at, count) for at, count in self._finished if count and at <= self._last_start]
        if len(full) < 2:
            full = self._finished[1:]
        (began, first), (ended, last) = full[0], full[-1]
        return (last - first) / (ended - began)

    def _cpu(self) -> dict[str, float]:
        own = psutil.Process(os.getpid()).cpu_times()
        spent = {
            name: cpu_seconds(pid) for name, pid in {"worker": self._way.worker.pid, **self._ground.pids()}.items()
        }
        return {**spent, "client": own.user + own.system}

    async def _counted(self, customer: str) -> tuple[int, int, int]:
        handle = self._ground.client.get_workflow_handle(workflow_id(customer))
        kinds = Counter(one.event_type for one in (await handle.fetch_history()).events)
        return (
            sum(kinds.values()),
            kinds[EventType.EVENT_TYPE_TIMER_STARTED],
            kinds[EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED],
        )


def _report(samples: Mapping[str, Sequence[Sample]], loads: Mapping[str, Load]) -> Report:
    rates = {name: [one.per_second for one in of] for name, of in samples.items()}
    spent = {name: [sum(one.cpu.values()) for one in of] for name, of in samples.items()}
    return Report(
        "Whole journeys: registered, welcomed, reminded, ended",
        [
            *_against("by hand", rates, spent, 0.9),
            *_against("bare", rates, spent, 0.75),
            *(
                Line(f"{name}: journeys per second", f"{(one := spread(values)).median:.1f}", one.quartiles(digits=1))
                for name, values in rates.items()
            ),
            *(line for name, of in samples.items() for line in _costs(name, of)),
        ],
        (
            f"Ten days pass in {REAL.total_seconds():g} s of timers. In flight: "
            + ", ".join(f"{name} {load.in_flight} of {load.customers}" for name, load in loads.items())
            + ".",
            "Processor time is that of the whole round, all four processes; the client is what sends the events.",
        ),
    )


def _against(
    other: str, rates: Mapping[str, Sequence[float]], spent: Mapping[str, Sequence[float]], budget: float
) -> list[Line]:
    fast, cheap = ratio(rates["Sojourn"], rates[other]), ratio(spent[other], spent["Sojourn"])
    return [
        at_least(f"journeys per second, Sojourn / {other}", fast.median, fast.quartiles(), budget),
        Line(f"journeys per processor second, Sojourn / {other}", f"{cheap.median:.2f}", cheap.quartiles()),
    ]


def _costs(name: str, samples: Sequence[Sample]) -> list[Line]:
    cpu = {place: statistics.median(one.cpu[place] for one in samples) for place in samples[0].cpu}
    events, timers, activities = (
        statistics.median(values) for values in zip(*((s.events, s.timers, s.activities) for s in samples), strict=True)
    )
    return [
        Line(
            f"{name}: processor a journey",
            f"{sum(cpu.values()):.1f} ms",
            ", ".join(f"{place} {value:.1f}" for place, value in cpu.items()),
        ),
        Line(f"{name}: history", f"{events:.0f} events", f"{timers:.1f} timers, {activities:.1f} activities"),
    ]
