"""How much a journey says in a short time, on the path where it says most."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from rules.path import Path, PlannedTouch

DAY = timedelta(days=1)
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Busy:
    """The touches of some time on a path, which begins with the first of them."""

    path: Path
    touches: tuple[PlannedTouch, ...]
    within: timedelta

    def told(self) -> str:
        """As '3 touches, days 3 to 10'."""
        begins = self.touches[0].at
        number = "1 touch" if len(self.touches) == 1 else f"{len(self.touches)} touches"
        return f"{number}, days {begins // DAY} to {(begins + self.within) // DAY}"


def busiest(
    paths: Iterable[Path], within: timedelta, counts: Callable[[PlannedTouch], bool] = lambda touch: True
) -> Busy | None:
    """The most touches that are sent within a rolling time on any path, the earliest of the first path.

    A touch exactly so much later than another is no longer within.
    """
    found: Busy | None = None
    for path in paths:
        touches = [touch for touch in path.touches if touch.sent and counts(touch)]
        for place, first in enumerate(touches):
            if found is not None and len(touches) - place <= len(found.touches):
                break
            ends = first.at + within
            near = tuple(touch for touch in touches[place:] if touch.at < ends)
            if found is None or len(near) > len(found.touches):
                found = Busy(path, near, within)
    return found


def worst_week(paths: Iterable[Path]) -> str:
    """In words, as 'worst week: 3 touches, days 3 to 10'."""
    busy = busiest(paths, WEEK)
    return f"worst week: {busy.told() if busy else 'no touches'}"
