"""The exact text of a touch, also years later: from its content, language, channel and recorded variables."""

from __future__ import annotations

import json

from activities.database import Connection, Pool
from activities.rendering import fill
from errors import InputError
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
    return fill(
        Template.model_validate_json(row["content"]),
        Language(row["language"]),
        Channel(row["channel"]),
        json.loads(row["variables"]),
        plain=row["plain"],
    )
