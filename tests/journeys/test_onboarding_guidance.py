"""Onboarding guidance, path by path."""

import time

import pytest

from journeys.events import (
    EventType,
    account_closed,
    account_opened,
    app_opened,
    app_registered,
    checked_in,
    deposit_made,
    opted_out_of_marketing,
    questionnaire_completed,
    trade_executed,
    wealth_product_purchased,
)
from journeys.names import MessageClass
from journeys.onboarding_guidance import onboarding_guidance
from tests.story import Story, story

REGISTERED = "day 0 +20 app registration"
LESSONS_AND_GUIDE = ["day 3 first-week-lessons", "day 11 first-order-guide"]


@pytest.fixture
def registered() -> Story:
    """Somebody who has just registered."""
    return story(onboarding_guidance)


@pytest.fixture
def opened(registered: Story) -> Story:
    """Somebody who opened the account on day 1 and completed the questionnaire at once."""
    return registered.when(account_opened, on_day=1).when(questionnaire_completed, on_day=1)


@pytest.fixture
def funded(opened: Story) -> Story:
    """Somebody who then deposited on day 2: the lessons begin on day 3 at 19:00."""
    return opened.when(deposit_made, on_day=2)


def test_without_an_account_the_journey_gives_up_after_one_reminder(registered: Story) -> None:
    """Somebody who does nothing is welcomed, reminded once on day 3, and left alone from day 10 on."""
    assert registered.touches() == ["day 0 welcome", "day 3 open-account-reminder"]
    assert registered.ends() == ["day 10 not interested"]
    assert registered.points() == [REGISTERED]


def test_an_account_after_the_reminder_goes_on_to_the_first_order(registered: Story) -> None:
    """Who opens the account on day 5 and does nothing else is led on step by step, and is done on day 23."""
    told = registered.when(account_opened, on_day=5)
    assert told.touches() == [
        "day 0 welcome",
        "day 3 open-account-reminder",
        "day 7 questionnaire-reminder",
        "day 14 first-product",
        "day 15 first-week-lessons",
        "day 23 first-order-guide",
    ]
    assert told.ends() == ["day 23 completed"]
    assert told.points() == [REGISTERED]


@pytest.mark.parametrize("day", [0, 1, 2.99, 3])
def test_an_account_within_three_days_needs_no_reminder(registered: Story, day: float) -> None:
    """Up to the very moment of the reminder, opening the account makes it needless."""
    told = registered.when(account_opened, on_day=day)
    assert "day 3 open-account-reminder" not in told.touches()


@pytest.mark.parametrize(("day", "end"), [(10, "day 28 completed"), (10.01, "day 10 not interested")])
def test_the_tenth_day_is_the_last_for_the_account(registered: Story, day: float, end: str) -> None:
    """An account at the instant of the deadline counts; later it does not."""
    assert registered.when(account_opened, on_day=day).ends() == [end]


def test_the_questionnaire_in_time_earns_points(registered: Story) -> None:
    """The questionnaire within two days of the account earns 50 points, and the deposit is waited for from then."""
    told = registered.when(account_opened, on_day=1).when(questionnaire_completed, on_day=2)
    assert told.points() == [REGISTERED, "day 2 +50 investor questionnaire"]
    assert told.touches()[:2] == ["day 0 welcome", "day 9 first-product"]


def test_a_questionnaire_from_before_the_account_counts(registered: Story) -> None:
    """A milestone is looked for in the whole life: who was early has the points as soon as the account is open."""
    told = registered.when(questionnaire_completed, on_day=1).when(account_opened, on_day=2)
    assert told.points() == [REGISTERED, "day 2 +50 investor questionnaire"]
    assert told.touches()[:2] == ["day 0 welcome", "day 9 first-product"]


def test_a_late_questionnaire_is_reminded_of_once_and_earns_nothing(registered: Story) -> None:
    """After two days there is a reminder, and the journey goes on."""
    told = registered.when(account_opened, on_day=1).when(questionnaire_completed, on_day=4)
    assert told.points() == [REGISTERED]
    assert told.touches()[:3] == ["day 0 welcome", "day 3 questionnaire-reminder", "day 10 first-product"]


def test_a_deposit_in_time_needs_no_talk_about_products(opened: Story) -> None:
    """The deposit leads straight to the lessons, on the evening of the next day."""
    told = opened.when(deposit_made, on_day=6)
    assert told.touches() == ["day 0 welcome", "day 7 first-week-lessons", "day 15 first-order-guide"]
    assert told.ends() == ["day 15 completed"]


def test_a_deposit_from_before_the_questionnaire_counts(registered: Story) -> None:
    """Who deposited with the account is only waited for until the questionnaire is due."""
    told = registered.when(account_opened, on_day=1).when(deposit_made, on_day=1)
    assert told.touches() == [
        "day 0 welcome",
        "day 3 questionnaire-reminder",
        "day 4 first-week-lessons",
        "day 14 first-order-guide",
    ]


def test_who_allows_no_marketing_is_told_how_a_transfer_works(opened: Story) -> None:
    """Where products may not be talked about, the plain guide is sent in their place."""
    told = opened.without_consent(MessageClass.MARKETING)
    assert told.touches()[1:3] == ["day 8 first-product (withheld: no_consent)", "day 8 funding-guide"]


def test_who_allows_no_marketing_is_not_reminded_of_the_account(registered: Story) -> None:
    """The welcome says how to open one; without consent that is all."""
    told = registered.without_consent(MessageClass.MARKETING)
    assert told.touches() == ["day 0 welcome", "day 3 open-account-reminder (withheld: no_consent)"]


