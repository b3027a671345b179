"""The paths of a journey as calendars, those together that differ in their times only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cli.preview.wording import counted, days_of
from rules.path import Path


@dataclass(frozen=True, slots=True)
class Ways:
    """A way through a journey: paths on which the same happens, at different times."""

    paths: tuple[Path, ...]

    @property
    def title(self) -> str:
        """What makes it this way."""
        return self.paths[0].told(timing=False)

    @property
    def calendars(self) -> list[tuple[str, Path]]:
        """The calendars that are not alike, the one that is over first first, each with a path that has it."""
        found = {calendar(path): path for path in self.paths}
        return sorted(found.items(), key=lambda one: one[1].ends_at)


def ways_through(paths: Sequence[Path]) -> list[Ways]:
    """All ways, in the order of their first path."""
    ways: dict[object, list[Path]] = {}
    for path in paths:
        ways.setdefault(path.way, []).append(path)
    return [Ways(tuple(alike)) for alike in ways.values()]


def calendar(path: Path) -> str:
    """As 'day 0 welcome · day 3 open-account-reminder · day 10 end: not interested', then the points, if any."""
    touches = (f"{days_of(touch.at)} {touch.step}{'' if touch.sent else ' (not sent)'}" for touch in path.touches)
    points = [counted(path.points, "point")] if path.points else []
    return " · ".join([*touches, f"{days_of(path.ends_at)} end: {path.outcome}", *points])


def lines(ways: Sequence[Ways]) -> Iterator[str]:
    """Every way with its calendars, as text."""
    for number, way in enumerate(ways, 1):
        yield f"{number:>3}  {way.title}"
        for told, _ in way.calendars:
            yield f"     {told}"


def summary(ways: Sequence[Ways]) -> str:
    """As '9 ways through, 37 paths'."""
    number = sum(len(way.paths) for way in ways)
    return f"{counted(len(ways), 'way')} through, {counted(number, 'path')}"
