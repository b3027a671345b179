"""How much one customer may hear at most (design: gates.md): `starter.py check` holds every path of a journey to it."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from journeys.names import MessageClass


class Cap(BaseModel):
    """At most so many touches of some classes in a rolling time: on one channel, or overall."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    touches: Annotated[int, Field(ge=1)]
    within: timedelta
    classes: frozenset[MessageClass]
    channel: str | None = None
    """By its name: a cap may be there before its channel is."""


PROMOTION = frozenset({MessageClass.MARKETING, MessageClass.ADVICE})
"""What is capped as marketing. Service and education are not."""

CAPS: tuple[Cap, ...] = (
    Cap(touches=1, within=timedelta(days=1), classes=PROMOTION),
    Cap(touches=3, within=timedelta(days=7), classes=PROMOTION),
    Cap(touches=2, within=timedelta(days=30), classes=frozenset(MessageClass) - {MessageClass.SERVICE}, channel="sms"),
)
