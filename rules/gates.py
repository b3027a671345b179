"""The gates that a planned touch has to pass, in their order (design: gates.md).

Pure: `judge` looks at the touch and the facts and at nothing else, so a stored record can be judged again years later.
Touch gates come first; then, for each channel of the step up to the one in turn, the channel gates; last the holdout.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal, assert_never

from journeys.caps import Cap
from journeys.channels import CARRIES
from journeys.names import Channel, ContentHash, JourneyName, MessageClass, ProductId, StepId, TemplateName
from rules.caps import CountedTouch, caps_on, room_at
from rules.suitability import Investor, Product, unsuitable
from rules.values import value

MARKETING_EXPIRES = timedelta(hours=24)
BRAKE_RECHECK = timedelta(minutes=15)
BRAKE_JITTER = timedelta(minutes=3)
QUIET_JITTER = timedelta(minutes=30)
CAP_JITTER = timedelta(minutes=3)
STALE_FOR_SURE = timedelta(minutes=1)
"""A held touch is looked at so long after it has expired: later than any clock's grace."""
CHINA = timedelta(hours=8)
"""China has one time and no summer time: the day of an approval ends at midnight there."""
APPROVED_CLASSES = (MessageClass.MARKETING, MessageClass.ADVICE)
"""Texts of these classes, and every text with a product, pass a review before use (compliance.md)."""
HOLDOUT = "holdout"
QUIET_HOURS = "quiet_hours"
CAP = "cap"


class BrakeMode(StrEnum):
    """What a brake does to a touch: keep it until the brake is off, or withhold it."""

    HOLD = "hold"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Brake:
    """A stop button, for all touches or for those of a journey, a template or a channel."""

    mode: BrakeMode
    reason: str
    journey: JourneyName | None = None
    template: TemplateName | None = None
    channel: Channel | None = None

    def stops(self, touch: Touch, channel: Channel) -> bool:
        """Whether a touch on a channel falls under this brake."""
        return (
            self.journey in (None, touch.journey)
            and self.template in (None, touch.template)
            and self.channel in (None, channel)
        )


@dataclass(frozen=True, slots=True)
class Touch:
    """A planned touch, as far as the gates care; the same for every customer at that step.

    `holds_on_cap` says that it waits for room under the caps instead of being left out. `critical` lifts quiet hours,
    caps and the holdout; it needs an approval. `approved_until` is the last day of the approval.
    """

    journey: JourneyName
    template: TemplateName
    message_class: MessageClass
    channels: tuple[Channel, ...]
    in_turn: int
    expires: timedelta | None = None
    product: ProductId | None = None
    holds_on_cap: bool = False
    approval: str | None = None
    approved_until: date | None = None
    critical: bool = False


@value
class Facts:
    """What is known at the time of judgement.

    `late_by` is how long the touch has been due: in real time, or in holds. `run_over` names what ended the run,
    `overtaken_by` the event that makes the touch pointless; both empty when nothing does. `suppressed` has the reasons
    for which the customer is sent nothing at all. `product` is none if the catalogue does not know the touch's.
    Consents are (class, channel) pairs, opt-outs the scopes 'marketing', 'all' or a channel. `also_carries` has what
    the deployment lets a channel carry beside `CARRIES`. `quiet_until` is when the quiet hours end that the customer
    is in, none outside them; `interrupting` are the channels that they hold. `caps` are those that the touch may fall
    under, `heard` what may count against them. `control` says that the run is held out. `budget_left` is how many
    touches the journey may still send, none without a limit.
    """

    judged_at: datetime
    late_by: timedelta = timedelta(0)
    run_over: str = ""
    overtaken_by: str = ""
    paused: bool = False
    suppressed: tuple[str, ...] = ()
    investor: Investor = Investor()
    product: Product | None = None
    recalled: bool = False
    budget_left: int | None = None
    unreachable: tuple[Channel, ...] = ()
    opted_out: tuple[str, ...] = ()
    consents: tuple[tuple[MessageClass, Channel], ...] = ()
    also_carries: tuple[tuple[Channel, MessageClass], ...] = ()
    brakes: tuple[Brake, ...] = ()
    quiet_until: datetime | None = None
    interrupting: tuple[Channel, ...] = ()
    caps: tuple[Cap, ...] = ()
    heard: tuple[CountedTouch, ...] = ()
    control: bool = False


