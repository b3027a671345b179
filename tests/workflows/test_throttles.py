"""A channel takes so many messages a second, over all workers; service goes first, and other channels do not wait."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from time import monotonic

from activities.channels import Accepted
from embedded import EmbeddedStack
from journeys.events import EventType, account_opened, app_registered
from journeys.language import days, journey, send
from journeys.names import Channel, MessageClass
from journeys.published import Published, with_templates
from journeys.templates import templates
from tests.live import FakeChannel, Live, live

THROTTLE = 4.0
CUSTOMERS = 16


def one_message(name: str, template: str, on: EventType, channel: Channel) -> Published:
    """A journey that is one message on one channel."""
    step = send(template, channels=[channel])
    return with_templates(
        journey(name=name, version=1, state="live", starts_on=on, ends_after=days(1), steps=[step]), templates()
    )


NEWS = one_message("news", "what-is-new", app_registered, Channel.APP_PUSH)
NOTICE = one_message("notice", "welcome", account_opened, Channel.APP_PUSH)
LETTER = one_message("letter", "welcome", account_opened, Channel.INBOX)


def throttled() -> dict[Channel, FakeChannel]:
    """Every channel, one of them slow."""
    return {one: FakeChannel(one, throttle=THROTTLE if one is Channel.APP_PUSH else None) for one in Channel}


async def register(world: Live) -> None:
    """Many customers who are sent news, all at once; the touches stand in the queue when this is done."""
    everybody = [world.customer(f"c{number}") for number in range(CUSTOMERS)]
    await asyncio.gather(*map(world.consent, everybody))
    now = datetime.now(UTC)
    await asyncio.gather(*(world.event(customer, "app_registered", now) for customer in everybody))
    for customer in everybody:
        await world.until(partial(_queued_or_sent, world, customer))


async def _queued_or_sent(world: Live, customer: str) -> bool:
    """Whether the customer's touch has been handed to its queue."""
    pending = (await world.handle(customer).describe()).raw_description.pending_activities
    return bool(pending) or bool(await world.touches(customer))


async def test_a_throttled_channel_holds_back_its_own_messages_only(stack: EmbeddedStack, database_url: str) -> None:
    """The pushes come one by one; a letter to the inbox that was asked for after them all is there before them."""
    channels = throttled()
    times: list[float] = []

    async def takes() -> Accepted:
        times.append(monotonic())
        return Accepted()

    channels[Channel.APP_PUSH].answers = [takes] * CUSTOMERS
    async with live(stack, database_url, [NEWS, LETTER], channels=channels) as world:
        await register(world)
        amy = world.customer("amy")
        await world.event(amy, "account_opened", datetime.now(UTC))
        await world.until(lambda: world.touches(amy))
        pushed = len(times)
        assert pushed < CUSTOMERS
        await world.until(lambda: world.pool.fetchval("SELECT count(*) = $1 FROM touch", CUSTOMERS + 1))
    # The server lets a second's worth pass at once, and keeps the pace from there.
    assert times[-1] - times[0] > (CUSTOMERS - 2 * THROTTLE) / THROTTLE


async def test_service_overtakes_marketing_in_the_queue_of_a_throttled_channel(
    stack: EmbeddedStack, database_url: str
) -> None:
    """A notice that is asked for behind a backlog of news is sent before the rest of it."""
    channels = throttled()
    async with live(stack, database_url, [NEWS, NOTICE], channels=channels) as world:
        await register(world)
        amy = world.customer("amy")
        got = channels[Channel.APP_PUSH].got
        before = len(got)
        await world.event(amy, "account_opened", datetime.now(UTC))
        await world.until(lambda: world.pool.fetchval("SELECT count(*) = $1 FROM touch", CUSTOMERS + 1))
        place = [message.message_class for message in got].index(MessageClass.SERVICE)
        assert before < CUSTOMERS - 4, "there was a backlog"
        assert place < CUSTOMERS - 4, [str(message.message_class) for message in got]


async def test_touches_on_a_channel_that_is_not_there_are_withheld_not_stuck(
    stack: EmbeddedStack, database_url: str
) -> None:
    """Its queue is polled all the same."""
    channels = {Channel.INBOX: FakeChannel(Channel.INBOX)}
    async with live(stack, database_url, [NOTICE], channels=channels) as world:
        amy = world.customer("amy")
        await world.event(amy, "account_opened", datetime.now(UTC))
        await world.until(lambda: world.touches(amy))
        assert await world.touches(amy) == [("welcome", "withheld", "unreachable")]
