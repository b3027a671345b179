"""Retention offer, for customers in decline: what is theirs to keep, steadier ways to invest, somebody to talk to."""

from journeys.events import account_closed, opted_out_of_marketing, trade_executed, wealth_product_purchased
from journeys.language import (
    RiskClass,
    Stage,
    after,
    days,
    goal,
    journey,
    risk_class,
    send,
    stage_entered,
    tag,
    wait,
    wait_until,
    when,
)

has_a_risk_class = risk_class >= RiskClass.C1

retention_offer = journey(
    name="retention-offer",
    version=1,
    state="live",
    starts_on=stage_entered(Stage.DECLINE),
    # Ninety days on the customer counts as churned, and win-back takes over.
    goal=goal(trade_executed, within=days(90)),
    exits_on=(wealth_product_purchased, account_closed, opted_out_of_marketing),
    ends_after=days(60),
    reentry=after(days(90)),
    purpose="marketing",
    priority=60,
    holdout=10,
    steps=(
        wait_until("10:00"),
        send("what-stays-yours"),
        # Steadier ways in general terms, and only to those whose risk class says what suits them.
        wait(days(14)),
        when((has_a_risk_class, [send("steady-choices")]), otherwise=[send("assessment-renewal")]),
        # Core members have an adviser to talk to; everybody else sees what they pay and what they get for it.
        wait(days(21)),
        when((tag("member_core"), [send("adviser-is-there")]), otherwise=[send("fees-and-services")]),
    ),
)
