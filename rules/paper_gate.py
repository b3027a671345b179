"""The gate of the paper world: the same gates, on facts in memory."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, Protocol

from journeys.caps import CAPS, Cap
from journeys.names import Channel, ContentHash, CustomerId, MessageClass, StepId
from rules.caps import CountedTouch, Heard, caps_of, caps_on, room_at
from rules.effects import SendMessage
from rules.gates import CHINA, HOLDOUT, Facts, Judgement, Touch, judge
from rules.statements import Standing
from rules.suitability import Product
from rules.touches import planned_touch, touch_key

_Situation = tuple[ContentHash, StepId, int, str, str, Hashable, bool, date | None]
"""A step of a definition, the channel in turn, what ended the run, what overtook the touch, what the customer said of
consents and refusals, whether the run is held out, and the day if an approval ends."""


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
    def touch(self) -> Touch:
        """What the definition says of it."""
        return planned_touch(self.send.definition, self.send.step, self.channel)

    @property
    def control_run(self) -> tuple[str, int] | None:
        """Its run, if it is of the control arm."""
        return (self.send.journey, self.send.entry) if self.send.control else None


@dataclass(frozen=True)
class PaperGate:
    """What the gates know of every customer alike. Without quiet hours none are kept."""

    unreachable: tuple[Channel, ...] = ()
    products: tuple[Product, ...] = ()
    caps: tuple[Cap, ...] = CAPS
    interrupting: tuple[Channel, ...] = ()
    quiet_until: QuietUntil | None = None
    _remembered: dict[_Situation, Judgement] = field(default_factory=dict, compare=False, repr=False)
    """Without brakes most judgements depend on nothing else than this, so few are made for many customers."""
    _caps: dict[tuple[MessageClass, Channel], tuple[Cap, ...]] = field(default_factory=dict, compare=False, repr=False)

    def judge(self, asked: PaperTouch, heard: Heard) -> Judgement:
        """As the durable world would; what quiet hours and caps have to say is asked if nothing else stops it."""
        touch = asked.touch
        judgement = self._always(asked, touch)
        carried = carries(judgement, touch)
        if carried is None or self._lets_pass(asked, touch, carried, heard):
            return judgement
        return judge(touch, self._facts(asked, touch, heard), _key(asked))

    def counts(self, touch: Touch, channel: Channel) -> bool:
        """Whether a touch on a channel counts against any cap."""
        return bool(self._caps_on(touch, channel))

    def _always(self, asked: PaperTouch, touch: Touch) -> Judgement:
        send = asked.send
        if touch.product is not None or send.asked_for != send.due:
            return judge(touch, self._facts(asked, touch), _key(asked))
        day = (send.asked_for + CHINA).date() if touch.approved_until else None
        situation = (
            *(send.definition, send.step, asked.channel, asked.run_over, asked.overtaken_by, asked.standing.apart),
            *(send.control, day),
        )
        if (known := self._remembered.get(situation)) is None:
            known = self._remembered[situation] = judge(touch, self._facts(asked, touch), _key(asked))
        return known

    def _lets_pass(self, asked: PaperTouch, touch: Touch, channel: Channel, heard: Heard) -> bool:
        """Whether neither quiet hours nor caps can stop a touch that nothing else stops: so for most of them."""
        if self.quiet_until is not None and channel in self.interrupting:
            return False
        caps = self._caps_on(touch, channel)
        if not caps or not heard.touches and not heard.shadows:
            return True
        one = heard_as(asked.send, touch, channel)
        return room_at(one, caps, heard.lately(one.at, asked.control_run)) <= one.at

    def _caps_on(self, touch: Touch, channel: Channel) -> tuple[Cap, ...]:
        asked = (touch.message_class, channel)
        if (known := self._caps.get(asked)) is None:
            known = self._caps[asked] = caps_on(*asked, self.caps)
        return known

    def _facts(self, asked: PaperTouch, touch: Touch, heard: Heard | None = None) -> Facts:
        """Without `heard` as if quiet hours and caps were no matter."""
        send, standing = asked.send, asked.standing
        carried = heard is not None and touch.channels[touch.in_turn]
        quiet = self.quiet_until if carried in self.interrupting else None
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
            quiet_until=quiet(send.asked_for, asked.zone) if quiet else None,
            interrupting=self.interrupting,
            caps=caps_of(touch.message_class, touch.channels, self.caps),
            heard=heard.lately(send.asked_for, asked.control_run) if heard else (),
            control=send.control,
        )


def carries(judgement: Judgement, touch: Touch) -> Channel | None:
    """The channel that carries a touch, or would if it were not held out; none if none does."""
    carried = judgement.decision == "send" or judgement.reason == HOLDOUT
    return touch.channels[touch.in_turn] if carried else None


def heard_as(send: SendMessage, touch: Touch, channel: Channel) -> CountedTouch:
    """A touch as caps count it from now on."""
    return CountedTouch(send.asked_for, touch.message_class, channel)


def _key(asked: PaperTouch) -> str:
    return touch_key(asked.customer_id, asked.send)
