"""Mature service, for customers who know what they do: six texts a year at most, on Saturday mornings, none to sell."""

from journeys.events import account_closed, feature_used, opted_out_of_marketing, questionnaire_completed, wechat_bound
from journeys.language import (
    Stage,
    Weekday,
    after,
    data,
    days,
    goal,
    happened,
    journey,
    repeat,
    send,
    stage,
    stage_entered,
    wait,
    wait_until,
    when,
)

mature_service = journey(
    name="mature-service",
    version=1,
    state="live",
    starts_on=stage_entered(Stage.MATURITY),
    # Who looks at the portfolio without being asked needs no letters about it.
    goal=goal(feature_used, where=data("feature") == "portfolio_review", within=days(365)),
    exits_on=(account_closed, opted_out_of_marketing),
    ends_after=days(365),
    reentry=after(days(365)),
    purpose="education",
    steps=(
        # What the membership holds.
        wait(days(7)),
        wait_until("10:00", weekdays=[Weekday.SATURDAY]),
        send("member-benefits"),
        # What makes it easier: notices where they are read.
        wait(days(28)),
        when((~happened(wechat_bound), [send("notices-on-wechat")]), id="wechat-if-not-bound"),
        # What keeps everything within reach: an assessment that is not out of date.
        wait(days(35)),
        when(
            (~happened(questionnaire_completed, within=days(365)), [send("assessment-renewal")]), id="assessment-if-old"
        ),
        # Once a quarter, a look back, as long as the customer is active.
        wait(days(42)),
        repeat([send("review-your-quarter")], every=days(91), up_to=3, until=stage != Stage.MATURITY),
    ),
)
