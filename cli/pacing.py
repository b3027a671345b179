"""How fast a play goes when: slower where much happens, so that the engine is busy evenly.

The rehearsal of the same file says when how much happens. Business time is cut into stretches, each is given real
time for what happens in it and some for its length, and the clock bends at their borders.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cli.play_file import Life
from rules.clock import Clock
from rules.record import Record

STRETCHES = 12
EVEN = 0.25
"""The share of the real time that goes by length alone: where nothing happens, time passes, too."""

GRACE = timedelta(seconds=4)


def paced_clock(lives: Sequence[Life], rehearsed: Record, until: datetime, takes: timedelta) -> Clock:
    """A clock that begins in a moment, reaches `until` after about `takes` and goes on as real time does."""
    first = min(life.events[0].at for life in lives)
    length = (until - first) / STRETCHES
    work = _work(lives, rehearsed, first, length)
    start = datetime.now(UTC) + timedelta(seconds=1)
    points, real = [], start
    for number, amount in enumerate(work, 1):
        real += takes * (EVEN / STRETCHES + (1 - EVEN) * amount / sum(work))
        points.append((real, first + length * number))
    return Clock(start, first, 1.0, GRACE, tuple(points))


def steady_clock(lives: Sequence[Life], until: datetime, days_a_second: float) -> Clock:
    """A clock that goes at one speed until `until`, and then as real time does."""
    first = min(life.events[0].at for life in lives)
    start = datetime.now(UTC) + timedelta(seconds=1)
    takes = timedelta(seconds=max((until - first) / timedelta(days=1) / days_a_second, 1))
    return Clock(start, first, 1.0, GRACE, ((start + takes, until),))


def _work(lives: Sequence[Life], rehearsed: Record, first: datetime, length: timedelta) -> list[int]:
    """How much happens in each stretch: events, touches and changes of stage."""
    times = [event.at for life in lives for event in life.events]
    times += [touch.planned_at for touch in rehearsed.touches]
    times += [change.at for change in rehearsed.stage_changes]
    work = [1] * STRETCHES
    for at in times:
        place = (at - first) // length if length else 0
        if 0 <= place < STRETCHES:
            work[place] += 1
    return work
