"""Every text that may be sent is kept by its hash, so that the exact message can be shown years later."""

from __future__ import annotations

from collections.abc import Iterable

from activities.database import Pool
from journeys.templates import Template


async def store_templates(pool: Pool, templates: Iterable[Template]) -> None:
    """Store what is not stored yet."""
    await pool.executemany(
        """
        INSERT INTO template_content (content_hash, template, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
        """,
        [(one.content_hash(), one.name, one.model_dump(mode="json")) for one in templates],
    )
