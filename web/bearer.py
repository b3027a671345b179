"""Who may come in: the holder of the one token."""

from __future__ import annotations

import hmac

from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from web.problems import problem


class BearerToken:
    """Lets a request through that has the token in `Authorization: Bearer …`, and answers 401 to all others."""

    def __init__(self, app: ASGIApp, token: SecretStr) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._admits(HTTPConnection(scope)):
            await self._app(scope, receive, send)
            return
        refusal = problem(
            401, "unauthorized", "Send the header `Authorization: Bearer <token>`.", {"WWW-Authenticate": "Bearer"}
        )
        await refusal(scope, receive, send)

    def _admits(self, connection: HTTPConnection) -> bool:
        scheme, _, token = connection.headers.get("Authorization", "").partition(" ")
        held = self._token.get_secret_value()
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), held.encode())
