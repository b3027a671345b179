"""What is known of a customer is read at once, and no more of it than is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from activities.customer_facts import read_facts
from activities.database import Connection
from errors import DatabaseError
from journeys.events import checked_in, deposit_made, trade_executed
from journeys.language import days
from journeys.names import CustomerId, Language, RiskClass, Stage
from rules.conditions import CustomerFacts, PastEvent
from tests.activities.books import write_down
from tests.activities.conftest import Connect

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
LI = CustomerId("C-1")
EVENTS = (
    PastEvent(deposit_made, NOW - days(40), {"amount": "10"}),
    PastEvent(checked_in, NOW - days(3), {}),
    PastEvent(deposit_made, NOW, {"amount": "20"}),
    PastEvent(trade_executed, NOW, {}),
    PastEvent(deposit_made, NOW + timedelta.resolution, {"amount": "30"}),
)
KNOWN = CustomerFacts(
    NOW,
    stage=Stage.GROWTH,
    risk_class=RiskClass.C4,
    language=Language.ENGLISH,
    zone="Europe/Berlin",
    points=7,
    tags=("理财", "live_engaged"),
    events=EVENTS,
)


@pytest.fixture
async def connection(connected: Connect) -> Connection:
    """To books that know Li, and somebody else of whom nothing is known."""
    connection = await connected()
    await write_down(connection, {LI: KNOWN, "C-2": CustomerFacts(NOW, events=EVENTS)})
    return connection


async def amounts(connection: Connection, *events: str, **asked: object) -> list[object]:
    """The amounts of the events that are read."""
    facts = await read_facts(connection, LI, now=NOW, stage=None, points=0, events=events, **asked)  # type: ignore[arg-type]
    return [event.data.get("amount") for event in facts.events]


async def test_facts_are_those_of_the_books_and_of_the_workflow(connection: Connection) -> None:
    """Stage and points are the workflow's: the books may be a step behind."""
    facts = await read_facts(
        connection, LI, now=NOW, stage=Stage.MATURITY, points=9, events=[], entered_at=NOW - days(2)
    )
    assert facts == CustomerFacts(
        NOW,
        stage=Stage.MATURITY,
        risk_class=RiskClass.C4,
        language=Language.ENGLISH,
        zone="Europe/Berlin",
        points=9,
        tags=("理财", "live_engaged"),
        entered_at=NOW - days(2),
    )


async def test_of_a_stranger_nothing_is_known(connection: Connection) -> None:
    """What was never told is empty, not an error."""
    facts = await read_facts(connection, CustomerId("C-2"), now=NOW, stage=None, points=0, events=["app_opened"])
    assert facts == CustomerFacts(NOW)


async def test_events_up_to_now_are_read_each_once(connection: Connection) -> None:
    """Of the names that are asked for, also if one is asked for twice."""
    assert await amounts(connection, "deposit_made", "deposit_made") == ["10", "20"]
    assert await amounts(connection, "deposit_made", "checked_in") == ["10", None, "20"]


async def test_what_has_not_taken_effect_yet_is_not_seen(connection: Connection) -> None:
    """Events are seen up to the last that was folded, and those that were folded ahead of others."""
    assert await amounts(connection, "deposit_made", folded=2) == ["10"]
    assert await amounts(connection, "deposit_made", folded=0) == []
    assert await amounts(connection, "deposit_made", folded=0, folded_ahead=[3]) == ["20"]
    assert await amounts(connection, "deposit_made", folded=5) == ["10", "20"]


async def test_no_more_is_read_than_is_looked_at(connection: Connection) -> None:
    """Both edges count; what has no earliest time is read from the beginning."""
    since = {"deposit_made": NOW - days(40)}
    assert await amounts(connection, "deposit_made", "checked_in", since=since) == ["10", None, "20"]
    since = {"deposit_made": NOW - days(40) + timedelta.resolution}
    assert await amounts(connection, "deposit_made", since=since) == ["20"]


async def test_of_100_000_check_ins_only_the_last_ones_are_read(connection: Connection) -> None:
    """One every six minutes, and a day is asked for."""
    await connection.execute(
        """
        INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data)
        SELECT 'C-1', 100 + number, 'many-' || number, 'checked_in',
               $1::timestamptz - number * interval '6 minutes', '{}'
        FROM generate_series(1, 100000) AS number
        """,
        NOW,
    )
    assert len(await amounts(connection, "checked_in", since={"checked_in": NOW - days(1)})) == 240


async def test_numbers_keep_every_digit(connection: Connection) -> None:
    """Also one that is no binary fraction."""
    await connection.execute(
        """
        INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data)
        VALUES ('C-1', 9, 'e-9', 'trade_executed', $1, '{"amount": 12345678901234.5678}')
        """,
        NOW,
    )
    assert await amounts(connection, "trade_executed") == [None, Decimal("12345678901234.5678")]


async def test_a_customer_who_is_not_in_the_books_is_an_error(connection: Connection) -> None:
    """A life has its row: if there is none, this is another database."""
    with pytest.raises(DatabaseError, match="not the one this life was recorded in"):
        await read_facts(connection, CustomerId("C-3"), now=NOW, stage=None, points=0, events=[])
