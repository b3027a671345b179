"""Win-back, path by path."""

import pytest

from journeys.events import EventType, account_closed, app_opened, opted_out_of_marketing, trade_executed
from journeys.language import stage_entered
from journeys.names import Stage
from journeys.win_back import win_back
from tests.story import Story, story

THREE_TRIES = ["day 0 we-are-here", "day 7 what-is-new", "day 28 last-word"]


@pytest.fixture
def churned() -> Story:
    """Somebody who has just churned, out of decline."""
    return story(win_back)


def test_three_tries_with_growing_gaps_and_then_silence(churned: Story) -> None:
    """Who does not come back is written to on days 0, 7 and 28, and never again."""
    assert churned.touches() == THREE_TRIES
    assert churned.ends() == ["day 28 completed"]


@pytest.mark.parametrize(("day", "touches"), [(0, 1), (6.9, 1), (7, 1), (10, 2), (28, 2)])
def test_a_trade_ends_the_tries_at_once(churned: Story, day: float, touches: int) -> None:
    """A customer who came back hears nothing more, up to the very moment of the next try."""
    told = churned.when(trade_executed, on_day=day)
    assert told.touches() == THREE_TRIES[:touches]
    assert told.ends() == [f"day {int(day)} goal"]


def test_opening_the_app_is_no_return(churned: Story) -> None:
    """Only a trade is the goal."""
    assert churned.when(app_opened, on_day=3).touches() == THREE_TRIES


@pytest.mark.parametrize(("day", "converted"), [(29, ["day 29 converted"]), (60, ["day 60 converted"]), (61, [])])
def test_a_return_counts_for_sixty_days(churned: Story, day: float, converted: list[str]) -> None:
    """The goal's window goes on after the last word."""
    told = churned.when(trade_executed, on_day=day)
    assert told.ends() == ["day 28 completed"]
    assert told.conversions() == converted


@pytest.mark.parametrize("event", [account_closed, opted_out_of_marketing])
def test_a_customer_who_leaves_or_refuses_hears_nothing_more(churned: Story, event: EventType) -> None:
    """Closing the account and refusing marketing end the run at once."""
    told = churned.when(event, on_day=8)
    assert told.touches() == THREE_TRIES[:2]
    assert told.ends() == [f"day 8 exit: {event}"]


def test_who_churns_again_half_a_year_later_is_won_back_again(churned: Story) -> None:
    """A trade on day 10 leads to churn on day 190: 180 days after the first run ended, a second one starts."""
    told = churned.when(trade_executed, on_day=10).when(app_opened, on_day=195)
    assert told.touches() == [*THREE_TRIES[:2], "day 190 we-are-here", "day 197 what-is-new", "day 218 last-word"]


def test_who_churns_without_having_been_in_decline_is_not_written_to() -> None:
    """Somebody who never invested was never won, and is not won back."""
    assert story(win_back, starts_on=stage_entered(Stage.CHURNED, from_=Stage.INTRODUCTION)).touches() == []
