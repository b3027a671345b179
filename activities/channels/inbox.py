"""The App/PC inbox. It has no store of its own: a touch on this channel that is `sent` is the message.

So there is nothing to hand over. Settling the decision record makes the message visible, in one write: no message
without its record, no record without its message, whatever dies in between.
"""

from __future__ import annotations

from collections.abc import Sequence

from activities.channels import FOR_EVER, Accepted, Delivery, Message
from journeys.channels import CARRIES, INTERRUPTS
from journeys.names import Channel, CustomerId


class Inbox:
    """Waits in the App until the customer looks."""

    channel = Channel.INBOX
    interrupts = Channel.INBOX in INTERRUPTS
    deduplicates_for = FOR_EVER
    classes = CARRIES[Channel.INBOX]

    def __init__(self, throttle: float | None = None) -> None:
        self.throttle = throttle

    def reaches(self, customer_id: CustomerId, addresses: Sequence[str]) -> bool:
        """Whoever opens the App."""
        return True

    async def deliver(self, message: Message) -> Delivery:
        """Accepted at once: the caller's settling is the delivery."""
        return Accepted()
