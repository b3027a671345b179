"""Two providers outside: one shows a message with a key only once, the other shows whatever it takes.

Each takes a message and then, by chance, loses the answer: the connection is reset, or the answer ends half way. Or it
fails before it has taken anything.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from activities.channels import Accepted, Delivery, Message, Refused, Unknown
from journeys.channels import CARRIES
from journeys.names import Channel, CustomerId

FAILS, LOSES, ENDS_EARLY = 0.1, 0.15, 0.05
"""How likely each is."""


@dataclass
class Providers:
    """What customers were shown, by the key of the message."""

    chance: random.Random
    shown: Counter[str] = field(default_factory=Counter)
    asked_again: int = 0
    answers_lost: int = 0

    def application(self) -> Starlette:
        """Both, on one address."""
        return Starlette(
            routes=[Route("/push", self.push, methods=["POST"]), Route("/simple", self.simple, methods=["POST"])]
        )

    async def push(self, request: Request) -> Response:
        """Show a message, unless its key has been here before."""
        key = json.loads(await request.body())["key"]
        if self.shown[key]:
            self.asked_again += 1
            return JSONResponse({}, 409)
        return await self._take(key, request)

    async def simple(self, request: Request) -> Response:
        """Show a message, whatever was shown before."""
        return await self._take(json.loads(await request.body())["key"], request)

    async def _take(self, key: str, request: Request) -> Response:
        if self.chance.random() < FAILS:
            return JSONResponse({}, 500)
        self.shown[key] += 1
        fate = self.chance.random()
        if fate >= LOSES + ENDS_EARLY:
            return JSONResponse({}, 202)
        self.answers_lost += 1
        if fate < ENDS_EARLY:
            request.state.transport.write(b'HTTP/1.1 202 Accepted\r\nContent-Length: 64\r\n\r\n{"key": ')
        request.state.transport.close()
        while (await request.receive())["type"] != "http.disconnect":
            continue
        return Response()


class SimpleChannel:
    """A channel whose provider does not look at keys: what it may have taken must not be handed over again."""

    channel = Channel.INBOX
    interrupts = False
    deduplicates_for = timedelta(0)
    throttle = None
    classes = CARRIES[Channel.INBOX]

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    def reaches(self, customer_id: CustomerId, addresses: Sequence[str]) -> bool:
        """Everybody."""
        return True

    async def deliver(self, message: Message) -> Delivery:
        """Post the message, once."""
        try:
            answer = await self._client.post(self._url, json={"key": message.key})
        except httpx.TransportError:
            return Unknown("answer_lost")
        match answer.status_code:
            case status if 200 <= status < 300:
                return Accepted()
            case status if status >= 500:
                return Unknown("gateway_failed")
            case _:
                return Refused("bad_request")
