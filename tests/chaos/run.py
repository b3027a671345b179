"""A storm: customers come, workers die, answers are lost; at the end the books and the providers are compared."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio.client import Client

from activities.contracts import RECORD_EVENT, TASK_QUEUE, WORKFLOW_TYPE, workflow_id
from activities.database import Pool, open_pool
from activities.decisions import verify_decisions
from embedded import EmbeddedStack
from engine import connect
from journeys.names import Channel, CustomerId, MessageClass
from tests.chaos.journey import TEXTS, journeys
from tests.chaos.provider import Providers
from tests.chaos.worker import AWAITS
from tests.live import sped_up
from tests.programs import Process, started
from tests.test_worker import environment
from web.server import served

BORN = datetime(2026, 1, 5, 2, tzinfo=UTC)
"""Ten in the morning in Shanghai, so that no quiet hours hold what is sent days later."""

A_SECOND = timedelta(days=2)
AT_ONCE = 40
"""Runs of journeys under way at a time: the load."""

WORKERS = 3
LONGEST_LIFE = timedelta(seconds=6)
PATIENCE = timedelta(minutes=15)
"""Temporal hands in a send anew after 30 seconds, and a provider that does not answer is asked again after 30 more, and
then after about as long as it has been asked already."""

Place = tuple[int, str]
PLACES: Sequence[Place] = [(at, side) for at in range(AWAITS) for side in ("before", "after")]


@dataclass
class Storm:
    """What is going on, and what has been seen of it."""

    client: Client
    pool: Pool
    providers: Providers
    address: str
    variables: Mapping[str, str]
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    customers: list[str] = field(default_factory=list)

    async def rage(self, places: Iterator[Place | None]) -> None:
        """Let workers die, each at the next place (none: from outside, at any moment), while customers come."""
        loading = asyncio.create_task(self._load())
        try:
            await asyncio.gather(*(self._die_and_rise(places) for _ in range(WORKERS)))
        finally:
            loading.cancel()
            with suppress(asyncio.CancelledError):
                await loading

    async def calm(self) -> None:
        """A worker that lives, until everybody's journeys are over."""
        process = await self._worker((-1, "before"), 1)
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                while not await self._is_over():  # noqa: ASYNC110 - asks the database
                    await asyncio.sleep(0.2)
        finally:
            process.kill()
            await process.communicate()

    async def _die_and_rise(self, places: Iterator[Place | None]) -> None:
        for place in places:
            process = await self._worker(place or (-1, "before"), self.chance.randint(1, 6))
            with suppress(TimeoutError):
                patience = None if place else self.chance.uniform(2.5, LONGEST_LIFE.total_seconds())
                await asyncio.wait_for(process.wait(), patience or PATIENCE.total_seconds())
            if process.returncode is None:
                process.kill()
            _, said = await process.communicate()
            assert process.returncode == -9, said.decode()[-2000:]
            self.kills[" ".join(map(str, place)) if place else "anywhere"] += 1

    async def _load(self) -> None:
        """Keep so many customers under way."""
        while True:
            if await self._under_way() + self._expected() - await self._runs() < AT_ONCE:
                await asyncio.gather(*(self._register() for _ in range(8)))
            await asyncio.sleep(0.2)

    async def _register(self) -> None:
        customer = f"storm-{uuid.uuid4().hex[:12]}"
        await self.pool.execute("INSERT INTO customer (customer_id) VALUES ($1)", customer)
        await self.pool.executemany(
            "INSERT INTO consent VALUES ($1, $2, $3, true, 'test', 'v1', '2020-01-01Z')",
            [(customer, kind, channel) for kind in MessageClass for channel in Channel],
        )
        self.customers.append(customer)
        event = {"event_id": "e-1", "name": "app_registered", "occurred_at": BORN.isoformat(), "data": {}}
        await self.client.start_workflow(
            WORKFLOW_TYPE,
            sped_up(BORN, A_SECOND),
            id=workflow_id(customer),
            task_queue=TASK_QUEUE,
            start_signal=RECORD_EVENT,
            start_signal_args=[event],
        )

    async def _worker(self, place: Place, times: int) -> Process:
        at, side = place
        arguments = ("-m", "tests.chaos.worker", f"{self.address}/simple", str(at), side, str(times))
        return await started(*arguments, environment=self.variables)

    async def _is_over(self) -> bool:
        claimed = await self.pool.fetchval("SELECT count(*) FROM touch WHERE outcome = 'claimed'")
        return not claimed and not await self._under_way() and await self._runs() == self._expected()

    async def _under_way(self) -> int:
        number: int = await self.pool.fetchval("SELECT count(*) FROM journey_run WHERE ended_at IS NULL")
        return number

    async def _runs(self) -> int:
        number: int = await self.pool.fetchval("SELECT count(*) FROM journey_run")
        return number

    def _expected(self) -> int:
        return len(self.customers) * len(journeys())


