"""Customers are written while they live: imports wait for each other and for the decisions about a customer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from activities.customers import Consent, CustomerUpdate, import_customers
from journeys.names import Channel, CustomerId, MessageClass
from tests.activities.conftest import Connect

AT = datetime(2026, 3, 2, tzinfo=UTC)


def consent(customer: str, hours: int = 0, *, given: bool = True) -> CustomerUpdate:
    """An update with one consent to marketing in the inbox."""
    at = AT + timedelta(hours=hours)
    one = Consent(
        message_class=MessageClass.MARKETING,
        channel=Channel.INBOX,
        given=given,
        source="app",
        text_version="1",
        at=at,
    )
    return CustomerUpdate(customer_id=CustomerId(customer), consents=(one,))


async def test_imports_in_opposite_orders_do_not_block_each_other(connected: Connect) -> None:
    """Customers are locked in one order, whatever the order of the file."""
    names = [f"C-{number}" for number in range(200)]

    async def load(hours: int) -> int:
        order = names if hours % 2 else names[::-1]
        return (await import_customers(await connected(), [consent(name, hours) for name in order])).changed

    assert await asyncio.gather(*(load(hours) for hours in range(8))) == [200] * 8
    connection = await connected()
    assert await connection.fetchval("SELECT min(version) = 8 AND max(version) = 8 FROM customer")


async def test_a_withdrawal_waits_for_a_decision_in_progress_and_then_outdates_it(connected: Connect) -> None:
    """A claim that holds the customer's row is finished first; the next one sees another version."""
    claiming, importing = await connected(), await connected()
    await import_customers(importing, [consent("C-1")])
    async with claiming.transaction():
        seen = await claiming.fetchval("SELECT version FROM customer WHERE customer_id = 'C-1' FOR UPDATE")
        load = asyncio.create_task(import_customers(importing, [consent("C-1", 1, given=False)]))
        done, _ = await asyncio.wait([load], timeout=0.2)
        assert not done
    assert (await load).changed == 1
    assert await claiming.fetchval("SELECT version FROM customer") == seen + 1


async def test_a_consent_of_the_past_is_history_and_changes_the_version_nonetheless(connected: Connect) -> None:
    """The gate decides which row counts; the import only writes them all down."""
    connection = await connected()
    await import_customers(connection, [consent("C-1", 5), consent("C-1", 1, given=False)])
    rows = await connection.fetch("SELECT given FROM consent ORDER BY at DESC")
    assert [row["given"] for row in rows] == [True, False]
    assert await connection.fetchval("SELECT version FROM customer") == 2


async def test_a_refusal_and_its_lifting_of_one_instant_are_both_on_record(connected: Connect) -> None:
    """Whichever comes first: the gate lets the refusal count."""
    connection = await connected()
    await import_customers(connection, [consent("C-1"), consent("C-1", given=False), consent("C-1", given=True)])
    rows = await connection.fetch("SELECT given FROM consent ORDER BY given")
    assert [row["given"] for row in rows] == [False, True]
