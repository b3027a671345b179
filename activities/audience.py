"""A condition asked of all customers at once, in SQL; `rules/conditions.py` says what it means for one of them.

The statement is made of the fragments below, one for each kind of condition and each operator; every value is a
numbered parameter. Each fragment answers yes or no, never NULL: what is not known is no, and its negation yes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from activities.database import AnyConnection
from journeys.conditions import (
    AllOf,
    AnyOf,
    Condition,
    DataIs,
    FactIs,
    Happened,
    HasTag,
    Not,
    Operator,
    check_of_customer,
)
from journeys.names import CustomerId
from rules.conditions import NUMBER, looks_back_to

FETCHED = 1000
"""Customers that are fetched at a time: of a million, no more than these are in memory."""

MOST = 2**63 - 1
"""The largest number that PostgreSQL counts to."""


@dataclass(frozen=True, slots=True)
class Query:
    """A statement that selects the ids of customers, and the values of its numbered parameters."""

    sql: str
    parameters: tuple[object, ...]


def compile_condition(condition: Condition, now: datetime) -> Query:
    """The customers for whom a condition holds at `now`, by their stage and their points of today.

    Raises `JourneyError` for a condition that asks what only a run or an event could answer.
    """
    check_of_customer(condition, "an audience", in_run=False)
    compiler = _Compiler(now)
    sql = f"SELECT customer.customer_id FROM customer WHERE ({compiler.of_customer(condition)})"  # noqa: S608 - fragments
    return Query(sql, tuple(compiler.parameters))


async def audience(connection: AnyConnection, condition: Condition, now: datetime) -> AsyncIterator[CustomerId]:
    """The customers for whom a condition holds at `now`, in the order of their ids, each once.

    They are asked for a page at a time, when the page before is taken, and no transaction is open meanwhile: who takes
    hours over them holds nothing up. So a page shows the books as they stand when it is asked for. The first page of a
    million may take seconds: give it a connection without a statement timeout (`activities.database.connect`).
    """
    query = compile_condition(condition, now)
    after, limit = (f"${len(query.parameters) + number}" for number in (1, 2))
    page = f"{query.sql} AND customer.customer_id > {after} ORDER BY customer.customer_id LIMIT {limit}"
    last = ""
    while found := [row["customer_id"] for row in await connection.fetch(page, *query.parameters, last, FETCHED)]:
        for customer_id in found:
            yield CustomerId(customer_id)
        last = found[-1]


@dataclass(slots=True)
class _Compiler:
    """Turns conditions into fragments, and numbers their values."""

    now: datetime
    parameters: list[object] = field(default_factory=list)

    def of_customer(self, condition: Condition) -> str:
        """Whether a condition holds for the row of `customer`."""
        match condition:
            case HasTag():
                return f"customer.tags @> ARRAY[{self._put(condition.tag)}::text]"
            case FactIs():
                return self._fact(condition)
            case Happened():
                return self._happened(condition)
            case AllOf() | AnyOf() | Not():
                return _joined(condition, self.of_customer)
            case DataIs():
                raise AssertionError("a field of an event's data stands in a where only: it was refused")
            case _:
                assert_never(condition)

    def of_event(self, where: Condition) -> str:
        """Whether the data of the row of `event` fit a `where`."""
        match where:
            case DataIs():
                return self._data(where)
            case AllOf() | AnyOf() | Not():
                return _joined(where, self.of_event)
            case HasTag() | FactIs() | Happened():
                raise AssertionError("a where asks about data only: import refuses anything else")
            case _:
                assert_never(where)

    def _fact(self, condition: FactIs) -> str:
        match condition.fact:
            case "stage":
                return self._text("customer.stage", condition)
            case "risk_class":
                return self._text("customer.risk_class", condition)
            case "language":
                return self._text("customer.language", condition)
            case "zone":
                return self._text("customer.zone", condition)
            case "points":
                return self._number(_POINTS, condition)
            case _:
                assert_never(condition.fact)

    def _happened(self, asked: Happened) -> str:
        """No more events are looked at than are needed."""
        (since,) = looks_back_to([asked], self.now).values()
        at_least = f"{self._put(min(asked.at_least, MOST))}::bigint"
        return f"""(SELECT count(*) FROM (
            SELECT FROM customer_event AS event
            WHERE event.customer_id = customer.customer_id AND event.name = {self._put(str(asked.event))}::text
              AND event.occurred_at BETWEEN {self._put(since)}::timestamptz AND {self._put(self.now)}::timestamptz
              AND {"true" if asked.where is None else self.of_event(asked.where)}
            LIMIT {at_least}) AS enough) >= {at_least}"""  # noqa: S608 - fragments, no values

    def _data(self, where: DataIs) -> str:
        name = f"{self._put(where.field)}::text"
        if where.number is None:
            is_text = f"jsonb_typeof(event.data -> {name}) = 'string'"
            return self._text(f"CASE WHEN {is_text} THEN event.data ->> {name} END", where)
        is_number = f"""(jsonb_typeof(event.data -> {name}) = 'number'
            OR jsonb_typeof(event.data -> {name}) = 'string' AND event.data ->> {name} ~ '^{NUMBER}$')"""
        return self._number(f"CASE WHEN {is_number} THEN (event.data ->> {name})::numeric END", where)

    def _number(self, found: str, condition: FactIs | DataIs) -> str:
        assert condition.number is not None, "import refuses to compare a number with a text"
        return _compared(found, condition.op, f"{self._put(condition.number)}::numeric")

    def _text(self, found: str, condition: FactIs | DataIs) -> str:
        """Texts are put in order by their code points, as in Python."""
        assert condition.number is None, "import refuses to compare a text with a number"
        if condition.op == "in":
            return _compared(found, "in", f"{self._put(list(condition.texts))}::text[]")
        return _compared(f'({found}) COLLATE "C"', condition.op, f"{self._put(condition.texts[0])}::text")

    def _put(self, value: object) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}"


_POINTS = """(SELECT coalesce(sum(points.amount), 0) FROM points_ledger AS points
              WHERE points.customer_id = customer.customer_id)"""


def _joined(condition: AllOf | AnyOf | Not, compiled: Callable[[Condition], str]) -> str:
    match condition:
        case AllOf():
            return f"({' AND '.join(map(compiled, condition.conditions)) or 'true'})"
        case AnyOf():
            return f"({' OR '.join(map(compiled, condition.conditions)) or 'false'})"
        case Not():
            return f"(NOT {compiled(condition.condition)})"
        case _:
            assert_never(condition)


def _compared(found: str, op: Operator, value: str) -> str:
    match op:
        case "==":
            return f"coalesce({found} = {value}, false)"
        case "!=":
            return f"coalesce({found} <> {value}, false)"
        case "<":
            return f"coalesce({found} < {value}, false)"
        case "<=":
            return f"coalesce({found} <= {value}, false)"
        case ">":
            return f"coalesce({found} > {value}, false)"
        case ">=":
            return f"coalesce({found} >= {value}, false)"
        case "in":
            return f"coalesce({found} = ANY({value}), false)"
        case _:
            assert_never(op)
