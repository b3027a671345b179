"""`python -m tests.chaos [--kills N] [--seed N]`: the long storm; exit code 1 if a promise is broken."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from argparse import ArgumentParser

from activities.migrations import migrate
from cli.edge import leave
from embedded import EmbeddedStack
from tests.chaos.run import Found, broken, found, places, storm


async def main(kills: int, seed: int) -> int:
    """A stack of our own, and so many deaths."""
    began = time.monotonic()
    async with EmbeddedStack() as stack:
        await migrate(stack.database_url)
        async with storm(stack, stack.database_url, seed) as raging:
            await raging.rage(places(kills, random.Random(seed)))
            await raging.calm()
            result = await found(raging)
    _tell(result, time.monotonic() - began, seed)
    return 1 if broken(result) else 0


def _tell(result: Found, seconds: float, seed: int) -> None:
    killed = ", ".join(f"{place}: {number}" for place, number in sorted(result.kills.items()))
    outcomes = ", ".join(f"{number} {outcome}" for outcome, number in sorted(result.outcomes.items()))
    lines = [
        f"{sum(result.kills.values())} workers killed in {seconds:.0f} s, seed {seed} ({killed})",
        f"{result.customers} customers, {result.planned} marketing texts planned: {outcomes}",
        f"{result.without_record} without a record, {len(result.shown_twice)} shown twice",
        f"{result.answers_lost} answers lost by providers, {result.asked_again} times asked again for what was shown",
        *(f"BROKEN: {promise}" for promise in broken(result)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m tests.chaos", description="Kill workers while they send.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    leave(asyncio.run(main(given.kills, given.seed)))
