"""Mature service, path by path."""

import pytest

from journeys.events import (
    EventType,
    account_closed,
    deposit_made,
    feature_used,
    opted_out_of_marketing,
    questionnaire_completed,
    trade_executed,
    wechat_bound,
)
from journeys.language import stage_entered
from journeys.mature_service import mature_service
from journeys.names import Stage
from tests.story import START, Story, story

BENEFITS, WECHAT, ASSESSMENT = "day 12 member-benefits", "day 40 notices-on-wechat", "day 75 assessment-renewal"
REVIEWS = [f"day {day} review-your-quarter" for day in (117, 208, 299)]


@pytest.fixture
def mature() -> Story:
    """Somebody who has just made the fourth investment."""
    return story(mature_service)


def test_who_does_nothing_hears_six_times_in_a_year(mature: Story) -> None:
    """Benefits, notices, assessment, and a look back each quarter; at least four weeks between two texts."""
    assert mature.touches() == [BENEFITS, WECHAT, ASSESSMENT, *REVIEWS]
    assert mature.ends() == ["day 299 completed"]
    assert mature.points() == []


def test_every_text_comes_on_a_saturday_at_ten(mature: Story) -> None:
    """When the market is closed, where the customer lives."""
    assert {f"{touch.planned_at:%A}" for touch in mature.record.touches} == {"Saturday"}
    assert f"{START:%A}" == "Monday"
    assert set(mature.of(zone="Asia/Kolkata").hours()) == {"10:00"}


@pytest.mark.parametrize(("day", "told"), [(1, False), (40, False), (41, True)])
def test_who_has_bound_wechat_is_not_invited_to(mature: Story, day: int, told: bool) -> None:
    """Also on the very day; nothing else moves."""
    touches = mature.when(wechat_bound, on_day=day).touches()
    assert (WECHAT in touches) is told
    assert [touch for touch in touches if touch != WECHAT] == [BENEFITS, ASSESSMENT, *REVIEWS]


@pytest.mark.parametrize(("day", "told"), [(0.5, False), (75, False), (76, True)])
def test_who_has_a_fresh_assessment_is_not_asked_for_one(mature: Story, day: float, told: bool) -> None:
    """A questionnaire of the last year will do."""
    touches = mature.when(questionnaire_completed, on_day=day).touches()
    assert (ASSESSMENT in touches) is told


def test_who_needs_neither_hears_of_benefits_and_quarters_only(mature: Story) -> None:
    """Four texts in a year."""
    told = mature.when(wechat_bound, on_day=1).when(questionnaire_completed, on_day=1)
    assert told.touches() == [BENEFITS, *REVIEWS]


@pytest.mark.parametrize(("trades", "reviews"), [((1,), 0), ((1, 90), 1), ((1, 90, 180), 2), ((1, 90, 180, 270), 3)])
def test_the_look_back_stops_with_the_trades(mature: Story, trades: tuple[int, ...], reviews: int) -> None:
    """Who makes no investment for ninety days is in decline, and is spoken to otherwise."""
    told = mature
    for day in trades:
        told = told.when(trade_executed, on_day=day)
    assert told.touches() == [BENEFITS, WECHAT, ASSESSMENT, *REVIEWS[:reviews]]


@pytest.mark.parametrize(("day", "touches"), [(5, 0), (75, 2), (120, 4)])
def test_who_looks_at_the_portfolio_unasked_needs_no_letters(mature: Story, day: int, touches: int) -> None:
    """It is the goal, ends the run at once, and has converted."""
    told = mature.when(feature_used, on_day=day, feature="portfolio_review")
    assert told.touches() == [BENEFITS, WECHAT, ASSESSMENT, *REVIEWS][:touches]
    assert told.ends() == [f"day {day} goal"]
    assert told.conversions() == [f"day {day} converted"]


@pytest.mark.parametrize(("day", "converted"), [(365, ["day 365 converted"]), (366, [])])
def test_a_look_after_the_last_letter_converts_within_the_year(mature: Story, day: int, converted: list[str]) -> None:
    """The goal counts for a year from entry."""
    assert mature.when(feature_used, on_day=day, feature="portfolio_review").conversions() == converted


def test_other_features_deposits_and_trades_end_nothing(mature: Story) -> None:
    """This journey wants nothing of the customer."""
    told = mature.when(feature_used, on_day=20, feature="price_alert").when(deposit_made, on_day=21)
    assert told.touches() == mature.touches()


@pytest.mark.parametrize("event", [account_closed, opted_out_of_marketing])
def test_a_customer_who_leaves_or_refuses_hears_nothing_more(mature: Story, event: EventType) -> None:
    """Closing the account and refusing marketing end the run at once."""
    told = mature.when(event, on_day=50)
    assert told.touches() == [BENEFITS, WECHAT]
    assert told.ends() == [f"day 50 exit: {event}"]


@pytest.mark.parametrize("before", [Stage.GROWTH, Stage.DECLINE, Stage.CHURNED])
def test_maturity_counts_wherever_it_comes_from(before: Stage) -> None:
    """A customer with four investments who comes back is at once mature again."""
    assert story(mature_service, starts_on=stage_entered(Stage.MATURITY, from_=before)).touches()[0] == BENEFITS
