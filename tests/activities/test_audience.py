"""Both evaluators agree: a condition asked of all customers in SQL finds those for whom it holds one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from activities.audience import audience, compile_condition
from activities.customer_facts import read_facts
from activities.database import Connection
from errors import JourneyError
from journeys.conditions import AllOf, AnyOf, Condition, DataIs, FactIs, FactName, Happened, Not
from journeys.events import checked_in, deposit_made
from journeys.language import data, days, happened, language, points, risk_class, stage, tag, zone
from journeys.names import CustomerId, Language, RiskClass, Stage
from rules.conditions import CustomerFacts, PastEvent, holds, looks_back_to
from tests.activities.books import write_down
from tests.activities.conftest import Connect

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
A_MOMENT = timedelta.resolution
WITHIN = (days(1), days(30))
FIELDS = ("amount", "currency")
ZONES = ("Asia/Shanghai", "Europe/Berlin")
TAGS = ("live_engaged", "理财", "a'b", "NULL", '{"x"}')
NUMBERS = ("0", "-1", "0.1", "1000", "1000.0000", "1000.0001", "12345678901234.5678", "99999999999999.9999")
NEARLY_NUMBERS = (
    "1e3",
    "+1000",
    "1_000",
    "1,000",
    "0x3E8",
    "１０００",
    "NaN",
    "Infinity",
    ".5",
    "5.",
    "-",
    " 1",
    "1\n",
)
TEXTS = ("", "CNY", "cny", "é", "e\u0301", "理财", "😀", "\uffff", "null", "true", "{}", "%", "\\", "'||'")
NO_TEXTS: tuple[object, ...] = (0, -1, 0.1, 1000, 1000.0, 1e22, 1e-7, 10**30, 12345678901234.5, True, None, [1000], {})

# --- what customers may be: mostly what is easily confused, and sometimes anything


def one_of_kinds(*kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Each kind as often as it stands here: `one_of` would count what the kinds consist of."""
    return st.sampled_from(kinds).flatmap(lambda kind: kind)


