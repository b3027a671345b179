"""Recalled templates: texts that no run sends any more, whatever version of its journey it keeps (gates.md, gate 4).

A recall is for good: it names a template, and its content unless every one is meant. What shall be said instead is
published as another content, or under another name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import asyncpg

from activities.audit import audit
from activities.database import Connection
from errors import InputError
from journeys.names import ContentHash, TemplateName


@dataclass(frozen=True, slots=True)
class Recall:
    """A recall, with who made it and when; without a content it is of all there are and will be."""

    recall_id: int
    template: TemplateName
    content_hash: ContentHash | None
    reason: str
    recalled_by: str
    recalled_at: datetime


async def list_recalls(connection: Connection) -> list[Recall]:
    """Every recall there ever was, the newest first."""
    rows = await connection.fetch(
        """
        SELECT recall_id, template, content_hash, reason, recalled_by, recalled_at
        FROM template_recall ORDER BY recall_id DESC
        """
    )
    return [_recall(row) for row in rows]


async def recall_template(
    connection: Connection,
    template: TemplateName,
    content: ContentHash | None,
    *,
    reason: str,
    actor: str,
    zone: tzinfo = UTC,
) -> Recall:
    """Recall a template; the next gate sees it.

    Raises `InputError`, which tells a time in `zone`, if that is recalled already.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock('template_recall'::regclass::oid::bigint)")
        for other in await list_recalls(connection):
            if other.template == template and other.content_hash in (None, content):
                raise InputError(
                    f"{template} is recalled already, since {other.recalled_at.astimezone(zone):%Y-%m-%d %H:%M %Z} by"
                    f" {other.recalled_by}: nothing more to do"
                )
        row = await connection.fetchrow(
            """
            INSERT INTO template_recall (template, content_hash, reason, recalled_by) VALUES ($1, $2, $3, $4)
            RETURNING recall_id, template, content_hash, reason, recalled_by, recalled_at
            """,
            template,
            content,
            reason,
            actor,
        )
        assert row is not None
        made = _recall(row)
        await audit(
            connection,
            actor=actor,
            command="recall",
            subject=template,
            reason=reason,
            before={},
            after={"recall_id": made.recall_id, "content_hash": content},
        )
        return made


async def contents_of(connection: Connection, template: TemplateName) -> list[ContentHash]:
    """The contents that a template has ever had where workers ran, the newest first."""
    rows = await connection.fetch(
        "SELECT content_hash FROM template_content WHERE template = $1 ORDER BY first_seen DESC, content_hash", template
    )
    return [ContentHash(row["content_hash"]) for row in rows]


def _recall(row: asyncpg.Record) -> Recall:
    return Recall(**row)
