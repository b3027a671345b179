"""Rows and decisions are written once, whoever writes them and however often."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest

from activities.contracts import RecordOutcomesRequest
from activities.database import Pool
from activities.record_outcomes import record_outcomes
from activities.world import World
from errors import DefinitionMissing
from journeys.events import app_opened
from journeys.language import award_points, days, journey, wait
from journeys.lifecycle import LIFECYCLE_POLICY
from journeys.names import CustomerId, Stage
from journeys.published import Published, with_templates
from rules import definitions
from rules.definitions import Catalogue
from rules.effects import EntryOffered
from rules.state import CustomerState

NOW = datetime.now(UTC)
OFFER = EntryOffered("e-1", NOW, event=app_opened)


def starting_on_app_opened(name: str) -> Published:
    """A live journey that anybody who opens the app enters."""
    return with_templates(
        journey(
            name=name,
            version=1,
            state="live",
            starts_on=app_opened,
            ends_after=days(9),
            purpose="service",
            steps=[award_points(5, reason="opened"), wait(days(3))],
        ),
        {},
    )


A, B, C = map(starting_on_app_opened, "abc")


def amy() -> CustomerState:
    """A customer without any run."""
    return CustomerState(CustomerId("C-1"), policy=LIFECYCLE_POLICY)


async def decided(pool: Pool, state: CustomerState, *journeys: Published) -> list[tuple[str, int, str]]:
    """What a worker that ships these journeys answers to the offer: journey, entry and refusal."""
    request = RecordOutcomesRequest(deepcopy(state), offers=[OFFER])
    recorded = await record_outcomes(World(pool, Catalogue.of(journeys), {}), request)
    return [(one.journey, one.entry, one.refused) for one in recorded.decisions]


async def test_a_worker_that_ships_fewer_journeys_answers_what_another_has_decided(pool: Pool) -> None:
    """The answer of the first was lost; what is in the books is the answer, in the same order."""
    first = await decided(pool, amy(), C, A, B)
    assert first == [("a", 1, ""), ("b", 1, ""), ("c", 1, "")]
    assert await decided(pool, amy(), B) == first
    assert await decided(pool, amy()) == first
    assert await pool.fetchval("SELECT count(*) FROM journey_run") == 3
    assert await pool.fetchval("SELECT count(*) FROM points_ledger") == 3
    assert await pool.fetchval("SELECT jsonb_array_length(state -> 'runs') FROM customer") == 3


async def test_a_worker_that_ships_more_journeys_decides_what_is_missing(pool: Pool) -> None:
    """What was decided stands; the journey that the first worker did not know is decided now."""
    assert await decided(pool, amy(), B) == [("b", 1, "")]
    assert await decided(pool, amy(), A, B, C) == [("b", 1, ""), ("a", 1, ""), ("c", 1, "")]


async def test_a_worker_that_lacks_what_was_entered_leaves_it_to_another(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot walk that journey; nothing of its transaction stays."""
    await decided(pool, amy(), A, B)
    version = await pool.fetchval("SELECT version FROM customer")
    with monkeypatch.context() as poorer:
        poorer.delitem(definitions._known, A.content_hash())
        with pytest.raises(DefinitionMissing):
            await decided(pool, amy(), B)
    assert await pool.fetchval("SELECT version FROM customer") == version
    assert await decided(pool, amy(), A, B) == [("a", 1, ""), ("b", 1, "")]


async def test_one_cause_that_is_offered_twice_is_decided_once(pool: Pool) -> None:
    """Also within one request."""
    request = RecordOutcomesRequest(amy(), offers=[OFFER, OFFER])
    recorded = await record_outcomes(World(pool, Catalogue.of([A]), {}), request)
    assert [one.entry for one in recorded.decisions] == [1]


async def test_a_refusal_that_is_in_the_books_stands(pool: Pool) -> None:
    """Decided as too old once, it is not taken back by a worker whose horizon is longer."""
    strict = World(pool, Catalogue.of([A]), {}, backfill_horizon=timedelta(0))
    first = await record_outcomes(strict, RecordOutcomesRequest(amy(), offers=[OFFER]))
    assert [one.refused for one in first.decisions] == ["backfill"]
    assert await decided(pool, amy(), A) == [("a", 0, "backfill")]


async def test_a_worker_that_was_held_up_does_not_replace_a_later_state(pool: Pool) -> None:
    """Its task timed out, another worker went on, and then its transaction came through."""
    world = World(pool, Catalogue.of([]), {})
    for later, stage in ((0, Stage.INTRODUCTION), (2, Stage.MATURITY), (1, Stage.GROWTH), (2, Stage.DECLINE)):
        state = amy()
        state.as_of, state.points = NOW + timedelta(seconds=later), later
        state.lifecycle.stage, state.lifecycle.since = stage, NOW + timedelta(seconds=later)
        await record_outcomes(world, RecordOutcomesRequest(state))
        if later == 1:
            assert await stored(pool) == (2, Stage.MATURITY, NOW + timedelta(seconds=2))
    assert await stored(pool) == (2, Stage.DECLINE, NOW + timedelta(seconds=2))


async def stored(pool: Pool) -> tuple[int, str, datetime]:
    """Points, stage and its beginning, as they are stored."""
    row = await pool.fetchrow("SELECT (state ->> 'points')::int, stage, stage_since FROM customer")
    assert row is not None
    return row[0], row[1], row[2]
