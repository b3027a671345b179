"""Retention offer, path by path."""

import pytest

from journeys.events import (
    EventType,
    account_closed,
    app_opened,
    opted_out_of_marketing,
    trade_executed,
    wealth_product_purchased,
)
from journeys.language import stage_entered
from journeys.names import RiskClass, Stage
from journeys.retention_offer import retention_offer
from tests.story import Story, story

KEPT, STEADY, FEES = "day 0 what-stays-yours", "day 14 steady-choices", "day 35 fees-and-services"


@pytest.fixture
def declining() -> Story:
    """Somebody with a risk class who has made no investment for ninety days."""
    return story(retention_offer)


def test_who_does_nothing_hears_three_times(declining: Story) -> None:
    """What is theirs, what is steadier, what it costs: on days 0, 14 and 35."""
    assert declining.touches() == [KEPT, STEADY, FEES]
    assert declining.ends() == ["day 35 completed"]
    assert declining.points() == []


def test_every_text_comes_at_ten_in_the_morning(declining: Story) -> None:
    """Decline begins at the hour of the last investment; the text does not."""
    assert set(declining.of(zone="Asia/Kolkata").hours()) == {"10:00"}


@pytest.mark.parametrize("risk_class", list(RiskClass))
def test_steadier_ways_are_for_every_risk_class(declining: Story, risk_class: RiskClass) -> None:
    """No product is named, so every class may read it."""
    assert declining.of(risk_class=risk_class).touches() == [KEPT, STEADY, FEES]


def test_without_a_risk_class_there_is_no_talk_of_products(declining: Story) -> None:
    """The assessment comes first."""
    assert declining.without_risk_class().touches() == [KEPT, "day 14 assessment-renewal", FEES]


def test_a_core_member_has_somebody_to_talk_to(declining: Story) -> None:
    """The adviser in place of the page with the fees."""
    assert declining.of(tags=["member_core"]).touches() == [KEPT, STEADY, "day 35 adviser-is-there"]


@pytest.mark.parametrize(("day", "touches"), [(0, 0), (14, 1), (20, 2), (34, 2)])
def test_a_trade_is_the_goal_and_ends_all(declining: Story, day: int, touches: int) -> None:
    """Whoever is back hears nothing more, up to the very moment of a text."""
    told = declining.when(trade_executed, on_day=day)
    assert told.touches() == [KEPT, STEADY][:touches]
    assert told.ends() == [f"day {day} goal"]
    assert told.conversions() == [f"day {day} converted"]


@pytest.mark.parametrize(("day", "converted"), [(90, ["day 90 converted"]), (90.01, [])])
def test_a_trade_counts_until_the_customer_would_have_churned(
    declining: Story, day: float, converted: list[str]
) -> None:
    """The goal's window goes on after the last text."""
    told = declining.when(trade_executed, on_day=day)
    assert told.ends() == ["day 35 completed"]
    assert told.conversions() == converted


@pytest.mark.parametrize("event", [account_closed, opted_out_of_marketing, wealth_product_purchased])
def test_a_customer_who_leaves_refuses_or_invests_hears_nothing_more(declining: Story, event: EventType) -> None:
    """Closing the account, refusing marketing and buying a wealth product end the run at once."""
    told = declining.when(event, on_day=15, product="W-1")
    assert told.touches() == [KEPT, STEADY]
    assert told.ends() == [f"day 15 exit: {event}"]


def test_opening_the_app_is_no_return(declining: Story) -> None:
    """Only an investment is."""
    assert declining.when(app_opened, on_day=3).touches() == declining.touches()


def test_who_declines_again_is_written_to_again_after_ninety_days(declining: Story) -> None:
    """A trade on day 5 leads to decline on day 95, ninety days after the first run ended: a second one starts."""
    told = declining.when(trade_executed, on_day=5).when(app_opened, on_day=120)
    assert told.touches() == [KEPT, "day 95 what-stays-yours", "day 109 steady-choices", "day 130 fees-and-services"]


@pytest.mark.parametrize("before", [Stage.GROWTH, Stage.MATURITY])
def test_decline_counts_wherever_it_comes_from(before: Stage) -> None:
    """After one investment or after many."""
    assert story(retention_offer, starts_on=stage_entered(Stage.DECLINE, from_=before)).touches()[0] == KEPT


def test_the_control_group_hears_nothing_and_is_measured(declining: Story) -> None:
    """One in ten: what would have been sent is recorded, and a trade counts for the group."""
    told = declining.held_out()
    assert told.touches() == [f"{touch} (withheld: holdout)" for touch in (KEPT, STEADY, FEES)]
    assert told.when(trade_executed, on_day=20).conversions() == ["day 20 converted"]
