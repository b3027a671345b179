"""Which way a branch goes is asked once: the first answer stands, with what was looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from activities.contracts import EvaluateConditionsRequest
from activities.evaluate_conditions import evaluate_conditions
from activities.world import World
from errors import DatabaseError
from journeys.events import app_registered, checked_in, deposit_made
from journeys.language import data, days, happened, journey, points, repeat, risk_class, send, stage, tag, when
from journeys.names import CustomerId, JourneyName, RiskClass, Stage, StepId
from rules.conditions import CustomerFacts, PastEvent
from rules.effects import AskConditions
from tests.activities.books import books, defined, write_down
from tests.activities.conftest import Connect

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
LI = CustomerId("C-1")
WAYS = journey(
    name="ways",
    version=1,
    starts_on=app_registered,
    ends_after=days(60),
    steps=(
        when(
            ((risk_class >= RiskClass.C4) & (stage == Stage.GROWTH), [send("welcome", id="bold")]),
            (tag("live_engaged") | (points >= 100), [send("welcome", id="engaged")]),
            (happened(checked_in, at_least=2, since="run", within=days(30)), [send("welcome", id="present")]),
            id="ask",
        ),
        repeat(
            [send("welcome", id="again")],
            every=days(1),
            up_to=3,
            until=happened(deposit_made, where=data("amount") >= 1000),
            id="until-deposit",
        ),
    ),
)
LAST_WEEK = [PastEvent(checked_in, NOW - days(7), {}), PastEvent(checked_in, NOW - days(6), {})]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """Books that know Li, who checked in twice last week."""
    async with books(database_url) as world:
        await write_down(world.pool, {LI: CustomerFacts(NOW, risk_class=RiskClass.C4, events=tuple(LAST_WEEK))})
        yield world


def request(step: str = "ask", *, entered: float = 10, occurrence: int = 1) -> EvaluateConditionsRequest:
    """Li is asked about, in a journey entered so many days ago, when all her events have taken effect."""
    hash = defined(WAYS).hash
    asked = AskConditions(JourneyName("ways"), 1, StepId(step), hash, NOW, NOW - days(entered), occurrence)
    return EvaluateConditionsRequest(LI, asked, Stage.INTRODUCTION, 0, folded=2)


async def answer(world: World, asked: EvaluateConditionsRequest) -> int | None:
    """The place of the first condition that holds."""
    return (await evaluate_conditions(world, asked)).holds


async def test_the_first_condition_that_holds_is_told_and_written_down(world: World) -> None:
    """With all that was looked at, for whoever asks why."""
    assert await answer(world, request()) == 2
    (row,) = await world.pool.fetch("SELECT * FROM condition_answer")
    *identity, inputs, _ = row.values()
    assert identity == [LI, "ways", 1, "ask", 1, NOW, 2]
    assert inputs == {
        "risk_class": "C4",
        "stage": "introduction",
        "tag live_engaged": False,
        "points": 0,
        "checked_in counted within 30d since entry": 2,
    }


async def test_stage_and_points_are_those_of_the_workflow(world: World) -> None:
    """What the run has just awarded counts before it is in the ledger."""
    assert await answer(world, replace(request(), points=100)) == 1
    assert await answer(world, replace(request(occurrence=2), stage=Stage.GROWTH)) == 0


async def test_only_what_has_taken_effect_counts(world: World) -> None:
    """An event that waits to be folded is not seen; one folded ahead of others is."""
    assert await answer(world, replace(request(), folded=1)) is None
    assert await answer(world, replace(request(occurrence=2), folded=1, folded_ahead=(2,))) == 2
    assert await answer(world, request(occurrence=3, entered=6.5)) is None


async def test_the_first_answer_stands_whatever_the_facts_say_now(world: World) -> None:
    """A step that is asked again, because its worker was lost, goes the way it went."""
    assert await answer(world, request()) == 2
    before = await world.pool.fetch("SELECT * FROM condition_answer")
    await world.pool.execute("UPDATE customer SET tags = '{live_engaged}'")
    assert await answer(world, replace(request(), points=1000)) == 2
    assert await world.pool.fetch("SELECT * FROM condition_answer") == before


async def test_that_none_held_is_an_answer_that_stands_too(world: World) -> None:
    """`otherwise` was taken and is taken again."""
    assert await answer(world, replace(request(), folded=0)) is None
    assert await answer(world, replace(request(), points=1000)) is None
    assert await world.pool.fetchval("SELECT count(*) FROM condition_answer") == 1


async def test_each_turn_of_a_repeat_asks_anew(world: World) -> None:
    """An answer belongs to an occurrence, an entry and a step."""
    assert await answer(world, request("until-deposit")) is None
    deposit = PastEvent(deposit_made, NOW, {"amount": "1000.00"})
    await write_down(world.pool, {"C-2": CustomerFacts(NOW, events=(deposit,))})
    assert await answer(world, replace(request("until-deposit", occurrence=2), customer_id=CustomerId("C-2"))) == 0
    assert await answer(world, request("until-deposit", occurrence=2)) is None
    assert await world.pool.fetchval("SELECT count(*) FROM condition_answer") == 3


async def test_of_two_who_ask_at_once_both_get_the_answer_that_is_written_first(
    world: World, connected: Connect
) -> None:
    """A worker that was thought lost may still be writing: its answer is waited for, and stands."""
    other = await connected()
    async with other.transaction():
        await other.execute("INSERT INTO condition_answer VALUES ($1, 'ways', 1, 'ask', 1, $2, 1, '{}')", LI, NOW)
        asking = asyncio.create_task(answer(world, request()))
        while not await other.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            assert not asking.done()
    assert await asking == 1
    assert await world.pool.fetchval("SELECT count(*) FROM condition_answer") == 1


async def test_a_hundred_at_once_agree(world: World) -> None:
    """One row, one answer, though the facts change meanwhile."""
    asked = [answer(world, replace(request(), points=number % 2 * 100)) for number in range(100)]
    assert len(set(await asyncio.gather(*asked))) == 1
    assert await world.pool.fetchval("SELECT count(*) FROM condition_answer") == 1


async def test_a_customer_of_another_database_is_not_answered(world: World) -> None:
    """The activity fails and is tried again, until the worker is given the right database."""
    with pytest.raises(DatabaseError, match="not the one this life was recorded in"):
        await answer(world, replace(request(), customer_id=CustomerId("C-9")))
