"""The gates that a planned touch has to pass, in their order (design: gates.md).

Pure: `judge` looks at `Facts` and nothing else, so a stored record can be judged again years later. Touch gates
come first; then, for each channel of the step up to the one in turn, the channel gates.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, assert_never

from journeys.names import Channel, JourneyName, MessageClass, ProductId, StepId, TemplateName
from rules.values import value

MARKETING_EXPIRES = timedelta(hours=24)
BRAKE_RECHECK = timedelta(minutes=15)
BRAKE_JITTER = timedelta(minutes=3)
HOLDOUT = "holdout"


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
    """A planned touch, as far as the gates care; the same for every customer at that step."""

    journey: JourneyName
    template: TemplateName
    message_class: MessageClass
    channels: tuple[Channel, ...]
    in_turn: int
    expires: timedelta | None = None
    product: ProductId | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at the time of judgement.

    `run_over` names what ended the run, `overtaken_by` the event that makes the touch pointless; both empty when
    nothing does. `control` says that the run is held out. `late_by` is real time since the touch was due. Consents are
    (class, channel) pairs, opt-outs the scopes 'marketing', 'all' or a channel.
    """

    judged_at: datetime
    late_by: timedelta = timedelta(0)
    run_over: str = ""
    overtaken_by: str = ""
    opted_out: tuple[str, ...] = ()
    consents: tuple[tuple[MessageClass, Channel], ...] = ()
    unreachable: tuple[Channel, ...] = ()
    brakes: tuple[Brake, ...] = ()
    paused: bool = False
    control: bool = False


Result = Literal["pass", "refuse", "hold"]


def counts_as_sent(outcome: str, reason: str) -> bool:
    """For branching: a touch in doubt may have arrived, and one of the control arm stands for one that was sent."""
    return outcome in ("sent", "in_doubt") or reason == HOLDOUT


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate said; `channel` is empty for the touch gates."""

    gate: str
    result: Result
    reason: str = ""
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """All verdicts in their order, and what they come to."""

    decision: Literal["send", "withhold", "hold", "next_channel"]
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
    """This channel refused; ask on the next one's queue."""

    journey: JourneyName
    entry: int
    step: StepId
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


def judge(touch: Touch, facts: Facts, key: str) -> Judgement:
    """Every gate's verdict on a touch, and the decision. The touch's key spreads what is held."""
    verdicts = [_run_open(facts), _not_overtaken(facts), _not_stale(touch, facts), _suitable(touch)]
    if refused := next((v for v in verdicts if v.result == "refuse"), None):
        return Judgement("withhold", refused.reason, tuple(verdicts))
    stopped = next((v for v in verdicts if v.result == "hold"), None)
    if stopped is not None:
        return _decide(touch, facts, key, stopped, tuple(verdicts))
    for channel in touch.channels[: touch.in_turn + 1]:
        on_channel = [
            _reachable(channel, facts),
            _consented(touch, channel, facts),
            _brake(touch, channel, facts),
        ]
        stopped = next((v for v in on_channel if v.result != "pass"), None)
        verdicts += on_channel
    return _decide(touch, facts, key, stopped, tuple(verdicts))


def _decide(touch: Touch, facts: Facts, key: str, stopped: Verdict | None, verdicts: tuple[Verdict, ...]) -> Judgement:
    """What the verdicts on the channel in turn come to: a refusal tries the next channel, a hold stays."""
    if stopped is None:
        held_out = _verdict("holdout", HOLDOUT if facts.control else "")
        return Judgement("withhold" if facts.control else "send", held_out.reason, (*verdicts, held_out))
    match stopped.result:
        case "hold":
            return Judgement("hold", stopped.reason, verdicts, facts.judged_at + BRAKE_RECHECK + _jitter(key))
        case "refuse":
            last = touch.in_turn + 1 >= len(touch.channels)
            return Judgement("withhold" if last else "next_channel", stopped.reason, verdicts)
        case "pass":
            raise AssertionError("a verdict that stops does not pass")
        case _:
            assert_never(stopped.result)


def _run_open(facts: Facts) -> Verdict:
    """A paused run is not over: its touches are kept until it goes on."""
    if facts.paused and not facts.run_over:
        return Verdict("run_open", "hold", "paused")
    return _verdict("run_open", facts.run_over)


def _not_overtaken(facts: Facts) -> Verdict:
    return _verdict("overtaken", f"overtaken: {facts.overtaken_by}" if facts.overtaken_by else "")


def _not_stale(touch: Touch, facts: Facts) -> Verdict:
    expires = touch.expires
    if expires is None and touch.message_class is MessageClass.MARKETING:
        expires = MARKETING_EXPIRES
    return _verdict("stale", "stale" if expires is not None and facts.late_by > expires else "")


def _suitable(touch: Touch) -> Verdict:
    """As long as nothing is known of products, none is suitable for anybody (compliance.md)."""
    return _verdict("suitability", "suitability_unknown" if touch.product else "")


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


def _brake(touch: Touch, channel: Channel, facts: Facts) -> Verdict:
    """A brake that drops is stronger than one that holds."""
    modes = {brake.mode for brake in facts.brakes if brake.stops(touch, channel)}
    if BrakeMode.DROP in modes:
        return _verdict("brake", "brake", channel)
    return Verdict("brake", "hold", "brake", channel) if modes else _verdict("brake", "", channel)


def _verdict(gate: str, reason: str, channel: Channel | None = None) -> Verdict:
    return Verdict(gate, "refuse" if reason else "pass", reason, channel)


def _jitter(key: str) -> timedelta:
    """The same for the same touch, spread over the customers: a backlog does not leave in one burst."""
    return BRAKE_JITTER * (zlib.crc32(key.encode()) / 2**32)
