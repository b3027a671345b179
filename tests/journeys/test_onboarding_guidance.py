"""Onboarding guidance, path by path."""

import time

import pytest

from journeys.events import (
    EventType,
    account_closed,
    account_opened,
    app_opened,
    app_registered,
    deposit_made,
    opted_out_of_marketing,
    questionnaire_completed,
    trade_executed,
)
from journeys.onboarding_guidance import onboarding_guidance
from tests.story import Story, story

REGISTERED = "day 0 +20 app registration"


@pytest.fixture
def registered() -> Story:
    """Somebody who has just registered."""
    return story(onboarding_guidance)


def test_without_an_account_the_journey_gives_up_after_one_reminder(registered: Story) -> None:
    """Somebody who does nothing is welcomed, reminded once on day 3, and left alone from day 10 on."""
    assert registered.touches() == ["day 0 welcome", "day 3 open-account-reminder"]
    assert registered.ends() == ["day 10 not interested"]
    assert registered.points() == [REGISTERED]


def test_an_account_after_the_reminder_goes_on_to_the_first_product(registered: Story) -> None:
    """The account on day 5 starts two days for the questionnaire and seven for the deposit."""
    told = registered.when(account_opened, on_day=5)
    assert told.touches() == ["day 0 welcome", "day 3 open-account-reminder", "day 14 first-product"]
    assert told.ends() == ["day 14 completed"]


@pytest.mark.parametrize("day", [0, 1, 2.99, 3])
def test_an_account_within_three_days_needs_no_reminder(registered: Story, day: float) -> None:
    """Up to the very moment of the reminder, opening the account makes it needless."""
    told = registered.when(account_opened, on_day=day)
    assert "day 3 open-account-reminder" not in told.touches()


@pytest.mark.parametrize(("day", "end"), [(10, "day 19 completed"), (10.01, "day 10 not interested")])
def test_the_tenth_day_is_the_last_for_the_account(registered: Story, day: float, end: str) -> None:
    """An account at the instant of the deadline counts; later it does not."""
    assert registered.when(account_opened, on_day=day).ends() == [end]


def test_the_questionnaire_in_time_earns_points(registered: Story) -> None:
    """The questionnaire within two days of the account earns 50 points, and the deposit is waited for from then."""
    told = registered.when(account_opened, on_day=1).when(questionnaire_completed, on_day=2)
    assert told.points() == [REGISTERED, "day 2 +50 investor questionnaire"]
    assert told.touches() == ["day 0 welcome", "day 9 first-product"]


def test_a_questionnaire_from_before_the_account_counts(registered: Story) -> None:
    """A milestone is looked for in the whole life: who was early has the points as soon as the account is open."""
    told = registered.when(questionnaire_completed, on_day=1).when(account_opened, on_day=2)
    assert told.points() == [REGISTERED, "day 2 +50 investor questionnaire"]
    assert told.touches() == ["day 0 welcome", "day 9 first-product"]


def test_a_late_questionnaire_earns_nothing(registered: Story) -> None:
    """After the two days the journey has gone on."""
    told = registered.when(account_opened, on_day=1).when(questionnaire_completed, on_day=4)
    assert told.points() == [REGISTERED]
    assert told.touches() == ["day 0 welcome", "day 10 first-product"]


def test_a_deposit_in_time_needs_no_first_product(registered: Story) -> None:
    """The deposit ends the journey, and nothing more is said."""
    told = registered.when(account_opened, on_day=1).when(deposit_made, on_day=6)
    assert told.touches() == ["day 0 welcome"]
    assert told.ends() == ["day 6 completed"]


def test_a_deposit_from_before_needs_no_first_product(registered: Story) -> None:
    """Who opened the account and deposited at once is only waited for until the questionnaire is due."""
    told = registered.when(account_opened, on_day=1).when(deposit_made, on_day=1)
    assert told.touches() == ["day 0 welcome"]
    assert told.ends() == ["day 3 completed"]


@pytest.mark.parametrize(("day", "touches"), [(2, 1), (3, 1), (4, 2), (9, 2)])
def test_the_first_trade_is_the_goal_and_ends_all(registered: Story, day: float, touches: int) -> None:
    """A trade ends the run at once, whatever it waits for, and the run has converted."""
    told = registered.when(trade_executed, on_day=day)
    assert told.ends() == [f"day {day} goal"]
    assert told.conversions() == [f"day {day} converted"]
    assert len(told.touches()) == touches


@pytest.mark.parametrize(("day", "converted"), [(30, ["day 30 converted"]), (30.01, [])])
def test_a_trade_after_the_end_converts_within_thirty_days(registered: Story, day: float, converted: list[str]) -> None:
    """The goal counts for thirty days from entry, also when the run has ended before."""
    told = registered.when(trade_executed, on_day=day)
    assert told.ends() == ["day 10 not interested"]
    assert told.conversions() == converted


@pytest.mark.parametrize("event", [account_closed, opted_out_of_marketing])
def test_a_customer_who_leaves_or_refuses_hears_nothing_more(registered: Story, event: EventType) -> None:
    """Closing the account and refusing marketing end the run at once."""
    told = registered.when(event, on_day=2)
    assert told.touches() == ["day 0 welcome"]
    assert told.ends() == [f"day 2 exit: {event}"]


def test_an_account_that_only_the_books_know_prevents_the_reminder(registered: Story) -> None:
    """Before the reminder the books are asked; what they know counts from when it happened, as if it had been told."""
    told = registered.in_the_books(account_opened, on_day=2)
    assert told.touches() == ["day 0 welcome", "day 11 first-product"]


def test_other_events_change_nothing(registered: Story) -> None:
    """Opening the app is no step of this journey."""
    assert registered.when(app_opened, on_day=2).record.touches == registered.record.touches


def test_nobody_is_onboarded_twice(registered: Story) -> None:
    """Registering again, with the journey running or ended, starts nothing."""
    told = registered.when(app_registered, on_day=1).when(app_registered, on_day=20)
    assert told.touches() == registered.touches()


def test_a_story_takes_less_than_five_milliseconds(registered: Story) -> None:
    """Stories are fast enough to write one for every requirement."""
    registered.touches()
    started = time.perf_counter()
    for _ in range(10):
        story(onboarding_guidance).when(account_opened, on_day=5).touches()
    assert time.perf_counter() - started < 10 * 0.005
