"""Many customers under way go on in another version (journey-language.md, rule 1)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from activities.positions import running
from cli.ordering import Order, give, give_all, order
from embedded import EmbeddedStack
from journeys.events import app_registered
from journeys.language import award_points, days, journey, send, wait
from journeys.names import Channel, JourneyName
from journeys.published import Published, with_templates
from journeys.templates import templates
from rules.commands import Verb
from rules.definitions import define
from tests.live import Live, live
from tests.long_numbers import CUSTOMERS_MOVED as MANY

AT_ONCE = 24
NAME = JourneyName("long-wait")


def version(number: int, pause: timedelta) -> Published:
    """Points, a pause, a text."""
    steps = (award_points(5, reason="hello"), wait(pause, id="pause"), send("first-product", expires=days(30)))
    made = journey(name=NAME, version=number, state="live", starts_on=app_registered, ends_after=days(60), steps=steps)
    return with_templates(made, templates())


async def enrol(world: Live) -> list[str]:
    """Customers who got their points two days ago and wait."""
    customers = [world.customer(f"c{number}") for number in range(MANY)]
    await world.pool.execute("INSERT INTO customer (customer_id) SELECT unnest($1::text[])", customers)
    await world.pool.execute(
        """
        INSERT INTO consent
        SELECT customer_id, class, 'inbox', true, 'test', 'v1', '2020-01-01Z'
        FROM customer, unnest('{service,education,marketing,advice}'::text[]) AS class
        """
    )
    at, at_once = datetime.now(UTC) - timedelta(days=2), asyncio.Semaphore(AT_ONCE)

    async def one(customer: str) -> None:
        async with at_once:
            await world.event(customer, "app_registered", at, id="registered")

    await asyncio.gather(*map(one, customers))
    await world.until(lambda: world.pool.fetchval("SELECT count(*) = $1 FROM points_ledger", MANY))
    return customers


# A thousand are some 60 s of work for two processors; whoever else is at work here makes it longer.
@pytest.mark.timeout(400)
async def test_many_runs_move_and_none_is_lost_or_repeated(stack: EmbeddedStack, database_url: str) -> None:
    """In version 2 the pause is over after a day: each gets the text, once, and nobody gets the points again."""
    target = define(version(2, days(1)))
    async with (
        live(stack, database_url, [version(1, days(20))], working=False) as world,
        # Nobody is put aside and told anew: that is another test's subject, and most of the work.
        world.working(max_cached_workflows=MANY),
    ):
        customers = await enrol(world)
        async with world.pool.acquire() as connection:
            stands = [one async for one in running(connection, NAME)]  # type: ignore[arg-type] # a connection of a pool
        assert Counter((one.version, one.step) for one in stands) == {(1, "pause"): MANY}

        async def orders() -> AsyncIterator[Order]:
            for one in stands:
                yield order(Verb.MOVE, one.customer_id, NAME, actor="a", reason="r", command_id="move", to=target.hash)

        tally = await give_all(orders(), partial(give, world.client, task_queue=world.task_queue), concurrency=AT_ONCE)
        assert (tally.done, tally.failed) == (MANY, {})
        await world.until(
            lambda: world.pool.fetchval("SELECT count(*) = $1 FROM journey_run WHERE outcome = 'completed'", MANY)
        )
        assert Counter(await world.rows("SELECT step, outcome FROM touch")) == {("first-product", "sent"): MANY}
        assert Counter(await world.rows("SELECT customer_id FROM points_ledger")) == {(one,): 1 for one in customers}
        keys = Counter(message.key for channel in Channel for message in world.channels[channel].got)
        assert (len(keys), max(keys.values())) == (MANY, 1)
        assert await world.rows("SELECT DISTINCT version FROM journey_run") == [(2,)]
