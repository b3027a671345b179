"""App push: one signed POST to the broker's own gateway, which knows the customer's devices.

The gateway shows a message with a key that it has seen only once, and says so with 409. So whatever leaves the
outcome open (a timeout, a lost answer, even a connection that never came about) is `Unknown`, and is asked again
with the same key.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx

from activities.channels import Accepted, Delivery, Message, Refused, Unknown
from activities.channels.signature import SigningKey, sign
from journeys.channels import CARRIES
from journeys.names import Channel

CONNECT_TIMEOUT = timedelta(seconds=2)
TOTAL_TIMEOUT = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=30)


class AppPush:
    """Shows up on the customer's phone at once."""

    channel = Channel.APP_PUSH
    interrupts = True
    deduplicates = True
    classes = CARRIES[Channel.APP_PUSH]

    def __init__(
        self, client: httpx.AsyncClient, url: str, key: SigningKey, total_timeout: timedelta = TOTAL_TIMEOUT
    ) -> None:
        self._client = client
        self._url = url
        self._key = key
        self._total_timeout = total_timeout

    async def deliver(self, message: Message) -> Delivery:
        """Post the message, once."""
        body = _body(message)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.key,
            **sign(self._key, body, datetime.now(UTC)),
        }
        try:
            # httpx limits each phase; a gateway that trickles its answer is limited here.
            async with asyncio.timeout(self._total_timeout.total_seconds()):
                return _delivery(await self._client.post(self._url, content=body, headers=headers))
        except (TimeoutError, httpx.TimeoutException):
            return Unknown("timed_out")
        except httpx.ConnectError:
            return Unknown("not_connected")
        except httpx.DecodingError:
            return Unknown("unreadable_answer")
        except httpx.TransportError:
            return Unknown("answer_lost")


@asynccontextmanager
async def app_push(url: str, key: SigningKey, total_timeout: timedelta = TOTAL_TIMEOUT) -> AsyncIterator[AppPush]:
    """The channel with its connections, which stay open until the end of the block and belong to this loop."""
    timeout = httpx.Timeout(total_timeout.total_seconds(), connect=CONNECT_TIMEOUT.total_seconds())
    # Messages go to the gateway and nowhere else, so no proxy from the environment. The system's certificates
    # count (SSL_CERT_FILE, too), because a broker's gateway often has one of the house's own.
    async with httpx.AsyncClient(
        timeout=timeout, limits=LIMITS, trust_env=False, verify=ssl.create_default_context()
    ) as client:
        yield AppPush(client, url, key, total_timeout)


def _body(message: Message) -> bytes:
    content = {
        "key": message.key,
        "customer_id": message.customer_id,
        "template": message.template,
        "class": message.message_class,
        "title": message.title,
        "body": message.body,
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _delivery(response: httpx.Response) -> Delivery:
    """What an answer means."""
    match response.status_code:
        case 409:
            return Accepted()
        case 401 | 403:
            # It says something about our key, nothing about the message.
            return Unknown("unauthorized", _pause(response))
        case 404 | 410:
            return Refused("unreachable")
        case 413:
            return Refused("too_large")
        case 408 | 425 | 429:
            return Unknown("busy", _pause(response))
        case status if 200 <= status < 300:
            return _confirmed(response)
        case status if 400 <= status < 500:
            return Refused("bad_request")
        case status if status >= 500:
            return Unknown("gateway_failed", _pause(response))
        case _:
            return Unknown("unreadable_answer")


def _confirmed(response: httpx.Response) -> Delivery:
    """A success counts with no body or with a JSON object: a page of some proxy is not the gateway's word."""
    if not response.content:
        return Accepted()
    try:
        return Accepted() if isinstance(response.json(), dict) else Unknown("unreadable_answer")
    except ValueError:
        return Unknown("unreadable_answer")


def _pause(response: httpx.Response) -> timedelta:
    """How long the gateway wants to be left alone, as far as it says so in seconds."""
    seconds = response.headers.get("Retry-After", "")
    return min(timedelta(seconds=int(seconds)), LONGEST_PAUSE) if _is_number(seconds) else timedelta(0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9
