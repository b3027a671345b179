"""Providers on loopback: each checks what its published contract says, and can be told to go wrong."""

from __future__ import annotations

import base64
import re
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from activities.channels import Message
from activities.channels.signature import SigningKey, Verdict, verify
from journeys.names import CustomerId, MessageClass, TemplateName

KEY = SigningKey("broker-1", SecretStr("a long secret of the gateway"))
APP_KEY, MASTER_SECRET = "7d431e42dfa6a6d693ac2d04", "5e987ac6d2e04d95a9d8f0d1"
APP_ID, APP_SECRET = "wx1234567890abcdef", "a long secret of the account"
OPENID, DEVICE = "oABC-1234567890", "1507bfd3f7c466c355c"
MESSAGE = Message(
    customer_id=CustomerId("C-1024"),
    key="C-1024/notices/1/welcome/1",
    template=TemplateName("welcome"),
    message_class=MessageClass.SERVICE,
    title="【旅程证券】您好",
    body='说明在这里 "<b>" 。',
)

_HALF = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 64\r\n\r\n{"msg_id": '
Fault = str | Response


@dataclass
class Peer:
    """What came in; and what goes wrong next, or (`always`) until told otherwise."""

    faults: deque[Fault] = field(default_factory=deque)
    always: Fault | None = None
    got: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: Request, regular: Response) -> Response:
        """The regular answer, unless something is to go wrong."""
        fault = self.faults.popleft() if self.faults else self.always
        match fault:
            case None:
                return regular
            case Response():
                return fault
            case "hang":
                return await _after_disconnect(request)
            case "reset":
                return await _reset(request)
            case "half_body":
                request.state.transport.write(_HALF)
                request.state.transport.close()
                return await _after_disconnect(request)
            case "garbage":
                return HTMLResponse("<p>Welcome to the proxy</p>")
            case _:
                raise AssertionError(fault)


@dataclass
class Gateway(Peer):
    """A gateway of the broker's own, for app push or SMS."""

    fields: frozenset[str] = frozenset()
    shown: list[str] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/messages", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        if verify(KEY, request.headers, body, datetime.now(UTC)) is not Verdict.VALID:
            return Response(status_code=401)
        content = await request.json()
        assert set(content) == self.fields
        assert request.headers["Idempotency-Key"] == content["key"]
        self.got.append(content)
        if content["key"] in self.shown:
            return await self.answer(request, Response(status_code=409))
        self.shown.append(content["key"])
        return await self.answer(request, Response(status_code=202))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Alert(_Strict):
    title: str
    body: str


class _Ios(_Strict):
    alert: _Alert
    sound: str
    extras: dict[str, str]


class _Android(_Strict):
    title: str
    alert: str = Field(min_length=1)
    extras: dict[str, str]


class _Notification(_Strict):
    android: _Android
    ios: _Ios


class _Options(_Strict):
    apns_production: bool
    classification: int = Field(ge=0, le=1)
    time_to_live: int = Field(ge=0, le=86_400)
    third_party_channel: dict[str, dict[str, str]] | None = None


class _JPushed(_Strict):
    cid: str
    platform: list[str]
    audience: dict[str, list[str]]
    notification: _Notification
    options: _Options


@dataclass
class JPushPeer(Peer):
    """The Push API, REST v3: basic authentication, cids that it gave out, aliases and devices that it knows."""

    known: set[str] = field(default_factory=lambda: {"C=1024", DEVICE})
    shown: dict[str, str] = field(default_factory=dict)
    given_out: set[str] = field(default_factory=set)
    cid_calls: int = 0
    cid_fault: Response | None = None

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v3/push/cid", self._give_cids, methods=["GET"]),
                Route("/v3/push", self._push, methods=["POST"]),
            ]
        )

    async def _give_cids(self, request: Request) -> Response:
        self.cid_calls += 1
        if not _authorized(request):
            return _error(401, 1004)
        if self.cid_fault is not None:
            return self.cid_fault
        # An application without a contract gets ten, however many it asks for.
        cids = [f"{APP_KEY}-{self.cid_calls:08d}-0000-4000-8000-{number:012d}" for number in range(10)]
        self.given_out.update(cids)
        return JSONResponse({"cidlist": cids})

    async def _push(self, request: Request) -> Response:
        if not _authorized(request):
            return _error(401, 1004)
        content = await request.json()
        push = _JPushed.model_validate(content)
        assert push.cid in self.given_out
        self.got.append(content)
        if push.cid not in self.shown:
            (targets,) = push.audience.values()
            assert all(re.fullmatch(r"[A-Za-z0-9_@!#$&*+=.|]{1,40}", target) for target in targets)
            if not self.known & set(targets):
                return _error(400, 1011)
            self.shown[push.cid] = f"msg-{len(self.shown) + 1}"
        return await self.answer(request, JSONResponse({"sendno": "0", "msg_id": self.shown[push.cid]}))


def _error(status: int, code: int) -> Response:
    return JSONResponse({"error": {"code": code, "message": "…"}}, status)


jpush_error = _error


def _authorized(request: Request) -> bool:
    expected = base64.b64encode(f"{APP_KEY}:{MASTER_SECRET}".encode()).decode()
    return request.headers.get("Authorization") == f"Basic {expected}"


@dataclass
class WeChatPeer(Peer):
    """The official account API: a stable token, template messages, and ten minutes of memory for `client_msg_id`."""

    followers: set[str] = field(default_factory=lambda: {OPENID})
    token: str = "token-1"
    lasts: int = 7200
    token_calls: list[bool] = field(default_factory=list)
    token_fault: Response | None = None
    shown: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/cgi-bin/stable_token", self._give_token, methods=["POST"]),
                Route("/cgi-bin/message/template/send", self._send, methods=["POST"]),
            ]
        )

    def expire(self) -> None:
        """From now on the token is another."""
        self.token = f"token-{int(self.token.split('-')[1]) + 1}"

    async def _give_token(self, request: Request) -> Response:
        asked = await request.json()
        assert set(asked) == {"grant_type", "appid", "secret", "force_refresh"}
        self.token_calls.append(asked["force_refresh"])
        if asked["force_refresh"]:
            self.expire()
        if self.token_fault is not None:
            return self.token_fault
        if (asked["appid"], asked["secret"]) != (APP_ID, APP_SECRET):
            return JSONResponse({"errcode": 40125, "errmsg": "invalid appsecret"})
        return JSONResponse({"access_token": self.token, "expires_in": self.lasts})

    async def _send(self, request: Request) -> Response:
        if request.query_params.get("access_token") != self.token:
            return JSONResponse({"errcode": 40001, "errmsg": "invalid credential"})
        content = await request.json()
        assert set(content) == {"touser", "template_id", "client_msg_id", "data"}
        assert re.fullmatch("[0-9a-f]{32}", content["client_msg_id"])
        assert all(set(value) == {"value"} for value in content["data"].values())
        self.got.append(content)
        if content["touser"] not in self.followers:
            return JSONResponse({"errcode": 43004, "errmsg": "require subscribe"})
        number = self.shown.setdefault((content["touser"], content["client_msg_id"]), 200163836 + len(self.shown))
        return await self.answer(request, JSONResponse({"errcode": 0, "errmsg": "ok", "msgid": number}))


async def _reset(request: Request) -> Response:
    transport = request.state.transport
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return await _after_disconnect(request)


async def _after_disconnect(request: Request) -> Response:
    while (await request.receive())["type"] != "http.disconnect":
        continue
    return Response()
