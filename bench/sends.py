"""Sends per second through the gates, against the same three statements run bare."""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncpg.connection import LoggedQuery

from activities.contracts import SendMessageRequest
from activities.database import Pool, open_pool
from activities.send_message import send_message
from activities.world import World
from bench.ground import AT_ONCE, Ground, allow, at_once, world
from bench.measure import alternate, ratio, spread
from bench.report import Line, Report, at_most
from journeys.names import Channel, CustomerId, StepId
from journeys.words import Send
from rules.clock import Clock
from rules.definitions import Definition
from rules.effects import SendMessage

POOL = 16
JOURNEY, STEP = "onboarding-guidance", StepId("welcome")


@dataclass(frozen=True, slots=True)
class _Statement:
    """One statement of a send, as it went over the wire for somebody else."""

    query: str
    arguments: Sequence[Any]


async def run(ground: Ground) -> Report:
    """Record one send's statements, then alternate: through the gates, and the bare statements."""
    pool = await open_pool(ground.stack.database_url, size=POOL, restricted=True)
    try:
        wide = world(pool)
        definition = next(one for one in wide.catalogue.definitions if one.journey.name == JOURNEY)
        statements, exchanges = await _recorded(ground, definition)
        count = 500 if ground.quick else 2000
        measure = {
            "gates": _through_gates(wide, definition, count),
            "bare": _bare(pool, definition, statements, count),
        }
        await alternate(measure, 1, lambda text: ground.show(f"warming up, {text}"))
        samples = await alternate(measure, 2 if ground.quick else 6, ground.show)
    finally:
        await pool.close()
    return _report(samples, statements, exchanges)


def _report(samples: dict[str, list[float]], statements: Sequence[_Statement], exchanges: int) -> Report:
    times = ratio(samples["gates"], samples["bare"])
    return Report(
        "Sends: gates and inbox against the same statements run bare",
        [
            at_most("statements a send", len(statements), "", 3),
            Line("exchanges with the database a send, the pool's own included", str(exchanges)),
            Line("through the gates / bare", f"{times.median:.2f}", times.quartiles()),
            *(
                Line(f"{name}: sends per second", f"{(of := spread(values)).median:,.0f}", of.quartiles(digits=0))
                for name, values in samples.items()
            ),
        ],
        (f"{AT_ONCE} at once on {POOL} connections, without Temporal; the bare way judges and renders nothing.",),
    )


async def _recorded(ground: Ground, definition: Definition) -> tuple[list[_Statement], int]:
    """The statements of one send on a connection that is warm, and how often the database was spoken to."""
    logged: list[LoggedQuery] = []
    pool = await open_pool(ground.stack.database_url, size=1, restricted=True)
    try:
        one = world(pool)
        for customer in ("sends-warm-up", "sends-recorded"):
            await _enrol(pool, definition, [customer])
            async with pool.acquire() as connection:
                connection.add_query_logger(logged.append)
            logged.clear()
            await send_message(one, _request(definition, customer))
        async with pool.acquire() as connection:
            connection.remove_query_logger(logged.append)
    finally:
        await pool.close()
    spoken = [_Statement(entry.query, entry.args) for entry in logged]
    return [one for one in spoken if one.arguments], len(spoken)


def _through_gates(wide: World, definition: Definition, count: int) -> Callable[[int], Awaitable[float]]:
    numbers = itertools.count(1)

    async def one(customer: str) -> None:
        result = await send_message(wide, _request(definition, customer))
        assert result.answer.kind == "settled", result.answer
        assert result.answer.outcome == "sent", result.answer

    async def measure(number: int) -> float:
        customers = [f"sends-gates-{next(numbers)}-{each}" for each in range(count)]
        await _enrol(wide.pool, definition, customers)
        return await _timed(one, customers)

    return measure


def _bare(
    pool: Pool, definition: Definition, statements: Sequence[_Statement], count: int
) -> Callable[[int], Awaitable[float]]:
    """The recorded statements for other customers: only who it is about and the version change."""
    facts, claim, settle = statements
    numbers = itertools.count(1)

    async def one(customer: str) -> None:
        row = await pool.fetchrow(facts.query, customer, *facts.arguments[1:])
        assert row is not None
        key, rest = claim.arguments[1:5], claim.arguments[6:]
        assert await pool.fetchval(claim.query, customer, *key, row["version"], *rest)
        await pool.execute(settle.query, customer, *settle.arguments[1:])

    async def measure(number: int) -> float:
        customers = [f"sends-bare-{next(numbers)}-{each}" for each in range(count)]
        await _enrol(pool, definition, customers)
        return await _timed(one, customers)

    return measure


async def _timed(do: Callable[[str], Awaitable[None]], customers: Sequence[str]) -> float:
    began = time.perf_counter()
    await at_once(AT_ONCE, do, customers)
    return len(customers) / (time.perf_counter() - began)


async def _enrol(pool: Pool, definition: Definition, customers: Sequence[str]) -> None:
    """Customers in an open run."""
    await allow(pool, customers)
    await pool.execute(
        """
        INSERT INTO journey_run (customer_id, journey, entry, version, definition, entered_at, goal_event, goal_until)
        SELECT customer_id, $2, 1, 1, $3, $4::timestamptz, 'trade_executed', $4::timestamptz + interval '30 days'
        FROM unnest($1::text[]) AS customer_id
        """,
        list(customers),
        JOURNEY,
        definition.hash,
        datetime.now(UTC) - timedelta(minutes=1),
    )


def _request(definition: Definition, customer: str) -> SendMessageRequest:
    now = datetime.now(UTC)
    planned = definition.plan.steps[STEP].step
    assert isinstance(planned, Send)
    inbox = planned.channels.index(Channel.INBOX)
    send = SendMessage(definition.journey.name, 1, definition.hash, STEP, now, now, inbox)
    return SendMessageRequest(CustomerId(customer), send, Clock(), 0)
