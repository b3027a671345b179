"""What each condition means for one customer, and what is written down of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from errors import JourneyError
from journeys.conditions import AllOf, AnyOf, Condition, check_of_customer
from journeys.events import checked_in, deposit_made, live_stream_watched, trade_executed
from journeys.language import data, days, happened, hours, language, points, risk_class, stage, tag, zone
from journeys.names import Language, RiskClass, Stage
from rules.conditions import (
    BEGINNING,
    CustomerFacts,
    Data,
    PastEvent,
    first_that_holds,
    fits,
    holds,
    looked_at,
    looks_back_to,
)

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
A_MOMENT = timedelta(microseconds=1)
NOBODY = CustomerFacts(NOW)


def known(**facts: Any) -> CustomerFacts:
    """A customer of whom this is known, and nothing else."""
    return replace(NOBODY, **facts)


def ago(before: timedelta, event: str = checked_in, **data: object) -> PastEvent:
    """Something that the customer did so long ago."""
    return PastEvent(event, NOW - before, data)


def did(*events: PastEvent, entered: timedelta | None = None) -> CustomerFacts:
    """A customer who did this, and who came into the journey so long ago."""
    return known(events=events, entered_at=None if entered is None else NOW - entered)


def test_a_tag_is_there_or_not() -> None:
    """Whole tags are compared, as they are written."""
    facts = known(tags=("live_engaged", "理财"))
    assert holds(tag("live_engaged"), facts)
    assert holds(tag("理财"), facts)
    assert not holds(tag("live"), facts)
    assert not holds(tag("Live_engaged"), facts)
    assert not holds(tag("live_engaged"), NOBODY)


@pytest.mark.parametrize(
    "asked",
    [risk_class == RiskClass.C1, risk_class != RiskClass.C1, risk_class >= RiskClass.C1, risk_class <= RiskClass.C5]
    + [risk_class.is_in(*RiskClass), stage == Stage.GROWTH, stage != Stage.GROWTH, stage.is_in(*Stage)],
)
def test_what_is_not_known_compares_with_nothing(asked: Condition) -> None:
    """Neither equal nor unequal, neither more nor less: the answer is no, and its negation is yes."""
    assert not holds(asked, NOBODY)
    assert holds(~asked, NOBODY)


def test_risk_classes_go_up_from_c1_to_c5() -> None:
    """`>=` means that the customer may take at least that much risk."""
    facts = known(risk_class=RiskClass.C3)
    assert [holds(risk_class >= one, facts) for one in RiskClass] == [True, True, True, False, False]
    assert [holds(risk_class < one, facts) for one in RiskClass] == [False, False, False, True, True]
    assert [holds(risk_class <= one, facts) for one in RiskClass] == [False, False, True, True, True]
    assert [holds(risk_class > one, facts) for one in RiskClass] == [True, True, False, False, False]


def test_facts_are_equal_unequal_or_among_several() -> None:
    """Stage, language and zone have no order."""
    facts = known(stage=Stage.GROWTH, language=Language.ENGLISH, zone="Europe/Berlin")
    assert holds(stage == Stage.GROWTH, facts)
    assert holds(stage != Stage.CHURNED, facts)
    assert holds(stage.is_in(Stage.CHURNED, Stage.GROWTH), facts)
    assert not holds(stage.is_in(Stage.CHURNED, Stage.DECLINE), facts)
    assert holds(language == Language.ENGLISH, facts)
    assert holds(zone == "Europe/Berlin", facts)
    assert not holds(zone.is_in("Asia/Shanghai"), facts)


def test_points_are_a_number() -> None:
    """A customer without points has 0."""
    assert holds(points >= 100, known(points=100))
    assert not holds(points > 100, known(points=100))
    assert holds(points == 0, NOBODY)
    assert holds(points < Decimal("0.5"), NOBODY)


def test_conditions_are_joined_and_turned_round() -> None:
    """And, or, not; of none at all, every one holds and no single one does."""
    yes, no = tag("a"), tag("b")
    facts = known(tags=("a",))
    assert [holds(one, facts) for one in (yes & yes, yes & no, no & yes, no & no)] == [True, False, False, False]
    assert [holds(one, facts) for one in (yes | yes, yes | no, no | yes, no | no)] == [True, True, True, False]
    assert not holds(~(yes & ~no), facts)
    assert holds(AllOf(kind="all", conditions=()), facts)
    assert not holds(AnyOf(kind="any", conditions=()), facts)


def test_the_first_condition_that_holds_is_told_by_its_place() -> None:
    """Counted from 0; none if none does."""
    facts = known(tags=("b", "c"))
    assert first_that_holds([tag("a"), tag("b"), tag("c")], facts) == 1
    assert first_that_holds([tag("a")], facts) is None
    assert first_that_holds([], facts) is None


def test_what_happened_is_counted() -> None:
    """At least so often; other events do not count."""
    facts = did(ago(days(1)), ago(days(2)), ago(days(1), trade_executed))
    assert holds(happened(checked_in), facts)
    assert holds(happened(checked_in, at_least=2), facts)
    assert not holds(happened(checked_in, at_least=3), facts)
    assert not holds(happened(deposit_made), facts)
    assert holds(~happened(deposit_made), facts)


def test_both_edges_of_within_count() -> None:
    """What happened exactly 30 days ago, or now, counts; what is a moment older does not, nor what is to come."""
    asked = happened(checked_in, within=days(30))
    assert holds(asked, did(ago(days(30))))
    assert not holds(asked, did(ago(days(30) + A_MOMENT)))
    assert holds(asked, did(ago(timedelta(0))))
    assert not holds(asked, did(ago(-A_MOMENT)))
    assert not holds(happened(checked_in), did(ago(-A_MOMENT)))


def test_within_may_be_longer_than_time_itself() -> None:
    """It looks back as far as there is."""
    asked = happened(checked_in, within=days(999_999))
    assert holds(asked, did(ago(days(9999))))


def test_since_run_counts_from_the_entry_on() -> None:
    """The instant of the entry counts; with `within` the later of both times does."""
    asked = happened(checked_in, since="run")
    assert holds(asked, did(ago(days(3)), entered=days(3)))
    assert not holds(asked, did(ago(days(3) + A_MOMENT), entered=days(3)))
    both = happened(checked_in, since="run", within=days(2))
    assert holds(both, did(ago(days(2)), entered=days(3)))
    assert not holds(both, did(ago(days(3)), entered=days(3)))
    assert not holds(both, did(ago(days(2)), entered=days(1)))


def test_since_run_is_refused_where_there_is_no_run() -> None:
    """An entry condition and an audience have none."""
    with pytest.raises(JourneyError, match="has no run yet: use within="):
        check_of_customer(~happened(checked_in, since="run"), "here", in_run=False)


def test_a_where_looks_at_each_event_by_itself() -> None:
    """Two fields must fit in one and the same event."""
    asked = happened(
        live_stream_watched, at_least=2, where=(data("seconds") >= 600) & data("stream").is_in("S-1", "S-2")
    )
    long_one, short_one = {"stream": "S-1", "seconds": 600}, {"stream": "S-1", "seconds": 599}
    other = {"stream": "S-3", "seconds": 6000}
    once = ago(hours(1), live_stream_watched, **long_one)
    assert not holds(asked, did(once, ago(hours(2), live_stream_watched, **short_one)))
    assert not holds(asked, did(once, ago(hours(2), live_stream_watched, **other)))
    assert holds(asked, did(once, ago(hours(2), live_stream_watched, **long_one)))


NUMBERS = [
    ("1000", True),
    ("1000.00", True),
    ("0001000", True),
    (1000, True),
    (1000.0, True),
    (Decimal("1E+3"), True),
    ("999.9999", False),
    ("-1000", False),
    ("99999999999999.9999", True),
]
NOT_WRITTEN_SO = ["", " ", "1,000", "1 000", "1_000", " 1000", "1000\n", "+1000", "1e3", "0x3E8", "NaN", "Infinity"]
NOT_WRITTEN_SO += ["１０００", "1000.", ".5", "9" * 101]
NO_NUMBERS: list[object] = [True, None, [1000], {"amount": 1000}, float("nan"), float("inf")]


@pytest.mark.parametrize(("amount", "enough"), NUMBERS)
def test_a_number_is_the_same_however_it_is_written(amount: object, enough: bool) -> None:
    """As JSON's number or as text, with any number of zeros."""
    assert fits(data("amount") >= 1000, {"amount": amount}) is enough
    assert fits(data("amount") < 1000, {"amount": amount}) is not enough


