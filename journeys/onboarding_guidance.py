"""Onboarding guidance: from registration to the account, the deposit and the first investment."""

from journeys.events import (
    account_closed,
    account_opened,
    app_registered,
    deposit_made,
    opted_out_of_marketing,
    questionnaire_completed,
    trade_executed,
)
from journeys.language import award_points, days, end, goal, journey, send, wait_for

onboarding_guidance = journey(
    name="onboarding-guidance",
    version=1,
    state="live",
    starts_on=app_registered,
    goal=goal(trade_executed, within=days(30)),
    exits_on=(account_closed, opted_out_of_marketing),
    ends_after=days(45),
    purpose="education",
    steps=(
        award_points(20, reason="app registration"),
        send("welcome"),
        wait_for(
            account_opened,
            within=days(3),
            otherwise=[
                send("open-account-reminder"),
                wait_for(account_opened, within=days(7), otherwise=[end("not interested")]),
            ],
        ),
        wait_for(
            questionnaire_completed,
            within=days(2),
            then=[award_points(50, reason="investor questionnaire")],
        ),
        wait_for(deposit_made, within=days(7), otherwise=[send("first-product")]),
    ),
)
