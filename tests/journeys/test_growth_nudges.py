"""Growth nudges, path by path."""

from collections.abc import Sequence

import pytest

from journeys.events import (
    EventType,
    account_closed,
    deposit_made,
    feature_used,
    opted_out_of_marketing,
    trade_executed,
    wealth_product_purchased,
)
from journeys.growth_nudges import growth_nudges
from journeys.language import stage_entered
from journeys.names import Stage
from tests.story import Story, story

NUDGES = ["day 3 lesson-styles", "day 10 feature-price-alert", "day 20 feature-conditional-order"]
ASKED = "day 55 next-deposit"


@pytest.fixture
def growing() -> Story:
    """Somebody who has just made the first investment."""
    return story(growth_nudges)


@pytest.fixture
def matured(growing: Story) -> Story:
    """Somebody who made four investments by day 5."""
    for day in (1, 2, 4, 5):
        growing = growing.when(trade_executed, on_day=day)
    return growing


def test_who_does_nothing_is_taught_and_at_last_asked(growing: Story) -> None:
    """Further and further apart: a lesson, two features, and one word about a deposit on day 55."""
    assert growing.touches() == [*NUDGES, ASKED]
    assert growing.ends() == ["day 55 completed"]
    assert growing.points() == []


def test_every_text_comes_at_ten_in_the_morning(growing: Story) -> None:
    """Where the customer lives: who begins to invest at half past seven in India hears at ten."""
    assert set(growing.of(zone="Asia/Kolkata").hours()) == {"10:00"}


@pytest.mark.parametrize("style", ["value", "technical", "theme", "event"])
def test_the_first_lesson_is_in_the_style_of_the_customer(growing: Story, style: str) -> None:
    """Each of the four styles has a lesson of its own."""
    assert growing.of(tags=[f"style_{style}"]).touches() == [f"day 3 lesson-{style}", *NUDGES[1:], ASKED]


@pytest.mark.parametrize(
    ("tags", "lesson"),
    [
        (["pre_trade"], "lesson-before-a-trade"),
        (["in_trade"], "lesson-while-holding"),
        (["post_trade"], "lesson-after-a-trade"),
        (["pre_trade", "post_trade"], "lesson-before-a-trade"),
    ],
)
def test_the_second_lesson_is_for_the_phase_of_the_trade(growing: Story, tags: Sequence[str], lesson: str) -> None:
    """Before, during or after one; whoever is about to trade again looks ahead, not back."""
    assert growing.of(tags=tags).touches() == [*NUDGES, f"day 34 {lesson}", ASKED]


@pytest.mark.parametrize(
    ("feature", "untold"), [("price_alert", NUDGES[1]), ("conditional_order", NUDGES[2]), ("watch_list", None)]
)
def test_nobody_is_told_of_a_feature_they_use(growing: Story, feature: str, untold: str | None) -> None:
    """Also if they found it before it was its turn; other features count for nothing."""
    told = growing.when(feature_used, on_day=6, feature=feature)
    assert told.touches() == [touch for touch in [*NUDGES, ASKED] if touch != untold]


def test_who_uses_both_features_hears_of_neither(growing: Story) -> None:
    """Then there is a lesson, and the word about a deposit."""
    told = growing
    for feature in ("price_alert", "conditional_order"):
        told = told.when(feature_used, on_day=1, feature=feature)
    assert told.touches() == [NUDGES[0], ASKED]


def test_who_matures_meanwhile_is_left_in_peace(matured: Story) -> None:
    """From the fourth investment on, the other journey speaks: no features, no lessons, no deposit."""
    assert matured.touches() == NUDGES[:1]
    assert matured.of(tags=["pre_trade", "in_trade", "post_trade"]).touches() == NUDGES[:1]
    assert matured.ends() == ["day 55 completed"]


@pytest.mark.parametrize(("day", "touches"), [(2, 0), (3, 0), (12, 2), (54, 3)])
def test_a_deposit_is_the_goal_and_ends_all(growing: Story, day: int, touches: int) -> None:
    """Whoever deposits without being asked is not asked, up to the very moment of a text."""
    told = growing.when(deposit_made, on_day=day, amount="5000.00")
    assert told.touches() == NUDGES[:touches]
    assert told.ends() == [f"day {day} goal"]
    assert told.conversions() == [f"day {day} converted"]


@pytest.mark.parametrize(("day", "converted"), [(90, ["day 90 converted"]), (90.01, [])])
def test_a_deposit_after_the_end_converts_within_ninety_days(growing: Story, day: float, converted: list[str]) -> None:
    """The goal counts for ninety days from entry."""
    told = growing.when(deposit_made, on_day=day)
    assert told.ends() == ["day 55 completed"]
    assert told.conversions() == converted


@pytest.mark.parametrize("event", [account_closed, opted_out_of_marketing])
def test_a_customer_who_leaves_or_refuses_hears_nothing_more(growing: Story, event: EventType) -> None:
    """Closing the account and refusing marketing end the run at once."""
    told = growing.when(event, on_day=12)
    assert told.touches() == NUDGES[:2]
    assert told.ends() == [f"day 12 exit: {event}"]


def test_another_investment_changes_nothing(growing: Story) -> None:
    """Neither a trade nor a wealth product is what this journey is for."""
    told = growing.when(trade_executed, on_day=8).when(wealth_product_purchased, on_day=9, product="W-1")
    assert told.touches() == growing.touches()


def test_who_has_an_adviser_does_not_enter(growing: Story) -> None:
    """They hear it from a person."""
    assert growing.of(tags=["has_adviser"]).record.runs == []


@pytest.mark.parametrize("before", [Stage.INTRODUCTION, Stage.DECLINE, Stage.CHURNED])
def test_growth_counts_wherever_it_comes_from(before: Stage) -> None:
    """A customer who was won back grows anew."""
    told = story(growth_nudges, starts_on=stage_entered(Stage.GROWTH, from_=before))
    assert told.touches() == [*NUDGES, ASKED]


def test_the_control_group_hears_nothing_and_is_measured(growing: Story) -> None:
    """One in ten: what would have been sent is recorded, and a deposit counts for the group."""
    told = growing.held_out()
    assert told.touches() == [f"{touch} (withheld: holdout)" for touch in [*NUDGES, ASKED]]
    assert told.when(deposit_made, on_day=30).conversions() == ["day 30 converted"]
