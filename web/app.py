"""The applications: inbox, receipts and codec server, each alone, and all with the gateway of the embedded stack."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio.client import Client

from activities.channels.registry import signing_key
from activities.database import Pool, open_pool
from activities.migrations import ensure_migrated
from engine import connect
from errors import DatabaseError, SettingsError
from journeys.names import Channel
from logs import set_up_logs
from payload_codec import EncryptingCodec
from settings import Settings, load_settings
from web.codec import CodecServer
from web.gateway import PushGateway
from web.inbox import inbox_mount
from web.problems import HANDLERS, MIDDLEWARE
from web.receipts import Receipts

COULD_NOT_RUN = 2
LARGEST_BODY = 64 * 1024

_LOG = logging.getLogger(__name__)


def inbox() -> ASGIApp:
    """The inbox, configured by the environment: `uvicorn --factory web.app:inbox`."""
    return _program(inbox_app)


def inbox_app(settings: Settings) -> Starlette:
    """The inbox alone. SettingsError if the database or the token is missing."""
    return _application(settings, [inbox_mount(_token(settings))])


def embedded_app(settings: Settings) -> Starlette:
    """The inbox, the endpoint for receipts, the push gateway, and with payload keys the codec server.

    SettingsError if the database, the token or the gateway's key is missing, or something that the codec server needs.
    """
    gateway = PushGateway(signing_key(settings))
    codecs = [_codec_server(settings, by_address=True).mount()] if settings.payload_keys else []
    routes = [inbox_mount(_token(settings)), _receipts(settings).route(), *gateway.routes(), *codecs]
    return _application(settings, routes)


def receipts() -> ASGIApp:
    """What providers send receipts to, configured by the environment: `uvicorn --factory web.app:receipts`."""
    return _program(receipts_app)


def receipts_app(settings: Settings) -> Starlette:
    """The endpoint for receipts alone. SettingsError if the database, its keys or those for payloads are missing."""
    settings.require_payload_keys()
    return _application(settings, [_receipts(settings).route()])


def codec() -> ASGIApp:
    """The codec server, configured by the environment: `uvicorn --factory web.app:codec`."""
    return _program(codec_app)


def codec_app(settings: Settings) -> Starlette:
    """The codec server alone; needs no database. SettingsError if keys, tokens or the UI's origin are missing."""
    if not settings.payload_keys:
        raise SettingsError("The codec server has no keys: set SOJOURN_PAYLOAD_KEYS, as the workers have it.")
    return Starlette(
        routes=[Route("/health", _health), _codec_server(settings).mount()],
        exception_handlers=HANDLERS,
        middleware=MIDDLEWARE,
        max_body_size=LARGEST_BODY,
    )


def gateway_app(gateway: PushGateway) -> Starlette:
    """The push gateway alone; needs no database."""
    return Starlette(
        routes=gateway.routes(), exception_handlers=HANDLERS, middleware=MIDDLEWARE, max_body_size=LARGEST_BODY
    )


def _program(application: Callable[[Settings], Starlette]) -> ASGIApp:
    """An application that somebody else's server runs; without a setting that it needs the process ends, code 2."""
    set_up_logs()
    try:
        return _saying_why_once(application(load_settings()))
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(COULD_NOT_RUN) from None


def _saying_why_once(application: ASGIApp) -> ASGIApp:
    """What has been logged when it does not start is not told to the server again, with a traceback around it."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            await send({"type": message["type"]})

        await application(scope, receive, told if scope["type"] == "lifespan" else send)

    return served


def _application(settings: Settings, routes: Sequence[BaseRoute]) -> Starlette:
    database_url = settings.require_database_url()
    return Starlette(
        routes=[Route("/health", _health), *routes],
        exception_handlers=HANDLERS,
        middleware=MIDDLEWARE,
        lifespan=_with_database(database_url, settings.pool_size),
        max_body_size=LARGEST_BODY,
    )


def _with_database(url: str, size: int) -> Callable[[Starlette], AbstractAsyncContextManager[dict[str, Pool]]]:
    """A lifespan that opens the pool in the loop that serves, and closes it."""

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[dict[str, Pool]]:
        try:
            await ensure_migrated(url)
            pool = await open_pool(url, size=size, name="sojourn-web", restricted=True)
        except DatabaseError as error:
            _LOG.error("%s", error)
            raise
        try:
            yield {"pool": pool}
        finally:
            pool.terminate()

    return lifespan


async def _health(request: Request) -> JSONResponse:
    """Up; says nothing of the database, so that a restart of that is no reason to restart this."""
    return JSONResponse({"status": "up"})


def _token(settings: Settings) -> SecretStr:
    if settings.inbox_token is None:
        raise SettingsError(
            "The inbox has no token, and would be open to all: set SOJOURN_INBOX_TOKEN to a long random text."
        )
    return settings.inbox_token


def _receipts(settings: Settings) -> Receipts:
    """A gateway that takes our messages may sign its receipts with the key of those."""
    keys = {channel: dict(settings.receipt_keys.get(channel, {})) for channel in Channel}
    for channel, key_id, secret in (
        (Channel.APP_PUSH, settings.push_gateway_key_id, settings.push_gateway_secret),
        (Channel.SMS, settings.sms_gateway_key_id, settings.sms_gateway_secret),
    ):
        if key_id and secret:
            keys[channel].setdefault(key_id, secret)
    if not any(keys.values()):
        raise SettingsError(
            "Receipts would be taken from everybody: set SOJOURN_RECEIPT_KEYS (`name@channel:secret`, one for each"
            " provider), or the key of a gateway."
        )

    async def connected() -> Client:
        return await connect(keys=settings.payload_keys)

    return Receipts(keys, connected, settings.future_tolerance)


def _codec_server(settings: Settings, *, by_address: bool = False) -> CodecServer:
    if not settings.codec_tokens or settings.codec_origin is None:
        raise SettingsError(
            "The codec server would be open to all: set SOJOURN_CODEC_TOKENS (`name:token`, one for each person) and"
            " SOJOURN_CODEC_ORIGIN (the UI's address, as https://temporal.example)."
        )
    codec = EncryptingCodec(settings.payload_keys)
    return CodecServer(codec, settings.codec_tokens, settings.codec_origin, by_address=by_address)
