"""The App/PC inbox: what a customer was sent on the inbox channel, newest first, and what they have read.

    GET  /customers/{id}/inbox?limit=20&after=…     {"messages": […], "next": "…" or null}
    POST /customers/{id}/inbox/{message}/read       {"id": …, "read": true}; as often as you like

A message is the decision record of its touch; the text is rendered from the stored template and variables.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import asyncpg
from pydantic import SecretStr, ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from activities.database import Pool
from activities.rendering import fill
from errors import InputError, TemplateError
from journeys.names import Channel, CustomerId, Language
from journeys.templates import Template
from rules.customer_id import check_customer_id
from web.bearer import BearerToken

DEFAULT_LIMIT = 20
MOST = 100
LARGEST_ID = 2**63 - 1

_CURSOR = re.compile(r"([0-9]{1,17})-([0-9]{1,18})")
_NUMBER = re.compile(r"[0-9]{1,19}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last message of a page: the next page begins after it, towards the past."""

    sent_at: datetime
    message: int

    def __str__(self) -> str:
        return f"{(self.sent_at - _EPOCH) // _MICROSECOND}-{self.message}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what an answer said as `next`; HTTPException 400 if it is something else."""
        if (match := _CURSOR.fullmatch(text)) is None:
            raise HTTPException(400, "`after` is not the `next` of an answer: leave it out to begin with the newest.")
        return cls(_EPOCH + int(match[1]) * _MICROSECOND, int(match[2]))


def inbox_mount(token: SecretStr) -> Mount:
    """The routes. They find the database as `request.state.pool`."""
    return Mount(
        "/customers",
        routes=[
            Route("/{customer_id}/inbox", show, methods=["GET"]),
            Route("/{customer_id}/inbox/{message}/read", mark_read, methods=["POST"]),
        ],
        middleware=[Middleware(BearerToken, token=token)],
    )


async def show(request: Request) -> JSONResponse:
    """One page of messages."""
    customer_id, limit = _customer(request), _limit(request)
    after = request.query_params.get("after")
    # One more than is shown tells whether there is a next page.
    rows = await _sent(request.state.pool, customer_id, Cursor.parse(after) if after else None, limit + 1)
    page = rows[:limit]
    more = Cursor(page[-1]["settled_at"], page[-1]["touch_id"]) if len(rows) > limit else None
    answer = {"messages": list(_messages(page)), "next": str(more) if more else None}
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


async def mark_read(request: Request) -> JSONResponse:
    """Note that the customer has read a message; 404 for one that is not theirs."""
    customer_id, message = _customer(request), _message(request)
    if not await _mark(request.state.pool, customer_id, message):
        raise _no_such_message()
    return JSONResponse({"id": message, "read": True})


def _messages(rows: list[asyncpg.Record]) -> Iterator[dict[str, Any]]:
    """The rows as messages. One that cannot be shown any more does not hide the others."""
    for row in rows:
        try:
            yield _as_message(row)
        except (TemplateError, ValidationError) as error:
            _LOG.error("message %s cannot be shown: %s", row["touch_id"], type(error).__name__)


def _as_message(row: asyncpg.Record) -> dict[str, Any]:
    template, language = _template(row["content"]), Language(row["language"])
    text = fill(template, language, Channel.INBOX, json.loads(row["variables"]), plain=row["plain"])
    return {
        "id": row["touch_id"],
        "title": text.title,
        "body": text.body,
        "class": row["message_class"],
        "sent_at": row["settled_at"].isoformat(),
        "read": row["read"],
    }


@lru_cache(maxsize=256)
def _template(content: str) -> Template:
    return Template.model_validate_json(content)


async def _sent(pool: Pool, customer_id: CustomerId, after: Cursor | None, limit: int) -> list[asyncpg.Record]:
    return await pool.fetch(
        """
        SELECT touch_id, message_class, language, settled_at, touch.plain, variables::text AS variables,
               template_content.content::text AS content, inbox_read.read_at IS NOT NULL AS read
        FROM touch JOIN template_content USING (content_hash) LEFT JOIN inbox_read USING (touch_id)
        WHERE customer_id = $1 AND channel = 'inbox' AND outcome = 'sent'
          AND ($2::timestamptz IS NULL OR (settled_at, touch_id) < ($2, $3::bigint))
        ORDER BY settled_at DESC, touch_id DESC
        LIMIT $4
        """,
        customer_id,
        after and after.sent_at,
        after and after.message,
        limit,
    )


async def _mark(pool: Pool, customer_id: CustomerId, message: int) -> bool:
    """Mark as read; false if the customer has no such message."""
    found = await pool.fetchval(
        """
        WITH message AS (
            SELECT touch_id FROM touch
            WHERE touch_id = $2 AND customer_id = $1 AND channel = 'inbox' AND outcome = 'sent'
        ), marked AS (
            INSERT INTO inbox_read (touch_id) SELECT touch_id FROM message ON CONFLICT DO NOTHING
        )
        SELECT true FROM message
        """,
        customer_id,
        message,
    )
    return bool(found)


def _customer(request: Request) -> CustomerId:
    try:
        return check_customer_id(request.path_params["customer_id"])
    except InputError as error:
        raise HTTPException(400, str(error)) from None


def _message(request: Request) -> int:
    text = request.path_params["message"]
    if not _NUMBER.fullmatch(text) or int(text) > LARGEST_ID:
        raise _no_such_message()
    return int(text)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MOST:
        raise HTTPException(400, f"`limit` is a number from 1 to {MOST}.")
    return int(text)


def _no_such_message() -> HTTPException:
    return HTTPException(404, "This customer has no such message.")
