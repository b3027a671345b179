"""A local time is found in the customer's zone, and in Shanghai's if that is not known."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from activities.contracts import ResolveTimeRequest
from activities.resolve_time import resolve_time
from activities.world import World
from errors import DatabaseError
from journeys.events import app_registered
from journeys.language import days, journey, send, wait_until
from journeys.names import CustomerId, JourneyName, StepId
from journeys.words import WaitUntil
from rules.conditions import CustomerFacts
from rules.effects import ResolveTime
from tests.activities.books import books, defined, write_down

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)  # 10:00 in Shanghai, 21:00 of the day before in New York
MORNING = journey(
    name="morning",
    version=1,
    starts_on=app_registered,
    ends_after=days(60),
    steps=(
        wait_until("09:30", id="next"),
        wait_until("09:30", trading_day=True, id="trading"),
        wait_until("09:30", on="2026-02-16", id="past"),
        send("welcome"),
    ),
)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """Books without customers."""
    async with books(database_url) as world:
        yield world


async def resolved(world: World, zone: str, step: str = "next") -> str:
    """When it is half past nine for a customer of a zone."""
    who = CustomerId(f"C-{uuid.uuid4().hex}")
    await write_down(world.pool, {who: CustomerFacts(NOW, zone=zone)})
    asked = ResolveTime(JourneyName("morning"), 1, StepId(step), defined(MORNING).hash, NOW)
    return (await resolve_time(world, ResolveTimeRequest(who, asked))).at.isoformat()


async def test_a_time_is_that_of_the_customers_zone(world: World) -> None:
    """Half past nine is past in Shanghai, and still to come in Berlin and in New York."""
    assert await resolved(world, "Asia/Shanghai") == "2026-03-03T01:30:00+00:00"
    assert await resolved(world, "Europe/Berlin") == "2026-03-02T08:30:00+00:00"
    assert await resolved(world, "America/New_York") == "2026-03-02T14:30:00+00:00"


async def test_a_step_says_which_days_fit(world: World) -> None:
    """The next trading day; a day that is past is answered as it is, and the step says what is done then."""
    assert await resolved(world, "Asia/Shanghai", "trading") == "2026-03-03T01:30:00+00:00"
    assert await resolved(world, "Asia/Shanghai", "past") == "2026-02-16T01:30:00+00:00"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "Asia", "../Asia/Shanghai", "/etc/localtime", "x" * 5000, "上海"])
async def test_a_zone_that_this_machine_does_not_know_is_shanghai(world: World, zone: str) -> None:
    """A name of another tzdata, or none at all, must not stop a life."""
    assert await resolved(world, zone) == "2026-03-03T01:30:00+00:00"


async def test_a_customer_of_another_database_is_not_answered(world: World) -> None:
    """The activity fails and is tried again, until the worker is given the right database."""
    asked = ResolveTime(JourneyName("morning"), 1, StepId("next"), defined(MORNING).hash, NOW)
    with pytest.raises(DatabaseError, match="not the one this life was recorded in"):
        await resolve_time(world, ResolveTimeRequest(CustomerId("C-9"), asked))


async def test_others_go_on_while_the_calendar_of_trading_days_is_loaded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes most of a second, in which no other life would go on."""
    going_on = threading.Event()

    def loaded(step: WaitUntil, at: datetime, zone: str) -> datetime:
        assert going_on.wait(20), "nobody else got a turn"
        return at

    monkeypatch.setattr("activities.resolve_time.resolve_local_time", loaded)
    asked = asyncio.create_task(resolved(world, "Asia/Shanghai", "trading"))
    asyncio.get_running_loop().call_later(0.1, going_on.set)
    assert await asked == NOW.isoformat()