@pytest.mark.parametrize("amount", [*NOT_WRITTEN_SO, *NO_NUMBERS])
@pytest.mark.parametrize("asked", [data("amount") >= 0, data("amount") < 0, data("amount") != 1000])
def test_text_that_is_no_number_answers_no(amount: object, asked: Condition) -> None:
    """What a person might read as a number is none, if a bank would not write it so."""
    assert not fits(asked, {"amount": amount})
    assert fits(~asked, {"amount": amount})


def test_no_digit_of_a_huge_amount_is_lost() -> None:
    """14 digits before the point and 4 behind it, also where binary fractions end."""
    asked = data("amount") > Decimal("12345678901234.5677")
    assert fits(asked, {"amount": "12345678901234.5678"})
    assert not fits(asked, {"amount": "12345678901234.5677"})


@pytest.mark.parametrize("found", [{}, {"currency": None}, {"currency": 5}, {"currency": ["CNY"]}])
def test_a_field_that_is_missing_or_no_text_is_not_a_text(found: Data) -> None:
    """Neither equal nor unequal to one."""
    for asked in (data("currency") == "5", data("currency") != "CNY", data("currency").is_in("CNY", "5")):
        assert not fits(asked, found)


def test_without_a_where_all_data_fit() -> None:
    """Also none at all."""
    assert fits(None, {})


