"""A gateway of the broker's own: one signed POST for each message, with its key.

The gateway takes a message with a key that it has seen only once, and says so with 409. So whatever leaves the
outcome open (a timeout, a lost answer) is `Unknown`, and is asked again with the same key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from activities.channels import Accepted, Delivery, Message, Refused, Unknown
from activities.channels.calls import Provider, compact, object_of, seconds_of
from activities.channels.signature import SigningKey, sign


@dataclass(frozen=True, slots=True)
class Webhook:
    """A gateway's address, and the key that both sides hold."""

    provider: Provider
    url: str
    key: SigningKey

    async def post(self, message: Message, content: Mapping[str, object]) -> Delivery:
        """Post the content of a message, once."""
        body = compact(content)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.key,
            **sign(self.key, body, datetime.now(UTC)),
        }
        answer = await self.provider.call("POST", self.url, content=body, headers=headers)
        return _delivery(answer) if isinstance(answer, httpx.Response) else answer


def _delivery(response: httpx.Response) -> Delivery:
    """What an answer means."""
    match response.status_code:
        case 409:
            return Accepted()
        case 401 | 403:
            # It says something about our key, nothing about the message.
            return Unknown("unauthorized", seconds_of(response))
        case 404:
            # A wrong address of ours is answered so, too: it says nothing of the next message.
            return Refused("unreachable")
        case 410:
            return Refused("unreachable", gone=True)
        case 413:
            return Refused("too_large")
        case 408 | 425 | 429:
            return Unknown("busy", seconds_of(response))
        case status if 200 <= status < 300:
            # A success counts with no body or with a JSON object: a page of some proxy is not the gateway's word.
            confirmed = not response.content or object_of(response) is not None
            return Accepted() if confirmed else Unknown("unreadable_answer")
        case status if 400 <= status < 500:
            return Refused("bad_request")
        case status if status >= 500:
            return Unknown("gateway_failed", seconds_of(response))
        case _:
            return Unknown("unreadable_answer")
