"""A small live world for tests: the real engine and the real database, with channels that can be told to fail."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from activities.channels import FOR_EVER, Accepted, Delivery, Message
from activities.contracts import RECORD_EVENT, WORKFLOW_TYPE, CustomerView, workflow_id
from activities.database import connect as connect_database
from activities.database import open_pool
from activities.templates import store_templates
from activities.world import World
from embedded import EmbeddedStack
from engine import NO_KEYS, connect
from journeys import JOURNEYS
from journeys.names import Channel, CustomerId, MessageClass
from journeys.published import Published, with_templates
from journeys.templates import templates
from payload_keys import PayloadKeys
from rules.definitions import Catalogue
from stand_in import Patience
from worker import running, workers

AT_ONCE = Patience(look_again=timedelta(milliseconds=100), absent_for=timedelta(0))
"""With who has a channel: one look says that nobody does."""


@dataclass
class FakeChannel:
    """A provider outside: takes every message, or answers what it is told to."""

    channel: Channel
    interrupts: bool = False
    deduplicates_for: timedelta = FOR_EVER
    throttle: float | None = None
    classes: frozenset[MessageClass] = frozenset(MessageClass)
    needs_address: bool = False
    answers: list[Delivery | Callable[[], Any]] = field(default_factory=list)
    got: list[Message] = field(default_factory=list)

    def reaches(self, customer_id: CustomerId, addresses: Sequence[str]) -> bool:
        """Everybody, unless it needs to be told where."""
        return bool(addresses) or not self.needs_address

    async def deliver(self, message: Message) -> Delivery:
        """Note the message; answer as told, or accept."""
        self.got.append(message)
        answer = self.answers.pop(0) if self.answers else Accepted()
        return await answer() if callable(answer) else answer


@dataclass
class Live:
    """A worker on a queue of its own, and a database of its own.

    The pool has the rights of the running product alone, as a worker's has; what more a test needs it does `as_owner`.
    """

    client: Client
    world: World
    task_queue: str
    channels: dict[Channel, FakeChannel]
    database_url: str

    @property
    def pool(self) -> asyncpg.Pool[asyncpg.Record]:
        return self.world.pool

    def working(self, max_cached_workflows: int = 500) -> AbstractAsyncContextManager[None]:
        """Workers that run as long as the block does; for a channel that the world lacks, they stand in at once."""
        return running(
            workers(
                self.client,
                self.world,
                task_queue=self.task_queue,
                max_cached_workflows=max_cached_workflows,
                patience=AT_ONCE,
            )
        )

    def customer(self, name: str) -> str:
        """A customer id that no other test has."""
        return f"{self.task_queue}-{name}"

    def handle(self, customer: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(workflow_id(customer))

    async def signal(self, customer: str, *arguments: Any, name: str = RECORD_EVENT, start: Any = None) -> None:
        """Signal-with-start, as a backend does it."""
        await self.client.start_workflow(
            WORKFLOW_TYPE,
            {} if start is None else start,
            id=workflow_id(customer),
            task_queue=self.task_queue,
            start_signal=name,
            start_signal_args=list(arguments),
        )

    async def event(
        self, customer: str, name: str, at: datetime, data: Any = None, *, id: str = "", start: Any = None
    ) -> str:
        """Send one event; answers its id."""
        event_id = id or uuid.uuid4().hex
        await self.signal(
            customer,
            {"event_id": event_id, "name": name, "occurred_at": at.isoformat(), "data": data or {}},
            start=start,
        )
        return event_id

    async def view(self, customer: str) -> CustomerView:
        """The workflow's own view."""
        view: CustomerView = await self.handle(customer).query("view", result_type=CustomerView)
        return view

    async def settled(self, customer: str) -> CustomerView:
        """The view once everything that has come in has taken effect.

        While a task has failed and is tried again in a moment, the server answers no query.
        """
        while True:
            try:
                view = await self.view(customer)
            except RPCError as error:
                if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
            else:
                if not view.busy:
                    return view
            await asyncio.sleep(0.02)

    async def until(self, what: Callable[[], Any], *, every: float = 0.02) -> Any:
        """Wait until an asynchronous question, asked every so many seconds, is answered with something true."""
        while not (answer := await what()):  # noqa: ASYNC110 - asks servers
            await asyncio.sleep(every)
        return answer

    async def history(self, customer: str) -> list[Any]:
        """The events of the present run's history."""
        return list((await self.handle(customer).fetch_history()).events)

    async def as_owner(self, sql: str) -> None:
        """Do what only whoever migrated may."""
        connection = await connect_database(self.database_url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.pool.fetch(sql, *arguments)]

    async def touches(self, customer: str) -> list[tuple[Any, ...]]:
        """Step, outcome and reason of each touch, in the order planned."""
        return await self.rows(
            "SELECT step, outcome, reason FROM touch WHERE customer_id = $1 ORDER BY planned_at, touch_id", customer
        )

    async def consent(self, customer: str) -> None:
        """Let the customer agree to everything on every channel."""
        await self.pool.execute("INSERT INTO customer (customer_id) VALUES ($1) ON CONFLICT DO NOTHING", customer)
        await self.pool.executemany(
            "INSERT INTO consent VALUES ($1, $2, $3, true, 'test', 'v1', '2020-01-01Z')",
            [(customer, kind, channel) for kind in MessageClass for channel in Channel],
        )


@asynccontextmanager
async def live(
    stack: EmbeddedStack,
    database_url: str,
    journeys: Sequence[Published] | None = None,
    *,
    working: bool = True,
    keys: PayloadKeys = NO_KEYS,
    **changes: Any,
) -> AsyncIterator[Live]:
    """A world for the journeys (the shipped ones if none are given), at work unless told otherwise.

    It has no caps unless they are among the `changes`: most tests send more than a customer would hear. With keys,
    everything that Temporal keeps is encrypted.
    """
    if journeys is None:
        journeys = [with_templates(journey, templates()) for journey in JOURNEYS]
    channels = {channel: FakeChannel(channel) for channel in Channel}
    async with AsyncExitStack() as opened:
        pool = await open_pool(database_url, size=10, restricted=True)
        opened.push_async_callback(pool.close)
        await store_templates(pool, [one for each in journeys for one in each.templates.values()])
        world = World(pool, Catalogue.of(journeys), channels, simulation_allowed=True, caps=())
        client = await connect({"target_host": stack.temporal_address}, keys=keys)
        alive = Live(client, replace(world, **changes), f"t{uuid.uuid4().hex[:10]}", channels, database_url)
        if working:
            await opened.enter_async_context(alive.working())
        yield alive


def sped_up(business_now: datetime, a_second: timedelta) -> dict[str, Any]:
    """A start input with a clock that begins now at a business time and lets so much pass in a second."""
    return {
        "clock": {
            "real_anchor": datetime.now(UTC).isoformat(),
            "business_anchor": business_now.isoformat(),
            "speed": a_second.total_seconds(),
            "grace": 0.1,
        }
    }


def after_everything(business_now: datetime) -> dict[str, Any]:
    """A start input with a clock that already stands after the last deadline: event time decides everything."""
    return sped_up(business_now, timedelta(days=1000))
