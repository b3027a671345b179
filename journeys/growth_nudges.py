"""Growth nudges, for customers who have begun to invest: lessons in their own style, features they do not use yet, and
one word about the next deposit, further and further apart."""

from journeys.events import account_closed, deposit_made, feature_used, opted_out_of_marketing
from journeys.language import (
    Stage,
    after,
    data,
    days,
    goal,
    happened,
    journey,
    send,
    stage,
    stage_entered,
    tag,
    wait,
    wait_until,
    when,
)

still_growing = stage == Stage.GROWTH
uses_price_alerts = happened(feature_used, where=data("feature") == "price_alert")
uses_conditional_orders = happened(feature_used, where=data("feature") == "conditional_order")

growth_nudges = journey(
    name="growth-nudges",
    version=1,
    state="live",
    starts_on=stage_entered(Stage.GROWTH),
    # Who has an adviser hears it from a person.
    entry=~tag("has_adviser"),
    goal=goal(deposit_made, within=days(90)),
    exits_on=(account_closed, opted_out_of_marketing),
    ends_after=days(60),
    reentry=after(days(180)),
    purpose="marketing",
    priority=40,
    holdout=10,
    steps=(
        # A lesson in the customer's investment style; who has none yet learns which there are.
        wait(days(3)),
        wait_until("10:00"),
        when(
            (tag("style_value"), [send("lesson-value")]),
            (tag("style_technical"), [send("lesson-technical")]),
            (tag("style_theme"), [send("lesson-theme")]),
            (tag("style_event"), [send("lesson-event")]),
            otherwise=[send("lesson-styles")],
            id="lesson-by-style",
        ),
        # Features that the customer has not used. From here on, silence for those who have matured meanwhile.
        wait(days(7)),
        when((still_growing & ~uses_price_alerts, [send("feature-price-alert")]), id="price-alert-if-unused"),
        wait(days(10)),
        when(
            (still_growing & ~uses_conditional_orders, [send("feature-conditional-order")]),
            id="conditional-order-if-unused",
        ),
        # A lesson for where the customer stands with a trade; none for whom that is not known.
        wait(days(14)),
        when(
            (still_growing & tag("pre_trade"), [send("lesson-before-a-trade")]),
            (still_growing & tag("in_trade"), [send("lesson-while-holding")]),
            (still_growing & tag("post_trade"), [send("lesson-after-a-trade")]),
            id="lesson-by-phase",
        ),
        # The next deposit: the one text here that asks for something, and the last.
        wait(days(21)),
        when((still_growing, [send("next-deposit")]), id="deposit-if-growing"),
    ),
)
