"""What must never be sent, said a second time: from the rules of compliance.md and gates.md, not from the gates.

Nothing here asks `rules.gates`, `rules.suitability` or `rules.caps` for an opinion: a mistake there is none here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from activities.local_time import quiet_until
from journeys.caps import CAPS
from journeys.names import (
    Channel,
    JourneyName,
    MessageClass,
    ProductId,
    RiskClass,
    RiskLevel,
    TemplateName,
)
from rules.caps import CountedTouch
from rules.gates import Brake, Facts, Touch
from rules.quiet_hours import QuietHours
from rules.suitability import Investor, Product

SERVICE, EDUCATION, MARKETING, ADVICE = (
    *(MessageClass.SERVICE, MessageClass.EDUCATION),
    *(MessageClass.MARKETING, MessageClass.ADVICE),
)
SHOWN = ProductId("F-1")
CARRIED = MappingProxyType(
    {
        **{channel: frozenset({SERVICE}) for channel in Channel},
        Channel.APP_PUSH: frozenset({SERVICE, EDUCATION, MARKETING}),
        Channel.INBOX: frozenset({SERVICE, MARKETING, ADVICE}),
    }
)
"""Stricter than the shipped channels are, so that the gate has something to refuse."""
INTERRUPTING = (Channel.APP_PUSH,)

Message = tuple[datetime, MessageClass, Channel]
"""One that the customer got before: when, of which class, on which channel."""


@dataclass(frozen=True)
class Situation:
    """A customer, a product, a text, a clock and a history, as a broker's books have them.

    `risk_class` 0 is none; `assessed` and `offered` are the time that is left of the assessment and of the product
    (none: of the assessment that there is none, of the product that it has no end).
    """

    at: datetime
    zone: str
    message_class: MessageClass = MARKETING
    channels: tuple[Channel, ...] = (Channel.INBOX,)
    in_turn: int = 0
    late_by: timedelta = timedelta(0)
    expires: timedelta | None = None
    holds_on_cap: bool = False
    critical: bool = False
    approval: str | None = "A-1"
    approved_until: date | None = None
    recalled: bool = False
    run_over: str = ""
    overtaken_by: str = ""
    paused: bool = False
    control: bool = False
    suppressed: tuple[str, ...] = ()
    shows_product: bool = False
    known_product: bool = True
    risk_level: int = 1
    product_type: str = "fund"
    term_days: int | None = None
    begins_in: timedelta = timedelta(days=-1)
    offered: timedelta | None = None
    risk_class: int = 5
    lowest: bool = False
    professional: bool = False
    assessed: timedelta | None = timedelta(days=1)
    longest_days: int | None = None
    wants: tuple[str, ...] = ()
    budget: int | None = None
    unreachable: tuple[Channel, ...] = ()
    opted_out: tuple[str, ...] = ()
    consents: tuple[tuple[MessageClass, Channel], ...] = ()
    brakes: tuple[Brake, ...] = ()
    history: tuple[Message, ...] = ()

    @property
    def channel(self) -> Channel:
        return self.channels[self.in_turn]

    def touch(self) -> Touch:
        """As the gates see it."""
        return Touch(
            JourneyName("win-back"),
            TemplateName("we-are-here"),
            self.message_class,
            self.channels,
            self.in_turn,
            expires=self.expires,
            product=SHOWN if self.shows_product else None,
            holds_on_cap=self.holds_on_cap,
            approval=self.approval,
            approved_until=self.approved_until,
            critical=self.critical,
        )

    def facts(self) -> Facts:
        """As the gates see them."""
        return Facts(
            judged_at=self.at,
            late_by=self.late_by,
            run_over=self.run_over,
            overtaken_by=self.overtaken_by,
            paused=self.paused,
            suppressed=self.suppressed,
            investor=Investor(
                risk_class=RiskClass(f"C{self.risk_class}") if self.risk_class else None,
                lowest_class=self.lowest,
                professional=self.professional,
                assessed_until=None if self.assessed is None else self.at + self.assessed,
                longest_term=None if self.longest_days is None else timedelta(days=self.longest_days),
                product_types=self.wants,
            ),
            product=self._product() if self.shows_product and self.known_product else None,
            recalled=self.recalled,
            budget_left=self.budget,
            unreachable=self.unreachable,
            opted_out=self.opted_out,
            consents=self.consents,
            brakes=self.brakes,
            quiet_until=quiet_until(QuietHours(), self.at, self.zone),
            interrupting=INTERRUPTING,
            caps=CAPS,
            heard=tuple(CountedTouch(*message) for message in self.history),
            control=self.control,
        )

    def _product(self) -> Product:
        return Product(
            SHOWN,
            RiskLevel(f"R{self.risk_level}"),
            self.product_type,
            self.at + self.begins_in,
            None if self.offered is None else self.at + self.offered,
            None if self.term_days is None else timedelta(days=self.term_days),
        )


def spoke_out_of_turn(sent: Situation) -> bool:
    """For a run that is over or paused."""
    return bool(sent.run_over) or sent.paused


def was_overtaken(sent: Situation) -> bool:
    return bool(sent.overtaken_by)


def was_stale(sent: Situation) -> bool:
    """Later than it says, or marketing a day after it was due."""
    if sent.expires is not None:
        return sent.late_by > sent.expires
    return sent.message_class == MARKETING and sent.late_by > timedelta(days=1)


def went_to_somebody_suppressed(sent: Situation) -> bool:
    return len(sent.suppressed) > 0


def did_not_suit(sent: Situation) -> bool:
    """A product to somebody for whom it is not: the levels are compared as numbers, the lowest class takes only R1."""
    if not sent.shows_product:
        return False
    ended = sent.offered is not None and sent.offered <= timedelta(0)
    if not sent.known_product or sent.begins_in > timedelta(0) or ended:
        return True
    if sent.professional:
        return False
    if sent.risk_class == 0 or sent.assessed is None or sent.assessed <= timedelta(0):
        return True
    too_long = (sent.term_days or 0) > (999_999 if sent.longest_days is None else sent.longest_days)
    unwanted = bool(sent.wants) and sent.product_type not in sent.wants
    above = sent.risk_level > (1 if sent.lowest else sent.risk_class)
    return above or too_long or unwanted


def was_not_approved(sent: Situation) -> bool:
    """Marketing, advice, product texts and critical ones need a review that holds on the day, in China."""
    needed = sent.message_class in {MARKETING, ADVICE} or sent.shows_product or sent.critical
    today = sent.at.astimezone(ZoneInfo("Asia/Shanghai")).date()
    past = sent.approved_until is not None and sent.approved_until < today
    return needed and (not sent.approval or past)


def was_recalled(sent: Situation) -> bool:
    return sent.recalled


def was_over_budget(sent: Situation) -> bool:
    return sent.budget is not None and sent.budget < 1


def reached_nobody(sent: Situation) -> bool:
    return sent.channel in sent.unreachable


def had_no_consent(sent: Situation) -> bool:
    """Nothing after a stop for all or the channel; other than service only with consent and without a stop."""
    if "all" in sent.opted_out or sent.channel.value in sent.opted_out:
        return True
    if sent.message_class == SERVICE:
        return False
    return "marketing" in sent.opted_out or (sent.message_class, sent.channel) not in sent.consents


def was_of_a_class_not_carried(sent: Situation) -> bool:
    return sent.message_class not in CARRIED[sent.channel]


def was_braked(sent: Situation) -> bool:
    """By any brake whose every column that is filled in names the touch."""
    named = {"journey": "win-back", "template": "we-are-here", "channel": sent.channel.value}
    return any(all(getattr(brake, column) in (None, name) for column, name in named.items()) for brake in sent.brakes)


def woke_the_customer(sent: Situation) -> bool:
    """By a sound from 21:00 to 08:00 by the clock on the customer's wall; an unknown zone is China."""
    return not sent.critical and sent.channel in INTERRUPTING and is_night(sent.at, sent.zone)


