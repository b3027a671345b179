"""Playing lives on the real engine: each event is signalled when its business time comes, on a clock that runs fast.

The player measures how late it and the engine are, and slows the clock down rather than drown.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.contracts import ADJUST_CLOCK, RECORD_EVENT, TASK_QUEUE, WORKFLOW_TYPE, workflow_id
from activities.database import Pool
from cli.play_file import Life, LifeEvent
from journeys.names import CustomerId
from rules.clock import Clock

CONCURRENCY = 24
LATE = timedelta(seconds=10)
"""Lag at which the clock is slowed down. To tell everybody costs a signal each: not for a moment's backlog."""

SLOWER = 1.7
LOOK_EVERY = timedelta(seconds=3)

_CLOCK: TypeAdapter[Clock] = TypeAdapter(Clock)


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a play has come."""

    at: datetime
    sent: int
    lag: timedelta


@dataclass(slots=True)
class Player:
    """Plays lives through a client; `lags` are how late each signal was taken, in real time."""

    client: Client
    pool: Pool
    clock: Clock
    lags: list[timedelta] = field(default_factory=list)
    started: set[CustomerId] = field(default_factory=set)
    slowed: int = 0
    """How often the clock was slowed down."""

    async def play(self, lives: Sequence[Life], until: datetime, show: Callable[[Moment], None]) -> None:
        """Send every event at its time, then let business time reach `until`."""
        watcher = asyncio.create_task(self._watch(show))
        gates = asyncio.Semaphore(CONCURRENCY)
        turns: dict[CustomerId, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as sending:
                for customer_id, number, event in _in_time_order(lives):
                    await self._wait_until(event.at)
                    before = turns.get(customer_id)
                    await gates.acquire()
                    turns[customer_id] = sending.create_task(self._send(customer_id, number, event, before, gates))
            await self._wait_until(until)
            await self._come_to_rest()
        finally:
            watcher.cancel()

    async def _come_to_rest(self) -> None:
        """Wait until the last deadlines were acted on: nothing is recorded any more for a while."""
        await asyncio.sleep(self.clock.grace.total_seconds())
        while await self._engine_wrote(timedelta(seconds=2)):  # noqa: ASYNC110 - asks the database
            await asyncio.sleep(0.5)

    async def _engine_wrote(self, lately: timedelta) -> bool:
        wrote: bool = await self.pool.fetchval(
            """
            SELECT EXISTS (SELECT FROM stage_change WHERE recorded_at > now() - $1::interval)
                OR EXISTS (SELECT FROM touch WHERE greatest(recorded_at, settled_at) > now() - $1::interval)
                OR EXISTS (SELECT FROM customer_event WHERE recorded_at > now() - $1::interval)
            """,
            lately,
        )
        return wrote

    async def slow_down(self) -> None:
        """Let everything that is still to come take longer, for everybody."""
        self.slowed += 1
        self.clock = self.clock.slowed(datetime.now(UTC), SLOWER)
        clock = _CLOCK.dump_python(self.clock, mode="json")
        gates = asyncio.Semaphore(CONCURRENCY)
        await asyncio.gather(*(self._adjust(customer_id, clock, gates) for customer_id in sorted(self.started)))

    async def _adjust(self, customer_id: CustomerId, clock: Any, gates: asyncio.Semaphore) -> None:
        try:
            async with gates:
                await self.client.get_workflow_handle(workflow_id(customer_id)).signal(ADJUST_CLOCK, clock)
        except RPCError as error:
            # A life that has ended needs no clock.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def _wait_until(self, at: datetime) -> None:
        # The clock may change meanwhile: look again every moment.
        while (left := self.clock.real(at) - datetime.now(UTC)) > timedelta(0):  # noqa: ASYNC110
            await asyncio.sleep(min(left, timedelta(milliseconds=200)).total_seconds())

    async def _send(
        self,
        customer_id: CustomerId,
        number: int,
        event: LifeEvent,
        before: asyncio.Task[None] | None,
        gates: asyncio.Semaphore,
    ) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            self.started.add(customer_id)
            await self.client.start_workflow(
                WORKFLOW_TYPE,
                {"clock": _CLOCK.dump_python(self.clock, mode="json")},
                id=workflow_id(customer_id),
                task_queue=TASK_QUEUE,
                start_signal=RECORD_EVENT,
                start_signal_args=[
                    {
                        "event_id": event.event_id or f"play-{number}",
                        "name": event.name,
                        "occurred_at": event.at.isoformat(),
                        "data": event.payload(),
                    }
                ],
            )
            self.lags.append(datetime.now(UTC) - self.clock.real(event.at))
        finally:
            gates.release()

    async def _watch(self, show: Callable[[Moment], None]) -> None:
        """Look at the lag every few seconds; slow down when it is too large twice in a row."""
        before = timedelta(0)
        while True:
            lag = await self._engine_lag()
            show(Moment(self.clock.business(datetime.now(UTC)), len(self.lags), lag))
            if min(lag, before) > LATE:
                await self.slow_down()
                lag = timedelta(0)
            before = lag
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    async def _engine_lag(self) -> timedelta:
        """How long ago the last events were signalled that the engine recorded in the last seconds; the worst tenth."""
        rows = await self.pool.fetch(
            """
            SELECT recorded_at, occurred_at FROM customer_event
            WHERE recorded_at > now() - $1::interval
            """,
            LOOK_EVERY,
        )
        return percentile([row["recorded_at"] - self.clock.real(row["occurred_at"]) for row in rows], 0.9)


def percentile(values: Sequence[timedelta], share: float) -> timedelta:
    """The value that so many are not above; nothing for none."""
    ordered = sorted(values)
    return max(ordered[min(int(len(ordered) * share), len(ordered) - 1)], timedelta(0)) if ordered else timedelta(0)


def _in_time_order(lives: Sequence[Life]) -> Iterator[tuple[CustomerId, int, LifeEvent]]:
    """All events of all customers, each with its number in the customer's life."""
    streams = (
        [(event.at, life.customer_id, number, event) for number, event in enumerate(life.events, 1)] for life in lives
    )
    for _, customer_id, number, event in heapq.merge(*streams, key=lambda one: one[:3]):
        yield customer_id, number, event
