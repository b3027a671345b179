"""The exact text of a touch, also years later: from its content, language, channel and recorded variables."""

from __future__ import annotations

import json
from collections.abc import Sequence

import asyncpg
from pydantic import ValidationError

from activities.database import Connection, Pool
from activities.rendering import fill
from errors import TemplateError
from journeys.names import Channel, Language
from journeys.templates import Template, Text


async def texts_of(database: Connection | Pool, touches: Sequence[int]) -> dict[int, Text | None]:
    """What customers got, or would have got if the touch had not been withheld, by touch.

    None where it could not be filled in: then the touch has failed with `template_error`, and nobody got it.
    """
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


def _filled_or_none(content: str, row: asyncpg.Record) -> Text | None:
    language, channel = Language(row["language"]), Channel(row["channel"])
    try:
        template = Template.model_validate_json(content)
        return fill(template, language, channel, json.loads(row["variables"]), plain=row["plain"])
    except (TemplateError, ValidationError):
        return None
