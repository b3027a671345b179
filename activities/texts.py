"""The exact text of a touch, also years later: from its content, language, channel and recorded variables."""

from __future__ import annotations

import json
from collections.abc import Sequence

import asyncpg
from pydantic import ValidationError

from activities.database import Connection, Pool
from activities.rendering import fill
from errors import InputError, TemplateError
from journeys.names import Channel, Language
from journeys.templates import Template, Text


async def text_of_touch(database: Connection | Pool, touch_id: int) -> Text:
    """What the customer got, or would have got if the touch had not been withheld.

    Raises `InputError` if there is no such touch, and `TemplateError` if its text could not be filled in: then the
    touch has failed with `template_error`, and nobody got it.
    """
    row = await database.fetchrow(
        """
        SELECT touch.language, touch.channel, touch.plain, touch.variables::text AS variables,
               template_content.content::text AS content
        FROM touch JOIN template_content USING (content_hash)
        WHERE touch_id = $1
        """,
        touch_id,
    )
    if row is None:
        raise InputError(f"there is no touch {touch_id}: `starter.py why CUSTOMER` lists those of a customer")
    return _filled(Template.model_validate_json(row["content"]), row)


async def texts_of(database: Connection | Pool, touches: Sequence[int]) -> dict[int, Text | None]:
    """The texts of touches, by touch; none where it cannot be filled in."""
    contents = await database.fetch(
        """
        SELECT content_hash, content::text AS content FROM template_content
        WHERE content_hash IN (SELECT content_hash FROM touch WHERE touch_id = ANY($1::bigint[]))
        """,
        touches,
    )
    templates = {row["content_hash"]: row["content"] for row in contents}
    rows = await database.fetch(
        """
        SELECT touch_id, content_hash, language, channel, plain, variables::text AS variables
        FROM touch WHERE touch_id = ANY($1::bigint[])
        """,
        touches,
    )
    return {row["touch_id"]: _filled_or_none(templates[row["content_hash"]], row) for row in rows}


def _filled(template: Template, row: asyncpg.Record) -> Text:
    language, channel = Language(row["language"]), Channel(row["channel"])
    return fill(template, language, channel, json.loads(row["variables"]), plain=row["plain"])


def _filled_or_none(content: str, row: asyncpg.Record) -> Text | None:
    try:
        return _filled(Template.model_validate_json(content), row)
    except (TemplateError, ValidationError):
        return None
