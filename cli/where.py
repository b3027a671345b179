"""What people type after --where, as a condition.

    stage == churned
    tag("live_engaged") & ~(risk_class >= C4)
    happened(trade_executed, at_least=2, within=days(30), where=data("amount") >= 1000)

It is written as in a journey, with and, or, not as well, and stages, classes and languages without quotes. It is
taken apart by Python's own parser and put together from the names below: nothing of it is ever run.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from errors import InputError, JourneyError
from journeys.conditions import (
    AllOf,
    AnyOf,
    Condition,
    DataField,
    Fact,
    Not,
    data,
    happened,
    language,
    points,
    risk_class,
    stage,
    tag,
    zone,
)
from journeys.events import EVENTS, EventType
from journeys.names import Language, RiskClass, Stage

LONGEST = 2000
"""Characters; more is no condition that a person would type."""
DEEPEST = 20
SHOWN = 40
LONGEST_TIME = timedelta(days=36_500)
MOST_OFTEN = 1_000_000

_FACTS: Mapping[str, Fact] = {fact.name: fact for fact in (stage, risk_class, language, zone, points)}
_NAMES: Mapping[str, Sequence[str]] = {
    "stage": tuple(Stage),
    "risk_class": tuple(RiskClass),
    "language": tuple(Language),
}
_UNITS = {"days": timedelta(days=1), "hours": timedelta(hours=1)}
_OPERATORS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_UNFIT = re.compile("[\x00\ud800-\udfff]")

_EXAMPLE = 'stage == churned and tag("live_engaged")'
_JOINED = "put each comparison in (…) where you join with &, | and ~, or write and, or, not"
_ASKED = f'ask {", ".join(_FACTS)}, tag("…") or happened(…)'
_ASKED_OF_DATA = 'ask about the event\'s data, as in data("amount") >= 1000'


def parse_where(text: str) -> Condition:
    """Read a condition on customers. Raises `InputError`, which names the place and what may stand there."""
    line = text.replace("\n", " ").strip()
    expression, reader = _parsed(line), _Reader(line)
    return reader.condition(expression, reader.of_customer)


def _parsed(line: str) -> ast.expr:
    if not line:
        raise InputError(f"--where is empty: say whom, as in {_EXAMPLE}")
    if len(line) > LONGEST:
        raise InputError(f"--where has {len(line)} characters: write at most {LONGEST}")
    if _UNFIT.search(line):
        raise InputError("--where has characters that are no text: type it anew")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python would only warn of is refused
            return ast.parse(line, mode="eval").body
    except SyntaxError as error:
        raise InputError(
            f"--where, at character {max(error.offset or 1, 1)}: {error.msg}; write it as {_EXAMPLE}"
        ) from error
    except (RecursionError, MemoryError) as error:
        raise InputError(f"--where is nested too deep: use at most {DEEPEST} levels") from error


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the parts of a line, and knows where they stand in it."""

    line: str

    def condition(self, node: ast.expr, leaf: Callable[[ast.expr], Condition], levels: int = DEEPEST) -> Condition:
        """What is joined with and, or, not; `leaf` reads the rest."""
        if not levels:
            raise self.refused(node, f"this is nested too deep: use at most {DEEPEST} levels")
        match node:
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return Not(kind="not", condition=self.condition(operand, leaf, levels - 1))
            case ast.BoolOp(op=ast.And()) | ast.BinOp(op=ast.BitAnd()):
                return AllOf(kind="all", conditions=self._each(_joined(node), leaf, levels))
            case ast.BoolOp(op=ast.Or()) | ast.BinOp(op=ast.BitOr()):
                return AnyOf(kind="any", conditions=self._each(_joined(node), leaf, levels))
            case _:
                return leaf(node)

    def _each(
        self, nodes: Iterable[ast.expr], leaf: Callable[[ast.expr], Condition], levels: int
    ) -> tuple[Condition, ...]:
        return tuple(self.condition(one, leaf, levels - 1) for one in nodes)

    def of_customer(self, node: ast.expr) -> Condition:
        """A question about the customer."""
        match node:
            case ast.Compare():
                return self._compared(node, self._fact)
            case ast.Call(func=ast.Attribute(attr="is_in")):
                return self._is_in(node, self._fact)
            case ast.Call(func=ast.Name(id="tag")):
                return self._tag(node)
            case ast.Call(func=ast.Name(id="happened")):
                return self._happened(node)
            case _:
                raise self.refused(node, f"this cannot be asked of a customer: {_ASKED}")

    def of_event(self, node: ast.expr) -> Condition:
        """A question about an event's data."""
        match node:
            case ast.Compare():
                return self._compared(node, self._field)
            case ast.Call(func=ast.Attribute(attr="is_in")):
                return self._is_in(node, self._field)
            case _:
                raise self.refused(node, f"this cannot be asked in where=: {_ASKED_OF_DATA}")

    def _compared(self, node: ast.Compare, left: Callable[[ast.expr], Fact | DataField]) -> Condition:
        if len(node.ops) > 1 or any(map(_is_joined, (node.left, *node.comparators))):
            raise self.refused(node, f"this is no single comparison: {_JOINED}")
        compare = _OPERATORS.get(type(node.ops[0]))
        if compare is None:
            raise self.refused(node, "compare with ==, !=, <, <=, > or >=, or ask .is_in(…) for one of several")
        asked = left(node.left)
        value = self._value(node.comparators[0], asked)
        with self._at(node):
            condition: Condition = compare(asked, value)
            return condition

    def _is_in(self, node: ast.Call, left: Callable[[ast.expr], Fact | DataField]) -> Condition:
        assert isinstance(node.func, ast.Attribute)
        asked = left(node.func.value)
        if node.keywords or not node.args:
            raise self.refused(node, "is_in(…) takes one value or several, as in stage.is_in(growth, maturity)")
        values = [self._text(one, asked) for one in node.args]
        with self._at(node):
            return asked.is_in(*values)

    def _fact(self, node: ast.expr) -> Fact:
        match node:
            case ast.Name(id=name) if name in _FACTS:
                return _FACTS[name]
            case ast.Call(func=ast.Name(id="data")):
                raise self.refused(node, "data(…) belongs into happened(…, where=…)")
            case ast.Constant():
                raise self.refused(node, "write the fact on the left, as in points >= 100")
            case _:
                raise self.refused(node, f"this is no fact of a customer: compare {', '.join(_FACTS)}")

    def _field(self, node: ast.expr) -> DataField:
        match node:
            case ast.Call(func=ast.Name(id="data"), args=[field], keywords=[]):
                return data(self._text(field))
            case _:
                raise self.refused(node, f"this cannot be compared in where=: {_ASKED_OF_DATA}")

    def _tag(self, node: ast.Call) -> Condition:
        match node:
            case ast.Call(args=[name], keywords=[]):
                text = self._text(name)
            case _:
                raise self.refused(node, 'tag(…) takes one tag, as in tag("live_engaged")')
        try:
            return tag(text)
        except JourneyError as error:
            raise self.refused(node, "a tag has 1 to 64 characters, no spaces, commas or semicolons") from error

    def _happened(self, node: ast.Call) -> Condition:
        if len(node.args) != 1:
            raise self.refused(node, "happened(…) takes one event, as in happened(deposit_made, within=days(30))")
        given: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg in given:
                raise self.refused(keyword.value, f"{keyword.arg}= is given twice: keep one")
            given[str(keyword.arg)] = self._keyword(keyword)
        event = self._event(node.args[0])
        with self._at(node):
            return happened(event, **given)

    def _keyword(self, keyword: ast.keyword) -> object:
        match keyword.arg:
            case "at_least":
                return self._how_often(keyword.value)
            case "within":
                return self._how_long(keyword.value)
            case "where":
                return self.condition(keyword.value, self.of_event)
            case "since":
                raise self.refused(keyword.value, "since= is for journeys, here is no run: use within=")
            case _:
                raise self.refused(keyword.value, "happened(…) takes at_least=, within= and where=")

    def _event(self, node: ast.expr) -> EventType:
        match node:
            case ast.Name(id=name) | ast.Constant(value=str(name)) if name in EVENTS:
                return EVENTS[name]
            case _:
                raise self.refused(node, f"this is no event: the events are {', '.join(EVENTS)}")

    def _how_often(self, node: ast.expr) -> int:
        number = self._number(node)
        if number is None or not 1 <= number <= MOST_OFTEN or number % 1:
            raise self.refused(node, f"at_least= takes a whole number from 1 to {MOST_OFTEN}")
        return int(number)

    def _how_long(self, node: ast.expr) -> timedelta:
        match node:
            case ast.Call(func=ast.Name(id="days" | "hours" as unit), args=[length], keywords=[]):
                number = self._number(length)
                if number is not None and 0 < number <= LONGEST_TIME // _UNITS[unit]:
                    return float(number) * _UNITS[unit]
            case _:
                pass
        longest = f"more than 0 and at most {LONGEST_TIME.days} days"
        raise self.refused(node, f"within= takes days(…) or hours(…), {longest}")

    def _value(self, node: ast.expr, asked: Fact | DataField) -> str | Decimal:
        """What something is compared with: of points a number, of other facts a text, of data either."""
        number = self._number(node)
        if isinstance(asked, Fact) and (number is None) == (asked.name == "points"):
            raise self.refused(node, _kind(asked))
        return self._text(node, asked) if number is None else number

    def _number(self, node: ast.expr) -> Decimal | None:
        """A number as it is written, to its last digit."""
        match node:
            case ast.Constant(value=int() | float()) if _NUMBER.fullmatch(written := self._written(node)):
                return Decimal(written)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() as positive):
                number = self._number(positive)
                return None if number is None else number.copy_negate()
            case _:
                return None

    def _text(self, node: ast.expr, asked: Fact | DataField | None = None) -> str:
        """A text in quotes, or one of the names of what is asked."""
        names = _names(asked)
        match node:
            case ast.Constant(value=str(text)) if not _UNFIT.search(text):
                return text
            case _ if (written := self._written(node)) in names:
                return written
            case _:
                raise self.refused(node, _kind(asked))

    def _written(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.line, node) or ""

    def refused(self, node: ast.expr, sentence: str) -> InputError:
        """What to say of a part: where it stands, and what may stand there."""
        before = self.line.encode()[: node.col_offset].decode()
        written = self._written(node)
        shown = written if len(written) <= SHOWN else f"{written[: SHOWN - 1]}…"
        return InputError(f"--where, at character {len(before) + 1} ({shown}): {sentence}")

    @contextmanager
    def _at(self, node: ast.expr) -> Iterator[None]:
        """What the journey language refuses, with its place."""
        try:
            yield
        except JourneyError as error:
            raise self.refused(node, str(error)) from error


