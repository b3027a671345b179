"""What stands of what was said of a customer: the latest, at one instant the more cautious, in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.events import EVENTS
from journeys.names import Channel, MessageClass, RiskClass
from rules.statements import (
    STATING,
    AssessmentSaid,
    ConsentSaid,
    OptOutSaid,
    Standing,
    Statement,
    SuppressionSaid,
    standing,
    statement_of,
)
from rules.suitability import Investor

AT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)
NOBODY = Standing()
MARKETING_INBOX = (MessageClass.MARKETING, Channel.INBOX)
CONSENT = {"message_class": "marketing", "channel": "inbox", "source": "app", "text_version": "1"}
A_MESSAGE = {"channel": "app_push", "journey": "j", "step": "s", "template": "t", "touch": "C-1/j/1/s/1"}
ASSESSED = {
    "risk_class": "C1",
    "lowest_class": True,
    "professional": False,
    "valid_until": "2027-01-01T00:00:00Z",
    "longest_term_days": 90,
    "product_types": ["fund", "bond"],
}
SAID: list[tuple[str, dict[str, Any], Statement]] = [
    ("opted_out_of_marketing", {}, OptOutSaid(AT, "marketing", True, "e")),
    ("opted_out", {"scope": "all"}, OptOutSaid(AT, "all", True, "e")),
    ("unsubscribed", {**A_MESSAGE, "scope": "app_push"}, OptOutSaid(AT, "app_push", True, "e")),
    ("opted_in", {"scope": "sms"}, OptOutSaid(AT, "sms", False, "e")),
    ("consent_given", CONSENT, ConsentSaid(AT, *MARKETING_INBOX, True, "app", "1")),
    ("consent_withdrawn", CONSENT, ConsentSaid(AT, *MARKETING_INBOX, False, "app", "1")),
    ("complaint_made", {"case": "K-1"}, SuppressionSaid(AT, "complaint", True, "e")),
    ("complaint_resolved", {}, SuppressionSaid(AT, "complaint", False, "e")),
    ("risk_assessed", {"risk_class": "C3"}, AssessmentSaid(AT, "e", RiskClass.C3)),
    (
        "risk_assessed",
        ASSESSED,
        AssessmentSaid(
            AT,
            "e",
            RiskClass.C1,
            lowest_class=True,
            valid_until=datetime(2027, 1, 1, tzinfo=UTC),
            professional=False,
            longest_term=timedelta(days=90),
            product_types=("bond", "fund"),
        ),
    ),
]

moments = st.integers(0, 3).map(lambda days: AT + days * DAY)
statements: st.SearchStrategy[Statement] = st.one_of(
    st.builds(OptOutSaid, moments, st.sampled_from(["marketing", "all"]), st.booleans(), st.just("e")),
    st.builds(SuppressionSaid, moments, st.sampled_from(["complaint", "legal"]), st.booleans(), st.just("e")),
    st.builds(
        ConsentSaid,
        moments,
        st.just(MessageClass.MARKETING),
        st.sampled_from(Channel),
        st.booleans(),
        *map(st.just, "ev"),
    ),
    st.builds(
        AssessmentSaid,
        moments,
        st.just("e"),
        st.none() | st.sampled_from(RiskClass),
        valid_until=st.none() | moments,
        professional=st.none() | st.booleans(),
        longest_term=st.none() | st.integers(1, 3).map(lambda days: days * DAY),
        product_types=st.none() | st.sampled_from([(), ("bond",), ("bond", "fund")]),
    ),
)


def stands(*said: Statement, before: Standing = NOBODY) -> Standing:
    """What stands after this was said."""
    return standing(said, before, YEAR)


@pytest.mark.parametrize(("name", "data", "said"), SAID)
def test_an_event_says_what_the_gates_look_at(name: str, data: dict[str, Any], said: Statement) -> None:
    """With its own time; the event is the evidence of what brings none."""
    assert statement_of(name, AT, data, "e") == said


def test_all_other_events_say_nothing() -> None:
    """Those that do are the ones of the table above."""
    assert {name for name, _, _ in SAID} == STATING
    assert [statement_of(name, AT, {}, "e") for name in EVENTS if name not in STATING] == [None] * (
        len(EVENTS) - len(STATING)
    )


def test_a_later_word_counts_and_an_earlier_one_that_comes_late_does_not() -> None:
    """Of each scope, reason, class and channel by itself."""
    refused, taken_back = OptOutSaid(AT + DAY, "marketing", True, "e"), OptOutSaid(AT, "marketing", False, "e")
    assert stands(refused, taken_back).opted_out == ("marketing",)
    given, withdrawn = (
        ConsentSaid(AT, *MARKETING_INBOX, True, "a", "1"),
        ConsentSaid(AT + DAY, *MARKETING_INBOX, False, "a", "1"),
    )
    assert stands(withdrawn, given).consents == ()
    over = SuppressionSaid(AT + DAY, "complaint", False, "e")
    assert stands(
        over, SuppressionSaid(AT, "complaint", True, "e"), SuppressionSaid(AT, "legal", True, "e")
    ).suppressed == ("legal",)


def test_at_one_instant_the_more_cautious_word_counts() -> None:
    """A refusal before its lifting, the lower class, the shorter term, the narrower wish."""
    assert stands(OptOutSaid(AT, "all", True, "e"), OptOutSaid(AT, "all", False, "e")).opted_out == ("all",)
    both = [ConsentSaid(AT, *MARKETING_INBOX, given, "a", "1") for given in (False, True)]
    assert stands(*both).consents == ()
    bold = AssessmentSaid(AT, "e", RiskClass.C4, professional=True, longest_term=9 * DAY, product_types=())
    shy = AssessmentSaid(AT, "e", RiskClass.C2, professional=False, longest_term=DAY, product_types=("bond",))
    assert (
        stands(shy, bold).investor
        == stands(bold, shy).investor
        == Investor(RiskClass.C2, assessed_until=AT + YEAR, longest_term=DAY, product_types=("bond",))
    )


def test_what_an_assessment_does_not_say_stays_but_for_what_belongs_to_the_class() -> None:
    """The lowest sub-class and the end belong to it; wishes and the professional are told by themselves."""
    first = AssessmentSaid(AT, "e", RiskClass.C1, True, AT + 9 * DAY, True, 30 * DAY, ("bond",))
    told = stands(first, AssessmentSaid(AT + DAY, "e", RiskClass.C3))
    assert told.investor == Investor(RiskClass.C3, False, True, AT + DAY + YEAR, 30 * DAY, ("bond",))
    assert told.risk_class is RiskClass.C3


def test_a_dated_class_stands_before_one_without_a_date() -> None:
    """However old it is; alone, a class without a date stands, and is no assessment, whatever end it says."""
    dated = AssessmentSaid(AT - 9 * YEAR, "e", RiskClass.C2)
    undated = AssessmentSaid(None, "file", RiskClass.C5, valid_until=AT + YEAR)
    for order in ((dated, undated), (undated, dated)):
        told = stands(*order)
        assert (told.risk_class, told.investor) == (
            RiskClass.C2,
            Investor(RiskClass.C2, assessed_until=AT - 8 * YEAR),
        )
    alone = stands(undated)
    assert (alone.risk_class, alone.investor) == (RiskClass.C5, Investor(RiskClass.C5))


def test_what_stood_before_is_older_than_everything() -> None:
    """And stays where nothing else was said."""
    before = Standing((MARKETING_INBOX,), Investor(RiskClass.C5), RiskClass.C5)
    assert stands(before=before).consents == (MARKETING_INBOX,)
    assert stands(AssessmentSaid(AT, "e", RiskClass.C2), before=before).risk_class is RiskClass.C2
    assert stands(ConsentSaid(AT, *MARKETING_INBOX, False, "a", "1"), before=before).consents == ()


@given(said=st.lists(statements, max_size=8).flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))))
def test_the_order_in_which_it_is_told_does_not_matter(said: tuple[Sequence[Statement], Sequence[Statement]]) -> None:
    """Nor does it matter to be told twice."""
    told, otherwise = said
    one, other = stands(*told), stands(*otherwise, *told)
    assert (one.investor, one.opted_out, one.suppressed, {*one.consents}) == (
        *(other.investor, other.opted_out, other.suppressed),
        {*other.consents},
    )
