"""A touch in flight may stay there for long: a queue that is throttled, a provider that hangs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType

from activities.channels import Accepted
from embedded import EmbeddedStack
from journeys.events import app_registered
from journeys.language import award_points, days, journey, send, wait
from journeys.names import Channel
from journeys.published import with_templates
from journeys.templates import templates
from journeys.words import Journey, Step
from rules.engine_numbers import EngineNumbers
from tests.live import live, sped_up

BORN = datetime(2026, 1, 5, tzinfo=UTC)
IMPATIENT = EngineNumbers(patience=timedelta(seconds=0.1))


def starting_on_registration(name: str, *steps: Step) -> Journey:
    """A journey of a few days."""
    return journey(name=name, version=1, state="live", starts_on=app_registered, ends_after=days(30), steps=steps)


GREETING = starting_on_registration("greeting", send("welcome"), wait(days(2)), award_points(7, reason="greeted"))
GIFT = starting_on_registration("gift", wait(days(1)), award_points(5, reason="gift"))


async def test_a_touch_in_flight_keeps_time_from_nobody_and_never_expires(
    stack: EmbeddedStack, database_url: str
) -> None:
    """The other journey's day is over while the first one's message is queued; that one goes on once it is out."""
    journeys = [with_templates(one, templates()) for one in (GREETING, GIFT)]
    async with live(stack, database_url, journeys, numbers=IMPATIENT) as world:
        released = asyncio.Event()

        async def hangs() -> Accepted:
            await released.wait()
            return Accepted()

        world.channels[Channel.APP_PUSH].answers.append(hangs)
        amy = world.customer("amy")
        await world.event(amy, "app_registered", BORN, start=sped_up(BORN, days(1)))
        await world.until(lambda: world.pool.fetchval("SELECT amount = 5 FROM points_ledger"))
        assert await world.touches(amy) == [("welcome", "claimed", "")]
        (scheduled,) = (
            event.activity_task_scheduled_event_attributes
            for event in await world.history(amy)
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        )
        assert scheduled.schedule_to_close_timeout.ToTimedelta() == timedelta(0)
        released.set()
        await world.until(lambda: world.pool.fetchval("SELECT sum(amount) = 12 FROM points_ledger"))
        assert await world.touches(amy) == [("welcome", "sent", "")]


async def test_the_timer_for_what_comes_after_a_touch_stands_before_it_is_answered(
    stack: EmbeddedStack, database_url: str
) -> None:
    """So an answer costs no timer more than one that came at once."""
    async with live(stack, database_url, [with_templates(GREETING, templates())]) as world:
        amy = world.customer("amy")
        await world.event(amy, "app_registered", BORN, start=sped_up(BORN, timedelta(minutes=1)))
        await world.until(lambda: world.pool.fetchval("SELECT outcome = 'sent' FROM touch"))
        await world.settled(amy)
        kinds = [event.event_type for event in await world.history(amy)]
        assert kinds.count(EventType.EVENT_TYPE_TIMER_STARTED) == 1
        assert kinds.count(EventType.EVENT_TYPE_TIMER_CANCELED) == 0
        timer = kinds.index(EventType.EVENT_TYPE_TIMER_STARTED)
        assert timer < kinds.index(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
