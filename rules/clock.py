"""Business time and real time, and the line between them (architecture.md, "Time")."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(9000, 1, 1, tzinfo=UTC)
"""What a very fast or very slow clock would carry out of the calendar stays near its ends."""

Point = tuple[datetime, datetime]
"""A real time and the business time that it is then."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Business time as a function of real time: straight lines through points, then `speed` times as fast as real.

    The points are the anchors and, in order, those of `bends`; a play has bends where much happens, to go slower
    there. Without bends it is one straight line; in production the identity. `grace` is that of a play, as in
    `EngineNumbers`.
    """

    real_anchor: datetime = EPOCH
    business_anchor: datetime = EPOCH
    speed: float = 1.0
    grace: timedelta = timedelta(seconds=2)
    bends: tuple[Point, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether business time is not simply the time."""
        return self.speed != 1.0 or self.real_anchor != self.business_anchor or bool(self.bends)

    def business(self, real: datetime) -> datetime:
        """The business time at a real time."""
        if not self.simulated:
            return real
        (real_0, business_0), speed = self._line(0, real)
        try:
            return business_0 + (real - real_0) * speed
        except OverflowError:
            return LAST if real > real_0 else EPOCH

    def real(self, business: datetime) -> datetime:
        """The real time at which a business time comes."""
        if not self.simulated:
            return business
        (real_0, business_0), speed = self._line(1, business)
        try:
            return real_0 + (business - business_0) / speed
        except OverflowError:
            return LAST if business > business_0 else EPOCH

    def slowed(self, real_now: datetime, by: float) -> Clock:
        """The same business time now, and everything still to come takes so many times as long."""
        ahead = [(real_now + (real - real_now) * by, business) for real, business in self.bends if real > real_now]
        return replace(
            self,
            real_anchor=real_now,
            business_anchor=self.business(real_now),
            speed=self.speed if ahead else self.speed / by,
            bends=tuple(ahead),
        )

    def _line(self, axis: int, at: datetime) -> tuple[Point, float]:
        """The point that a time (real: axis 0, business: axis 1) comes after, and the speed from there."""
        points = ((self.real_anchor, self.business_anchor), *self.bends)
        place = bisect_right(points, at, lo=1, key=lambda point: point[axis]) - 1
        if place + 1 == len(points):
            return points[place], self.speed
        (real_0, business_0), (real_1, business_1) = points[place : place + 2]
        return points[place], (business_1 - business_0) / (real_1 - real_0)
