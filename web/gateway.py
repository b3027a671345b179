"""The loopback push gateway of the embedded stack: it takes pushes as the broker's own would, and shows them.

    POST /push      one signed push: 202 taken, 409 seen before, 400 and 401 refused
    GET  /pushes    what it got, newest first, as JSON or (for a browser) as a page
    POST /faults    {"mode": …, "times": 1}: how the next pushes go wrong, for tests and for showing

Everything is in memory and nothing is asked of who looks, so it is for loopback only.
"""

from __future__ import annotations

import socket
import struct
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import assert_never

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from activities.channels.signature import SigningKey, Verdict, verify
from journeys.names import MessageClass
from web.page import pushes_page
from web.problems import problem

KEPT = 10_000
SHOWN = 200

_HALF = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 64\r\n\r\n{"key": '


class Push(BaseModel):
    """A push as it came."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    key: str = Field(min_length=1)
    customer_id: str = Field(min_length=1)
    template: str
    message_class: MessageClass = Field(alias="class")
    title: str
    body: str


@dataclass(slots=True)
class Received:
    """A push, when it came first, and how often in all."""

    push: Push
    at: datetime
    times: int = 1

    def shown(self) -> dict[str, object]:
        """As JSON, and as the page wants it."""
        content = self.push.model_dump(mode="json", by_alias=True)
        return {**content, "received_at": self.at.isoformat(timespec="milliseconds"), "times": self.times}


class Mode(StrEnum):
    """How a push goes wrong: the first four before it is taken, the others after."""

    FAIL = "500"
    BUSY = "429"
    HANG = "hang"
    RESET = "reset"
    LOSE_ANSWER = "lose_answer"
    HALF_BODY = "half_body"
    GARBAGE = "garbage"


class Fault(BaseModel):
    """The next `times` pushes go wrong in a way; 0 ends all faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode
    times: int = Field(default=1, ge=0, le=10_000)


class PushGateway:
    """What came so far, and what is to go wrong."""

    def __init__(self, key: SigningKey, kept: int = KEPT) -> None:
        self._key = key
        self._kept = kept
        self._received: OrderedDict[str, Received] = OrderedDict()
        self._accepted = 0
        self._repeated = 0
        self._faults: deque[Mode] = deque()

    def routes(self) -> list[Route]:
        """Its addresses."""
        return [
            Route("/push", self.receive, methods=["POST"]),
            Route("/pushes", self.show, methods=["GET"]),
            Route("/faults", self.break_next, methods=["POST"]),
        ]

    async def receive(self, request: Request) -> Response:
        """Take a push, unless its signature is not ours, it does not parse, or it is to go wrong."""
        body = await request.body()
        if (verdict := verify(self._key, request.headers, body, datetime.now(UTC))) is not Verdict.VALID:
            return problem(401, "unauthorized", f"The signature is not good: {verdict}.")
        try:
            push = Push.model_validate_json(body)
        except ValidationError as error:
            return problem(400, "bad_request", f"The push has {error.error_count()} fields that do not fit.")
        if request.headers.get("Idempotency-Key") != push.key:
            return problem(400, "bad_request", "The header Idempotency-Key is not the key of the body.")
        fault = self._faults.popleft() if self._faults else None
        return self._take(push) if fault is None else await self._go_wrong(fault, push, request)

    async def show(self, request: Request) -> Response:
        """What came, newest first: at most 200 of them."""
        newest = [received.shown() for received in list(reversed(self._received.values()))[:SHOWN]]
        if "text/html" in request.headers.get("Accept", ""):
            page = pushes_page(newest, self._accepted, self._repeated)
            return HTMLResponse(
                page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
            )
        return JSONResponse({"accepted": self._accepted, "repeated": self._repeated, "pushes": newest})

    async def break_next(self, request: Request) -> Response:
        """Line up a fault behind those that are lined up already."""
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError:
            modes = ", ".join(Mode)
            return problem(400, "bad_request", f'Send {{"mode": …, "times": 1}} with one of the modes {modes}.')
        self._faults.extend([fault.mode] * fault.times)
        if fault.times == 0:
            self._faults.clear()
        return JSONResponse({"lined_up": len(self._faults)})

    def _take(self, push: Push) -> Response:
        if known := self._received.get(push.key):
            known.times += 1
            self._repeated += 1
            return problem(409, "seen_before", "A push with this key was taken before.")
        self._received[push.key] = Received(push, datetime.now(UTC))
        self._accepted += 1
        if len(self._received) > self._kept:
            self._received.popitem(last=False)
        return JSONResponse({"key": push.key}, 202)

    async def _go_wrong(self, mode: Mode, push: Push, request: Request) -> Response:
        match mode:
            case Mode.FAIL:
                return problem(500, "failed", "A fault was asked for.")
            case Mode.BUSY:
                return problem(429, "busy", "A fault was asked for.", {"Retry-After": "1"})
            case Mode.HANG:
                return await _after_disconnect(request)
            case Mode.RESET:
                return await _reset(request)
            case Mode.LOSE_ANSWER:
                self._take(push)
                return await _reset(request)
            case Mode.HALF_BODY:
                self._take(push)
                return await _end_early(request)
            case Mode.GARBAGE:
                self._take(push)
                return HTMLResponse("<p>Welcome to the proxy</p>")
            case _:
                assert_never(mode)


async def _reset(request: Request) -> Response:
    """Let the caller see `connection reset by peer`: a close that does not linger sends no farewell."""
    transport = request.state.transport
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return await _after_disconnect(request)


async def _end_early(request: Request) -> Response:
    request.state.transport.write(_HALF)
    request.state.transport.close()
    return await _after_disconnect(request)


async def _after_disconnect(request: Request) -> Response:
    """Wait until nobody is there any more; the response goes nowhere."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
    return Response()
