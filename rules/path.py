"""One path through a journey: what happened step by step, what was planned to be said, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from journeys.events import EventType
from journeys.names import Channel, MessageClass, StepId, TemplateName


@dataclass(frozen=True, slots=True)
class Moment:
    """A step was done, so long after entry. `decided`: it might have gone another way.

    `about` is what was decided, where `what` does not name it. `came` are the events that a wait was for, of which one
    came.
    """

    at: timedelta
    step: StepId
    what: str
    timing: str = ""
    about: str = ""
    decided: bool = False
    came: tuple[EventType, ...] = ()

    def told(self) -> str:
        """As 'account_opened came at the earliest'."""
        return f"{self.what} {self.timing}".rstrip()

    def named(self, *, timing: bool = True) -> str:
        """As 'tone: arm warm 50 %'."""
        told = self.told() if timing else self.what
        return f"{self.about}: {told}" if self.about else told


@dataclass(frozen=True, slots=True)
class PlannedTouch:
    """A touch on a path; `sent` is no where the path is that of a touch which was not, or which was overtaken."""

    at: timedelta
    step: StepId
    template: TemplateName
    message_class: MessageClass
    channels: tuple[Channel, ...]
    sent: bool = True


@dataclass(frozen=True, slots=True)
class Path:
    """One way through a journey.

    `outcome` is that of an `end`, or `completed`, `expired`, `time_past`, `goal`, `exit: EVENT`. If `ends_after` cut
    the path short, `missed` is the step that would have come next. `points` are all that it awards.
    """

    moments: tuple[Moment, ...]
    touches: tuple[PlannedTouch, ...]
    outcome: str
    ends_at: timedelta
    missed: StepId | None = None
    points: int = 0

    @property
    def way(self) -> tuple[tuple[StepId, str], ...]:
        """What happened, without the times: paths with the same way differ in when only."""
        return (*((one.step, one.what) for one in self.moments), (StepId(""), self.outcome))

    def told(self, *, timing: bool = True) -> str:
        """What makes this path this one, as 'account_opened timed out, tone: arm warm 50 %'."""
        decided = (one.named(timing=timing) for one in self.moments if one.decided)
        return ", ".join(decided) or "the only path"
