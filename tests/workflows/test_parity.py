"""Two worlds, one walk: the durable world does what the paper world says (architecture.md, "Time")."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from activities.local_time import resolve_local_time
from activities.record import read_record
from embedded import EmbeddedStack
from journeys.names import Channel, CustomerId, MessageClass
from journeys.published import with_templates
from journeys.templates import templates
from journeys.words import Journey
from rules.paper import PaperEvent, PaperWorld
from rules.record import Record
from rules.statements import STATING
from tests.live import Live, after_everything, live
from tests.long_numbers import EXAMPLES_OF_JOURNEYS, EXAMPLES_OF_LIVES, SCRIPTS_REPLAYED
from tests.random_journeys import journeys
from tests.rules.test_state_size import long_journey

BIRTH = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
FAR = datetime(2031, 1, 1, tzinfo=UTC)

CONSENT = {"message_class": "marketing", "channel": "inbox", "source": "app", "text_version": "2"}
MESSAGE = {"channel": "inbox", "journey": "j", "step": "s", "template": "t", "touch": "c/j/1/s/1"}
EVENTS: dict[str, dict[str, Any]] = {
    "app_registered": {},
    "account_opened": {},
    "questionnaire_completed": {},
    "deposit_made": {"amount": "1000.00"},
    "deposit_returned": {"deposit": "e2"},
    "trade_executed": {"amount": "500.00"},
    "checked_in": {},
    "wealth_product_purchased": {"product": "WP-1", "term_days": 60},
    "opted_out_of_marketing": {},
    "opted_out": {"scope": "inbox"},
    "opted_in": {"scope": "marketing"},
    "unsubscribed": {**MESSAGE, "scope": "inbox"},
    "consent_given": CONSENT,
    "consent_withdrawn": CONSENT,
    "risk_assessed": {"risk_class": "C4"},
    "complaint_made": {},
    "complaint_resolved": {"case": "K-1"},
    "account_closed": {},
}
COMMON = ["app_registered", "account_opened", "questionnaire_completed", "deposit_made", "trade_executed", "checked_in"]

# Gaps of whole days meet the deadlines of the journeys at the very instant.
gaps = st.one_of(
    st.integers(0, 200).map(lambda n: timedelta(days=n)),
    st.integers(0, 20 * 86_400).map(lambda n: timedelta(seconds=n)),
    st.just(timedelta(0)),
)
names = st.one_of(st.sampled_from(COMMON), st.sampled_from(COMMON), st.sampled_from(sorted(EVENTS)))
scripts = st.lists(st.tuples(gaps, names), min_size=1, max_size=10)


def dated(script: list[tuple[timedelta, str]]) -> list[tuple[datetime, str]]:
    """The events of a script with their times; a customer begins with a registration.

    What is said to the gates at the very instant of another event is a second later: the durable world, which has all
    of the inbox in its books, knows it when it acts on the other, and the paper world does not yet.
    """
    at, events = BIRTH, [(BIRTH, "app_registered")]
    for gap, name in script:
        at += gap or timedelta(seconds=name in STATING)
        events.append((at, name))
    return events


def on_paper(world: Live, customers: dict[str, list[tuple[datetime, str]]]) -> Record:
    """What the paper world says."""
    record = Record()
    consents = tuple((kind, Channel.INBOX) for kind in MessageClass)
    paper = PaperWorld(world.world.catalogue, consents=consents, caps=(), local_time=resolve_local_time)
    for customer, events in customers.items():
        held = {"wealth_product_purchased": timedelta(days=60)}
        paper_events = [
            PaperEvent(at, name, at + held[name] if name in held else None, EVENTS[name], f"e{number}")
            for number, (at, name) in enumerate(events)
        ]
        paper.live(CustomerId(customer), paper_events, FAR, record)
    record.sort()
    return record


async def for_real(
    world: Live, customers: dict[str, list[tuple[datetime, str]]], continue_after: int, cached: int = 500
) -> Record:
    """What the durable world does: every event is in the inbox before the first worker comes."""
    start = {**after_everything(FAR), "continue_after": continue_after}
    for customer, events in customers.items():
        await world.pool.execute("INSERT INTO customer (customer_id) VALUES ($1)", customer)
        await world.pool.executemany(
            "INSERT INTO consent VALUES ($1, $2, 'inbox', true, 'test', 'v1', '2020-01-01Z')",
            [(customer, kind) for kind in MessageClass],
        )
        for number, (at, name) in enumerate(events):
            await world.event(customer, name, at, EVENTS[name], id=f"e{number}", start=start)
    async with world.working(max_cached_workflows=cached):
        async with asyncio.timeout(60):
            await asyncio.gather(*(world.handle(customer).result() for customer in customers))
    return await read_record(world.pool)


# No shrinking: an example takes seconds, and a failure names the customer whose script to look at.
@settings(
    max_examples=EXAMPLES_OF_LIVES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.generate],
)
@given(lives=st.lists(scripts, min_size=10, max_size=10), continue_after=st.sampled_from([500, 1, 3]))
async def test_the_durable_world_does_what_the_paper_world_says(
    lives: list[list[tuple[timedelta, str]]], continue_after: int, stack: EmbeddedStack, database_url: str
) -> None:
    """Random lives, also cut by continue-as-new after every happening, give the same record in both worlds."""
    async with live(stack, database_url, working=False) as world:
        await agree(world, lives, continue_after)


@settings(
    max_examples=EXAMPLES_OF_JOURNEYS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.generate],
)
@given(
    told=st.tuples(journeys("one"), journeys("two"), journeys("three")),
    lives=st.lists(scripts, min_size=6, max_size=6),
    continue_after=st.sampled_from([500, 1, 3]),
)
async def test_the_worlds_agree_whatever_the_journeys_are(
    told: tuple[Journey, ...],
    lives: list[list[tuple[timedelta, str]]],
    continue_after: int,
    stack: EmbeddedStack,
    database_url: str,
) -> None:
    """Random journeys of every word, three at once, with random lives in them."""
    published = [with_templates(one, templates()) for one in told]
    async with live(stack, database_url, published, working=False) as world:
        await agree(world, lives, continue_after)


SCRIPTS: list[list[tuple[timedelta, str]]] = [
    [],
    [(timedelta(days=2), "account_opened"), (timedelta(days=1), "questionnaire_completed")],
    [(timedelta(days=1), "complaint_made"), (timedelta(days=5), "opted_out"), (timedelta(0), "complaint_resolved")],
    [(timedelta(days=2), "trade_executed"), (timedelta(days=1), "risk_assessed"), (timedelta(1), "consent_withdrawn")],
    [(timedelta(days=5), "account_opened"), (timedelta(days=9), "deposit_made"), (timedelta(0), "trade_executed")],
    [(timedelta(days=40), "wealth_product_purchased"), (timedelta(days=200), "opted_out_of_marketing")],
]


@pytest.mark.parametrize("script", SCRIPTS[:SCRIPTS_REPLAYED])
async def test_a_worker_without_a_cache_does_what_the_paper_world_says(
    script: list[tuple[timedelta, str]], stack: EmbeddedStack, database_url: str
) -> None:
    """Each task of the life replays it from its beginning, so that each decision is made many times.

    One life at a time: a worker without a cache has room for one, and the others wait until the server asks again.
    """
    async with live(stack, database_url, working=False) as world:
        await agree(world, [script], 500, cached=0)


async def test_five_runs_of_thirty_steps_survive_a_cut_at_every_point(stack: EmbeddedStack, database_url: str) -> None:
    """The life is carried over into a new history after everything that happens in it."""
    five = [long_journey(number) for number in range(5)]
    script = [(timedelta(days=4), "checked_in"), (timedelta(days=30), "checked_in")]
    async with live(stack, database_url, five, working=False) as world:
        await agree(world, [script], 1)
        assert await world.rows("SELECT count(*), max(entry) FROM journey_run") == [(5, 1)]


async def agree(world: Live, lives: list[list[tuple[timedelta, str]]], continue_after: int, cached: int = 500) -> None:
    """The record of some lives is the same in both worlds, row by row."""
    await world.as_owner("TRUNCATE customer CASCADE")
    customers = {world.customer(f"c{number}"): dated(script) for number, script in enumerate(lives)}
    real = await for_real(world, customers, continue_after, cached)
    paper = on_paper(world, customers)
    assert real.stage_changes == paper.stage_changes
    assert real.runs == paper.runs
    assert real.touches == paper.touches
    assert real.points == paper.points
    assert real.conversions == paper.conversions
