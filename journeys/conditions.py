"""Conditions: what is asked of a customer, or of an event's data, as a value (docs/journeys.md, Conditions).

    tag("live_engaged") & (stage == Stage.GROWTH) & happened(trade_executed, at_least=2, within=days(30))
    wait_for(deposit_made, where=data("amount") >= 1000, …)

What they mean is in `rules/conditions.py` for one customer, and in `activities/audience.py` for all of them at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Generic, Literal, NoReturn, TypeVar, get_args

from pydantic import Field

from errors import JourneyError
from journeys.events import EventType
from journeys.names import Language, RiskClass, Stage
from journeys.word import Duration, Number, Word, told

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in"]
FactName = Literal["stage", "risk_class", "language", "zone", "points"]
Value = str | int | Decimal
Made = TypeVar("Made", "FactIs", "DataIs")


class Asked(Word):
    """What can be asked, and put together with `&`, `|` and `~`."""

    def __and__(self, other: Condition) -> AllOf:
        return AllOf(kind="all", conditions=(_condition(self), _condition(other)))

    def __or__(self, other: Condition) -> AnyOf:
        return AnyOf(kind="any", conditions=(_condition(self), _condition(other)))

    __rand__ = __and__
    __ror__ = __or__

    def __invert__(self) -> Not:
        return Not(kind="not", condition=_condition(self))

    def __bool__(self) -> NoReturn:
        raise JourneyError("a condition is neither true nor false yet: join conditions with &, | and ~, each in (…)")


class HasTag(Asked):
    """The customer has a tag."""

    kind: Literal["tag"]
    tag: Annotated[str, Field(pattern=r"^[^\s;,]{1,64}$")]


class _Compares(Asked):
    """A comparison with a number or with texts. Nothing compares with what is not known: the answer is no."""

    op: Operator
    number: Decimal | None = None
    texts: tuple[str, ...] = ()


class FactIs(_Compares):
    """A fact of the customer compares."""

    kind: Literal["fact"]
    fact: FactName


class DataIs(_Compares):
    """A field of an event's data compares; only in a `where`."""

    kind: Literal["data"]
    field: str


class Happened(Asked):
    """The customer did something so often: in the whole life, of late (`within`), or since entry (`since="run"`)."""

    kind: Literal["happened"]
    event: EventType
    at_least: Annotated[Number, Field(ge=1)] = 1
    within: Duration | None = None
    since: Literal["ever", "run"] = "ever"
    where: Condition | None = None


class AllOf(Asked):
    """Every one of them."""

    kind: Literal["all"]
    conditions: tuple[Condition, ...]


class AnyOf(Asked):
    """At least one of them."""

    kind: Literal["any"]
    conditions: tuple[Condition, ...]


class Not(Asked):
    """Not so, or not known."""

    kind: Literal["not"]
    condition: Condition


Condition = Annotated[HasTag | FactIs | DataIs | Happened | AllOf | AnyOf | Not, Field(discriminator="kind")]

_CONDITIONS = HasTag | FactIs | DataIs | Happened | AllOf | AnyOf | Not


class _Comparable(ABC, Generic[Made]):
    """Something that is written on the left of a comparison; a comparison is a condition."""

    @abstractmethod
    def _is(self, op: Operator, value: object) -> Made: ...

    def __eq__(self, value: object) -> Made:  # type: ignore[override] # not an answer, but a condition
        return self._is("==", value)

    def __ne__(self, value: object) -> Made:  # type: ignore[override] # not an answer, but a condition
        return self._is("!=", value)

    def __lt__(self, value: Value) -> Made:
        return self._is("<", value)

    def __le__(self, value: Value) -> Made:
        return self._is("<=", value)

    def __gt__(self, value: Value) -> Made:
        return self._is(">", value)

    def __ge__(self, value: Value) -> Made:
        return self._is(">=", value)

    __hash__ = None  # type: ignore[assignment] # it compares to conditions, so it can be no key


class Fact(_Comparable[FactIs]):
    """A fact of the customer: compare it with `==`, `!=`, `<`, `<=`, `>`, `>=`, or ask `.is_in(…)`."""

    def __init__(self, name: FactName, values: type[StrEnum] | None = None, *, ordered: bool = False) -> None:
        self.name: FactName = name
        self._values = values
        self._ordered = ordered

    def is_in(self, *values: Value) -> FactIs:
        """One of several."""
        return FactIs(kind="fact", fact=self.name, op="in", texts=tuple(self._text(value) for value in values))

    def _is(self, op: Operator, value: object) -> FactIs:
        if self.name == "points":
            return FactIs(kind="fact", fact=self.name, op=op, number=_number(self.name, value))
        if op not in ("==", "!=") and not self._ordered:
            raise JourneyError(f"{self.name} has no order: compare it with ==, != or {self.name}.is_in(…)")
        return FactIs(kind="fact", fact=self.name, op=op, texts=(self._text(value),))

    def _text(self, value: object) -> str:
        if self.name == "points" or not isinstance(value, str):
            raise JourneyError(f"{self.name} is compared with {value!r}: give it a value of its own kind")
        if self._values is not None and value not in list(self._values):
            raise JourneyError(f"{self.name} is never {value!r}: it is one of {', '.join(self._values)}")
        return str(value)


