"""Would one more touch be too much? Caps in rolling windows (gates.md, gate 11)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from journeys.caps import CAPS, Cap
from journeys.names import Channel, JourneyName, MessageClass

LONGEST = max((cap.within for cap in CAPS if cap.channel in (None, *Channel)), default=timedelta(0))
"""What is older counts against no cap of a channel that there is."""


class CountedTouch(NamedTuple):
    """A touch as far as caps care."""

    at: datetime
    message_class: MessageClass
    channel: Channel


def caps_on(message_class: MessageClass, channel: Channel) -> tuple[Cap, ...]:
    """The caps that a touch of a class on a channel falls under."""
    return tuple(cap for cap in CAPS if message_class in cap.classes and cap.channel in (None, channel))


@dataclass(slots=True)
class CapCount:
    """What one customer heard lately, counted in the order of time.

    What a control run would have sent counts against that run's own caps only (journey-language.md, rule 6).
    """

    heard: list[CountedTouch] = field(default_factory=list)
    shadows: dict[tuple[JourneyName, int], list[CountedTouch]] = field(default_factory=dict)

    def is_over(
        self, touch: CountedTouch, caps: Sequence[Cap], control_run: tuple[JourneyName, int] | None = None
    ) -> bool:
        """Whether a touch is over one of the caps that it falls under; if not, it counts from now on."""
        if not caps:
            return False
        self.heard = [one for one in self.heard if one.at > touch.at - LONGEST]
        own = self.heard if control_run is None else self.shadows.setdefault(control_run, [])
        before = self.heard if control_run is None else [*self.heard, *own]
        if before and any(sum(_counts(cap, touch, one) for one in before) >= cap.touches for cap in caps):
            return True
        own.append(touch)
        return False


def _counts(cap: Cap, touch: CountedTouch, before: CountedTouch) -> bool:
    """A window is as long as it says: exactly a day later there is room again."""
    recent = before.at > touch.at - cap.within
    return recent and before.message_class in cap.classes and cap.channel in (None, before.channel)