def test_the_lessons_come_in_the_evening_and_the_guide_on_a_trading_morning(funded: Story) -> None:
    """19:00 for the lessons, 10:00 for the first order, where the customer lives."""
    assert funded.touches() == ["day 0 welcome", *LESSONS_AND_GUIDE]
    assert funded.hours() == ["10:00", "19:00", "10:00"]
    assert funded.of(zone="Asia/Kolkata").hours()[1:] == ["19:00", "10:00"]


@pytest.mark.parametrize(("deposited", "guided"), [(2, 11), (3, 14), (4, 14)])
def test_the_guide_waits_for_the_market_to_open(opened: Story, deposited: int, guided: int) -> None:
    """Lessons that end on a Thursday evening are followed on Friday, those that end on Friday or Saturday on Monday."""
    assert opened.when(deposit_made, on_day=deposited).touches()[-1] == f"day {guided} first-order-guide"


def test_each_day_of_the_week_of_lessons_has_one_check_in_that_counts(funded: Story) -> None:
    """The days begin at 19:00; a second check-in on a day earns nothing, nor one from before or after the week."""
    told = funded
    for day in (2.5, 3.5, 3.6, 5, 10.5):
        told = told.when(checked_in, on_day=day)
    assert told.points()[2:] == ["day 3 +5 daily check-in", "day 5 +5 daily check-in"]
    assert told.touches() == ["day 0 welcome", *LESSONS_AND_GUIDE]


def test_a_check_in_on_every_day_of_the_week_earns_35_points(funded: Story) -> None:
    """Seven times five, and the guide follows as it would have."""
    told = funded
    for day in range(9):
        told = told.when(checked_in, on_day=3.5 + day)
    assert told.points()[2:] == [f"day {day} +5 daily check-in" for day in range(3, 10)]
    assert told.touches() == ["day 0 welcome", LESSONS_AND_GUIDE[0], "day 10 first-order-guide"]


@pytest.mark.parametrize(("day", "touches"), [(2, 1), (3, 1), (4, 2), (9, 2)])
def test_the_first_trade_is_the_goal_and_ends_all(registered: Story, day: float, touches: int) -> None:
    """A trade ends the run at once, whatever it waits for, and the run has converted."""
    told = registered.when(trade_executed, on_day=day)
    assert told.ends() == [f"day {day} goal"]
    assert told.conversions() == [f"day {day} converted"]
    assert len(told.touches()) == touches


@pytest.mark.parametrize(("day", "touches"), [(2, 1), (5, 2), (10.1, 3)])
def test_a_trade_with_an_account_is_the_goal_whatever_else_is_missing(
    registered: Story, day: float, touches: int
) -> None:
    """Without the questionnaire, without a deposit that we know of, or just before the lessons."""
    told = registered.when(account_opened, on_day=1).when(trade_executed, on_day=day)
    assert len(told.touches()) == touches
    assert told.ends() == [f"day {int(day)} goal"]


@pytest.mark.parametrize("day", [5, 10.5])
def test_a_trade_during_or_after_the_lessons_is_the_goal_too(funded: Story, day: float) -> None:
    """Nobody is guided to a first order after it; the check-ins stop to count with the run."""
    told = funded.when(trade_executed, on_day=day).when(checked_in, on_day=day + 0.1)
    assert told.touches() == ["day 0 welcome", LESSONS_AND_GUIDE[0]]
    assert told.ends() == [f"day {int(day)} goal"]
    assert told.points()[2:] == []


@pytest.mark.parametrize(("day", "converted"), [(45, ["day 45 converted"]), (45.01, [])])
def test_a_trade_after_the_end_converts_within_45_days(registered: Story, day: float, converted: list[str]) -> None:
    """The goal counts for 45 days from entry, also when the run has ended before."""
    told = registered.when(trade_executed, on_day=day)
    assert told.ends() == ["day 10 not interested"]
    assert told.conversions() == converted


@pytest.mark.parametrize("event", [account_closed, opted_out_of_marketing, wealth_product_purchased])
def test_a_customer_who_leaves_refuses_or_has_invested_hears_nothing_more(registered: Story, event: EventType) -> None:
    """Closing the account, refusing marketing and buying a wealth product end the run at once."""
    told = registered.when(event, on_day=2, product="W-1")
    assert told.touches() == ["day 0 welcome"]
    assert told.ends() == [f"day 2 exit: {event}"]


def test_an_account_that_only_the_books_know_prevents_the_reminder(registered: Story) -> None:
    """Before the reminder the books are asked; what they know counts from when it happened, as if it had been told."""
    told = registered.in_the_books(account_opened, on_day=2)
    assert told.touches()[:3] == ["day 0 welcome", "day 4 questionnaire-reminder", "day 11 first-product"]


def test_other_events_change_nothing(registered: Story) -> None:
    """Opening the app is no step of this journey."""
    assert registered.when(app_opened, on_day=2).record.touches == registered.record.touches


def test_nobody_is_onboarded_twice(registered: Story) -> None:
    """Registering again, with the journey running or ended, starts nothing."""
    told = registered.when(app_registered, on_day=1).when(app_registered, on_day=20)
    assert told.touches() == registered.touches()


def test_a_story_takes_less_than_five_milliseconds() -> None:
    """Stories are fast enough to write one for every requirement; the first loads the calendar of trading days."""
    story(onboarding_guidance).when(account_opened, on_day=5).touches()
    started = time.process_time()
    for _ in range(10):
        story(onboarding_guidance).when(account_opened, on_day=5).touches()
    assert time.process_time() - started < 10 * 0.005
