"""The row of a customer as a lock and a version: whoever changes what the gates look at takes it, and raises that."""

from __future__ import annotations

from collections.abc import Collection

from activities.database import AnyConnection


async def lock_customers(connection: AnyConnection, customer_ids: Collection[str]) -> None:
    """Lock customers until the end of the transaction; in one order, so that no two wait for each other."""
    await connection.execute(
        "SELECT FROM customer WHERE customer_id = ANY($1::text[]) ORDER BY customer_id FOR NO KEY UPDATE",
        list(customer_ids),
    )


async def raise_versions(connection: AnyConnection, customer_ids: Collection[str]) -> None:
    """Let a claim that was judged on what has changed be judged again."""
    if customer_ids:
        await connection.execute(
            "UPDATE customer SET version = version + 1 WHERE customer_id = ANY($1::text[])", list(customer_ids)
        )
