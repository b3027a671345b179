"""One call to a provider over HTTP: limits, and what each way of not answering comes to."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from time import monotonic
from typing import Any

import httpx

from activities.channels import Postponed, Unknown

CONNECT_TIMEOUT = timedelta(seconds=2)
FREE_CONNECTION_TIMEOUT = timedelta(seconds=1)
TOTAL_TIMEOUT = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
FAILS_FOR = timedelta(seconds=1)
AT_ONCE = 100
"""Messages that one worker hands to one channel at the same time: each finds a connection."""
LIMITS = httpx.Limits(max_connections=AT_ONCE + 8, max_keepalive_connections=32, keepalive_expiry=30)


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider is called, on connections that stay open."""

    client: httpx.AsyncClient
    total_timeout: timedelta

    async def call(self, method: str, url: str, **arguments: Any) -> httpx.Response | Postponed | Unknown:
        """The answer with all its body; or, if there is none, what that comes to."""
        try:
            # httpx limits each phase; a provider that trickles its answer is limited here.
            async with asyncio.timeout(self.total_timeout.total_seconds()):
                return await self.client.request(method, url, **arguments)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Postponed("not_connected")
        except (TimeoutError, httpx.TimeoutException):
            return Unknown("timed_out")
        except httpx.DecodingError:
            return Unknown("unreadable_answer")
        except httpx.TransportError:
            return Unknown("answer_lost")


class OneFetch:
    """Something that all need and one fetches, while the others wait; if it fails, it has failed for them, too."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._failure: Postponed | None = None
        self._failed_until = 0.0

    async def get(
        self, here: Callable[[], str | None], fetch: Callable[[], Awaitable[str | Postponed]]
    ) -> str | Postponed:
        """What is here; or else what is fetched."""
        async with self._lock:
            if (value := here()) is not None:
                return value
            if self._failure is not None and monotonic() < self._failed_until:
                return self._failure
            answer = await fetch()
            self._failure = answer if isinstance(answer, Postponed) else None
            self._failed_until = monotonic() + FAILS_FOR.total_seconds()
            return answer


@asynccontextmanager
async def provider(total_timeout: timedelta = TOTAL_TIMEOUT) -> AsyncIterator[Provider]:
    """Connections that stay open until the end of the block and belong to this loop."""
    # What comes before the request is sent ends before the whole does: then it is certain that nothing was taken.
    timeout = httpx.Timeout(
        total_timeout.total_seconds(),
        connect=min(CONNECT_TIMEOUT, total_timeout / 2).total_seconds(),
        pool=min(FREE_CONNECTION_TIMEOUT, total_timeout / 4).total_seconds(),
    )
    # Messages go to the provider and nowhere else, so no proxy from the environment.
    trusted = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    async with httpx.AsyncClient(timeout=timeout, limits=LIMITS, trust_env=False, verify=trusted) as client:
        yield Provider(client, total_timeout)


@cache
def _trusted(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    """The system's certificates, because a broker's gateway often has one of the house's own; SSL takes the places
    that are named from the environment. To read them takes 45 ms, so all channels share them.
    """
    return ssl.create_default_context()


def compact(content: Mapping[str, object]) -> bytes:
    """JSON as it is sent and signed."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def object_of(response: httpx.Response) -> dict[str, Any] | None:
    """The JSON object of an answer; none if it is something else, like the page of some proxy."""
    try:
        content = response.json()
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def seconds_of(response: httpx.Response, header: str = "Retry-After") -> timedelta:
    """How long the provider wants to be left alone, if it says so: in seconds, or until a date."""
    text = response.headers.get(header, "")
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_PAUSE)
    try:
        pause = parsedate_to_datetime(text) - datetime.now(UTC)
    except (TypeError, ValueError):  # no date; one without an offset
        return timedelta(0)
    return min(max(pause, timedelta(0)), LONGEST_PAUSE)
