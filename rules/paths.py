"""Every path through a journey, from the value itself: what may happen at each step, and when it then speaks.

A path takes one way on at every step: the event came or did not, an arm, a branch, sent or not sent, a day that is
past or not. So that the paths are as few as show every consequence:

- A wait that is satisfied has two times, at the earliest (at once, also because the event came before) and at the last
  instant. When it leads to the same step either way, that instant and the time-out are one. If there are more than
  `MOST` paths, there is no last instant: what comes early comes closest to what was said before.
- What is known on a path stays true: an event that came has come for a later wait, too, and a customer stays in the arm
  of a split. A condition, however, is a free choice each time it is asked, even if nothing changed in between.
- A repeat stops before its first turn (if it has an `until`), after one, or after all. The first turn may go any way,
  and so may the second; the turns after it go like the second.
- Touches are sent, unless `if_not_sent` says what happens otherwise, or what was waited for in vain has come since. No
  other gate holds one or keeps it back.
- Goal and exit may end any path earlier; they are shown only where a wait is for them. Commands are not.

Times count from entry, and a time of the day falls where `entered_at` puts it. A day given by its date has come at once
where the path first meets it (or is past), and from there on the calendar is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from errors import JourneyError
from journeys.published import Published
from journeys.words import Journey, WaitUntil, all_steps
from rules.paper import LocalTime
from rules.path import Path
from rules.ways import ZONE, Here, Walker

MOST = 10_000
"""More than this nobody can look through."""

MONDAY = datetime(2026, 3, 2, 2, tzinfo=UTC)
"""When a customer enters, if nothing else is said: on a Monday at 10:00 in Shanghai, as in stories."""

_DAY = timedelta(days=1)


def paths_of(
    value: Published, *, local_time: LocalTime | None = None, entered_at: datetime = MONDAY
) -> tuple[Path, ...]:
    """Every path, in reading order. A journey with times of the day needs `local_time`.

    Raises `JourneyError` if there are more than `MOST`.
    """
    for last_instants in (True, False):
        walker = Walker(value, local_time, last_instants=last_instants)
        if (found := _all(walker, walker.begin(entered_at))) is not None:
            return found
    raise JourneyError(
        f"journey {value.journey.name!r} has more than {MOST:,} paths: let fewer waits, branches and arms follow each"
        " other, or make two journeys of it"
    )


def _all(walker: Walker, begin: Here) -> tuple[Path, ...] | None:
    """Every path from a place; none if there are too many."""
    ahead, found = [begin], list[Path]()
    while ahead and len(found) <= MOST:
        here = ahead.pop()
        if here.outcome:
            found.append(here.path())
        else:
            ahead += reversed(walker.ways(here))
    return tuple(found) if len(found) <= MOST else None


def paths_at_any_time(value: Published, local_time: LocalTime) -> Iterator[Path]:
    """Every path of an entry on `MONDAY`, and then those of entries that bring times of the day closer together.

    For these a wait that is satisfied is so at the earliest only.
    """
    yield from paths_of(value, local_time=local_time)
    walker = Walker(value, local_time, last_instants=False)
    for entered_at in _entries(value.journey, local_time):
        yield from _all(walker, walker.begin(entered_at)) or ()


def _entries(journey: Journey, local_time: LocalTime) -> list[datetime]:
    """On each day of a week, the times that the journey waits for."""
    times = [step for step in all_steps(journey.steps) if isinstance(step, WaitUntil) and step.on is None]
    return sorted({local_time(step, MONDAY + day * _DAY, ZONE) for step in times for day in range(7)} - {MONDAY})
