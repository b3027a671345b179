"""Touches as `send_message` leaves them, written into the books, for tests of what is told of them later."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from activities.database import Connection, Pool
from journeys.names import CustomerId
from journeys.templates import templates

SENT = datetime(2026, 11, 22, 1, tzinfo=UTC)
AMY = CustomerId("C-1")


async def put_touch(
    database: Connection | Pool,
    outcome: str = "sent",
    *,
    customer: str = AMY,
    step: str = "welcome",
    channel: str = "app_push",
    provider_id: str | None = None,
    reason: str = "",
) -> str:
    """One touch of the journey `guide`, its run and its customer; answers its key."""
    (template, *_) = [one for one in templates().values() if one.name == "welcome"]
    await database.execute(
        "INSERT INTO template_content (content_hash, template, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        *(template.content_hash(), template.name, template.model_dump(mode="json")),
    )
    await database.execute("INSERT INTO customer (customer_id) VALUES ($1) ON CONFLICT DO NOTHING", customer)
    await database.execute(
        """
        INSERT INTO journey_run (customer_id, journey, entry, version, definition, entered_at)
        VALUES ($1, 'guide', 1, 1, 'd', $2) ON CONFLICT DO NOTHING
        """,
        customer,
        SENT,
    )
    await database.execute(
        """
        INSERT INTO touch (customer_id, journey, entry, step, occurrence, definition, template, content_hash,
                           message_class, channel, language, planned_at, judged_at, outcome, reason, facts, verdicts,
                           provider_id)
        VALUES ($1, 'guide', 1, $2, 1, 'd', 'welcome', $3, 'service', $4, 'en', $5, $5, $6, $7, '{}', '[]', $8)
        """,
        customer,
        step,
        template.content_hash(),
        channel,
        SENT,
        outcome,
        reason,
        provider_id,
    )
    return f"{customer}/guide/1/{step}/1"


async def rows(database: Connection | Pool, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    return [tuple(row) for row in await database.fetch(query)]
