"""The audit book: every command that a person gave, who gave it and why, and what it changed."""

from __future__ import annotations

from collections.abc import Mapping

from activities.database import Connection


async def audit(
    connection: Connection,
    *,
    actor: str,
    command: str,
    subject: str,
    reason: str,
    before: Mapping[str, object],
    after: Mapping[str, object],
) -> None:
    """Write one command down; call it in the transaction that carries the command out."""
    await connection.execute(
        "INSERT INTO audit (actor, command, subject, reason, before, after) VALUES ($1, $2, $3, $4, $5, $6)",
        actor,
        command,
        subject,
        reason,
        dict(before),
        dict(after),
    )
