"""How much the dear proofs do: enough to prove it in `make test`, more in `make chaos`, which sets LONG_PROOFS=1."""

from __future__ import annotations

import os

_LONG = bool(os.environ.get("LONG_PROOFS"))


def _number(usual: int, *, long: int) -> int:
    return long if _LONG else usual


CUSTOMERS_MOVED = _number(100, long=1_000)
"""Runs that go on in another version: more than are moved at once."""

EXAMPLES_OF_LIVES = _number(2, long=12)
"""Each lives ten customers among the shipped journeys, in both worlds."""

EXAMPLES_OF_JOURNEYS = _number(4, long=24)
"""Each makes three journeys up and lives six customers in them, in both worlds."""

SCRIPTS_REPLAYED = _number(4, long=6)
"""Lives of which each task replays the whole."""

BACKLOG = _number(1_000, long=3_000)
"""Events that wait for the first worker: several batches, and more than one history takes."""

WAITING = _number(20, long=100)
"""Customers who wait for a database that is down."""

INTERLEAVINGS = _number(200, long=4_000)
"""Courses of tries of one touch, each with turns by chance."""
