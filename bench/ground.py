"""The ground that a bench stands on: real servers, a fresh database, customers who allow everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
from temporalio.client import Client
from temporalio.service import RPCError

from activities.channels import FOR_EVER, Accepted, ChannelAdapter, Delivery, Message
from activities.contracts import RECORD_EVENT, WORKFLOW_TYPE, workflow_id
from activities.database import Pool, open_pool
from activities.migrations import migrate
from activities.templates import store_templates
from activities.world import World
from embedded import EmbeddedStack
from engine import connect
from journeys.names import Channel, CustomerId, MessageClass
from rules.clock import Clock
from rules.definitions import Catalogue
from worker import shipped

AT_ONCE = 32
"""Calls in flight to Temporal: the default of SOJOURN_EVENTS_CONCURRENCY."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A provider that takes every message at once: what it costs is ours."""

    channel: Channel
    interrupts: bool = False
    deduplicates_for: timedelta = FOR_EVER
    throttle: float | None = None
    classes: frozenset[MessageClass] = frozenset(MessageClass)

    def reaches(self, customer_id: CustomerId, addresses: Sequence[str]) -> bool:
        """Everybody."""
        return True

    async def deliver(self, message: Message) -> Delivery:
        """Accepted."""
        return Accepted()


@dataclass(frozen=True)
class Ground:
    """The servers and the ways to them; `quick` asks for less, `show` says what is going on."""

    stack: EmbeddedStack
    client: Client
    pool: Pool
    quick: bool
    show: Callable[[str], None]

    def pids(self) -> dict[str, int]:
        """The servers' processes."""
        return {"temporal": self.stack.temporal.pid or 0, "postgres": self.stack.postgres.pid or 0}

    async def signal(
        self, customer: str, event: Any, task_queue: str, start: Any = None, workflow: str = WORKFLOW_TYPE
    ) -> None:
        """Signal-with-start, as a backend does it."""
        await self.client.start_workflow(
            workflow,
            {} if start is None else start,
            id=workflow_id(customer),
            task_queue=task_queue,
            start_signal=RECORD_EVENT,
            start_signal_args=[event],
        )

    async def terminate(self, customers: Iterable[str]) -> None:
        """End workflows between rounds, so that one round's timers do not fire in the next."""

        async def one(customer: str) -> None:
            try:
                await self.client.get_workflow_handle(workflow_id(customer)).terminate("the round is over")
            except RPCError:
                return  # it had ended by itself

        await at_once(AT_ONCE, one, customers)


@asynccontextmanager
async def ground(*, quick: bool, show: Callable[[str], None]) -> AsyncIterator[Ground]:
    """A fresh stack in memory, migrated, with the shipped journeys' texts."""
    show("starting PostgreSQL and Temporal")
    async with EmbeddedStack() as stack:
        await migrate(stack.database_url)
        pool = await open_pool(stack.database_url)
        try:
            await store_templates(pool, [text for one in shipped() for text in one.templates.values()])
            client = await connect({"target_host": stack.temporal_address})
            yield Ground(stack, client, pool, quick, show)
        finally:
            await pool.close()


def world(pool: Pool, *channels: ChannelAdapter) -> World:
    """The shipped journeys on a database; channels that are not given take everything at once."""
    given = {one.channel: one for one in channels}
    every: dict[Channel, ChannelAdapter] = {one: given.get(one) or Instant(one) for one in Channel}
    return World(pool, Catalogue.of(shipped()), every, simulation_allowed=True)


async def allow(
    pool: Pool, customers: Iterable[str], classes: Iterable[MessageClass] = (MessageClass.MARKETING,)
) -> None:
    """Put customers into the books who consent to texts of some classes on every channel."""
    names = list(customers)
    await pool.execute("INSERT INTO customer (customer_id) SELECT unnest($1::text[])", names)
    await pool.execute(
        """
        INSERT INTO consent (customer_id, message_class, channel, given, source, text_version, at)
        SELECT customer_id, class, channel, true, 'bench', 'v1', '2020-01-01Z'
        FROM unnest($1::text[]) AS customer_id, unnest($2::text[]) AS class, unnest($3::text[]) AS channel
        """,
        names,
        [str(one) for one in classes],
        [str(channel) for channel in Channel],
    )


def event(name: str, at: datetime, event_id: str) -> dict[str, Any]:
    """An event as it is on the bus."""
    return {"event_id": event_id, "name": name, "occurred_at": at.isoformat(), "data": {}}


def sped_up(business_now: datetime, business: timedelta, real: timedelta, grace: timedelta) -> Clock:
    """A clock that begins now at a business time and lets so much of it pass in a real time."""
    return Clock(datetime.now(UTC), business_now, business / real, grace)


async def at_once(limit: int, do: Callable[[str], Awaitable[None]], names: Iterable[str]) -> None:
    """Do something for every name, so many at a time."""
    waiting = iter(names)

    async def some() -> None:
        for name in waiting:
            await do(name)

    await asyncio.gather(*(some() for _ in range(limit)))


async def until(holds: Callable[[], Awaitable[bool]], patience: timedelta = timedelta(minutes=3)) -> None:
    """Ask until something holds. Raises `TimeoutError` if it never does."""
    async with asyncio.timeout(patience.total_seconds()):
        while not await holds():  # noqa: ASYNC110 - asks servers
            await asyncio.sleep(0.02)


def cpu_seconds(pid: int) -> float:
    """The processor time of a process and of those that it started."""
    total = 0.0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total