Result = Literal["pass", "refuse", "hold"]


def counts_as_sent(outcome: str, reason: str) -> bool:
    """For branching: a touch in doubt may have arrived, and one of the control arm stands for one that was sent."""
    return outcome in ("sent", "in_doubt") or reason == HOLDOUT


@value
class Verdict:
    """What one gate said; `channel` is empty for the touch gates, `until` is there when the gate knows its end."""

    gate: str
    result: Result
    reason: str = ""
    channel: Channel | None = None
    until: datetime | None = None


Decision = Literal["send", "withhold", "hold", "next_channel"]


@value
class Judgement:
    """All verdicts in their order, and what they come to."""

    decision: Decision
    reason: str
    verdicts: tuple[Verdict, ...]
    hold_until: datetime | None = None


@value
class TouchSettled:
    """The touch has its outcome, at the business time from which later waits count."""

    journey: JourneyName
    entry: int
    step: StepId
    at: datetime
    outcome: Literal["sent", "withheld", "failed", "in_doubt"]
    reason: str = ""
    kind: Literal["settled"] = "settled"

    def told(self) -> str:
        """In a word or two, for the step table."""
        return f"{self.outcome}: {self.reason}" if self.reason else self.outcome


@value
class HeldUntil:
    """Ask again at a business time; the step is not done."""

    journey: JourneyName
    entry: int
    step: StepId
    until: datetime
    reason: str
    kind: Literal["held"] = "held"


@value
class NextChannel:
    """This channel refused; ask on the next one's queue. `definition` says whose channel it was."""

    journey: JourneyName
    entry: int
    step: StepId
    definition: ContentHash
    kind: Literal["next_channel"] = "next_channel"


@dataclass(frozen=True, slots=True)
class TryLater:
    """The provider did not answer; ask it again at a business time. Later waits do not shift."""

    journey: JourneyName
    entry: int
    step: StepId
    at: datetime
    reason: str
    kind: Literal["try_later"] = "try_later"


Answer = TouchSettled | HeldUntil | NextChannel | TryLater


LEGAL = ("suppression", "suitability", "consent", "class_carried", "approval", "recall")
"""The gates of the law, the gravest first: always all asked, and the gravest that refuses names the reason."""


def judge(touch: Touch, facts: Facts, key: str) -> Judgement:
    """Every gate's verdict on a touch, and the decision. The touch's key spreads what is held.

    What a touch gate stops or holds is put before the legal gates of all its channels nonetheless: the record shows
    what the law would have said.
    """
    on_touch = _touch_verdicts(touch, facts)
    if any(verdict.result == "refuse" for verdict in on_touch):
        verdicts = (*on_touch, *_legal_on_channels(touch, facts))
        return Judgement("withhold", _gravest(verdicts, len(touch.channels)), verdicts)
    if (paused := next((verdict for verdict in on_touch if verdict.result == "hold"), None)) is not None:
        verdicts = (*on_touch, *_legal_on_channels(touch, facts))
        return Judgement("hold", paused.reason, verdicts, _held_until(touch, paused, facts, key))
    tried = [_channel_verdicts(touch, channel, facts) for channel in touch.channels[: touch.in_turn + 1]]
    verdicts = (*on_touch, *(verdict for one in tried for verdict in one))
    stopped = next((verdict for verdict in tried[-1] if verdict.result != "pass"), None)
    if stopped is not None and stopped.result == "refuse" and touch.in_turn + 1 >= len(touch.channels):
        return Judgement("withhold", _reason_for_all(tried), verdicts)
    return _decide(touch, facts, key, stopped, verdicts)


def _touch_verdicts(touch: Touch, facts: Facts) -> list[Verdict]:
    """Gates 1 to 5."""
    return [
        _run_open(facts),
        _not_overtaken(facts),
        _not_stale(touch, facts),
        _not_suppressed(facts),
        _suitable(touch, facts),
        _approved(touch, facts),
        _not_recalled(facts),
        _within_budget(facts),
    ]


