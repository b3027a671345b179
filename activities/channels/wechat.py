"""Template messages of a WeChat official account: notices of service, whose words WeChat has approved and keeps.

A text for this channel names the template at WeChat and fills in its fields; its title and body are what the customer
reads then, for whoever looks. WeChat shows a message with a known `client_msg_id` once, but remembers it for ten
minutes only.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import httpx
from pydantic import SecretStr

from activities.channels import Accepted, Delivery, Message, Postponed, Refused, Unknown
from activities.channels.calls import TOTAL_TIMEOUT, OneFetch, Provider, compact, object_of, provider, seconds_of
from journeys.channels import CARRIES, INTERRUPTS
from journeys.names import Channel, CustomerId

REMEMBERS = timedelta(minutes=10)
REFRESH_BEFORE_END = timedelta(minutes=5)
"""From then on WeChat gives out the next token, while the old one is still good."""
QUOTA_PAUSE = timedelta(hours=1)
FORCE_AGAIN_AFTER = timedelta(hours=2)
"""WeChat lets a new token be forced twenty times a day."""

_STALE_TOKEN = frozenset({40001, 40014, 42001})
_GONE = frozenset({40003, 43004, 43019})
"""No openid of this account, not a follower any more, blocked by it."""
_OUR_ACCOUNT = frozenset({40013, 40125, 40164, 40243, 41004, 48001, 48004, 50001, 50002, 61024})
_QUOTA = frozenset({45009, 45011, 45047})


@dataclass(frozen=True, slots=True)
class WeChatAccount:
    """An official account."""

    app_id: str
    app_secret: SecretStr
    address: str


class WeChat:
    """Shows up in the customer's WeChat, if they follow the account."""

    channel = Channel.WECHAT
    interrupts = Channel.WECHAT in INTERRUPTS
    deduplicates_for = REMEMBERS
    classes = CARRIES[Channel.WECHAT]

    def __init__(self, provider: Provider, account: WeChatAccount, throttle: float | None = None) -> None:
        self._provider = provider
        self._account = account
        self._token = AccessToken(provider, account)
        self.throttle = throttle

    def reaches(self, customer_id: CustomerId, addresses: Sequence[str]) -> bool:
        """Whose openid the books have."""
        return bool(addresses)

    async def deliver(self, message: Message) -> Delivery:
        """Send the message to the openid that the books have; with a new token if ours is not good any more."""
        if not self.reaches(message.customer_id, message.addresses):
            return Refused("unreachable")
        for _ in range(2):
            token = await self._token.current()
            if not isinstance(token, str):
                return token
            answer = await self._send(token, message)
            if answer is not None:
                return answer
            self._token.drop(token)
        return Postponed("unauthorized")

    async def _send(self, token: str, message: Message) -> Delivery | None:
        """None if WeChat does not take the token."""
        content: dict[str, object] = {
            "touser": message.addresses[0],
            "template_id": message.template_id,
            "client_msg_id": hashlib.sha256(message.key.encode()).hexdigest()[:32],
            "data": {name: {"value": value} for name, value in message.data.items()},
        }
        url = f"{self._account.address.rstrip('/')}/cgi-bin/message/template/send"
        answer = await self._provider.call("POST", url, params={"access_token": token}, content=compact(content))
        return _delivery(answer) if isinstance(answer, httpx.Response) else answer


class AccessToken:
    """The account's token, fetched once for all who wait for it, and again shortly before it ends.

    It is WeChat's stable token: other programs of the broker that ask for one get the same, and spoil nothing.
    """

    def __init__(self, provider: Provider, account: WeChatAccount) -> None:
        self._provider = provider
        self._account = account
        self._fetch_once = OneFetch()
        self._value = ""
        self._ends = 0.0
        self._forced_at = -math.inf
        self._refused = ""

    async def current(self) -> str | Postponed:
        """A token that should be good; without one nothing is sent."""
        return await self._fetch_once.get(lambda: self._value if monotonic() < self._ends else None, self._fetch)

    def drop(self, token: str) -> None:
        """Do not use a token again that WeChat did not take, unless it has been replaced already."""
        if token == self._value:
            self._ends, self._refused = 0.0, token

    async def _fetch(self) -> str | Postponed:
        """The account's token of now; a new one is forced only if that is the very token that WeChat did not take.

        Forcing spoils the token that all other workers have; what another of them has forced is good for all.
        """
        token = await self._ask()
        may_force = monotonic() > self._forced_at + FORCE_AGAIN_AFTER.total_seconds()
        if token != self._refused or not may_force:
            return token
        self._forced_at = monotonic()
        return await self._ask(force=True)

    async def _ask(self, *, force: bool = False) -> str | Postponed:
        content = {
            "grant_type": "client_credential",
            "appid": self._account.app_id,
            "secret": self._account.app_secret.get_secret_value(),
            "force_refresh": force,
        }
        url = f"{self._account.address.rstrip('/')}/cgi-bin/stable_token"
        answer = await self._provider.call("POST", url, content=compact(content))
        if not isinstance(answer, httpx.Response):
            return Postponed("not_connected")
        got = object_of(answer) or {}
        token, lasts = got.get("access_token"), got.get("expires_in")
        if answer.status_code != 200 or not isinstance(token, str) or not isinstance(lasts, int):
            return _no_token(answer, got.get("errcode"))
        self._value = token
        self._ends = monotonic() + max(lasts - REFRESH_BEFORE_END.total_seconds(), lasts / 2)
        return token


@asynccontextmanager
async def wechat(
    account: WeChatAccount, total_timeout: timedelta = TOTAL_TIMEOUT, throttle: float | None = None
) -> AsyncIterator[WeChat]:
    """The channel, open until the end of the block."""
    async with provider(total_timeout) as opened:
        yield WeChat(opened, account, throttle)


def _no_token(response: httpx.Response, code: object) -> Postponed:
    if code in _QUOTA:
        return Postponed("busy", QUOTA_PAUSE)
    if code == -1 or response.status_code == 429 or response.status_code >= 500:
        return Postponed("busy", seconds_of(response))
    return Postponed("unauthorized", seconds_of(response))


def _delivery(response: httpx.Response) -> Delivery | None:
    """What an answer means; none if it says that the token is not good. WeChat answers 200 to nearly everything."""
    content = object_of(response)
    if response.status_code != 200:
        return _by_status(response)
    if content is None or not isinstance(code := content.get("errcode"), int):
        return Unknown("unreadable_answer")
    if code in _STALE_TOKEN:
        return None
    return _by_code(code, content.get("msgid"))


def _by_code(code: int, message_id: object) -> Delivery:
    match code:
        case 0:
            return Accepted(None if message_id is None else str(message_id))
        case -1:
            return Unknown("busy")
        case 45002:
            return Refused("too_large")
        case _ if code in _GONE:
            return Refused("unreachable", gone=True)
        case 43101:
            # The customer refuses messages of this template.
            return Refused("unreachable")
        case _ if code in _QUOTA:
            return Postponed("busy", QUOTA_PAUSE)
        case _ if code in _OUR_ACCOUNT:
            return Postponed("unauthorized")
        case _:
            return Refused("bad_request")


def _by_status(response: httpx.Response) -> Delivery:
    """What comes from something in front of the API, and so says nothing about the customer."""
    match response.status_code:
        case 413:
            return Refused("too_large")
        case 429:
            return Postponed("busy", seconds_of(response))
        case status if 400 <= status < 500:
            return Postponed("unauthorized", seconds_of(response))
        case status if status >= 500:
            return Unknown("gateway_failed", seconds_of(response))
        case _:
            return Unknown("unreadable_answer")