@dataclass(frozen=True, slots=True)
class Found:
    """What the books and the providers say after a storm."""

    kills: Mapping[str, int]
    customers: int
    planned: int
    """Touches that the journeys planned."""

    outcomes: Mapping[str, int]
    without_record: int
    still_claimed: int
    shown_twice: Sequence[str]
    """Keys, and texts of one customer, that a provider has shown more than once."""

    sent_and_not_shown: int
    shown_and_not_recorded: int
    """Shown, and the record is neither sent nor in doubt."""

    answers_lost: int
    asked_again: int
    judged_again: int
    """Further judgements on record: one before each time that a provider was asked again."""

    do_not_hold: Sequence[str]
    """Records that the gates judge otherwise, or that cannot be judged again (`why --verify`)."""


async def found(storm: Storm) -> Found:
    """Compare the books with what was shown."""
    rows = await storm.pool.fetch(
        "SELECT customer_id, journey, entry, step, occurrence, outcome FROM touch WHERE journey LIKE 'storm-%'"
    )
    outcome_of = {"/".join(str(value) for value in list(row)[:5]): str(row["outcome"]) for row in rows}
    shown = storm.providers.shown
    planned = {
        f"{customer}/{one.journey.name}/1/{step}/1"
        for customer in storm.customers
        for one in journeys()
        for step in TEXTS
    }
    return Found(
        kills=dict(storm.kills),
        customers=len(storm.customers),
        planned=len(planned),
        outcomes=Counter(outcome_of.values()),
        without_record=len(planned - outcome_of.keys()),
        still_claimed=sum(outcome == "claimed" for outcome in outcome_of.values()),
        shown_twice=[key for key, times in shown.items() if times > 1] + sorted(shown.keys() - planned),
        sent_and_not_shown=sum(outcome == "sent" and not shown[key] for key, outcome in outcome_of.items()),
        shown_and_not_recorded=sum(outcome_of.get(key) not in ("sent", "in_doubt") for key in shown),
        answers_lost=storm.providers.answers_lost,
        asked_again=storm.providers.asked_again,
        judged_again=await storm.pool.fetchval("SELECT count(*) FROM touch_judgement"),
        do_not_hold=await _do_not_hold(storm),
    )


async def _do_not_hold(storm: Storm) -> list[str]:
    async with storm.pool.acquire() as connection:
        verified = [await verify_decisions(connection, CustomerId(customer)) for customer in storm.customers]
    return [one.key for records in verified for one in records if one.disagreements or one.unreadable]


@asynccontextmanager
async def storm(stack: EmbeddedStack, database_url: str, seed: int) -> AsyncIterator[Storm]:
    """Providers on loopback, and everything that workers need to know."""
    chance = random.Random(seed)
    providers = Providers(random.Random(seed + 1))
    async with served(providers.application()) as address:
        variables = environment(
            **{**stack.environment, "DATABASE_URL": database_url},
            SOJOURN_POOL_SIZE="6",
            SOJOURN_PUSH_GATEWAY_URL=f"{address}/push",
            SOJOURN_PUSH_GATEWAY_KEY_ID="broker-1",
            SOJOURN_PUSH_GATEWAY_SECRET="a secret that is long",
        )
        pool = await open_pool(database_url, size=8)
        client = await connect({"target_host": stack.temporal_address})
        yield Storm(client, pool, providers, address, variables, chance)
        await pool.close()


def places(kills: int, chance: random.Random) -> Iterator[Place | None]:
    """Every await, before and after, and once from outside; then as many more by chance, one in four from outside."""
    first = [*PLACES, None]
    yield from first[:kills]
    for _ in range(kills - len(first)):
        yield chance.choice(PLACES) if chance.random() < 0.75 else None


def broken(result: Found) -> list[str]:
    """The promises that were not kept."""
    promises = {
        "nobody gets anything twice": not result.shown_twice,
        "every planned touch has a record": result.without_record == 0,
        "every record is settled": result.still_claimed == 0,
        "what is recorded as sent was shown": result.sent_and_not_shown == 0,
        "what was shown is recorded as sent or in doubt": result.shown_and_not_recorded == 0,
        "what is asked again was judged again": result.judged_again >= result.asked_again,
        "every record can be judged again": not result.do_not_hold,
    }
    return [promise for promise, kept in promises.items() if not kept]
