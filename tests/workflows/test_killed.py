"""A worker is killed at the worst moments; another one goes on, and everything has happened once."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.client import Client

from activities.contracts import RECORD_EVENT, TASK_QUEUE, WORKFLOW_TYPE, workflow_id
from activities.database import Pool, open_pool
from activities.record import read_record
from embedded import EmbeddedStack
from engine import connect
from journeys import JOURNEYS
from journeys.names import Channel, CustomerId, MessageClass
from journeys.published import with_templates
from journeys.templates import templates
from rules.definitions import Catalogue
from rules.paper import PaperEvent, PaperWorld
from rules.record import Record
from tests.live import sped_up
from tests.test_worker import at_work, environment
from web.server import served

BORN = datetime(2026, 1, 5, 2, tzinfo=UTC)
OVER = BORN + timedelta(days=10)
"""Ten days without an account: the onboarding has ended."""
PATIENCE = timedelta(seconds=90)
"""Temporal hands in a send anew after 30 seconds, a workflow task after 10."""


@dataclass
class Gateway:
    """A push gateway that shows a key once. It takes the first push and never answers it."""

    shown: dict[str, int] = field(default_factory=dict)
    """How often each key was pushed."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    answers: bool = False

    async def receive(self, request: Request) -> Response:
        """Take a push."""
        key = json.loads(await request.body())["key"]
        self.shown[key] = self.shown.get(key, 0) + 1
        if not self.answers:
            self.reached.set()
            while (await request.receive())["type"] != "http.disconnect":
                continue
        return JSONResponse({}, 202 if self.shown[key] == 1 else 409)


@dataclass
class Place:
    """Servers, a provider, and a customer whom no other test knows."""

    client: Client
    pool: Pool
    gateway: Gateway
    environment: Mapping[str, str]
    customer: CustomerId

    async def register(self) -> None:
        """The customer registers; half a day passes in a second."""
        await self.client.start_workflow(
            WORKFLOW_TYPE,
            sped_up(BORN, timedelta(hours=12)),
            id=workflow_id(self.customer),
            task_queue=TASK_QUEUE,
            start_signal=RECORD_EVENT,
            start_signal_args=[
                {"event_id": "e-1", "name": "app_registered", "occurred_at": BORN.isoformat(), "data": {}}
            ],
        )

    async def until(self, query: str) -> None:
        """Wait until a query answers true."""
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while not await self.pool.fetchval(query):  # noqa: ASYNC110 - asks the database
                await asyncio.sleep(0.05)

    async def is_as_on_paper(self) -> None:
        """Once the journey has ended, the record is that of a life in which nobody was killed."""
        await self.until("SELECT ended_at IS NOT NULL FROM journey_run")
        assert await read_record(self.pool) == on_paper(self.customer)
        assert await rows(self.pool, "SELECT event_id, sequence FROM customer_event") == [("e-1", 1)]
        assert await rows(self.pool, "SELECT count(*) FROM entry_decision") == [(1,)]


def on_paper(customer: CustomerId) -> Record:
    """What happens to somebody who registers and does nothing more."""
    record = Record()
    consents = tuple((kind, channel) for kind in MessageClass for channel in Channel)
    catalogue = Catalogue.of(with_templates(journey, templates()) for journey in JOURNEYS)
    paper = PaperWorld(catalogue, consents=consents, caps=())
    paper.live(customer, [PaperEvent(BORN, "app_registered")], OVER, record)
    record.sort()
    return record


async def rows(pool: Pool, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    return [tuple(row) for row in await pool.fetch(query)]


@pytest.fixture
async def place(stack: EmbeddedStack, database_url: str) -> AsyncIterator[Place]:
    """A fresh database, a gateway on loopback, and the environment for workers between them."""
    gateway = Gateway()
    application = Starlette(routes=[Route("/push", gateway.receive, methods=["POST"])])
    async with served(application) as address:
        pool = await open_pool(database_url, size=2)
        client = await connect({"target_host": stack.temporal_address})
        customer = CustomerId(f"killed-{uuid.uuid4().hex[:8]}")
        await pool.execute("INSERT INTO customer (customer_id) VALUES ($1)", customer)
        await pool.executemany(
            "INSERT INTO consent VALUES ($1, $2, $3, true, 'test', 'v1', '2020-01-01Z')",
            [(customer, kind, channel) for kind in MessageClass for channel in Channel],
        )
        variables = environment(
            DATABASE_URL=database_url,
            TEMPORAL_ADDRESS=stack.temporal_address,
            SOJOURN_ENVIRONMENT="embedded",
            SOJOURN_PUSH_GATEWAY_URL=f"{address}/push",
            SOJOURN_PUSH_GATEWAY_KEY_ID="broker-1",
            SOJOURN_PUSH_GATEWAY_SECRET="a secret that is long",
        )
        yield Place(client, pool, gateway, variables, customer)
        await client.get_workflow_handle(workflow_id(customer)).terminate("the test is over")
        await pool.close()


@pytest.mark.timeout(120)
async def test_killed_between_claim_and_answer_a_worker_has_sent_one_message(place: Place) -> None:
    """The provider has the message and its answer was lost with the worker: the next one asks with the same key."""
    async with at_work(place.environment) as worker:
        await place.register()
        await asyncio.wait_for(place.gateway.reached.wait(), PATIENCE.total_seconds())
        assert await rows(place.pool, "SELECT step, outcome FROM touch") == [("welcome", "claimed")]
        worker.kill()
        await worker.wait()
    place.gateway.answers = True
    async with at_work(place.environment):
        await place.is_as_on_paper()
    welcome, reminder = place.gateway.shown.items()
    assert (welcome[0].split("/")[3], welcome[1]) == ("welcome", 2)
    assert (reminder[0].split("/")[3], reminder[1]) == ("open-account-reminder", 1)


STAGE_CHANGES_WAIT = """
CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1);
    RETURN NEW;
END $$;
CREATE TRIGGER waits BEFORE INSERT ON stage_change FOR EACH ROW EXECUTE FUNCTION wait_for_the_test();
"""
ONE_WAITS = """
SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database
WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
"""


@asynccontextmanager
async def stage_changes_wait(pool: Pool) -> AsyncIterator[None]:
    """What follows from an event is not written until the block is left."""
    await pool.execute(STAGE_CHANGES_WAIT)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(1)")
        yield


@pytest.mark.timeout(120)
async def test_killed_between_commit_and_answer_a_worker_has_recorded_the_event_once(place: Place) -> None:
    """The event is in the books and Temporal knows nothing of it: the next worker is told what has yet to happen."""
    place.gateway.answers = True
    async with stage_changes_wait(place.pool), at_work(place.environment) as worker:
        await place.register()
        await place.until(ONE_WAITS)
        assert await rows(place.pool, "SELECT event_id FROM customer_event") == [("e-1",)]
        assert await rows(place.pool, "SELECT stage FROM customer") == [(None,)]
        history = await place.client.get_workflow_handle(workflow_id(place.customer)).fetch_history()
        assert not [event for event in history.events if event.HasField("marker_recorded_event_attributes")]
        worker.kill()
        await worker.wait()
    async with at_work(place.environment):
        await place.is_as_on_paper()
    assert set(place.gateway.shown.values()) == {1}
