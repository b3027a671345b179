"""What is typed after --where is read as it would be in a journey, or refused with its place; nothing of it is run."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cli.where import LONGEST, parse_where
from errors import InputError
from journeys.conditions import AllOf, AnyOf, Condition, check_of_customer
from journeys.events import deposit_made, trade_executed
from journeys.language import data, days, happened, hours, language, points, risk_class, stage, tag, zone
from journeys.names import Language, RiskClass, Stage
from rules.conditions import CustomerFacts, PastEvent, holds

A, B, C = tag("a"), tag("b"), tag("c")


NOW = datetime(2026, 3, 2, tzinfo=UTC)


def all_of(*conditions: Condition) -> AllOf:
    return AllOf(kind="all", conditions=conditions)


def any_of(*conditions: Condition) -> AnyOf:
    return AnyOf(kind="any", conditions=conditions)


def refusal(text: str) -> str:
    """What is said of a text."""
    with pytest.raises(InputError) as refused:
        parse_where(text)
    return str(refused.value)


READ: list[tuple[str, Condition]] = [
    ("stage == churned", stage == Stage.CHURNED),
    ("stage == 'churned'", stage == Stage.CHURNED),
    ("stage != churned", stage != Stage.CHURNED),
    ("stage.is_in(growth, maturity)", stage.is_in(Stage.GROWTH, Stage.MATURITY)),
    ("risk_class >= C4", risk_class >= RiskClass.C4),
    ('risk_class < "C4"', risk_class < RiskClass.C4),
    ("language == en", language == Language.ENGLISH),
    ("language == zh-CN", language == Language.CHINESE),
    ('language == "zh-CN"', language == Language.CHINESE),
    ("language.is_in(zh-CN, en)", language.is_in(Language.CHINESE, Language.ENGLISH)),
    ('zone == "Europe/Berlin"', zone == "Europe/Berlin"),
    ('zone.is_in("UTC", "Asia/Shanghai")', zone.is_in("UTC", "Asia/Shanghai")),
    ("points >= 100", points >= 100),
    ("points <= -0.5", points <= Decimal("-0.5")),
    ('tag("理财")', tag("理财")),
    ("happened(trade_executed)", happened(trade_executed)),
    ('happened("trade_executed")', happened(trade_executed)),
    (
        'happened(trade_executed, at_least=2, within=days(30), where=data("amount") >= 1000)',
        happened(trade_executed, at_least=2, within=days(30), where=data("amount") >= 1000),
    ),
    ("happened(deposit_made, within=hours(1.5))", happened(deposit_made, within=hours(1.5))),
    (
        'happened(deposit_made, where=data("currency").is_in("USD", "HKD") and not data("amount") < 0.50)',
        happened(
            deposit_made,
            where=all_of(data("currency").is_in("USD", "HKD"), ~(data("amount") < Decimal("0.50"))),
        ),
    ),
    (
        'happened(deposit_made, where=data("amount") > 12345678901234.5678)',
        happened(deposit_made, where=data("amount") > Decimal("12345678901234.5678")),
    ),
]


@pytest.mark.parametrize(("text", "condition"), READ, ids=[text for text, _ in READ])
def test_a_condition_is_read_as_in_a_journey(text: str, condition: Condition) -> None:
    """Names of stages, classes, languages and events may go without quotes; numbers keep every digit."""
    assert parse_where(text) == condition


JOINED: list[tuple[str, Condition]] = [
    ('tag("a") & tag("b")', all_of(A, B)),
    ('tag("a") and tag("b")', all_of(A, B)),
    ('tag("a") | tag("b")', any_of(A, B)),
    ('tag("a") or tag("b")', any_of(A, B)),
    ('~tag("a")', ~A),
    ('not not tag("a")', ~~A),
    ('tag("a") & tag("b") & tag("c")', all_of(A, B, C)),
    ('tag("a") and tag("b") or tag("c")', any_of(all_of(A, B), C)),
    ('tag("a") | tag("b") & tag("c")', any_of(A, all_of(B, C))),
    ('(tag("a") | tag("b")) & tag("c")', all_of(any_of(A, B), C)),
    ('tag("a") & ~(risk_class >= C4)', all_of(A, ~(risk_class >= RiskClass.C4))),
    ("not stage == growth and points >= 1", all_of(~(stage == Stage.GROWTH), points >= 1)),
    ("(stage == growth) & (points >= 1)", all_of(stage == Stage.GROWTH, points >= 1)),
    (' \n tag("a")\n and tag("b") ', all_of(A, B)),
]


@pytest.mark.parametrize(("text", "condition"), JOINED, ids=[text for text, _ in JOINED])
def test_conditions_are_joined_with_signs_or_words(text: str, condition: Condition) -> None:
    """They bind as in Python; a chain of one sign is one level."""
    assert parse_where(text) == condition


REFUSED = {
    "": "--where is empty: say whom, as in stage == churned",
    "stage == chured": "--where, at character 10 (chured): stage is one of introduction, growth, maturity, decline",
    'stage == "chured"': "at character 1 (stage == \"chured\"): stage is never 'chured': it is one of introduction,",
    "stage > growth": "stage has no order: compare it with ==, != or stage.is_in(…)",
    "stage == 5": "at character 10 (5): stage is one of introduction",
    "risk_class >= C6": "at character 15 (C6): risk_class is one of C1, C2, C3, C4, C5",
    "zone == Berlin": "at character 9 (Berlin): write a text in quotes",
    "points >= many": "points are compared with a number, as in points >= 100",
    'points >= "100"': "points are compared with a number, as in points >= 100",
    "points >= 1e3": "points are compared with a number, as in points >= 100",
    "points >= 0x10": "points are compared with a number, as in points >= 100",
    "points >= True": "points are compared with a number, as in points >= 100",
    "100 <= points": "at character 1 (100): write the fact on the left, as in points >= 100",
    "age >= 18": "at character 1 (age): this is no fact of a customer: compare stage, risk_class, language, zone",
    "stage": 'of a customer: ask stage, risk_class, language, zone, points, tag("…") or happened(…)',
    "stage in (growth, maturity)": "or ask .is_in(…) for one of several",
    "stage is growth": "compare with ==, !=, <, <=, > or >=",
    "stage.is_in()": "is_in(…) takes one value or several, as in stage.is_in(growth, maturity)",
    "tag(live_engaged)": "at character 5 (live_engaged): write a text in quotes",
    'tag("a b")': "a tag has 1 to 64 characters, no spaces, commas or semicolons",
    'tag("a", "b")': 'tag(…) takes one tag, as in tag("live_engaged")',
    "happened()": "happened(…) takes one event, as in happened(deposit_made, within=days(30))",
    "happened(deposit)": "at character 10 (deposit): this is no event: the events are app_registered, app_opened",
    "happened(deposit_made, 2)": "happened(…) takes one event",
    "happened(deposit_made, often=2)": "happened(…) takes at_least=, within= and where=",
    "happened(deposit_made, at_least=2, at_least=3)": "at_least= is given twice: keep one",
    "happened(deposit_made, at_least=0)": "at_least= takes a whole number from 1 to 1000000",
    "happened(deposit_made, at_least=1.5)": "at_least= takes a whole number from 1 to 1000000",
    f"happened(deposit_made, at_least={'9' * 200})": "at_least= takes a whole number from 1 to 1000000",
    'happened(deposit_made, since="run")': "since= is for journeys, here is no run: use within=",
    "happened(deposit_made, within=30)": "within= takes days(…) or hours(…), more than 0 and at most 36500 days",
    "happened(deposit_made, within=days(0))": "within= takes days(…) or hours(…), more than 0",
    "happened(deposit_made, within=days(-1))": "within= takes days(…) or hours(…), more than 0",
    "happened(deposit_made, within=days(36501))": "at most 36500 days",
    "happened(deposit_made, within=weeks(2))": "within= takes days(…) or hours(…)",
    "happened(deposit_made, within=days(0.0000000000001))": "within must be longer than nothing",
    'happened(deposit_made, where=data("sum") >= 1)': "has no field 'sum': its fields are amount, currency",
    'happened(deposit_made, where=data("amount") >= "1")': "texts are compared with ==, != or .is_in(…)",
    'happened(deposit_made, where=data("amount") == "1")': "deposit_made.amount is a number: compare it with one",
    'happened(deposit_made, where=data("currency") == CNY)': "(CNY): write a number as 1000 or 0.50, or a text",
    'happened(deposit_made, where=tag("a"))': "this cannot be asked in where=: ask about the event's data, as",
    "happened(deposit_made, where=points >= 1)": "this cannot be compared in where=: ask about the event's data",
    'data("amount") >= 1000': "data(…) belongs into happened(…, where=…)",
    'tag("a") & stage == growth': "this is no single comparison: put each comparison in (…) where you join with &",
    "stage == growth & points >= 1": "this is no single comparison",
    "~stage == growth": "this is no single comparison",
    "points >= 1 >= 0": "this is no single comparison",
    "stage = churned": "--where, at character 7: invalid syntax; write it as stage == churned and tag(",
    "stage == churned)": "--where, at character 17: unmatched ')'; write it as stage == churned and tag(",
    "stage == “churned”": "--where, at character 10: invalid character",
    'tag("理财") & stge == growth': "at character 1",
    '(tag("理财")) & (stge == growth)': "--where, at character 16 (stge): this is no fact of a customer",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_meant_is_refused_with_its_place_and_what_may_stand_there(text: str) -> None:
    """One line that a person can act upon."""
    assert REFUSED[text] in refusal(text)


def test_the_example_that_is_given_can_be_typed() -> None:
    """Who is told how to write it can copy it."""
    example = refusal("").removeprefix("--where is empty: say whom, as in ")
    assert parse_where(example) == all_of(stage == Stage.CHURNED, tag("live_engaged"))


HOSTILE = [
    "__import__('os').system('true')",
    "().__class__.__bases__[0].__subclasses__()",
    "stage.__class__",
    "stage.__class__ == churned",
    "stage.name == churned",
    "stage._text('x')",
    "stage.is_in.__globals__",
    "stage.__class__.is_in(growth)",
    "(lambda: stage == churned)()",
    "lambda: tag('a')",
    "[tag('a') for _ in (1,)]",
    "tag('a') if True else tag('b')",
    "(x := tag('a'))",
    "tag(f'{1/0}')",
    "tag(*['a'])",
    "tag(**{'name': 'a'})",
    "happened(deposit_made, **{'at_least': 2})",
    "happened(*[deposit_made])",
    "tag('a' * 10**9)",
    "points >= 10**10**10",
    "points >= (1).__class__(2)",
    "await tag('a')",
    "yield",
    "tag(b'a')",
    "tag(None)",
    "tag('\\x00')",
    "tag('\\ud800')",
    "tag('a\\d')",
    "tag('a'); tag('b')",
    "eval('1')",
    "open('/etc/passwd')",
    "print(1)",
    "{}",
    "...",
    "1",
    "True",
    "'stage'",
    "stage[0] == growth",
    "days(1)",
    "data",
    "@",
    "#",
    "\x00",
    "stage == \ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_meant_to_run_is_refused(text: str) -> None:
    """Whatever Python could do with it."""
    assert refusal(text).startswith("--where")


@pytest.mark.parametrize("opened", ["(", "~", "not ", "-", "tag(", "(lambda:", "[", "stage.is_in("])
@pytest.mark.parametrize("length", [30, 300, LONGEST, 200_000])
def test_what_is_nested_without_end_is_refused(opened: str, length: int) -> None:
    """Neither the stack nor the memory gives way."""
    closed = {"(": ")", "[": "]"}.get(opened[-1], "")
    times = max(length // len(opened + closed), 1)
    assert refusal(f"{opened * times}1{closed * times}").startswith("--where")


def test_a_few_levels_are_enough_for_anybody() -> None:
    """And a chain of one sign is no level, however long it is."""
    assert parse_where("~" * 18 + 'tag("a")') == parse_where("not " * 18 + 'tag("a")')
    assert refusal("~" * 20 + 'tag("a")').endswith("this is nested too deep: use at most 20 levels")
    chain = parse_where(" & ".join(['tag("a")'] * 150))
    assert chain == all_of(*[A] * 150)


WORDS = [
    "stage",
    "points",
    "growth",
    "C4",
    "tag",
    "happened",
    "data",
    "deposit_made",
    "within",
    "days",
    "where",
    "is_in",
]
SIGNS = [
    "==",
    ">=",
    "&",
    "|",
    "~",
    "and",
    "or",
    "not",
    "(",
    ")",
    ",",
    "=",
    ".",
    '"a"',
    '"amount"',
    "1",
    "-",
    "is",
    "in",
]


@settings(max_examples=500)
@given(st.one_of(st.lists(st.sampled_from(WORDS + SIGNS), max_size=12).map(" ".join), st.text(max_size=30)))
@example("tag('a'")
def test_any_text_is_a_condition_or_a_sentence(text: str) -> None:
    """Nothing else comes out, whatever is typed."""
    try:
        check_of_customer(parse_where(text), "here", in_run=False)
    except InputError as error:
        sentence = str(error)
    else:
        sentence = "--where is a condition"
    assert sentence.startswith("--where")


# Conditions together with what a person would type for them.
simple = st.one_of(
    st.sampled_from(Stage).map(lambda one: (f"stage == {one}", stage == one)),
    st.sampled_from(RiskClass).map(lambda one: (f"risk_class >= {one}", risk_class >= one)),
    st.integers(-999, 999).map(lambda one: (f"points > {one}", points > one)),
    st.sampled_from("ab").map(lambda one: (f'tag("{one}")', tag(one))),
    st.integers(1, 99).map(
        lambda one: (f"happened(deposit_made, within=days({one}))", happened(deposit_made, within=days(one)))
    ),
)
Written = tuple[str, Condition]


def joined(inner: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
    """Joined by signs or words, each part in (…)."""
    return st.one_of(
        st.tuples(inner, st.sampled_from(["&", "and"]), inner).map(
            lambda both: (f"({both[0][0]}) {both[1]} ({both[2][0]})", all_of(both[0][1], both[2][1]))
        ),
        st.tuples(inner, st.sampled_from(["|", "or"]), inner).map(
            lambda both: (f"({both[0][0]}) {both[1]} ({both[2][0]})", any_of(both[0][1], both[2][1]))
        ),
        st.tuples(st.sampled_from(["~", "not "]), inner).map(lambda one: (f"{one[0]}({one[1][0]})", ~one[1][1])),
    )


somebody = st.builds(
    CustomerFacts,
    st.just(NOW),
    stage=st.sampled_from([None, *Stage]),
    risk_class=st.sampled_from([None, *RiskClass]),
    points=st.integers(-999, 999),
    tags=st.sampled_from([(), ("a",), ("b",), ("a", "b")]),
    events=st.integers(0, 99).map(lambda age: (PastEvent(deposit_made, NOW - days(age), {}),)),
)


@given(st.recursive(simple, joined, max_leaves=6), st.lists(somebody, min_size=5, max_size=5))
def test_whatever_is_joined_is_read_as_it_is_meant(written: Written, people: list[CustomerFacts]) -> None:
    """Signs, words and parentheses, in any mixture: it holds for the same customers."""
    text, condition = written
    read = parse_where(text)
    assert [holds(read, one) for one in people] == [holds(condition, one) for one in people]