def _names(asked: Fact | DataField | None) -> Sequence[str]:
    """The values that need no quotes: zh-CN is one, though Python takes it for a subtraction."""
    return _NAMES.get(asked.name, ()) if isinstance(asked, Fact) else ()


def _kind(asked: Fact | DataField | None) -> str:
    """What something may be compared with."""
    match asked:
        case Fact(name="points"):
            return "points are compared with a number, as in points >= 100"
        case Fact() if names := _names(asked):
            return f"{asked.name} is one of {', '.join(names)}"
        case DataField():
            return "write a number as 1000 or 0.50, or a text in quotes"
        case _:
            return "write a text in quotes"


def _joined(node: ast.expr) -> Iterator[ast.expr]:
    """The conditions that one operator joins; a & b & c is one level, however long."""
    match node:
        case ast.BoolOp():
            yield from node.values
        case ast.BinOp():
            chain = [node.right]
            left = node.left
            while isinstance(left, ast.BinOp) and type(left.op) is type(node.op):
                chain.append(left.right)
                left = left.left
            yield from (left, *reversed(chain))
        case _:
            raise AssertionError("only these join")


def _is_joined(node: ast.expr) -> bool:
    """Whether &, | or ~ took what was meant for a comparison: they bind tighter than ==."""
    return isinstance(node, ast.BinOp | ast.UnaryOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.Invert)
