"""Win-back, for customers who have churned: three tries with growing gaps, then silence."""

from journeys.events import account_closed, opted_out_of_marketing, trade_executed, wealth_product_purchased
from journeys.language import Stage, after, arm, days, goal, journey, send, split, stage_entered, wait, wait_until

win_back = journey(
    name="win-back",
    version=2,
    state="live",
    # Not from introduction: who never invested was never won, and is not won back.
    starts_on=stage_entered(Stage.CHURNED, from_=Stage.DECLINE),
    goal=goal(trade_executed, within=days(60)),
    exits_on=(wealth_product_purchased, account_closed, opted_out_of_marketing),
    ends_after=days(60),
    reentry=after(days(180)),
    purpose="marketing",
    priority=70,
    holdout=10,
    steps=(
        wait_until("10:00"),
        # Does it help more to say that everything is still there, or to ask what was missing?
        split(
            "warm-or-asking",
            arm("warm", 50, [send("we-are-here")]),
            arm("asking", 50, [send("what-was-missing")]),
        ),
        wait(days(7)),
        send("what-is-new"),
        wait(days(21)),
        send("last-word"),
    ),
)
