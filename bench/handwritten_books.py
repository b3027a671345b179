"""The books of the hand-written onboarding: plain SQL for this one journey."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity

from activities.database import Pool
from journeys.names import CustomerId
from worker import shipped

JOURNEY = "onboarding-guidance"
ACCOUNT_OPENED = "account_opened"
GOAL_WITHIN = timedelta(days=30)


@dataclass(slots=True)
class CustomerEvent:
    """An event as it comes from the bus."""

    event_id: str
    name: str
    occurred_at: datetime
    data: dict[str, Any]


@dataclass(slots=True)
class OnboardingOpened:
    """The registration that opens an onboarding."""

    customer_id: CustomerId
    registered: CustomerEvent


@dataclass(slots=True)
class EventToRecord:
    """A further event."""

    customer_id: CustomerId
    sequence: int
    event: CustomerEvent


@dataclass(slots=True)
class Question:
    """Did an event happen, up to a time?"""

    customer_id: CustomerId
    name: str
    due: datetime


@dataclass(slots=True)
class OnboardingEnd:
    """How the onboarding ended."""

    customer_id: CustomerId
    outcome: str
    at: datetime


class Books:
    """The local activities."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        published = next(one for one in shipped() if one.journey.name == JOURNEY)
        self._version, self._definition = published.journey.version, published.content_hash()

    @activity.defn
    async def open_onboarding(self, request: OnboardingOpened) -> str:
        """Everything that a registration leads to, in one transaction; answers the definition's hash."""
        customer_id, event = request.customer_id, request.registered
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                """
                INSERT INTO customer (customer_id, last_sequence, stage, stage_since)
                VALUES ($1, 1, 'introduction', $2)
                ON CONFLICT (customer_id) DO UPDATE SET version = customer.version + 1, last_sequence = 1,
                    stage = 'introduction', stage_since = $2
                """,
                customer_id,
                event.occurred_at,
            )
            await connection.execute(
                """
                INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data)
                VALUES ($1, 1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
                """,
                customer_id,
                event.event_id,
                event.name,
                event.occurred_at,
                event.data,
            )
            await connection.execute(
                """
                INSERT INTO stage_change (customer_id, to_stage, at, cause)
                VALUES ($1, 'introduction', $2, 'first_event') ON CONFLICT DO NOTHING
                """,
                customer_id,
                event.occurred_at,
            )
            await connection.execute(
                """
                INSERT INTO entry_decision (customer_id, journey, cause, at, version, definition, entry)
                VALUES ($1, $2, $3, $4, $5, $6, 1) ON CONFLICT DO NOTHING
                """,
                customer_id,
                JOURNEY,
                event.event_id,
                event.occurred_at,
                self._version,
                self._definition,
            )
            await connection.execute(
                """
                INSERT INTO journey_run (customer_id, journey, entry, version, definition, entered_at,
                                         goal_event, goal_until, exit_events)
                VALUES ($1, $2, 1, $3, $4, $5, 'trade_executed', $6, $7) ON CONFLICT DO NOTHING
                """,
                customer_id,
                JOURNEY,
                self._version,
                self._definition,
                event.occurred_at,
                event.occurred_at + GOAL_WITHIN,
                ["account_closed", "opted_out_of_marketing"],
            )
            await connection.execute(
                """
                INSERT INTO points_ledger (customer_id, amount, reason, at, journey, entry, step)
                VALUES ($1, 20, 'app registration', $2, $3, 1, 'award-app-registration') ON CONFLICT DO NOTHING
                """,
                customer_id,
                event.occurred_at,
                JOURNEY,
            )
        return self._definition

    @activity.defn
    async def record_event(self, request: EventToRecord) -> None:
        """Store a further event."""
        event = request.event
        await self._pool.execute(
            """
            INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
            """,
            request.customer_id,
            request.sequence,
            event.event_id,
            event.name,
            event.occurred_at,
            event.data,
        )

    @activity.defn
    async def has_happened(self, request: Question) -> bool:
        """Whether the books know of an event, from the bus or from the nightly file."""
        return bool(
            await self._pool.fetchval(
                """
                SELECT EXISTS (SELECT FROM customer_event WHERE customer_id = $1 AND name = $2 AND occurred_at <= $3)
                    OR EXISTS (SELECT FROM customer_fact WHERE customer_id = $1 AND name = $2 AND occurred_at <= $3)
                """,
                request.customer_id,
                request.name,
                request.due,
            )
        )

    @activity.defn
    async def end_onboarding(self, request: OnboardingEnd) -> None:
        """Close the run."""
        await self._pool.execute(
            """
            UPDATE journey_run SET ended_at = $3, outcome = $4
            WHERE customer_id = $1 AND journey = $2 AND ended_at IS NULL
            """,
            request.customer_id,
            JOURNEY,
            request.at,
            request.outcome,
        )