def _channel_verdicts(touch: Touch, channel: Channel, facts: Facts) -> list[Verdict]:
    """Gates 6 to 11."""
    return [
        _reachable(channel, facts),
        _consented(touch, channel, facts),
        _carried(touch, channel, facts),
        _not_braked(touch, channel, facts),
        _not_in_quiet_hours(touch, channel, facts),
        _within_caps(touch, channel, facts),
    ]


def _legal_on_channels(touch: Touch, facts: Facts) -> list[Verdict]:
    return [
        verdict
        for channel in touch.channels
        for verdict in (_consented(touch, channel, facts), _carried(touch, channel, facts))
    ]


def _decide(touch: Touch, facts: Facts, key: str, stopped: Verdict | None, verdicts: tuple[Verdict, ...]) -> Judgement:
    """What the verdicts on the channel in turn come to: a refusal tries the next channel, a hold stays."""
    if stopped is None:
        held_out = _held_out(touch, facts)
        decision: Decision = "send" if held_out.result == "pass" else "withhold"
        return Judgement(decision, held_out.reason, (*verdicts, held_out))
    match stopped.result:
        case "hold":
            return Judgement("hold", stopped.reason, verdicts, _held_until(touch, stopped, facts, key))
        case "refuse":
            on_channel = [verdict for verdict in verdicts if verdict.channel == stopped.channel]
            return Judgement("next_channel", _gravest(on_channel, 1), verdicts)
        case "pass":
            raise AssertionError("a verdict that stops does not pass")
        case _:
            assert_never(stopped.result)


def _reason_for_all(tried: Sequence[Sequence[Verdict]]) -> str:
    """Why a touch goes out on no channel: what stopped it on the one where it came past most gates."""
    places = [next((n for n, one in enumerate(each) if one.result == "refuse"), -1) for each in tried]
    return _gravest(tried[places.index(max(places))], 1)


def _gravest(verdicts: Sequence[Verdict], channels: int) -> str:
    """The reason of the gravest refusal. A gate that is asked on every channel refuses if it does so on all of them."""
    refused = [verdict for verdict in verdicts if verdict.result == "refuse"]
    for gate in LEGAL:
        of_gate = [verdict for verdict in refused if verdict.gate == gate]
        if of_gate and (of_gate[0].channel is None or len(of_gate) == channels):
            return of_gate[0].reason
    return next(verdict.reason for verdict in refused if verdict.gate not in LEGAL)


def _held_until(touch: Touch, stopped: Verdict, facts: Facts, key: str) -> datetime:
    """When to look again: at the end that the gate knows, or soon; but once the touch is stale at the latest."""
    return _stale_at_the_latest(touch, facts.judged_at - facts.late_by, _look_again(stopped, facts, key))


def held_by_quiet_hours(touch: Touch, due: datetime, end: datetime, key: str) -> datetime:
    """When to look again at a touch that quiet hours hold until their end."""
    return _stale_at_the_latest(touch, due, end + _spread(QUIET_JITTER, key))


def _stale_at_the_latest(touch: Touch, due: datetime, until: datetime) -> datetime:
    expires = expires_after(touch)
    return until if expires is None else min(until, due + expires + STALE_FOR_SURE)


def _look_again(stopped: Verdict, facts: Facts, key: str) -> datetime:
    """Spread over the customers, so that a backlog does not leave in one burst."""
    if stopped.until is None:
        return facts.judged_at + BRAKE_RECHECK + _spread(BRAKE_JITTER, key)
    return stopped.until + _spread(QUIET_JITTER if stopped.gate == QUIET_HOURS else CAP_JITTER, key)


def _run_open(facts: Facts) -> Verdict:
    """A paused run is not over: its touches are kept until it goes on."""
    if facts.paused and not facts.run_over:
        return Verdict("run_open", "hold", "paused")
    return _verdict("run_open", facts.run_over)


def _not_overtaken(facts: Facts) -> Verdict:
    return _verdict("overtaken", f"overtaken: {facts.overtaken_by}" if facts.overtaken_by else "")


def expires_after(touch: Touch) -> timedelta | None:
    """How long after its due time a touch may still be sent; none without an end."""
    if touch.expires is None and touch.message_class is MessageClass.MARKETING:
        return MARKETING_EXPIRES
    return touch.expires


