"""The store of every text ever sent, once, under the hash of its template."""

from __future__ import annotations

import json
from collections.abc import Iterable

from activities.database import Pool
from journeys.templates import Template


async def store_templates(pool: Pool, templates: Iterable[Template]) -> None:
    """Keep what is new. A content is never changed, so a second time does nothing."""
    contents = {template.content_hash(): template for template in templates}
    await pool.execute(
        """
        INSERT INTO template_content (content_hash, template, content)
        SELECT content_hash, template, content::jsonb
        FROM unnest($1::text[], $2::text[], $3::text[]) AS fresh (content_hash, template, content)
        ORDER BY content_hash
        ON CONFLICT DO NOTHING
        """,
        list(contents),
        [template.name for template in contents.values()],
        [json.dumps(template.model_dump(mode="json"), ensure_ascii=False) for template in contents.values()],
    )
