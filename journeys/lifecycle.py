"""The stage policy as data: which events count and after how long a customer is said to be leaving.

The numbers are architecture.md, "The lifecycle, as shipped"; what they mean is in `rules/lifecycle.py`.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from journeys.events import EventType, trade_executed, wealth_product_purchased


class LifecyclePolicy(BaseModel):
    """Durations count 24-hour days from the last investing event, or from the end of a term product held."""

    # A state carried over by a newer worker may hold a number that this one does not know.
    model_config = ConfigDict(frozen=True, extra="ignore")

    investing_events: tuple[EventType, ...] = (trade_executed, wealth_product_purchased)
    maturity_at: Annotated[int, Field(ge=2)] = 4
    decline_after: timedelta = timedelta(days=90)
    churn_after: timedelta = timedelta(days=180)
    introduction_ends_after: timedelta = timedelta(days=180)
    forget_after: timedelta = timedelta(days=30)
    """A churned or closed customer's workflow closes after so long without anything to do."""
    arrives_within: timedelta = timedelta(0)
    """How long after it happened the news of an investment may come: so much later inactivity is acted on (rule 10)."""


LIFECYCLE_POLICY = LifecyclePolicy(
    arrives_within=max(event.arrives_within for event in (trade_executed, wealth_product_purchased))
)
