"""Files that are loaded at the same time: whatever the order of their rows, none ends the other as a deadlock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from activities.database import Connection
from activities.facts import FactRow, fact_of, import_facts
from activities.imported import Imported
from activities.products import ProductRow, import_products
from tests.activities.conftest import Connect

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
SINCE = "2026-03-02T09:00:00+08:00"
Load = Callable[[Connection, str], Coroutine[Any, Any, Imported]]


async def products(connection: Connection, ids: str) -> Imported:
    """A file of products."""
    row = {"name": "A fund", "risk_level": "R1", "product_type": "fund", "valid_from": SINCE}
    return await import_products(connection, [ProductRow.model_validate({**row, "product_id": id}) for id in ids])


async def facts(connection: Connection, ids: str) -> Imported:
    """A file of facts of one customer."""
    row = {"customer_id": "C-1", "name": "trade_executed", "occurred_at": SINCE}
    return await import_facts(connection, [fact_of(FactRow.of({**row, "fact_id": id})) for id in ids])


@pytest.mark.parametrize("load", [products, facts])
async def test_two_files_of_the_same_rows_in_another_order_do_not_wait_for_each_other(
    connected: Connect, load: Load
) -> None:
    """Each has a row that the other ends with, when a third one, which came to nothing, lets them go on."""
    third, watching = await connected(), await connected()
    loading: list[asyncio.Task[Imported]] = []
    fails = third.transaction()
    await fails.start()
    await load(third, "bc")
    for many, ids in enumerate(("abd", "dca"), start=1):
        loading.append(asyncio.create_task(load(await connected(), ids)))
        while await watching.fetchval(WAITING) < many:  # noqa: ASYNC110 - asks the database
            await asyncio.sleep(0.01)
    await fails.rollback()
    assert sorted([(await one).new for one in loading]) == [1, 3]
