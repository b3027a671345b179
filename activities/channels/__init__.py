"""The channels behind one small protocol: a message goes in, what the provider made of it comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from journeys.names import Channel, CustomerId, MessageClass, TemplateName


@dataclass(frozen=True, slots=True)
class Message:
    """One rendered message. `key` is the touch's own: a channel that de-duplicates goes by it."""

    customer_id: CustomerId
    key: str
    template: TemplateName
    message_class: MessageClass
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has taken the message."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider refused for good."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether the provider has taken it."""

    reason: str


Delivery = Accepted | Refused | Unknown


class ChannelAdapter(Protocol):
    """A way to reach customers."""

    channel: Channel
    interrupts: bool
    deduplicates: bool
    classes: frozenset[MessageClass]

    async def deliver(self, message: Message) -> Delivery:
        """Hand a message to the provider; never raises for what the provider does."""
        ...
