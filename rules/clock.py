"""Business time and real time, and the straight line between them (architecture.md, "Time")."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Business time runs `speed` times as fast as real time, from a pair of anchors. Identity in production.

    `grace` is real time: how long after a deadline its timer fires, so that an event of the same instant is there.
    """

    real_anchor: datetime = EPOCH
    business_anchor: datetime = EPOCH
    speed: float = 1.0
    grace: timedelta = timedelta(seconds=2)

    @property
    def simulated(self) -> bool:
        """Whether business time is not simply the time."""
        return self.speed != 1.0 or self.real_anchor != self.business_anchor

    def business(self, real: datetime) -> datetime:
        """The business time at a real time."""
        return self.business_anchor + (real - self.real_anchor) * self.speed if self.simulated else real

    def real(self, business: datetime) -> datetime:
        """The real time at which a business time comes."""
        return self.real_anchor + (business - self.business_anchor) / self.speed if self.simulated else business

    def scaled(self, duration: timedelta) -> timedelta:
        """The business time that passes in a real duration."""
        return duration * self.speed

    def slowed(self, real_now: datetime, speed: float) -> "Clock":
        """The same business time now, at another speed from here on."""
        return Clock(real_now, self.business(real_now), speed, self.grace)
