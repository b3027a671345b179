"""SMS by the broker's own gateway, which knows the customer's phone number: these books have none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from activities.channels import FOR_EVER, Delivery, Message
from activities.channels.calls import TOTAL_TIMEOUT, provider
from activities.channels.signature import SigningKey
from activities.channels.webhook import Webhook
from journeys.channels import CARRIES
from journeys.names import Channel, CustomerId, MessageClass


class Sms:
    """Reaches any phone. Operators refuse promotion, so it carries service only, unless a deployment adds to it."""

    channel = Channel.SMS
    interrupts = True
    deduplicates_for = FOR_EVER

    def __init__(
        self,
        webhook: Webhook,
        sender: str,
        also_carries: frozenset[MessageClass] = frozenset(),
        throttle: float | None = None,
    ) -> None:
        self._webhook = webhook
        self._sender = sender
        self.classes = CARRIES[Channel.SMS] | also_carries
        self.throttle = throttle

    def reaches(self, customer_id: CustomerId, addresses: Sequence[str]) -> bool:
        """Everybody, as far as these books know."""
        return True

    async def deliver(self, message: Message) -> Delivery:
        """Post the message, once. It has no title: what an SMS begins with is the sender's registered name."""
        return await self._webhook.post(
            message,
            {
                "key": message.key,
                "customer_id": message.customer_id,
                "template": message.template,
                "class": message.message_class,
                "sender": self._sender,
                "body": message.body,
            },
        )


@asynccontextmanager
async def sms(
    url: str,
    key: SigningKey,
    sender: str,
    also_carries: frozenset[MessageClass] = frozenset(),
    total_timeout: timedelta = TOTAL_TIMEOUT,
    throttle: float | None = None,
) -> AsyncIterator[Sms]:
    """The channel, open until the end of the block."""
    async with provider(total_timeout) as opened:
        yield Sms(Webhook(opened, url, key), sender, also_carries, throttle)
