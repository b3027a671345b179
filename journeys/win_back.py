"""Win-back: three tries with growing gaps for a customer who drifted away, then silence."""

from journeys.events import account_closed, opted_out_of_marketing, trade_executed
from journeys.language import after, days, goal, journey, send, stage_entered, wait
from journeys.names import Stage

win_back = journey(
    name="win-back",
    version=1,
    state="live",
    starts_on=stage_entered(Stage.CHURNED, from_=Stage.DECLINE),
    goal=goal(trade_executed, within=days(60)),
    exits_on=(account_closed, opted_out_of_marketing),
    ends_after=days(60),
    reentry=after(days(180)),
    purpose="marketing",
    steps=(
        send("we-are-here"),
        wait(days(7)),
        send("what-is-new"),
        wait(days(21)),
        send("last-word"),
    ),
)
