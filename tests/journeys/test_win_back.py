"""Win-back, path by path."""

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
from journeys.names import Stage
from journeys.win_back import win_back
from tests.story import Story, story

WARM, ASKING = "day 0 we-are-here", "day 0 what-was-missing"
LATER = ["day 7 what-is-new", "day 28 last-word"]
THREE_TRIES = [WARM, *LATER]


@pytest.fixture
def churned() -> Story:
    """Somebody who has just churned, out of decline, and is met with warm words."""
    return story(win_back).in_arm("warm-or-asking", "warm")


def test_three_tries_with_growing_gaps_and_then_silence(churned: Story) -> None:
    """Who does not come back is written to on days 0, 7 and 28, and never again."""
    assert churned.touches() == THREE_TRIES
    assert churned.ends() == ["day 28 completed"]


def test_the_other_half_is_asked_what_was_missing(churned: Story) -> None:
    """Only the first text differs, so whatever differs later comes from it."""
    asked = churned.in_arm("warm-or-asking", "asking")
    assert asked.touches() == [ASKING, *LATER]
    assert asked.when(trade_executed, on_day=3).touches() == [ASKING]


def test_every_text_comes_at_ten_in_the_morning(churned: Story) -> None:
    """A customer churns at the hour of the last investment; the text does not come at that hour."""
    assert set(churned.of(zone="Asia/Kolkata").hours()) == {"10:00"}


@pytest.mark.parametrize(("day", "touches"), [(0, 0), (0.1, 1), (6.9, 1), (7, 1), (10, 2), (28, 2)])
def test_a_trade_ends_the_tries_at_once(churned: Story, day: float, touches: int) -> None:
    """A customer who came back hears nothing more, up to the very moment of the next try."""
    told = churned.when(trade_executed, on_day=day)
    assert told.touches() == THREE_TRIES[:touches]
    assert told.ends() == [f"day {int(day)} goal"]
    assert told.conversions() == [f"day {int(day)} converted"]


def test_opening_the_app_is_no_return(churned: Story) -> None:
    """Only an investment is."""
    assert churned.when(app_opened, on_day=3).touches() == THREE_TRIES


@pytest.mark.parametrize(("day", "converted"), [(29, ["day 29 converted"]), (60, ["day 60 converted"]), (61, [])])
def test_a_return_counts_for_sixty_days(churned: Story, day: float, converted: list[str]) -> None:
    """The goal's window goes on after the last word."""
    told = churned.when(trade_executed, on_day=day)
    assert told.ends() == ["day 28 completed"]
    assert told.conversions() == converted


@pytest.mark.parametrize("event", [account_closed, opted_out_of_marketing, wealth_product_purchased])
def test_a_customer_who_leaves_refuses_or_invests_hears_nothing_more(churned: Story, event: EventType) -> None:
    """Closing the account, refusing marketing and buying a wealth product end the run at once."""
    told = churned.when(event, on_day=8, product="W-1")
    assert told.touches() == THREE_TRIES[:2]
    assert told.ends() == [f"day 8 exit: {event}"]


def test_who_churns_again_half_a_year_later_is_won_back_again(churned: Story) -> None:
    """A trade on day 10 leads to churn on day 190: 180 days after the first run ended, a second one starts."""
    told = churned.when(trade_executed, on_day=10).when(app_opened, on_day=195)
    assert told.touches() == [*THREE_TRIES[:2], "day 190 we-are-here", "day 197 what-is-new", "day 218 last-word"]


def test_who_churns_without_having_been_in_decline_is_not_written_to() -> None:
    """Somebody who never invested was never won, and is not won back."""
    assert story(win_back, starts_on=stage_entered(Stage.CHURNED, from_=Stage.INTRODUCTION)).touches() == []


def test_the_control_group_hears_nothing_and_is_measured() -> None:
    """One in ten: what would have been sent is recorded, and a return counts for the group."""
    told = story(win_back).held_out()
    assert [line.endswith("(withheld: holdout)") for line in told.touches()] == [True, True, True]
    assert told.when(trade_executed, on_day=20).conversions() == ["day 20 converted"]