class DataField(_Comparable[DataIs]):
    """A field of an event's data, in a `where`: compare it as a fact."""

    def __init__(self, name: str) -> None:
        self.name = name

    def is_in(self, *values: str) -> DataIs:
        """One of several texts."""
        return DataIs(kind="data", field=self.name, op="in", texts=values)

    def _is(self, op: Operator, value: object) -> DataIs:
        if isinstance(value, str):
            if op not in ("==", "!="):
                raise JourneyError(f"data({self.name!r}) {op} {value!r}: texts are compared with ==, != or .is_in(…)")
            return DataIs(kind="data", field=self.name, op=op, texts=(str(value),))
        return DataIs(kind="data", field=self.name, op=op, number=_number(f"data({self.name!r})", value))


stage = Fact("stage", Stage)
risk_class = Fact("risk_class", RiskClass, ordered=True)
language = Fact("language", Language)
zone = Fact("zone")
points = Fact("points")


def tag(name: str) -> HasTag:
    """The customer has the tag."""
    return HasTag(kind="tag", tag=name)


def data(field: str) -> DataField:
    """A field of the event's data, for a `where`."""
    return DataField(field)


def happened(
    event: EventType,
    *,
    at_least: int = 1,
    within: timedelta | None = None,
    since: Literal["ever", "run"] = "ever",
    where: Condition | None = None,
) -> Happened:
    """The customer did it, at least so often; `within` looks so far back, `since="run"` to the entry."""
    check_event(event, "happened(…)")
    if within is not None:
        check_length(within, f"happened({event}): within=")
    if within is not None and within <= timedelta(0):
        raise JourneyError(f"happened({event}): within must be longer than nothing, as in days(30)")
    check_where(event, where, f"happened({event})")
    return Happened(kind="happened", event=event, at_least=at_least, within=within, since=since, where=where)


def parts(condition: Condition) -> Iterator[HasTag | FactIs | DataIs | Happened]:
    """What a condition asks, leaf by leaf; a `where` inside is part of its leaf."""
    match condition:
        case AllOf() | AnyOf():
            for one in condition.conditions:
                yield from parts(one)
        case Not():
            yield from parts(condition.condition)
        case leaf:
            yield leaf


def check_event(event: object, place: str) -> None:
    """An event is written without quotes: as text it would be one that nothing is known of. Raises `JourneyError`."""
    if not isinstance(event, EventType):
        raise JourneyError(f"{place}: {told(event)} is no event: import it from journeys.events, without quotes")


def check_length(duration: object, place: str) -> None:
    """A length of time has a unit. Raises `JourneyError`."""
    if not isinstance(duration, timedelta):
        raise JourneyError(f"{place} takes a length of time, as in days(3), not {told(duration)}")


def check_condition(condition: object, place: str) -> None:
    """Raises `JourneyError` if it is none."""
    if condition is not None and not isinstance(condition, _CONDITIONS):
        raise JourneyError(f"{place}: {told(condition)} is no condition: write one as in tag('vip') | (points >= 100)")


def check_where(event: EventType, where: Condition | None, place: str) -> None:
    """A `where` asks fields that the event has, with values of their kind. Raises `JourneyError`."""
    check_condition(where, f"{place}, where=")
    for leaf in parts(where) if where is not None else ():
        if not isinstance(leaf, DataIs):
            raise JourneyError(f"{place}: where= asks about the event's data only, as in data('amount') >= 1000")
        fields = event.data.model_fields
        if leaf.field not in fields:
            known = ", ".join(fields) or "none"
            raise JourneyError(f"{place}: {event} has no field {leaf.field!r}: its fields are {known}")
        numeric = _is_number(fields[leaf.field].annotation)
        if numeric != (leaf.number is not None):
            raise JourneyError(
                f"{place}: {event}.{leaf.field} is a {'number' if numeric else 'text'}: compare it with one"
            )


def check_of_customer(condition: Condition | None, place: str, *, in_run: bool) -> None:
    """A condition on a customer asks nothing that only an event or a run could answer. Raises `JourneyError`."""
    check_condition(condition, place)
    for leaf in parts(condition) if condition is not None else ():
        if isinstance(leaf, DataIs):
            raise JourneyError(f"{place}: data({leaf.field!r}) belongs into a where=: ask a tag or a fact here")
        if isinstance(leaf, Happened) and leaf.since == "run" and not in_run:
            raise JourneyError(f"{place}: happened({leaf.event}, since='run') has no run yet: use within=")


def _condition(asked: object) -> Condition:
    if not isinstance(asked, _CONDITIONS):
        raise JourneyError(f"& and | join conditions, and {told(asked)} is none: put each comparison in (…)")
    return asked


def _number(what: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise JourneyError(f"{what} is compared with {value!r}: write a whole number or Decimal('0.50')")
    return Decimal(value)


def _is_number(annotation: object) -> bool:
    """Whether a field of this annotation holds a number, through `Annotated` and unions."""
    if isinstance(annotation, type):
        return issubclass(annotation, int | Decimal) and not issubclass(annotation, bool)
    return any(_is_number(inner) for inner in get_args(annotation))