def one_of_these(known: Sequence[Any], anything: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly something known, so that customers and conditions meet."""
    return one_of_kinds(*[st.sampled_from(known)] * 5, anything)


any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
any_amount = st.decimals(-(10**14), 10**14, places=4).map("{:f}".format)
any_number = st.one_of(st.integers(), any_amount)
any_value = st.one_of(any_text, any_number, st.floats(allow_nan=False, allow_infinity=False), st.booleans())
values = one_of_these((*NUMBERS, *NEARLY_NUMBERS, *TEXTS, *NO_TEXTS), any_value)
ages = st.builds(
    lambda within, off: within + off * A_MOMENT,
    one_of_these((days(0), *WITHIN), st.timedeltas(days(0), days(3000))),
    st.sampled_from([-1, 0, 1]),
)
events = st.builds(
    PastEvent,
    st.sampled_from(["checked_in", "deposit_made"]),
    ages.map(lambda age: NOW - age),
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=2),
)
customers = st.builds(
    CustomerFacts,
    st.just(NOW),
    stage=st.sampled_from([None, *Stage]),
    risk_class=st.sampled_from([None, *RiskClass]),
    language=st.sampled_from(Language),
    zone=st.sampled_from(ZONES),
    points=st.sampled_from([0, 1, 999, 1000, 1001, -1]),
    tags=st.lists(st.sampled_from(TAGS), max_size=3, unique=True).map(tuple),
    events=st.lists(events, max_size=4).map(tuple),
)

# --- what may be asked of them

ORDERED = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
Compared = dict[str, Any]


def with_text(text: st.SearchStrategy[str]) -> st.SearchStrategy[Compared]:
    """A comparison with texts, by every operator."""
    one = st.fixed_dictionaries({"op": ORDERED, "texts": st.tuples(text)})
    several = st.fixed_dictionaries({"op": st.just("in"), "texts": st.lists(text, max_size=3).map(tuple)})
    return one_of_kinds(one, one, several)


def with_number() -> st.SearchStrategy[Compared]:
    """A comparison with a number, by every operator."""
    return st.fixed_dictionaries({"op": ORDERED, "number": one_of_these(NUMBERS, any_number).map(Decimal)})


def fact_is(fact: FactName, compared: st.SearchStrategy[Compared]) -> st.SearchStrategy[Condition]:
    """A comparison of a fact."""
    return compared.map(lambda how: FactIs(kind="fact", fact=fact, **how))


def data_is(field: str, compared: st.SearchStrategy[Compared]) -> st.SearchStrategy[Condition]:
    """A comparison of a field of an event's data."""
    return compared.map(lambda how: DataIs(kind="data", field=field, **how))


def joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    """And, or, not."""
    some = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(
        some.map(lambda conditions: AllOf(kind="all", conditions=conditions)),
        some.map(lambda conditions: AnyOf(kind="any", conditions=conditions)),
        inner.map(lambda condition: Not(kind="not", condition=condition)),
    )


fact = st.one_of(
    fact_is("stage", with_text(st.sampled_from(Stage))),
    fact_is("risk_class", with_text(st.sampled_from(RiskClass))),
    fact_is("language", with_text(st.sampled_from(Language))),
    fact_is("zone", with_text(st.sampled_from(ZONES))),
    fact_is("points", with_number()),
)
texts = one_of_these((*NUMBERS, *NEARLY_NUMBERS, *TEXTS), any_text)
field = st.one_of(*(data_is(name, how) for name in FIELDS for how in (with_text(texts), with_number())))
past = st.builds(
    Happened,
    kind=st.just("happened"),
    event=st.sampled_from([checked_in, deposit_made]),
    at_least=st.sampled_from([1, 1, 1, 2, 3, 2**64]),
    within=st.sampled_from([None, *WITHIN, days(999_999)]),
    where=one_of_kinds(st.none(), field, st.recursive(field, joined, max_leaves=3)),
)
simple = one_of_kinds(st.sampled_from(TAGS).map(tag), fact, past, past, past)
conditions = one_of_kinds(simple, st.recursive(simple, joined, max_leaves=6))


async def assert_agreed(connection: Connection, people: Sequence[CustomerFacts], asked: Sequence[Condition]) -> None:
    """Ask every condition of all of them in SQL, and of each, as given and as read from the books."""
    known = {f"C-{number:03}": one for number, one in enumerate(people)}
    transaction = connection.transaction()
    await transaction.start()
    try:
        await write_down(connection, known)
        read = {who: await as_read(connection, who, one, asked) for who, one in known.items()}
        for condition in asked:
            found = [who async for who in audience(connection, condition, NOW)]
            assert found == whom(condition, known.items()), condition
            assert found == whom(condition, read.items()), condition
    finally:
        await transaction.rollback()


async def as_read(connection: Connection, who: str, one: CustomerFacts, asked: Sequence[Condition]) -> CustomerFacts:
    """What the books say of somebody, as far back as is asked."""
    since = looks_back_to(asked, NOW)
    return await read_facts(
        connection, CustomerId(who), now=NOW, stage=one.stage, points=one.points, events=list(since), since=since
    )


def whom(condition: Condition, people: Iterable[tuple[str, CustomerFacts]]) -> list[str]:
    """Those for whom a condition holds, one by one."""
    return [who for who, one in people if holds(condition, one)]


@pytest.fixture
async def connection(connected: Connect) -> Connection:
    """To empty books."""
    return await connected()


# No shrinking, it takes longer than a test may: the condition that fails and the difference are told.
@settings(
    max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate]
)
@given(
    people=st.lists(customers, min_size=15, max_size=25),
    asked=st.lists(conditions, min_size=8, max_size=12),
)
async def test_random_conditions_find_the_same_customers_in_sql_and_one_by_one(
    people: list[CustomerFacts], asked: list[Condition], connection: Connection
) -> None:
    """All kinds, nested, negated, of customers of whom much or nothing is known."""
    await assert_agreed(connection, people, asked)


def one_deposit(amount: object, at: datetime = NOW) -> CustomerFacts:
    """Somebody who made one deposit and nothing else."""
    return CustomerFacts(NOW, events=(PastEvent(deposit_made, at, {"amount": amount}),))


async def test_they_agree_on_the_edges_of_within(connection: Connection) -> None:
    """Events at the very instants, and a moment on either side."""
    at = [NOW - within + off * A_MOMENT for within in (days(0), days(30)) for off in (-1, 0, 1)]
    asked = [happened(deposit_made, within=within) for within in (A_MOMENT, days(30), days(30) + A_MOMENT)]
    await assert_agreed(connection, [one_deposit("1", one) for one in at], [*asked, happened(deposit_made)])


