"""A worker that lacks a channel leaves its touches to those that have it, and refuses them only where nobody does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from temporalio.worker import Worker

from activities.channels import ChannelAdapter
from activities.contracts import channel_queue
from activities.registry import Activities
from embedded import EmbeddedStack
from engine import connect
from errors import EngineError
from journeys.events import app_registered
from journeys.language import days, journey, send
from journeys.names import Channel
from journeys.published import with_templates
from journeys.templates import templates
from stand_in import PATIENCE, Absence, Patience, StandIn
from tests.live import AT_ONCE, Live, live
from worker import running, workers

WELCOME = with_templates(
    journey(
        name="news",
        version=1,
        state="live",
        starts_on=app_registered,
        ends_after=days(1),
        purpose="service",
        steps=[send("welcome", channels=[Channel.APP_PUSH, Channel.INBOX])],
    ),
    templates(),
)
CUSTOMERS = 20
SOON = timedelta(seconds=0.1)
TEST_ENDS_AFTER = timedelta(seconds=20)


async def lacking(stack: EmbeddedStack, world: Live, patience: Patience = AT_ONCE) -> list[Worker | StandIn]:
    """The workers of another process, which does not have app push."""
    client = await connect({"target_host": stack.temporal_address})
    channels: dict[Channel, ChannelAdapter] = {
        name: one for name, one in world.channels.items() if name is not Channel.APP_PUSH
    }
    there = replace(world.world, channels=channels)
    return workers(client, there, task_queue=world.task_queue, patience=patience)


def stand_in_among(others: list[Worker | StandIn]) -> StandIn:
    """The one for app push."""
    (push,) = [one for one in others if isinstance(one, StandIn)]
    return push


@given(some.lists(some.sampled_from([True, False, None])))
def test_nobody_is_absent_who_was_not_missed_for_five_minutes(looks: list[bool | None]) -> None:
    """At every look of them, and Temporal answered each: directly after its restart it knows of nobody."""
    absence = Absence(PATIENCE)
    needed = 16
    assert (needed - 1) * PATIENCE.look_again == timedelta(minutes=5)
    for number, look in enumerate(looks, 1):
        last = looks[max(0, number - needed) : number]
        assert absence.noted(look) is (last == [False] * needed)


def test_after_five_minutes_of_looks_nobody_is_there() -> None:
    """Who never was there does not keep the touches waiting for ever."""
    absence = Absence(PATIENCE)
    assert [absence.noted(others_poll=False) for _ in range(17)] == [False] * 15 + [True] * 2


async def sent_by(world: Live) -> set[str]:
    """The channels by which many customers got their message."""
    everybody = [world.customer(f"c{number}") for number in range(CUSTOMERS)]
    now = datetime.now(UTC)
    await asyncio.gather(*(world.event(customer, "app_registered", now) for customer in everybody))
    await world.until(lambda: world.pool.fetchval("SELECT count(settled_at) = $1 FROM touch", CUSTOMERS))
    assert await world.rows("SELECT DISTINCT outcome FROM touch") == [("sent",)]
    return {channel for (channel,) in await world.rows("SELECT DISTINCT channel FROM touch")}


async def test_a_channel_that_nobody_has_gives_way_to_the_next(stack: EmbeddedStack, database_url: str) -> None:
    """Somebody has to say so."""
    async with (
        live(stack, database_url, [WELCOME], working=False, quiet_hours=None) as world,
        running(await lacking(stack, world)),
    ):
        assert await sent_by(world) == {"inbox"}


async def test_what_another_worker_has_is_left_to_it(stack: EmbeddedStack, database_url: str) -> None:
    """A worker that was there first steps back, too; no touch is refused as unreachable."""
    async with live(stack, database_url, [WELCOME], working=False, quiet_hours=None) as world:
        others = await lacking(stack, world)
        push = stand_in_among(others)
        async with running(others):
            await world.until(lambda: _says(push.polls))
            async with world.working():
                await world.until(lambda: _says(not push.polls))
                assert await sent_by(world) == {"app_push"}


async def test_who_has_not_polled_yet_is_waited_for(stack: EmbeddedStack, database_url: str) -> None:
    """As after a restart of Temporal, which forgets who polled: one look without anybody says nothing."""
    async with live(stack, database_url, [WELCOME], working=False, quiet_hours=None) as world:
        others = await lacking(stack, world, replace(PATIENCE, look_again=SOON))
        push = stand_in_among(others)
        async with running(others):
            await world.until(lambda: _says(push.absence.looks > 2))
            assert not push.polls
            async with world.working():
                await world.until(lambda: _says(push.absence.looks == 0))
                assert await sent_by(world) == {"app_push"}
            assert not push.polls


async def test_a_stand_in_whose_worker_fails_ends_the_program(stack: EmbeddedStack, database_url: str) -> None:
    """As any worker does; without a word, the touches of its channel would wait for ever."""
    async with live(stack, database_url, [WELCOME], working=False) as world:
        nowhere = await connect({"target_host": stack.temporal_address, "namespace": "atlantis"})
        queue = channel_queue(Channel.APP_PUSH, world.task_queue)
        activities = Activities(world.world).remote

        def build(identity: str) -> Worker:
            return Worker(nowhere, task_queue=queue, activities=activities, identity=identity)

        standing_in = StandIn(world.client, queue, build, AT_ONCE)
        with pytest.raises(EngineError, match=rf"{queue}.* has failed .*atlantis.*: start this worker again"):
            await asyncio.wait_for(at_work(standing_in), TEST_ENDS_AFTER.total_seconds())


async def at_work(worker: StandIn) -> None:
    """As a program runs it: without an end of its own."""
    async with running([worker]):
        await asyncio.Event().wait()


async def _says(answer: bool) -> bool:
    return answer
