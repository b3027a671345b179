"""The gate of the paper world: the same gates, on facts in memory."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol

from journeys.caps import CAPS, Cap
from journeys.names import Channel, ContentHash, CustomerId, MessageClass, StepId
from rules.caps import CountedTouch, Heard, caps_of, caps_on, room_at
from rules.effects import SendMessage
from rules.gates import (
    CHINA,
    HOLDOUT,
    QUIET_HOURS,
    Facts,
    Judgement,
    Touch,
    held_by_quiet_hours,
    is_stale,
    judge,
)
from rules.statements import Standing
from rules.suitability import Product
from rules.touches import planned_touch, touch_key

_Situation = tuple[ContentHash, StepId, int, str, str, Hashable, bool, bool, date | None]
"""A step of a definition, the channel in turn, what ended the run, what overtook the touch, what the customer said of
consents and refusals, whether the run is held out, whether it is too late, and the day if an approval ends."""


class QuietUntil(Protocol):
    """Finds when the quiet hours end that a customer is in. The world computes it."""

    def __call__(self, at: datetime, zone: str) -> datetime | None: ...


class PaperTouch(NamedTuple):
    """A touch before the gate, with what its run and its customer have to say."""

    customer_id: CustomerId
    send: SendMessage
    channel: int
    run_over: str
    overtaken_by: str
    standing: Standing
    zone: str

    @property
    def control_run(self) -> tuple[str, int] | None:
        """Its run, if it is of the control arm."""
        return (self.send.journey, self.send.entry) if self.send.control else None


class PaperJudgement(NamedTuple):
    """What comes of a touch, on the channel in turn that it comes to; the caps are those that it counts against."""

    channel: int
    touch: Touch
    judgement: Judgement
    carried: Channel | None
    """The channel that carries it, or would if it were not held out; none if none does."""
    caps: tuple[Cap, ...]


@dataclass(frozen=True)
class PaperGate:
    """What the gates know of every customer alike. Without quiet hours none are kept."""

    unreachable: tuple[Channel, ...] = ()
    also_carries: tuple[tuple[Channel, MessageClass], ...] = ()
    products: tuple[Product, ...] = ()
    caps: tuple[Cap, ...] = CAPS
    interrupting: tuple[Channel, ...] = ()
    quiet_until: QuietUntil | None = None
    _remembered: dict[_Situation, PaperJudgement] = field(default_factory=dict, compare=False, repr=False)
    """Without brakes most judgements depend on nothing else than this, so few are made for many customers."""

    def judge(self, asked: PaperTouch, heard: Heard) -> PaperJudgement:
        """As the durable world would; nothing can happen between two channels, so they are tried at once.

        What quiet hours and caps have to say is asked if nothing else stops the touch.
        """
        judged = self._always(asked)
        if (channel := judged.carried) is None:
            return judged
        if not judged.touch.critical and (end := self._quiet(asked, channel)) is not None:
            return _held(asked, judged, end)
        if _has_room(asked, judged, channel, heard):
            return judged
        judged = self._judged(asked._replace(channel=judged.channel), heard)
        if judged.judgement.decision == "next_channel":
            return self.judge(asked._replace(channel=judged.channel + 1), heard)
        return judged

    def _always(self, asked: PaperTouch) -> PaperJudgement:
        """What does not depend on the hour nor on what else was sent."""
        send, touch = asked.send, planned_touch(asked.send.definition, asked.send.step, asked.channel)
        if touch.product is not None:
            return self._on_channels(asked)
        late = send.asked_for != send.due and is_stale(touch, send.asked_for - send.due)
        day = (send.asked_for + CHINA).date() if touch.approved_until else None
        situation = (
            *(send.definition, send.step, asked.channel, asked.run_over, asked.overtaken_by, asked.standing.apart),
            *(send.control, late, day),
        )
        if (known := self._remembered.get(situation)) is None:
            known = self._remembered[situation] = self._on_channels(asked)
        return known

    def _on_channels(self, asked: PaperTouch) -> PaperJudgement:
        while (judged := self._judged(asked)).judgement.decision == "next_channel":
            asked = asked._replace(channel=asked.channel + 1)
        return judged

    def _judged(self, asked: PaperTouch, heard: Heard | None = None) -> PaperJudgement:
        """What all gates say of a touch on one channel; without `heard` as if quiet hours and caps were no matter."""
        touch = planned_touch(asked.send.definition, asked.send.step, asked.channel)
        judgement = judge(touch, self._facts(asked, touch, heard), touch_key(asked.customer_id, asked.send))
        carried = _carries(judgement, touch)
        # The one with the longest window first.
        caps = sorted(caps_on(touch.message_class, carried, self.caps) if carried else (), key=_window, reverse=True)
        return PaperJudgement(asked.channel, touch, judgement, carried, tuple(caps))

    def _quiet(self, asked: PaperTouch, channel: Channel) -> datetime | None:
        """When the quiet hours end that hold a channel, if they do."""
        if self.quiet_until is None or channel not in self.interrupting:
            return None
        return self.quiet_until(asked.send.asked_for, asked.zone)

    def _facts(self, asked: PaperTouch, touch: Touch, heard: Heard | None) -> Facts:
        """Without `heard` as if quiet hours and caps were no matter."""
        send, standing = asked.send, asked.standing
        return Facts(
            judged_at=send.asked_for,
            late_by=send.asked_for - send.due,
            run_over=asked.run_over,
            overtaken_by=asked.overtaken_by,
            suppressed=standing.suppressed,
            investor=standing.investor,
            product=next((one for one in self.products if one.product_id == touch.product), None),
            unreachable=self.unreachable,
            opted_out=standing.opted_out,
            consents=standing.consents,
            also_carries=self.also_carries,
            quiet_until=None if heard is None else self._quiet(asked, touch.channels[touch.in_turn]),
            interrupting=self.interrupting,
            caps=caps_of(touch.message_class, touch.channels, self.caps),
            heard=heard.lately(send.asked_for, asked.control_run) if heard else (),
            control=send.control,
        )


def _held(asked: PaperTouch, judged: PaperJudgement, end: datetime) -> PaperJudgement:
    """What only quiet hours stop; the caps come after them."""
    until = held_by_quiet_hours(judged.touch, asked.send.due, end, touch_key(asked.customer_id, asked.send))
    return judged._replace(judgement=Judgement("hold", QUIET_HOURS, (), until), carried=None, caps=())


def _has_room(asked: PaperTouch, judged: PaperJudgement, channel: Channel, heard: Heard) -> bool:
    """Whether the caps leave room for a touch that nothing else stops: so for most of them."""
    send, caps = asked.send, judged.caps
    if not caps or heard.nothing_since(send.asked_for - caps[0].within):
        return True
    one = heard_as(send, judged.touch, channel)
    return room_at(one, caps, heard.lately(one.at, asked.control_run)) <= one.at


def _carries(judgement: Judgement, touch: Touch) -> Channel | None:
    carried = judgement.decision == "send" or judgement.reason == HOLDOUT
    return touch.channels[touch.in_turn] if carried else None


def _window(cap: Cap) -> timedelta:
    return cap.within


def heard_as(send: SendMessage, touch: Touch, channel: Channel) -> CountedTouch:
    """A touch as caps count it from now on."""
    return CountedTouch(send.asked_for, touch.message_class, channel)