async def test_they_agree_on_numbers_however_they_are_written(connection: Connection) -> None:
    """Zeros behind the point, 14 digits before it and 4 behind, texts that are almost numbers, and no number at all."""
    amounts: list[object] = [*NUMBERS, *NEARLY_NUMBERS, *TEXTS, *NO_TEXTS, "9" * 100, "9" * 101]
    without = CustomerFacts(NOW, events=(PastEvent(deposit_made, NOW, {}),))
    asked: list[Condition] = [data("amount") == Decimal(one) for one in NUMBERS]
    asked += [data("amount") > Decimal(one) for one in NUMBERS]
    asked += [~one for one in asked]
    people = [*map(one_deposit, amounts), without]
    await assert_agreed(connection, people, [happened(deposit_made, where=one) for one in asked])


async def test_they_agree_on_a_number_that_is_no_binary_fraction(connection: Connection) -> None:
    """JSON can write it, PostgreSQL keeps it, and nothing is lost on the way into a condition."""
    await write_down(connection, {"C-1": CustomerFacts(NOW)})
    await connection.execute(
        """
        INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data)
        VALUES ('C-1', 1, 'e-1', 'deposit_made', $1, '{"amount": 12345678901234.5678}')
        """,
        NOW,
    )
    for amount, is_it in (("12345678901234.5678", True), ("12345678901234.5679", False)):
        asked = happened(deposit_made, where=data("amount") == Decimal(amount))
        assert [who async for who in audience(connection, asked, NOW)] == ["C-1"] * is_it
        assert holds(asked, await as_read(connection, "C-1", CustomerFacts(NOW), [asked])) is is_it


async def test_they_agree_on_customers_of_whom_nothing_is_known(connection: Connection) -> None:
    """What is not known is no, and its negation yes."""
    asked: list[Condition] = [risk_class != RiskClass.C1, stage != Stage.GROWTH, tag("a"), points == 0]
    asked += [language == Language.CHINESE, zone == "Asia/Shanghai", happened(checked_in)]
    await assert_agreed(connection, [CustomerFacts(NOW)], [*asked, *(~one for one in asked)])


def test_values_never_become_text_of_the_statement() -> None:
    """Conditions that differ in values only are one statement, whatever the values look like."""

    def statement(value: str, name: str) -> str:
        where = DataIs(kind="data", field=name, op="==", texts=(value,))
        past = Happened(kind="happened", event=deposit_made, where=where)
        return compile_condition(tag("a") & stage.is_in(Stage.GROWTH) & (zone == value) & past, NOW).sql

    assert statement("x", "amount") == statement("'; DROP TABLE customer; --", "' || $1 || '\\")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (~happened(checked_in, since="run"), "an audience: happened(checked_in, since='run') has no run yet"),
        (tag("a") & (data("amount") >= 1), "an audience: data('amount') belongs into a where="),
    ],
)
async def test_what_only_a_run_or_an_event_could_answer_is_refused(
    asked: Condition, said: str, connection: Connection
) -> None:
    """Before anything is asked of the database."""
    with pytest.raises(JourneyError) as refused:
        await anext(audience(connection, asked, NOW))
    assert str(refused.value).startswith(said)


async def test_an_audience_is_asked_for_page_by_page_in_the_order_of_ids(connected: Connect) -> None:
    """Each once, as the books stand when the page is asked for; meanwhile nothing is open, for hours if need be."""
    connection, other = await connected(), await connected()
    ids = sorted(f"C-{number}" for number in range(2500))
    await connection.executemany("INSERT INTO customer (customer_id) VALUES ($1)", [(one,) for one in ids])
    everybody = zone == "Asia/Shanghai"
    taken = audience(connection, everybody, NOW)
    assert await anext(taken) == ids[0]
    assert not connection.is_in_transaction()
    await other.execute("INSERT INTO customer (customer_id) VALUES ('C-'), ('late')")
    assert [who async for who in taken] == [*ids[1:], "late"]
    assert [who async for who in audience(connection, everybody, NOW)] == ["C-", *ids, "late"]