def is_night(at: datetime, zone: str) -> bool:
    try:
        wall = at.astimezone(ZoneInfo(zone))
    except (LookupError, ValueError):
        wall = at.astimezone(ZoneInfo("Asia/Shanghai"))
    return wall.hour >= 21 or wall.hour < 8


def was_too_much(sent: Situation) -> bool:
    return not sent.critical and too_many((sent.at, sent.message_class, sent.channel), sent.history)


def too_many(message: Message, before: Sequence[Message]) -> bool:
    """Marketing and advice: a second in 24 hours, or a fourth in 7 days. Counted by hand, from the design's words."""
    at, message_class, _ = message
    if message_class not in {MARKETING, ADVICE}:
        return False
    ages = [at - when for when, kind, _ in before if kind in {MARKETING, ADVICE}]
    a_day = sum(age < timedelta(hours=24) for age in ages)
    a_week = sum(age < timedelta(hours=7 * 24) for age in ages)
    return a_day > 0 or a_week > 2


def reached_the_control_group(sent: Situation) -> bool:
    return sent.control and not sent.critical


ORACLES: dict[str, Callable[[Situation], bool]] = {
    "run_open": spoke_out_of_turn,
    "overtaken": was_overtaken,
    "stale": was_stale,
    "suppression": went_to_somebody_suppressed,
    "suitability": did_not_suit,
    "approval": was_not_approved,
    "recall": was_recalled,
    "budget": was_over_budget,
    "reachable": reached_nobody,
    "consent": had_no_consent,
    "class_carried": was_of_a_class_not_carried,
    "brake": was_braked,
    "quiet_hours": woke_the_customer,
    "caps": was_too_much,
    "holdout": reached_the_control_group,
}
"""Each gate by its name, and what has happened if a message was sent that it should have stopped."""


def violations(sent: Situation) -> set[str]:
    """What should have stopped a message."""
    return {gate for gate, happened in ORACLES.items() if happened(sent)}
