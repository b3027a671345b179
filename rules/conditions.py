"""What a condition means for one customer (journey-language.md, `when` and `where`).

Nothing compares with what is not known: the answer is no. `activities/audience.py` asks the same of all customers
in SQL; a property test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_never

from journeys.conditions import AllOf, AnyOf, Condition, DataIs, FactIs, Happened, HasTag, Not, Operator, parts
from journeys.language import short
from journeys.names import Language, RiskClass, Stage
from rules.values import value

Data = Mapping[str, object]

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""Before everything that ever happened."""

NUMBER = "-?[0-9]{1,100}([.][0-9]{1,100})?"
"""A number that is written as text, as amounts are: a pattern that Python and PostgreSQL read alike."""

_NUMBER = re.compile(NUMBER)


@value
class PastEvent:
    """An event that a condition may look back at."""

    name: str
    at: datetime
    data: Data


@value
class CustomerFacts:
    """What is known of a customer at `now`; `entered_at` is when the run that asks began."""

    now: datetime
    stage: Stage | None = None
    risk_class: RiskClass | None = None
    language: Language = Language.CHINESE
    zone: str = "Asia/Shanghai"
    points: int = 0
    tags: tuple[str, ...] = ()
    events: tuple[PastEvent, ...] = ()
    entered_at: datetime | None = None


def holds(condition: Condition, facts: CustomerFacts) -> bool:
    """Whether a condition holds for a customer."""
    match condition:
        case HasTag():
            return condition.tag in facts.tags
        case FactIs():
            return _compares(condition, _fact(condition, facts))
        case Happened():
            return _count(condition, facts) >= condition.at_least
        case AllOf():
            return all(holds(one, facts) for one in condition.conditions)
        case AnyOf():
            return any(holds(one, facts) for one in condition.conditions)
        case Not():
            return not holds(condition.condition, facts)
        case DataIs():
            raise AssertionError("a field of an event's data stands in a where only: import refuses it elsewhere")
        case _:
            assert_never(condition)


def fits(where: Condition | None, data: Data) -> bool:
    """Whether an event's data fit a `where`; without one they do."""
    match where:
        case None:
            return True
        case DataIs():
            return _compares(where, data.get(where.field))
        case AllOf():
            return all(fits(one, data) for one in where.conditions)
        case AnyOf():
            return any(fits(one, data) for one in where.conditions)
        case Not():
            return not fits(where.condition, data)
        case HasTag() | FactIs() | Happened():
            raise AssertionError("a where asks about data only: import refuses anything else")
        case _:
            assert_never(where)


def first_that_holds(conditions: Iterable[Condition], facts: CustomerFacts) -> int | None:
    """The place of the first condition that holds; none if none does."""
    return next((place for place, one in enumerate(conditions) if holds(one, facts)), None)


def looked_at(conditions: Iterable[Condition], facts: CustomerFacts) -> dict[str, str | int | bool | None]:
    """What the conditions looked at and found, for the record."""
    return dict(_found(leaf, facts) for condition in conditions for leaf in parts(condition))


def events_asked(conditions: Iterable[Condition]) -> Iterator[str]:
    """The events that conditions look back at."""
    return (str(leaf.event) for leaf in _past_asked(conditions))


def looks_back_to(
    conditions: Iterable[Condition], now: datetime, entered_at: datetime | None = None
) -> dict[str, datetime]:
    """The events that conditions look back at, each with the earliest time that one of them looks at."""
    asked: dict[str, datetime] = {}
    for leaf in _past_asked(conditions):
        since = _since(leaf, now, entered_at)
        asked[str(leaf.event)] = min(since, asked.get(str(leaf.event), since))
    return asked


def _past_asked(conditions: Iterable[Condition]) -> Iterator[Happened]:
    return (leaf for condition in conditions for leaf in parts(condition) if isinstance(leaf, Happened))


def _found(leaf: HasTag | FactIs | DataIs | Happened, facts: CustomerFacts) -> tuple[str, str | int | bool | None]:
    match leaf:
        case HasTag():
            return f"tag {leaf.tag}", leaf.tag in facts.tags
        case FactIs():
            return leaf.fact, _fact(leaf, facts)
        case Happened():
            return _told(leaf), _count(leaf, facts)
        case DataIs():
            raise AssertionError("a field of an event's data stands in a where only: import refuses it elsewhere")
        case _:
            assert_never(leaf)


def _fact(condition: FactIs, facts: CustomerFacts) -> str | int | None:
    match condition.fact:
        case "stage":
            return facts.stage
        case "risk_class":
            return facts.risk_class
        case "language":
            return facts.language
        case "zone":
            return facts.zone
        case "points":
            return facts.points
        case _:
            assert_never(condition.fact)


def _count(condition: Happened, facts: CustomerFacts) -> int:
    since = _since(condition, facts.now, facts.entered_at)
    return sum(
        event.name == condition.event and since <= event.at <= facts.now and fits(condition.where, event.data)
        for event in facts.events
    )


def _since(condition: Happened, now: datetime, entered_at: datetime | None) -> datetime:
    """The time from which events count."""
    since = BEGINNING
    if condition.within is not None and condition.within < now - BEGINNING:
        since = now - condition.within
    if condition.since == "run":
        assert entered_at is not None, "import refuses since='run' where there is no run"
        since = max(since, entered_at)
    return since


def _told(condition: Happened) -> str:
    """What is counted, told apart from other counts of the same event."""
    told = f"{condition.event} counted"
    if condition.within is not None:
        told += f" within {short(condition.within)}"
    if condition.since == "run":
        told += " since entry"
    return told if condition.where is None else f"{told} where {_told_where(condition.where)}"


def _told_where(where: Condition) -> str:
    match where:
        case DataIs(number=None):
            return f"{where.field} {where.op} {', '.join(where.texts)}"
        case DataIs():
            return f"{where.field} {where.op} {where.number}"
        case AllOf():
            return f"({' and '.join(map(_told_where, where.conditions))})"
        case AnyOf():
            return f"({' or '.join(map(_told_where, where.conditions))})"
        case Not():
            return f"not {_told_where(where.condition)}"
        case HasTag() | FactIs() | Happened():
            raise AssertionError("a where asks about data only: import refuses anything else")
        case _:
            assert_never(where)


def _compares(condition: FactIs | DataIs, found: object) -> bool:
    if condition.number is not None:
        number = _number(found)
        return number is not None and _ordered(condition.op, number, condition.number)
    if not isinstance(found, str):
        return False
    if condition.op == "in":
        return found in condition.texts
    return _ordered(condition.op, str(found), condition.texts[0])


def _number(found: object) -> Decimal | None:
    """A number, also one that is written as text, as amounts are."""
    match found:
        case bool():
            return None
        case int() | Decimal():
            number = Decimal(found)
        case float():
            number = Decimal(repr(found))
        case str() if _NUMBER.fullmatch(found):
            number = Decimal(found)
        case _:
            return None
    return number if number.is_finite() else None


def _ordered(op: Operator, left: Decimal | str, right: Decimal | str) -> bool:
    assert (isinstance(left, str)) == (isinstance(right, str))
    match op:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right  # type: ignore[operator] # both are of one kind
        case "<=":
            return left <= right  # type: ignore[operator]
        case ">":
            return left > right  # type: ignore[operator]
        case ">=":
            return left >= right  # type: ignore[operator]
        case "in":
            return left == right
        case _:
            assert_never(op)
