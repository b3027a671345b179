"""Would one more touch be too much? Caps in rolling windows (gates.md, gate 11)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from journeys.caps import CAPS, Cap
from journeys.names import Channel, MessageClass

LONGEST = max((cap.within for cap in CAPS if cap.channel in (None, *Channel)), default=timedelta(0))
"""What is older counts against no cap of a channel that there is."""


class CountedTouch(NamedTuple):
    """A touch as far as caps care."""

    at: datetime
    message_class: MessageClass
    channel: Channel


def caps_on(message_class: MessageClass, channel: Channel, caps: Sequence[Cap] = CAPS) -> tuple[Cap, ...]:
    """The caps that a touch of a class on a channel falls under."""
    return tuple(cap for cap in caps if message_class in cap.classes and cap.channel in (None, channel))


def caps_of(message_class: MessageClass, channels: Iterable[Channel], caps: Sequence[Cap] = CAPS) -> tuple[Cap, ...]:
    """The caps that a touch of a class may fall under on one of some channels."""
    asked = {None, *map(str, channels)}
    return tuple(cap for cap in caps if message_class in cap.classes and cap.channel in asked)


def room_at(touch: CountedTouch, caps: Sequence[Cap], heard: Sequence[CountedTouch]) -> datetime:
    """When there is room for a touch under all of its caps: the touch's own time if there is now.

    A window is as long as it says: exactly a day later there is room again.
    """
    return max((_room_under(cap, touch, heard) for cap in caps), default=touch.at)


def _room_under(cap: Cap, touch: CountedTouch, heard: Sequence[CountedTouch]) -> datetime:
    if len(heard) < cap.touches:
        return touch.at
    counted = sorted(one.at for one in heard if _counts(cap, touch, one))
    return touch.at if len(counted) < cap.touches else counted[-cap.touches] + cap.within


def _counts(cap: Cap, touch: CountedTouch, before: CountedTouch) -> bool:
    recent = before.at > touch.at - cap.within
    return recent and before.message_class in cap.classes and cap.channel in (None, before.channel)


@dataclass(slots=True)
class Heard:
    """What one customer heard lately, in the order of time.

    What a control run would have sent counts against that run's own caps only (journey-language.md, rule 6).
    """

    touches: list[CountedTouch] = field(default_factory=list)
    shadows: dict[tuple[str, int], list[CountedTouch]] = field(default_factory=dict)

    def nothing_since(self, at: datetime) -> bool:
        """Whether nothing can count against a window that began at a time."""
        return not self.shadows and (not self.touches or self.touches[-1].at <= at)

    def lately(self, at: datetime, control_run: tuple[str, int] | None = None) -> tuple[CountedTouch, ...]:
        """All that may count against a touch at a time, of a run of the control arm or of any other."""
        if self.touches and self.touches[0].at <= at - LONGEST:
            self.touches = [one for one in self.touches if one.at > at - LONGEST]
        own = self.shadows.get(control_run, []) if control_run is not None else []
        return tuple(one for one in (*self.touches, *own) if one.at > at - LONGEST)

    def add(self, touch: CountedTouch, control_run: tuple[str, int] | None = None) -> None:
        """Count a touch from now on."""
        if control_run is None:
            self.touches.append(touch)
        else:
            self.shadows.setdefault(control_run, []).append(touch)
