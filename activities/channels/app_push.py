"""App push by the broker's own gateway, which knows the customer's devices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from activities.channels import FOR_EVER, Delivery, Message
from activities.channels.calls import TOTAL_TIMEOUT, provider
from activities.channels.signature import SigningKey
from activities.channels.webhook import Webhook
from journeys.channels import CARRIES
from journeys.names import Channel, CustomerId


class AppPush:
    """Shows up on the customer's phone at once."""

    channel = Channel.APP_PUSH
    interrupts = True
    deduplicates_for = FOR_EVER
    classes = CARRIES[Channel.APP_PUSH]

    def __init__(self, webhook: Webhook, throttle: float | None = None) -> None:
        self._webhook = webhook
        self.throttle = throttle

    def reaches(self, customer_id: CustomerId, addresses: Sequence[str]) -> bool:
        """Everybody, as far as these books know."""
        return True

    async def deliver(self, message: Message) -> Delivery:
        """Post the message, once."""
        return await self._webhook.post(
            message,
            {
                "key": message.key,
                "customer_id": message.customer_id,
                "template": message.template,
                "class": message.message_class,
                "title": message.title,
                "body": message.body,
            },
        )


@asynccontextmanager
async def app_push(
    url: str, key: SigningKey, total_timeout: timedelta = TOTAL_TIMEOUT, throttle: float | None = None
) -> AsyncIterator[AppPush]:
    """The channel, open until the end of the block."""
    async with provider(total_timeout) as opened:
        yield AppPush(Webhook(opened, url, key), throttle)
