"""From an event to its push, on a system that has nothing else to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from activities.channels import FOR_EVER, Accepted, Delivery, Message
from bench.ground import Ground, event, until, world
from bench.measure import percentile
from bench.report import Line, Report, at_most
from journeys.names import Channel, CustomerId, MessageClass
from worker import running, workers

TASK_QUEUE = "latency"


@dataclass(slots=True)
class _Stopwatch:
    """A push channel that notes when it was handed a customer's message."""

    channel: Channel = Channel.APP_PUSH
    interrupts: bool = False
    deduplicates_for: timedelta = FOR_EVER
    throttle: float | None = None
    classes: frozenset[MessageClass] = frozenset(MessageClass)
    handed: dict[str, float] = field(default_factory=dict)

    def reaches(self, customer_id: CustomerId, addresses: Sequence[str]) -> bool:
        """Everybody."""
        return True

    async def deliver(self, message: Message) -> Delivery:
        """Note the time."""
        self.handed[message.customer_id] = time.perf_counter()
        return Accepted()


async def run(ground: Ground) -> Report:
    """One customer after the other registers; the push is the welcome."""
    stopwatch = _Stopwatch()
    since_sent, since_accepted = [], []
    async with running(workers(ground.client, world(ground.pool, stopwatch), task_queue=TASK_QUEUE)):
        for number in range(10 + (40 if ground.quick else 300)):
            ground.show(f"event {number}")
            sent, accepted, handed = await _one(ground, stopwatch, f"latency-{number}")
            if number >= 10:
                since_sent.append((handed - sent) * 1000)
                since_accepted.append(max(handed - accepted, 0) * 1000)
    return Report(
        "Latency: registration to welcome, idle system",
        [
            at_most("from the answer of signal-with-start, p95", percentile(since_accepted, 0.95), "", 250, " ms"),
            Line("from the answer of signal-with-start, p50", f"{percentile(since_accepted, 0.5):.0f} ms"),
            Line("from the call, p95", f"{percentile(since_sent, 0.95):.0f} ms"),
            Line("from the call, p50", f"{percentile(since_sent, 0.5):.0f} ms"),
        ],
        (f"{len(since_sent)} customers, each new to the worker. Sender and worker share a process.",),
    )


async def _one(ground: Ground, stopwatch: _Stopwatch, customer: str) -> tuple[float, float, float]:
    sent = time.perf_counter()
    await ground.signal(customer, event("app_registered", datetime.now(UTC), customer), TASK_QUEUE)
    accepted = time.perf_counter()

    async def arrived() -> bool:
        return customer in stopwatch.handed

    await until(arrived)
    await asyncio.sleep(0.1)  # let the workflow finish its turn: the next one finds an idle system
    return sent, accepted, stopwatch.handed[customer]