def is_stale(touch: Touch, late_by: timedelta) -> bool:
    """Whether a touch comes too late to be of any use."""
    expires = expires_after(touch)
    return expires is not None and late_by > expires


def _not_stale(touch: Touch, facts: Facts) -> Verdict:
    return _verdict("stale", "stale" if is_stale(touch, facts.late_by) else "")


def _not_suppressed(facts: Facts) -> Verdict:
    return _verdict("suppression", f"suppressed: {facts.suppressed[0]}" if facts.suppressed else "")


def _suitable(touch: Touch, facts: Facts) -> Verdict:
    if touch.product is None:
        return _verdict("suitability", "")
    reason = unsuitable(facts.investor, facts.product, facts.judged_at)
    return _verdict("suitability", f"unsuitable: {reason}" if reason else "")


def _approved(touch: Touch, facts: Facts) -> Verdict:
    """The last day of an approval is one on which it holds."""
    needed = touch.message_class in APPROVED_CLASSES or touch.product is not None or touch.critical
    ended = touch.approved_until is not None and (facts.judged_at + CHINA).date() > touch.approved_until
    return _verdict("approval", "not_approved" if needed and (not touch.approval or ended) else "")


def _not_recalled(facts: Facts) -> Verdict:
    return _verdict("recall", "recalled" if facts.recalled else "")


def _within_budget(facts: Facts) -> Verdict:
    spent = facts.budget_left is not None and facts.budget_left <= 0
    return _verdict("budget", "budget" if spent else "")


def _reachable(channel: Channel, facts: Facts) -> Verdict:
    return _verdict("reachable", "unreachable" if channel in facts.unreachable else "", channel)


def _consented(touch: Touch, channel: Channel, facts: Facts) -> Verdict:
    """Service needs no consent and ends by an opt-out from all or from the channel; the rest needs consent."""
    stops = {"all", str(channel)}
    if touch.message_class is not MessageClass.SERVICE:
        stops.add("marketing")
    if stops.intersection(facts.opted_out):
        return _verdict("consent", "opted_out", channel)
    needed = touch.message_class is not MessageClass.SERVICE
    given = (touch.message_class, channel) in facts.consents
    return _verdict("consent", "no_consent" if needed and not given else "", channel)


def _carried(touch: Touch, channel: Channel, facts: Facts) -> Verdict:
    carried = touch.message_class in CARRIES[channel] or (channel, touch.message_class) in facts.also_carries
    return _verdict("class_carried", "" if carried else "class_not_carried", channel)


def _not_braked(touch: Touch, channel: Channel, facts: Facts) -> Verdict:
    """A brake that drops is stronger than one that holds."""
    modes = {brake.mode for brake in facts.brakes if brake.stops(touch, channel)}
    if BrakeMode.DROP in modes:
        return _verdict("brake", "brake", channel)
    return Verdict("brake", "hold", "brake", channel) if modes else _verdict("brake", "", channel)


def _not_in_quiet_hours(touch: Touch, channel: Channel, facts: Facts) -> Verdict:
    if touch.critical or facts.quiet_until is None or channel not in facts.interrupting:
        return _verdict(QUIET_HOURS, "", channel)
    return Verdict(QUIET_HOURS, "hold", QUIET_HOURS, channel, facts.quiet_until)


def _within_caps(touch: Touch, channel: Channel, facts: Facts) -> Verdict:
    """What a critical message adds is never too much."""
    one = CountedTouch(facts.judged_at, touch.message_class, channel)
    room = room_at(one, caps_on(touch.message_class, channel, facts.caps), facts.heard)
    if touch.critical or room <= facts.judged_at:
        return _verdict("caps", "", channel)
    return Verdict("caps", "hold" if touch.holds_on_cap else "refuse", CAP, channel, room)


def _held_out(touch: Touch, facts: Facts) -> Verdict:
    return _verdict("holdout", HOLDOUT if facts.control and not touch.critical else "")


def _verdict(gate: str, reason: str, channel: Channel | None = None) -> Verdict:
    return Verdict(gate, "refuse" if reason else "pass", reason, channel)


def _spread(over: timedelta, key: str) -> timedelta:
    """The same for the same touch, and evenly spread over the customers."""
    return over * (zlib.crc32(key.encode()) / 2**32)
