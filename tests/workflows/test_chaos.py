"""The promise of the gate: nobody gets marketing twice, and each planned touch has its record, whoever dies when."""

from __future__ import annotations

import random

import pytest

from embedded import EmbeddedStack
from tests.chaos.run import PLACES, broken, found, places, storm


@pytest.mark.timeout(400)
async def test_workers_killed_at_every_await_of_a_send_under_load_send_nothing_twice(
    stack: EmbeddedStack, database_url: str
) -> None:
    """Before and after facts, claim, delivery and settlement, and once from outside; a fifth of the answers is lost."""
    kills = len(PLACES) + 1
    async with storm(stack, database_url, seed=20261127) as raging:
        await raging.rage(places(kills, random.Random(1)))
        await raging.calm()
        result = await found(raging)
    assert broken(result) == []
    assert sum(result.kills.values()) == kills
    assert result.outcomes["sent"] + result.outcomes["in_doubt"] == result.planned
    assert result.outcomes["in_doubt"] > 0
    assert result.asked_again > 0
