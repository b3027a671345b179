"""What is said of a customer at a time: consents, opt-outs, suppressions, risk assessments (gates.md, gates 2, 3, 7).

By an event, a file or a person; and in any order. The latest of each kind counts, by its own time. At one instant the
more cautious counts: a refusal before its lifting, a lower class before a higher. What stands is a function of what
was said, whatever came first. The database keeps and reads them by the same rule (activities/fact_writing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from journeys.events import (
    EVENTS,
    ComplaintData,
    ComplaintMade,
    ConsentData,
    ConsentGiven,
    OptedOut,
    OptedOutOfMarketing,
    RiskAssessed,
    ScopeData,
    Unsubscribed,
)
from journeys.names import Channel, MessageClass, RiskClass
from rules.suitability import Investor

COMPLAINT = "complaint"
_SAYING = (OptedOutOfMarketing, Unsubscribed, ScopeData, ConsentData, ComplaintData, RiskAssessed)
STATING = frozenset(name for name, event in EVENTS.items() if issubclass(event.data, _SAYING))
"""The events that say something which the gates look at."""

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ConsentSaid:
    """Consent to a class of messages on a channel, or its withdrawal, with its evidence."""

    at: datetime
    message_class: MessageClass
    channel: Channel
    given: bool
    source: str
    text_version: str


@dataclass(frozen=True, slots=True)
class OptOutSaid:
    """A refusal by scope ('marketing', 'all' or a channel), or its end."""

    at: datetime
    scope: str
    active: bool
    source: str


@dataclass(frozen=True, slots=True)
class SuppressionSaid:
    """A reason to send nothing at all, or its end."""

    at: datetime
    reason: str
    active: bool
    source: str


@dataclass(frozen=True, slots=True)
class AssessmentSaid:
    """What was found out of an investor; none is what was not asked, and stays as it was.

    A class comes with whether it is the lowest sub-class and until when it holds. Without a time nobody knows when
    it was found: it counts from when it is written down. A class is not a valid assessment by that, and stands only
    as long as no dated one is known, however old.
    """

    at: datetime | None
    source: str
    risk_class: RiskClass | None = None
    lowest_class: bool = False
    valid_until: datetime | None = None
    professional: bool | None = None
    longest_term: timedelta | None = None
    product_types: tuple[str, ...] | None = None

    @property
    def says_something(self) -> bool:
        """Whether anything was found."""
        found = (self.risk_class, self.professional, self.longest_term, self.product_types)
        return any(one is not None for one in found)


Statement = ConsentSaid | OptOutSaid | SuppressionSaid | AssessmentSaid


def statement_of(name: str, at: datetime, data: Mapping[str, Any], source: str) -> Statement | None:
    """What an event says that the gates look at; none for most events. `data` fits the event's model."""
    if name not in STATING:
        return None
    said = EVENTS[name].data.model_validate(dict(data))
    match said:
        case OptedOutOfMarketing():
            return OptOutSaid(at, "marketing", True, source)
        case Unsubscribed():
            return OptOutSaid(at, said.scope, True, source)
        case ScopeData():
            return OptOutSaid(at, said.scope, isinstance(said, OptedOut), source)
        case ConsentData():
            given = isinstance(said, ConsentGiven)
            return ConsentSaid(at, said.message_class, said.channel, given, said.source, said.text_version)
        case ComplaintData():
            return SuppressionSaid(at, COMPLAINT, isinstance(said, ComplaintMade), source)
        case RiskAssessed():
            return _assessment(said, at, source)
        case _:
            raise AssertionError(f"{name} states something, and nobody says what")


