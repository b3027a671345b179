"""A worker that lacks a channel leaves its touches to those that have it, and refuses them only where nobody does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.worker import Worker

import stand_in
from activities.channels import ChannelAdapter
from embedded import EmbeddedStack
from engine import connect
from journeys.events import app_registered
from journeys.language import days, journey, send
from journeys.names import Channel
from journeys.published import with_templates
from journeys.templates import templates
from stand_in import StandIn
from tests.live import Live, live
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


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """They look again at once."""
    monkeypatch.setattr(stand_in, "LOOK_AGAIN", timedelta(seconds=0.1))


async def lacking(stack: EmbeddedStack, world: Live) -> list[Worker | StandIn]:
    """The workers of another process, which does not have app push."""
    client = await connect({"target_host": stack.temporal_address})
    channels: dict[Channel, ChannelAdapter] = {
        name: one for name, one in world.channels.items() if name is not Channel.APP_PUSH
    }
    return workers(client, replace(world.world, channels=channels), task_queue=world.task_queue)


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
        (push,) = [one for one in others if isinstance(one, StandIn)]
        async with running(others):
            await world.until(lambda: _says(push.polls))
            async with world.working():
                await world.until(lambda: _says(not push.polls))
                assert await sent_by(world) == {"app_push"}


async def _says(answer: bool) -> bool:
    return answer
