"""Whole journeys per second, against the same journey by hand and against the least that Temporal can be asked for.

A closed loop: so many customers are in flight, each registers, gets two messages and ends; then the next one starts.
The ten business days pass in eight seconds of timers. Each way has a worker process of its own, on the same
servers; only one is at work at a time. Customers are let in as fast as they finish, and so many are in flight as keep
the machine busy. No way skips a wait, however late: that would cost nothing.
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
BUSINESS, REAL, GRACE = timedelta(days=10), timedelta(seconds=8), timedelta(seconds=0.05)
CROWDED = 1.35
"""So many times the customers who would be in flight if nobody had to wait for the machine."""

LEAST_IN_FLIGHT = 16
SUPPOSED = 20.0
"""Journeys a second that a way is supposed to be good for before it has shown what it can do."""

ENROLLED = 2500
"""More customers than a round can take."""

LOOKED_AT = 10
"""Customers whose histories are counted after each round."""

RECENT = timedelta(seconds=3)
"""How far back the number of those who finished is looked at."""


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
    """Measure all three, alternating."""
    async with AsyncExitStack() as opened:
        workers = {
            kind: await opened.enter_async_context(worker_process(ground, kind, f"journeys-{kind}"))
            for kind in ("ours", "handwritten", "bare")
        }
        measure = {way.name: _measured(ground, way) for way in _ways(ground, workers)}
        await alternate(measure, 1, lambda text: ground.show(f"warming up, {text}"))
        return _report(await alternate(measure, 2 if ground.quick else 4, ground.show))


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


def _measured(ground: Ground, way: Way) -> Callable[[int], Awaitable[Sample]]:
    numbers = itertools.count(1)
    shown = [SUPPOSED]

    async def one(number: int) -> Sample:
        prefix = f"{way.worker.task_queue}-{next(numbers)}"
        names = [f"{prefix}-{each}" for each in range(ENROLLED)]
        if way.known:
            await allow(ground.pool, names)
        loop = _Loop(ground, way, names, shown[-1])
        try:
            sample = await loop.measure()
            shown.append(sample.per_second)
            return sample
        finally:
            await ground.terminate(loop.started)

    return one


class _Loop:
    """A closed loop of one round."""

    def __init__(self, ground: Ground, way: Way, names: Sequence[str], supposed: float) -> None:
        self.started: list[str] = []
        self._ground = ground
        self._way = way
        self._waiting = iter(names)
        self._supposed = supposed
        self._began = time.perf_counter()
        self._free = asyncio.Semaphore(0)
        self._let_in = 0
        self._finished = [(time.perf_counter(), 0)]

    async def measure(self) -> Sample:
        """Let customers in for a while, then let them finish."""
        before, cpu = await self._way.finished(), self._cpu()
        starters = [asyncio.create_task(self._start()) for _ in range(AT_ONCE)]
        warm, window = timedelta(seconds=16), timedelta(seconds=8 if self._ground.quick else 15)
        await self._follow(before, warm, letting_in=True)
        at, count = self._finished[-1]
        await self._follow(before, window, letting_in=True)
        then, after = self._finished[-1]
        await self._follow(before, timedelta(minutes=2), letting_in=False)
        for one in starters:
            one.cancel()
        spent = {name: (now - cpu[name]) * 1000 / len(self.started) for name, now in self._cpu().items()}
        counted = [await self._counted(customer) for customer in self._looked_at()]
        means = (statistics.fmean(column) for column in zip(*counted, strict=True))
        return Sample((after - count) / (then - at), spent, *means)

    async def _start(self) -> None:
        way = self._way
        while True:
            await self._free.acquire()
            customer = next(self._waiting)
            self.started.append(customer)
            clock = sped_up(BORN, BUSINESS, REAL, GRACE)
            registered = event("app_registered", BORN, customer)
            await self._ground.signal(customer, registered, way.worker.task_queue, way.start(clock), way.workflow)

    async def _follow(self, before: int, length: timedelta, *, letting_in: bool) -> None:
        """Look who has finished; let others in, or return when nobody is left."""
        end = time.perf_counter() + length.total_seconds()
        while (now := time.perf_counter()) < end:
            finished = await self._way.finished() - before
            self._finished.append((now, finished))
            if letting_in:
                self._let_some_in(finished)
            if not letting_in and finished == self._let_in:
                return
            await asyncio.sleep(0.02)
        assert letting_in, f"{self._way.name}: customers who do not finish"

    def _let_some_in(self, finished: int) -> None:
        """One after the other, or all would move in step for the whole round."""
        for _ in range(min(self._room() - (self._let_in - finished), 2)):
            self._let_in += 1
            self._free.release()

    def _room(self) -> int:
        """How many may be in flight: by how many finished of late."""
        now, count = self._finished[-1]
        then, before = next(one for one in self._finished if one[0] >= now - RECENT.total_seconds())
        known = now - self._began > (REAL + RECENT).total_seconds()
        rate = (count - before) / (now - then) if known else self._supposed
        return max(round(CROWDED * rate * (REAL + 2 * GRACE).total_seconds()), LEAST_IN_FLIGHT)

    def _looked_at(self) -> Sequence[str]:
        """Customers from the middle of the round."""
        middle = len(self.started) // 2
        return self.started[middle : middle + LOOKED_AT]

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


def _report(samples: Mapping[str, Sequence[Sample]]) -> Report:
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
            f"Ten days pass in {REAL.total_seconds():g} s of timers.",
            "Who comes late to a wait still waits for what may be on its way.",
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
