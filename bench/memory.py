"""What a customer in a worker's cache weighs, against a workflow that waits for a signal and does nothing else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from activities.contracts import workflow_id
from bench.child import WorkerProcess, worker_process
from bench.ground import AT_ONCE, Ground, at_once, event, until
from bench.measure import alternate, ratio, spread
from bench.report import Line, Report

WARM_UP = 200


async def run(ground: Ground) -> Report:
    """Fill the cache of a fresh worker process with customers in an open onboarding; the bare way likewise."""
    count = 300 if ground.quick else 1000
    measure = {"Sojourn": _measured(ground, "ours", count), "bare": _measured(ground, "counting", count)}
    samples = await alternate(measure, 1 if ground.quick else 3, ground.show)
    ours, bare = spread(samples["Sojourn"]), spread(samples["bare"])
    times = ratio(samples["Sojourn"], samples["bare"])
    return Report(
        "Memory of a cached customer in the worker",
        [
            Line("Sojourn: one open onboarding", f"{ours.median:.0f} KiB", ours.quartiles(digits=0)),
            Line("a workflow that waits for a signal", f"{bare.median:.0f} KiB", bare.quartiles(digits=0)),
            Line("Sojourn / bare", f"{times.median:.2f}", times.quartiles()),
        ],
        (f"Growth of the worker's resident memory over {count:,} customers, after {WARM_UP} to warm up.",),
    )


def _measured(ground: Ground, kind: str, count: int) -> Callable[[int], Awaitable[float]]:
    numbers = itertools.count(1)

    async def one(number: int) -> float:
        queue = f"memory-{kind}-{next(numbers)}"
        async with worker_process(ground, kind, queue) as worker:
            await _settle(ground, worker, kind, [f"{queue}-warm-{each}" for each in range(WARM_UP)])
            before = worker.resident
            await _settle(ground, worker, kind, [f"{queue}-{each}" for each in range(count)])
            return (worker.resident - before) / 1024 / count

    return one


async def _settle(ground: Ground, worker: WorkerProcess, kind: str, customers: list[str]) -> None:
    """Start customers and wait until each has come to rest."""
    workflow = "CustomerLifecycle" if kind == "ours" else "Counting"

    async def start(customer: str) -> None:
        registered = event("app_registered", datetime.now(UTC), customer)
        await ground.signal(customer, registered, worker.task_queue, workflow=workflow)

    async def wait(customer: str) -> None:
        least = 15 if kind == "ours" else 5
        handle = ground.client.get_workflow_handle(workflow_id(customer))

        async def at_rest() -> bool:
            return (await handle.describe()).history_length >= least

        await until(at_rest)

    await at_once(AT_ONCE, start, customers)
    await at_once(AT_ONCE, wait, customers)
    await asyncio.sleep(1)