def _assessment(said: RiskAssessed, at: datetime, source: str) -> AssessmentSaid:
    days = said.longest_term_days
    return AssessmentSaid(
        at,
        source,
        said.risk_class,
        said.lowest_class,
        said.valid_until,
        said.professional,
        None if days is None else timedelta(days=days),
        None if said.product_types is None else tuple(sorted(set(said.product_types))),
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """What a customer allows, and who they are to the law: what the gates are told.

    `risk_class` is the class as conditions ask for it. `apart` tells this standing from that of a customer who said
    nothing, as far as consents, opt-outs and suppressions go.
    """

    consents: tuple[tuple[MessageClass, Channel], ...] = ()
    investor: Investor = Investor()
    risk_class: RiskClass | None = None
    opted_out: tuple[str, ...] = ()
    suppressed: tuple[str, ...] = ()
    apart: Hashable = ()


def standing(said: Sequence[Statement], before: Standing, assessment_valid: timedelta) -> Standing:
    """What stands after all that was said; what stood before is older than everything.

    An assessment that does not say until when it holds does so for `assessment_valid`.
    """
    consents = _latest([one for one in said if isinstance(one, ConsentSaid)], _kind_of_consent, _refusal_last)
    opt_outs = _latest([one for one in said if isinstance(one, OptOutSaid)], lambda one: one.scope, _activity_last)
    reasons = _latest([one for one in said if isinstance(one, SuppressionSaid)], lambda one: one.reason, _activity_last)
    given = {**dict.fromkeys(before.consents, True), **{kind: one.given for kind, one in consents.items()}}
    allowed = replace(
        before,
        consents=tuple(kind for kind, holds in given.items() if holds),
        opted_out=tuple(sorted(scope for scope, one in opt_outs.items() if one.active)),
        suppressed=tuple(sorted(reason for reason, one in reasons.items() if one.active)),
    )
    assessments = [one for one in said if isinstance(one, AssessmentSaid)]
    return replace(
        _assessed(assessments, allowed, assessment_valid),
        apart=(allowed.consents, allowed.opted_out, allowed.suppressed),
    )


def _assessed(said: Sequence[AssessmentSaid], before: Standing, valid: timedelta) -> Standing:
    """The latest of each thing that was found out."""
    investor, risk_class = before.investor, before.risk_class
    if classes := [one for one in said if one.risk_class is not None]:
        latest = min(classes, key=_dated_latest_and_lowest)
        until = latest.at and (latest.valid_until or latest.at + valid)
        risk_class = latest.risk_class
        investor = replace(investor, risk_class=risk_class, lowest_class=latest.lowest_class, assessed_until=until)
    if told := [(one.at, not one.professional) for one in said if one.professional is not None]:
        investor = replace(investor, professional=not max(told, key=_by_time)[1])
    if terms := [(one.at, -one.longest_term) for one in said if one.longest_term is not None]:
        investor = replace(investor, longest_term=-max(terms, key=_by_time)[1])
    if types := [one for one in said if one.product_types is not None]:
        investor = replace(investor, product_types=min(types, key=_latest_and_narrowest).product_types or ())
    return replace(before, investor=investor, risk_class=risk_class)


Said = TypeVar("Said", ConsentSaid, OptOutSaid, SuppressionSaid)
Kind = TypeVar("Kind", bound=Hashable)


def _latest(
    said: Iterable[Said], kind: Callable[[Said], Kind], order: Callable[[Said], tuple[datetime, bool]]
) -> dict[Kind, Said]:
    return {kind(one): one for one in sorted(said, key=order)}


def _kind_of_consent(one: ConsentSaid) -> tuple[MessageClass, Channel]:
    return one.message_class, one.channel


def _refusal_last(one: ConsentSaid) -> tuple[datetime, bool]:
    return one.at, not one.given


def _activity_last(one: OptOutSaid | SuppressionSaid) -> tuple[datetime, bool]:
    return one.at, one.active


def _by_time(told: tuple[datetime | None, Any]) -> tuple[datetime, Any]:
    return told[0] or _NEVER, told[1]


def _dated_latest_and_lowest(one: AssessmentSaid) -> tuple[bool, timedelta, RiskClass | None, bool, datetime]:
    return one.at is None, _age(one), one.risk_class, not one.lowest_class, one.valid_until or _NEVER


def _latest_and_narrowest(one: AssessmentSaid) -> tuple[timedelta, bool, tuple[str, ...]]:
    """No wish at all is the widest."""
    return _age(one), not one.product_types, one.product_types or ()


def _age(one: AssessmentSaid) -> timedelta:
    return _NEVER - (one.at or _NEVER)