def test_what_was_looked_at_is_written_down() -> None:
    """Every question with what was found, also behind the first one that holds."""
    facts = known(tags=("a",), stage=Stage.GROWTH, points=7, events=(ago(days(1)),))
    asked: list[Condition] = [
        tag("a") | tag("b"),
        (stage == Stage.GROWTH) & ~(risk_class >= RiskClass.C4),
        happened(checked_in),
    ]
    assert looked_at([*asked, points >= 5, language == Language.ENGLISH, zone == "UTC"], facts) == {
        "tag a": True,
        "tag b": False,
        "stage": Stage.GROWTH,
        "risk_class": None,
        "checked_in counted": 1,
        "points": 7,
        "language": Language.CHINESE,
        "zone": "Asia/Shanghai",
    }


def test_counts_of_one_event_are_told_apart() -> None:
    """By the time they look back and by what the data must be."""
    small, large = {"amount": "10", "currency": "CNY"}, {"amount": "20", "currency": "USD"}
    facts = did(ago(days(9), deposit_made, **small), ago(days(40), deposit_made, **large), entered=days(10))
    where = (data("amount") >= 20) & ~data("currency").is_in("CNY", "HKD") | (data("currency") == "EUR")
    asked = [
        happened(deposit_made),
        happened(deposit_made, within=days(7)),
        happened(deposit_made, within=days(30), since="run"),
        happened(deposit_made, where=where),
    ]
    assert looked_at(asked, facts) == {
        "deposit_made counted": 2,
        "deposit_made counted within 7d": 0,
        "deposit_made counted within 30d since entry": 1,
        "deposit_made counted where ((amount >= 20 and not currency in CNY, HKD) or currency == EUR)": 1,
    }


ENTERED = NOW - days(3)


@pytest.mark.parametrize(
    ("asked", "since"),
    [
        (tag("a"), {}),
        (happened(checked_in), {"checked_in": BEGINNING}),
        (~happened(checked_in, within=days(30)), {"checked_in": NOW - days(30)}),
        (happened(checked_in, since="run"), {"checked_in": ENTERED}),
        (happened(checked_in, since="run", within=days(1)), {"checked_in": NOW - days(1)}),
        (
            happened(checked_in, within=days(1)) | happened(checked_in, within=days(2)) & happened(deposit_made),
            {"checked_in": NOW - days(2), "deposit_made": BEGINNING},
        ),
        (happened(checked_in) & happened(checked_in, within=days(2)), {"checked_in": BEGINNING}),
        (happened(checked_in, within=days(999_999)), {"checked_in": BEGINNING}),
    ],
)
def test_conditions_look_back_no_further_than_they_must(asked: Condition, since: dict[str, datetime]) -> None:
    """Event by event, the earliest time that a condition looks at."""
    assert looks_back_to([asked], NOW, ENTERED) == since


@pytest.mark.parametrize("wrong", [lambda: holds(data("amount") >= 1, NOBODY), lambda: fits(tag("a"), {})])
def test_data_and_customers_are_not_confused(wrong: Callable[[], bool]) -> None:
    """Import refuses such a journey; if one came here nonetheless, it would not be answered at random."""
    with pytest.raises(AssertionError, match="import refuses"):
        wrong()
