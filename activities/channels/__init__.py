"""Ways to reach a customer: each channel is one module here that keeps to `ChannelAdapter`.

app_push.py    one signed POST to the broker's own gateway       signature.py   how such a POST is signed
inbox.py       the App/PC inbox, which is the decision records   registry.py    which channels this deployment has
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

from journeys.names import Channel, CustomerId, MessageClass, TemplateName

RefusedReason = Literal["bad_request", "unreachable", "too_large"]
UnknownReason = Literal[
    "answer_lost", "timed_out", "not_connected", "unauthorized", "busy", "gateway_failed", "unreadable_answer"
]


@dataclass(frozen=True, slots=True)
class Message:
    """One text for one customer. `key` is the touch's name: the same message always has the same key."""

    customer_id: CustomerId
    key: str
    template: TemplateName
    message_class: MessageClass
    title: str = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The channel has the message, by this call or by one before."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The channel will not carry the message, however often it is asked."""

    reason: RefusedReason


@dataclass(frozen=True, slots=True)
class Unknown:
    """The channel may have the message or not; `pause` is how long it wants to be left alone."""

    reason: UnknownReason
    pause: timedelta = timedelta(0)


Delivery = Accepted | Refused | Unknown


class ChannelAdapter(Protocol):
    """What the gates know of a channel, and the one thing it does."""

    @property
    def channel(self) -> Channel:
        """Which one it is."""

    @property
    def interrupts(self) -> bool:
        """Whether a message makes a sound: then quiet hours hold it."""

    @property
    def deduplicates(self) -> bool:
        """Whether it shows a message with a known key only once: then an unknown delivery is asked again."""

    @property
    def classes(self) -> frozenset[MessageClass]:
        """What it may carry."""

    async def deliver(self, message: Message) -> Delivery:
        """Hand the message over. Problems of the channel are an answer, not an exception."""
