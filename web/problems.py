"""Errors as JSON: `{"error": short name, "message": what is wrong and what to do}`."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

import asyncpg
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import EngineError

_LOG = logging.getLogger(__name__)

_NAMES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    503: "unavailable",
}


def problem(status: int, name: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as the caller sees it. The message holds nothing that the caller sent."""
    return JSONResponse({"error": name, "message": message}, status, headers)


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    name = _NAMES.get(error.status_code, "refused")
    return problem(error.status_code, name, error.detail, error.headers)


async def _no_database(request: Request, error: Exception) -> Response:
    # The kind only: PostgreSQL's own words may quote a row.
    _LOG.error("the database does not answer: %s", type(error).__name__)
    return problem(503, "unavailable", "The database does not answer. Try again in a moment.", {"Retry-After": "5"})


async def _no_engine(request: Request, error: Exception) -> Response:
    _LOG.error("%s", error)
    said = "What was sent could not be passed on. Send all of it again in a moment: it counts once."
    return problem(503, "unavailable", said, {"Retry-After": "5"})


class Unexpected:
    """Answers what nobody thought of. Starlette's own handler for it raises it on, and the server logs its words."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if scope["type"] != "http":
                raise
            place = traceback.extract_tb(error.__traceback__)[-1]
            _LOG.error("unexpected %s at %s:%s", type(error).__name__, place.filename, place.lineno)
            if not started:
                failed = problem(500, "failed", "Something is wrong here. It has been logged.")
                await failed(scope, receive, send)


HANDLERS: dict[Any, Any] = {
    HTTPException: _told,
    asyncpg.PostgresError: _no_database,
    asyncpg.InterfaceError: _no_database,
    # What asyncpg says of a connection that was cut at a moment that it did not expect.
    asyncpg.InternalClientError: _no_database,
    OSError: _no_database,
    EngineError: _no_engine,
}
"""What Starlette asks for an exception. `TimeoutError`, from a pool with no connection free, is an `OSError`."""
MIDDLEWARE = (Middleware(Unexpected),)
