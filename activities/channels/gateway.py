"""App push and SMS by the broker's own gateways, which know the customer's devices and number: these books do not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from activities.channels import FOR_EVER, Delivery, Message
from activities.channels.calls import TOTAL_TIMEOUT, provider
from activities.channels.signature import SigningKey
from activities.channels.webhook import Webhook
from journeys.channels import CARRIES, INTERRUPTS
from journeys.names import Channel, CustomerId, MessageClass


class GatewayChannel:
    """One signed POST for each message. An SMS has no title: it begins with the sender's registered name."""

    deduplicates_for = FOR_EVER

    def __init__(
        self,
        channel: Channel,
        webhook: Webhook,
        sender: str | None = None,
        also_carries: frozenset[MessageClass] = frozenset(),
        throttle: float | None = None,
    ) -> None:
        self.channel = channel
        self.interrupts = channel in INTERRUPTS
        self.classes = CARRIES[channel] | also_carries
        self.throttle = throttle
        self._webhook = webhook
        self._sender = sender

    def reaches(self, customer_id: CustomerId, addresses: Sequence[str]) -> bool:
        """Everybody, as far as these books know."""
        return True

    async def deliver(self, message: Message) -> Delivery:
        """Post the message, once."""
        return await self._webhook.post(message, self._content(message))

    def _content(self, message: Message) -> Mapping[str, object]:
        return {
            "key": message.key,
            "customer_id": message.customer_id,
            "template": message.template,
            "class": message.message_class,
            **({"title": message.title} if self._sender is None else {"sender": self._sender}),
            "body": message.body,
            "good_until": message.good_until and message.good_until.isoformat(timespec="seconds"),
        }


@asynccontextmanager
async def app_push(
    url: str, key: SigningKey, total_timeout: timedelta = TOTAL_TIMEOUT, throttle: float | None = None
) -> AsyncIterator[GatewayChannel]:
    """App push, open until the end of the block."""
    async with provider(total_timeout) as opened:
        yield GatewayChannel(Channel.APP_PUSH, Webhook(opened, url, key), throttle=throttle)


@asynccontextmanager
async def sms(
    url: str,
    key: SigningKey,
    sender: str,
    also_carries: frozenset[MessageClass] = frozenset(),
    total_timeout: timedelta = TOTAL_TIMEOUT,
    throttle: float | None = None,
) -> AsyncIterator[GatewayChannel]:
    """SMS, open until the end of the block. Operators refuse promotion: it carries service, and what is added."""
    async with provider(total_timeout) as opened:
        yield GatewayChannel(Channel.SMS, Webhook(opened, url, key), sender, also_carries, throttle)
