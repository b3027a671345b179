"""Ways to reach a customer: each channel is one module here that keeps to `ChannelAdapter`.

gateway.py     app push and SMS by the broker's own gateways     webhook.py     a signed POST, and what its answer means
jpush.py       app push by JPush, REST v3                        signature.py   how it is signed
wechat.py      template messages of a WeChat official account    calls.py       one call to a provider, and its mishaps
inbox.py       the App/PC inbox, which is the decision records   registry.py    which channels this deployment has
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from journeys.names import Channel, CustomerId, MessageClass, TemplateName

RefusedReason = Literal["bad_request", "unreachable", "too_large"]
PostponedReason = Literal["busy", "unauthorized", "not_connected"]
UnknownReason = Literal["answer_lost", "timed_out", "unauthorized", "busy", "gateway_failed", "unreadable_answer"]
FOR_EVER = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Message:
    """One text for one customer. `key` is the touch's name: the same message always has the same key.

    `addresses` is where the channel finds the customer, when the books know it (table `channel_address`);
    `good_until` is the real time after which a channel that makes a sound must not show it any more: the customer's
    quiet hours begin, or it is stale. `template_id` and `data` are of texts whose words the provider has
    (`journeys.templates.Text`).
    """

    customer_id: CustomerId
    key: str
    template: TemplateName
    message_class: MessageClass
    title: str = field(repr=False)
    body: str = field(repr=False)
    template_id: str = ""
    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    addresses: tuple[str, ...] = field(default=(), repr=False)
    good_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The channel has the message, by this call or by one before; and its own name for it, if it has one."""

    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The channel will not carry the message, however often it is asked.

    `gone`: nor any other to this customer, who has left it; nothing is sent there until it is heard of again.
    """

    reason: RefusedReason
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Postponed:
    """The channel did certainly not take the message by this call, and may by the next, after the pause."""

    reason: PostponedReason
    pause: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The channel may have the message or not; `pause` is how long it wants to be left alone."""

    reason: UnknownReason
    pause: timedelta = timedelta(0)


Delivery = Accepted | Refused | Postponed | Unknown


class ChannelAdapter(Protocol):
    """What the gates know of a channel, and the one thing it does."""

    @property
    def channel(self) -> Channel:
        """Which one it is."""

    @property
    def interrupts(self) -> bool:
        """Whether a message makes a sound: then quiet hours hold it."""

    @property
    def deduplicates_for(self) -> timedelta:
        """For how long it shows a message with a known key only once: so long an unknown delivery is asked again."""

    @property
    def classes(self) -> frozenset[MessageClass]:
        """What it may carry."""

    @property
    def throttle(self) -> float | None:
        """How many messages a second it takes, over all workers; none if it sets no limit."""

    def reaches(self, customer_id: CustomerId, addresses: Sequence[str]) -> bool:
        """Whether it can find a customer, by these addresses or by the id alone; asked before anything is claimed."""

    async def deliver(self, message: Message) -> Delivery:
        """Hand the message over. Problems of the channel are an answer, not an exception."""
