"""When is it ten o'clock where the customer lives? Asked of the world, and the answer is kept."""

from __future__ import annotations

import asyncio

from activities.contracts import ResolveTimeRequest, TimeResolved
from activities.customer_facts import not_in_the_books
from activities.local_time import resolve_local_time
from activities.world import World
from journeys.words import WaitUntil
from rules.definitions import definition


async def resolve_time(world: World, request: ResolveTimeRequest) -> TimeResolved:
    """The time that a step waits for, in the customer's zone. Raises `DatabaseError` if there is no such customer."""
    asked = request.asked
    step = definition(asked.definition).plan.steps[asked.step].step
    assert isinstance(step, WaitUntil), "only such a step asks for a time"
    zone = await world.pool.fetchval("SELECT zone FROM customer WHERE customer_id = $1", request.customer_id)
    if zone is None:
        raise not_in_the_books(request.customer_id)
    # In a thread: the first trading day loads the calendar, and no other life would go on for most of a second.
    return TimeResolved(await asyncio.to_thread(resolve_local_time, step, asked.at, zone))
