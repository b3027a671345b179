"""Events per second: `starter.py events` against bare signal-with-start at the same concurrency.

Each is measured twice, with a worker that only counts and with ours, so that the price of the sender and the price
of the workflow can be told apart.
"""

from __future__ import annotations

import csv
import itertools
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from activities.contracts import TASK_QUEUE, WORKFLOW_TYPE
from bench.child import worker_process
from bench.ground import AT_ONCE, Ground, at_once, event, until
from bench.measure import alternate, ratio, spread
from bench.report import Line, Report
from cli.event_file import NEEDED, events_of
from cli.sending import Outgoing, deliver, send_all
from cli.tabular import Rejects, open_table

EVENTS_EACH = 4
TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Sample:
    """Events a second until Temporal had accepted all, and until our worker had them in the books."""

    accepted: float
    in_books: float


@dataclass(frozen=True, slots=True)
class _Crowd:
    """The customers of a round, and the order in which their events are sent."""

    name: str
    size: int

    def customers(self) -> list[str]:
        return [f"{self.name}-{number}" for number in range(self.size)]

    def rows(self) -> Iterator[tuple[str, str, datetime]]:
        """Customer, event id and time."""
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=EVENTS_EACH)
        for number in range(EVENTS_EACH):
            for customer in self.customers():
                yield customer, f"{customer}-{number}", hour + timedelta(hours=number)


async def run(ground: Ground) -> Report:
    """Measure both ways to send with both workers, alternating."""
    measure = {
        "bare, counting": _measured(ground, "counting", _bare),
        "sender, counting": _measured(ground, "counting", _sender),
        "bare, ours": _measured(ground, "ours", _bare),
        "sender, ours": _measured(ground, "ours", _sender),
    }
    await alternate(measure, 1, lambda text: ground.show(f"warming up, {text}"))
    return _report(await alternate(measure, 2 if ground.quick else 6, ground.show))


_Send = Callable[[Ground, _Crowd], Awaitable[None]]


def _measured(ground: Ground, kind: str, send: _Send) -> Callable[[int], Awaitable[Sample]]:
    numbers = itertools.count(1)

    async def one(number: int) -> Sample:
        crowd = _Crowd(f"{kind}-{send.__name__.strip('_')}-{next(numbers)}", 60 if ground.quick else 200)
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(worker_process(ground, kind, TASK_QUEUE))
            try:
                return await _timed(ground, kind, send, crowd)
            finally:
                await ground.terminate(crowd.customers())

    return one


async def _timed(ground: Ground, kind: str, send: _Send, crowd: _Crowd) -> Sample:
    count = crowd.size * EVENTS_EACH
    began = time.perf_counter()
    await send(ground, crowd)
    accepted = time.perf_counter() - began

    async def recorded() -> bool:
        like = f"{crowd.name}-%"
        sql = "SELECT count(*) = $2 FROM customer_event WHERE customer_id LIKE $1"
        return bool(await ground.pool.fetchval(sql, like, count))

    if kind == "ours":
        await until(recorded)
    return Sample(count / accepted, count / (time.perf_counter() - began))


async def _bare(ground: Ground, crowd: _Crowd) -> None:
    """Signal-with-start and nothing else."""
    rows = {event_id: (customer, at) for customer, event_id, at in crowd.rows()}

    async def one(event_id: str) -> None:
        customer, at = rows[event_id]
        await ground.signal(customer, event("checked_in", at, event_id), TASK_QUEUE, workflow=WORKFLOW_TYPE)

    await at_once(AT_ONCE, one, rows)


async def _sender(ground: Ground, crowd: _Crowd) -> None:
    """What `starter.py events FILE` does once it is connected: read, check, send each customer's in order."""
    with tempfile.TemporaryDirectory() as folder:
        file = _file(Path(folder), crowd)
        with Rejects(file) as rejects, open_table(file, needed=NEEDED) as table:
            events = events_of(table, rejects, TOLERANCE, lambda position: None)
            sent = await send_all(events, partial(deliver, ground.client), _refused, AT_ONCE)
        assert sent == crowd.size * EVENTS_EACH


def _file(folder: Path, crowd: _Crowd) -> Path:
    file = folder / "events.csv"
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(("customer_id", "name", "occurred_at", "event_id"))
        writer.writerows((customer, "checked_in", at.isoformat(), id) for customer, id, at in crowd.rows())
    return file


def _refused(event: Outgoing, reason: str) -> None:
    raise AssertionError(reason)


def _report(samples: dict[str, list[Sample]]) -> Report:
    accepted = {name: [one.accepted for one in all] for name, all in samples.items()}
    least = accepted["bare, counting"]
    ratios = {
        "the sender alone (sender / bare, both to a worker that counts)": ratio(accepted["sender, counting"], least),
        "the workflow alone (ours / counting, both sent bare)": ratio(accepted["bare, ours"], least),
        "the sender, to our workflow": ratio(accepted["sender, ours"], accepted["bare, ours"]),
        "both together (sender to ours / bare to counting)": ratio(accepted["sender, ours"], least),
    }
    in_books = spread([one.in_books for one in samples["sender, ours"]])
    return Report(
        "Events: `starter.py events` against bare signal-with-start",
        [
            *(Line(what, f"{one.median:.2f}", one.quartiles()) for what, one in ratios.items()),
            *(
                Line(f"{name}: accepted per second", f"{(of := spread(values)).median:,.0f}", of.quartiles(digits=0))
                for name, values in accepted.items()
            ),
            Line("sender, ours: in the books per second", f"{in_books.median:,.0f}", in_books.quartiles(digits=0)),
        ],
        (f"{AT_ONCE} at once, {EVENTS_EACH} events a customer; the worker runs in another process meanwhile.",),
    )
