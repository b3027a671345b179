"""Onboarding guidance, for new customers: service guide, account, deposit, a week of lessons, the first investment."""

from journeys.events import (
    account_closed,
    account_opened,
    app_registered,
    checked_in,
    deposit_made,
    opted_out_of_marketing,
    questionnaire_completed,
    trade_executed,
    wealth_product_purchased,
)
from journeys.language import award_points, days, end, goal, journey, repeat, send, wait, wait_for, wait_until

onboarding_guidance = journey(
    name="onboarding-guidance",
    version=2,
    state="live",
    starts_on=app_registered,
    goal=goal(trade_executed, within=days(45)),
    # Who buys a wealth product has made the first investment, too, and needs no guide to it.
    exits_on=(wealth_product_purchased, account_closed, opted_out_of_marketing),
    ends_after=days(45),
    purpose="marketing",
    priority=80,
    steps=(
        # The service guide.
        award_points(20, reason="app registration"),
        send("welcome"),
        # The account: one reminder, then nobody is pressed.
        wait_for(
            account_opened,
            within=days(3),
            otherwise=[
                send("open-account-reminder"),
                wait_for(account_opened, within=days(7), otherwise=[end("not interested")]),
            ],
        ),
        # The questionnaire: without it nobody knows what suits the customer.
        wait_for(
            questionnaire_completed,
            within=days(2),
            then=[award_points(50, reason="investor questionnaire")],
            otherwise=[send("questionnaire-reminder")],
        ),
        # The deposit: who allows no marketing is told how a transfer works, and nothing else.
        wait_for(
            deposit_made,
            within=days(7),
            otherwise=[send("first-product", if_not_sent=[send("funding-guide")])],
        ),
        # A habit: seven short lessons on seven evenings, and a few points for each check-in.
        wait(days(1)),
        wait_until("19:00"),
        send("first-week-lessons"),
        repeat(
            [wait_for(checked_in, within=days(1), since="step", then=[award_points(5, reason="daily check-in")])],
            every=days(1),
            up_to=7,
        ),
        # The first investment: how it is done, when the market is open, and no more than that.
        wait_until("10:00", trading_day=True),
        send("first-order-guide"),
    ),
)
