"""The codec server: decrypts payloads for Temporal's UI and CLI, for people who are known by name. It never encrypts.

    POST /codec/decode      {"payloads": […]} as Temporal sends them; the same, decrypted
    GET, POST /codec/sign-in    a page that takes a token and keeps it in a cookie, for browsers

Who asks shows one of the tokens: in `Authorization: Bearer …` (the CLI, with `--codec-auth`), or in the cookie (the
UI, with cross-origin credentials). A page of another origin than the UI's is refused. Each decode is logged: who,
for which namespace, how many; never what.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from pydantic import SecretStr
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from temporalio.api.common.v1 import Payload, Payloads

from errors import PayloadKeyMissing
from payload_codec import EncryptingCodec, is_encrypted

LARGEST_BATCH = 16 * 1024 * 1024
"""A page of a history: Temporal takes 2 MB for one payload, and the UI asks for many at once."""

COOKIE = "sojourn-codec"
SIGNED_IN_SECONDS = 12 * 60 * 60
_NAMESPACE = re.compile(r"[A-Za-z0-9._-]{1,255}")
_PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sojourn: read what is encrypted</title></head>
<body>
<form method="post">
<p><label>Your token <input name="token" type="password" autocomplete="current-password" autofocus></label>
<button>Sign in</button></p>
<p>{said}</p>
</form>
</body>
</html>
"""

_LOG = logging.getLogger(__name__)


class CodecServer:
    """The routes. `tokens` are those who may read, by name; `origin` is the UI's, exactly.

    With `by_address`, a token may also stand in the address (`/codec/as/TOKEN`): for the UI of Temporal's dev server,
    which is told an address and nothing else.
    """

    def __init__(
        self, codec: EncryptingCodec, tokens: Mapping[str, SecretStr], origin: str, *, by_address: bool = False
    ) -> None:
        # Who read what was encrypted is to be found later, however little else is logged.
        _LOG.setLevel(logging.INFO)
        self._codec = codec
        self._tokens = tokens
        self._origin = origin
        self._by_address = by_address

    def mount(self) -> Mount:
        """Everything under /codec."""
        return Mount(
            "/codec",
            routes=[
                Route("/sign-in", self.sign_in, methods=["GET", "POST"]),
                *([self._decoding("/as/{token}")] if self._by_address else []),
                self._decoding(""),
            ],
        )

    def _decoding(self, path: str) -> Mount:
        cross_origin = Middleware(
            CORSMiddleware,
            allow_origins=[self._origin],
            allow_methods=["POST"],
            allow_headers=["Authorization", "Content-Type", "X-Namespace"],
            allow_credentials=True,
        )
        route = Route("/decode", self.decode, methods=["POST"], max_body_size=LARGEST_BATCH)
        return Mount(path, routes=[route], middleware=[cross_origin])

    async def decode(self, request: Request) -> Response:
        """Decrypt a batch; what was encrypted with a key that is not known here stays as it is."""
        reader, namespace = self._reader(request), _namespace(request)
        given = _payloads(await request.body())
        shown = [await self._opened(payload) for payload in given]
        left = sum(map(is_encrypted, shown))
        _LOG.info("%s decoded %d payloads of %s, %d left encrypted", reader, len(given), namespace, left)
        return Response(
            MessageToJson(Payloads(payloads=shown)),
            media_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    async def sign_in(self, request: Request) -> Response:
        """Take a token from a form, and keep it where the browser shows it to this server only."""
        if request.method == "GET":
            return _page("")
        token = parse_qs((await request.body()).decode(errors="replace")).get("token", [""])[0].strip()
        if (reader := self._name_of(token)) is None:
            return _page("This is none of the tokens.", 401)
        _LOG.info("%s signed in", reader)
        answer = _page("You are signed in for twelve hours: look at a page of Temporal's UI.")
        secure = self._origin.startswith("https:")
        answer.set_cookie(
            COOKIE, token, max_age=SIGNED_IN_SECONDS, path="/codec", secure=secure, httponly=True, samesite="strict"
        )
        return answer

    def _reader(self, request: Request) -> str:
        """Who asks, by name. HTTPException for a page of another origin, and for nobody that we know."""
        if request.headers.get("Origin", self._origin) != self._origin:
            raise HTTPException(403, "Only Temporal's UI may ask from a page: correct SOJOURN_CODEC_ORIGIN.")
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        shown = (
            bearer.strip() if scheme.lower() == "bearer" else "",
            request.cookies.get(COOKIE, ""),
            request.path_params.get("token", ""),
        )
        for token in filter(None, shown):
            if (name := self._name_of(token)) is not None:
                return name
        raise HTTPException(
            401,
            "Sign in at /codec/sign-in, or send the header `Authorization: Bearer <token>`.",
            {"WWW-Authenticate": "Bearer"},
        )

    def _name_of(self, token: str) -> str | None:
        names = [
            name
            for name, held in self._tokens.items()
            if hmac.compare_digest(token.encode(), held.get_secret_value().encode())
        ]
        return names[0] if names else None

    async def _opened(self, payload: Payload) -> Payload:
        """Decrypted; as it is if its key is not known here: one old payload must not hide a whole page."""
        try:
            (opened,) = await self._codec.decode([payload])
        except PayloadKeyMissing:
            return payload
        return opened


def _namespace(request: Request) -> str:
    namespace = request.headers.get("X-Namespace", "")
    if not _NAMESPACE.fullmatch(namespace):
        raise HTTPException(400, "Send the header `X-Namespace` with the namespace of the payloads.")
    return namespace


def _payloads(body: bytes) -> Sequence[Payload]:
    try:
        return Parse(body, Payloads()).payloads
    except (ParseError, UnicodeDecodeError):
        raise HTTPException(400, "The body is not what Temporal sends to a codec server: payloads as JSON.") from None


def _page(said: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(said=said), status, headers={"Cache-Control": "no-store"})
