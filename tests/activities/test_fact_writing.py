"""Events that change what the gates look at, in the transaction that records them; files say the same things."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from activities.check_conversion import check_conversion
from activities.contracts import (
    RECORD_EVENT,
    CheckConversionRequest,
    Delivery,
    RecordEventsRequest,
    RecordOutcomesRequest,
    SendMessageRequest,
)
from activities.customers import CustomerUpdate, import_customers
from activities.database import Pool, PoolConnection
from activities.fact_writing import write_statements
from activities.gate_facts import read_facts
from activities.record_events import record_events
from activities.record_outcomes import record_outcomes
from activities.runs import open_run_row
from activities.templates import store_templates
from activities.touch_plan import TouchPlan
from activities.world import World
from journeys.events import app_opened, opted_out_of_marketing
from journeys.language import days, journey, send, wait_for
from journeys.lifecycle import LIFECYCLE_POLICY
from journeys.names import Channel, CustomerId, RiskClass, StepId
from journeys.published import Published, with_templates
from journeys.templates import templates
from rules.clock import Clock
from rules.definitions import Catalogue
from rules.effects import CheckConversion, EntryOffered, SendMessage
from rules.entry import EntryDecided, run_of
from rules.gates import Facts
from rules.state import CustomerState
from rules.statements import AssessmentSaid, Standing, Statement, standing, statement_of
from tests.live import FakeChannel

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
AMY = CustomerId("C-1")
FUND = with_templates(
    journey(
        name="fund",
        version=1,
        starts_on=app_opened,
        ends_after=days(90),
        steps=[send("we-are-here", product="F-1", channels=[Channel.APP_PUSH])],
    ),
    templates(),
)
CONSENT = {"message_class": "marketing", "channel": "app_push", "source": "app", "text_version": "1"}
Said = tuple[str, datetime, dict[str, Any]]


def delivery(event_id: str, name: str, at: datetime, **data: Any) -> Delivery:
    """An event as it comes from the bus."""
    event = {"event_id": event_id, "name": name, "occurred_at": at.isoformat(), "data": data}
    return Delivery(RECORD_EVENT, (("json/plain", json.dumps(event)),))


def world_of(pool: Pool, *values: Published) -> World:
    """A world with the app's push channel."""
    push = {Channel.APP_PUSH: FakeChannel(Channel.APP_PUSH)}
    return World(pool, Catalogue.of(values), push, simulation_allowed=True)


async def tell(pool: Pool, *deliveries: Delivery, customer: CustomerId = AMY) -> int:
    """Record a batch; answers how many of it were refused."""
    state = CustomerState(customer, policy=LIFECYCLE_POLICY)
    return (await record_events(world_of(pool), RecordEventsRequest(state, deliveries))).rejected


async def gate_facts(pool: Pool, customer: CustomerId = AMY, *, as_of: datetime | None = None) -> Facts:
    """What the gates see of a customer now, or at a time of a simulated clock."""
    world = world_of(pool, FUND)
    await store_templates(pool, FUND.templates.values())
    await pool.execute("INSERT INTO customer (customer_id) VALUES ($1) ON CONFLICT DO NOTHING", customer)
    async with pool.acquire() as connection:
        decided = EntryDecided(FUND.journey.name, 1, FUND.content_hash(), "e-0", NOW, 1)
        await open_run_row(connection, customer, run_of(decided))
    at = as_of or NOW
    ask = SendMessage(FUND.journey.name, 1, FUND.content_hash(), StepId("we-are-here"), at, at, 0)
    clock = Clock() if as_of is None else Clock(NOW, as_of, 2.0)
    plan = TouchPlan.of(world, SendMessageRequest(customer, ask, clock, 0))
    return (await read_facts(world, plan)).facts


EFFECTS: dict[str, tuple[dict[str, Any], Callable[[Facts], object], object]] = {
    "opted_out_of_marketing": ({}, lambda facts: facts.opted_out, ("marketing",)),
    "opted_out": ({"scope": "app_push"}, lambda facts: facts.opted_out, ("app_push",)),
    "consent_given": (CONSENT, lambda facts: facts.consents, (("marketing", "app_push"),)),
    "complaint_made": ({"case": "K-1"}, lambda facts: facts.suppressed, ("complaint",)),
    "risk_assessed": ({"risk_class": "C3"}, lambda facts: facts.investor.risk_class, "C3"),
}


@pytest.mark.parametrize("name", EFFECTS)
async def test_a_fact_counts_once_its_event_is_recorded(pool: Pool, name: str) -> None:
    """For the gates, in the same transaction, and so for a claim that is about to be made."""
    data, seen, expected = EFFECTS[name]
    before = seen(await gate_facts(pool))
    version = await pool.fetchval("SELECT version FROM customer")
    assert await tell(pool, delivery("e-1", name, NOW - DAY, **data)) == 0
    assert seen(await gate_facts(pool)) == expected != before
    assert await pool.fetchval("SELECT version FROM customer") > version


UNDONE = [
    ("opted_out", "opted_in", {"scope": "marketing"}),
    ("consent_given", "consent_withdrawn", CONSENT),
    ("complaint_made", "complaint_resolved", {}),
]


@pytest.mark.parametrize(("name", "undoing", "data"), UNDONE)
async def test_the_later_word_counts_whichever_is_told_first(
    pool: Pool, name: str, undoing: str, data: dict[str, Any]
) -> None:
    """A late event does not undo what was said after it."""
    await tell(pool, delivery("e-2", undoing, NOW - DAY, **data))
    await tell(pool, delivery("e-1", name, NOW - 2 * DAY, **data))
    facts = await gate_facts(pool)
    assert (facts.opted_out, facts.consents, facts.suppressed) == ((), (), ())


async def test_a_later_assessment_stands_against_an_earlier_one_from_the_bus_or_a_file(pool: Pool) -> None:
    """Both go by when it was made; the whole book of assessments is kept."""
    update = {"customer_id": AMY, "risk_class": "C4", "assessed_at": (NOW - 2 * DAY).isoformat()}
    await tell(pool, delivery("e-1", "risk_assessed", NOW - DAY, risk_class="C2"))
    async with pool.acquire() as connection:
        await import_customers(connection, [CustomerUpdate.model_validate(update)])
    await tell(pool, delivery("e-2", "risk_assessed", NOW - 3 * DAY, risk_class="C5"))
    investor = (await gate_facts(pool)).investor
    assert (investor.risk_class, investor.assessed_until) == ("C2", NOW - DAY + timedelta(days=365))
    rows = await pool.fetch("SELECT risk_class, source FROM risk_assessment ORDER BY at")
    assert [tuple(row) for row in rows] == [("C5", "event e-2"), ("C4", "file"), ("C2", "event e-1")]


async def load(pool: Pool, **told: object) -> int:
    """A row of a file; answers how many customers it changed."""
    async with pool.acquire() as connection:
        update = CustomerUpdate.model_validate({"customer_id": AMY, **told})
        return (await import_customers(connection, [update])).changed


@pytest.mark.parametrize("dated_first", [True, False])
async def test_a_dated_assessment_stands_before_a_class_without_a_date(pool: Pool, dated_first: bool) -> None:
    """However long ago it was made and whichever is told first; the row tells once what it has to tell."""
    told = delivery("e-1", "risk_assessed", NOW - 30 * DAY, risk_class="C2")
    if dated_first:
        await tell(pool, told)
    assert await load(pool, risk_class="C5") == 1
    if not dated_first:
        await tell(pool, told)
    assert await load(pool, risk_class="C5") == 0
    investor = (await gate_facts(pool)).investor
    assert (investor.risk_class, investor.assessed_until) == ("C2", NOW - 30 * DAY + timedelta(days=365))
    assert await pool.fetchval("SELECT risk_class FROM customer") == "C2"
    assert await pool.fetchval("SELECT count(*) FROM risk_assessment") == 2


async def test_a_class_without_a_date_stands_alone_and_is_no_assessment(pool: Pool) -> None:
    """Conditions see it, the latest that was told; no product is shown on it."""
    assert [await load(pool, risk_class=told) for told in ("C2", "C4", "C4", "C2")] == [1, 1, 0, 1]
    assert await pool.fetchval("SELECT risk_class FROM customer") == "C2"
    assert (await gate_facts(pool)).investor.assessed_until is None


async def test_an_event_whose_id_was_refused_says_nothing(pool: Pool) -> None:
    """Neither in the batch of the first one nor in a later one."""
    first = delivery("e-1", "app_opened", NOW - 2 * DAY)
    other = delivery("e-1", "opted_out", NOW - DAY, scope="all")
    assert await tell(pool, first, other) == 1
    assert await tell(pool, other) == 1
    assert (await gate_facts(pool)).opted_out == ()
    assert await pool.fetchval("SELECT count(*) FROM opt_out") == 0


async def test_an_event_that_comes_again_says_it_once(pool: Pool) -> None:
    """A batch that is recorded again after a lost answer, and a sender who repeats itself."""
    batch = [
        delivery("e-1", "opted_out", NOW - DAY, scope="all"),
        delivery("e-2", "risk_assessed", NOW - DAY, risk_class="C2"),
        delivery("e-3", "consent_given", NOW - DAY, **CONSENT),
        delivery("e-4", "complaint_made", NOW - DAY),
    ]
    for _ in range(3):
        assert await tell(pool, *batch, *batch) == 0
    written = await pool.fetchrow(
        """
        SELECT (SELECT count(*) FROM opt_out), (SELECT count(*) FROM risk_assessment), (SELECT count(*) FROM consent),
               (SELECT count(*) FROM suppression)
        """
    )
    assert written is not None
    assert tuple(written) == (1, 1, 1, 1)


async def test_events_that_say_nothing_of_the_kind_cost_no_statement() -> None:
    """There is no connection to ask: most batches are of this kind."""
    nobody = cast("PoolConnection", None)
    assert statement_of("checked_in", NOW, {}, "e-1") is None
    assert await write_statements(nobody, []) == set()


async def test_a_fact_of_the_books_counts_when_a_wait_finds_it(pool: Pool) -> None:
    """A refusal that was lost on its way is one all the same."""
    asked = journey(
        name="asked",
        version=1,
        state="live",
        starts_on=app_opened,
        ends_after=days(9),
        steps=[wait_for(opted_out_of_marketing, within=days(1), id="wait")],
    )
    value = with_templates(asked, {})
    world = World(pool, Catalogue.of([value]), {})
    state = CustomerState(AMY, policy=LIFECYCLE_POLICY)
    await record_outcomes(
        world, RecordOutcomesRequest(state, offers=[EntryOffered("e-1", NOW - DAY, event=app_opened)])
    )
    await pool.execute(
        "INSERT INTO customer_fact (customer_id, name, occurred_at, fact_id) VALUES ($1, $2, $3, 'f-1')",
        *(AMY, "opted_out_of_marketing", NOW),
    )
    check = CheckConversion(
        *(asked.name, 1, StepId("wait"), opted_out_of_marketing, NOW - DAY, NOW, ()),
        *(value.content_hash(), NOW - DAY),
    )
    assert (await check_conversion(world, CheckConversionRequest(AMY, check, 0))).found is not None
    rows = await pool.fetch("SELECT scope, active, source, at FROM opt_out")
    assert [tuple(row) for row in rows] == [("marketing", True, "event f-1", NOW)]


async def test_in_a_play_the_gates_see_what_was_said_up_to_the_touch(pool: Pool) -> None:
    """Everything is in the books already, and what comes later has not happened yet."""
    await tell(
        pool,
        delivery("e-1", "risk_assessed", NOW - 9 * DAY, risk_class="C1", lowest_class=True),
        delivery("e-2", "risk_assessed", NOW - 5 * DAY, risk_class="C4"),
        delivery("e-3", "consent_given", NOW - 5 * DAY, **CONSENT),
        delivery("e-4", "consent_withdrawn", NOW - 3 * DAY, **CONSENT),
    )
    seen = [await gate_facts(pool, as_of=NOW - age * DAY) for age in (10, 8, 5, 2)]
    assert [facts.investor.risk_class for facts in seen] == [None, "C1", "C4", "C4"]
    assert [facts.investor.lowest_class for facts in seen] == [False, True, False, False]
    assert [len(facts.consents) for facts in seen] == [0, 0, 1, 0]


moments = st.integers(0, 3).map(lambda number: NOW - number * DAY)
scopes = st.sampled_from(["marketing", "all"]).map(lambda scope: {"scope": scope})
consents = st.sampled_from(["inbox", "app_push"]).map(lambda channel: {**CONSENT, "channel": channel})
assessments = st.fixed_dictionaries(
    {"risk_class": st.sampled_from(["C1", "C2", "C5"])},
    optional={
        "valid_until": moments.map(datetime.isoformat),
        "professional": st.booleans(),
        "longest_term_days": st.integers(1, 3),
        "product_types": st.sampled_from([[], ["bond"], ["bond", "fund"]]),
    },
)
sayings: st.SearchStrategy[Said] = st.one_of(
    st.tuples(st.sampled_from(["opted_out", "opted_in"]), moments, scopes),
    st.tuples(st.sampled_from(["consent_given", "consent_withdrawn"]), moments, consents),
    st.tuples(st.sampled_from(["complaint_made", "complaint_resolved"]), moments, st.just({})),
    st.tuples(st.just("risk_assessed"), moments, assessments),
)


def row_of(customer: CustomerId, said: Said) -> CustomerUpdate:
    """The row of a file that says what an event says."""
    name, at, data = said
    when = {"source": "form", "at": at.isoformat()}
    match name:
        case "opted_out" | "opted_in":
            told: dict[str, Any] = {"opt_outs": [{**data, "active": name == "opted_out", **when}]}
        case "consent_given" | "consent_withdrawn":
            consent = {"class": data["message_class"], "channel": data["channel"], "text_version": "1"}
            told = {"consents": [{**consent, "given": name == "consent_given", **when}]}
        case "complaint_made" | "complaint_resolved":
            told = {"suppressions": [{"reason": "complaint", "active": name == "complaint_made", **when}]}
        case "class_without_date":
            told = data
        case _:
            told = _assessment(at, data)
    return CustomerUpdate.model_validate({"customer_id": customer, **told})


def _assessment(at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in data.items() if name in ("risk_class", "professional", "product_types")}
    told["assessed_at"] = at.isoformat()
    if "valid_until" in data:
        told["assessed_until"] = data["valid_until"]
    if "longest_term_days" in data:
        told["longest_term"] = f"{data['longest_term_days']}d"
    return told


async def arrive(pool: Pool, customer: CustomerId, order: Sequence[tuple[Said, bool]]) -> Facts:
    """Tell everything in an order, some of it by file; answers what the gates see then."""
    for number, (said, by_file) in enumerate(order):
        name, at, data = said
        if by_file:
            async with pool.acquire() as connection:
                await import_customers(connection, [row_of(customer, said)])
        else:
            await tell(pool, delivery(f"e-{number}", name, at, **data), customer=customer)
    return await gate_facts(pool, customer)


def expected(order: Sequence[tuple[Said, bool]]) -> Standing:
    """What stands by the pure rule."""
    return standing([*_said(order)], Standing(), timedelta(days=365))


def _said(order: Sequence[tuple[Said, bool]]) -> Iterator[Statement]:
    for (name, at, data), _ in order:
        if name == "class_without_date":
            yield AssessmentSaid(None, "file", RiskClass(data["risk_class"]))
        elif (said := statement_of(name, at, data, "e")) is not None:
            yield said


numbers = count(2)
NO_DATE: tuple[Said, bool] = (("class_without_date", NOW, {"risk_class": "C4"}), True)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(
    orders=st.lists(st.tuples(sayings, st.booleans()), min_size=1, max_size=6).flatmap(
        lambda told: st.tuples(st.just(told), st.permutations(told))
    )
)
async def test_any_order_of_events_and_files_comes_to_the_same_facts(
    orders: tuple[Sequence[tuple[Said, bool]], Sequence[tuple[Said, bool]]], pool: Pool
) -> None:
    """And to those of the pure rule, by which a rehearsal goes."""
    one, other = [await arrive(pool, CustomerId(f"C-{next(numbers)}"), order) for order in orders]
    rule = expected(orders[0])
    for facts in (one, other):
        assert facts.investor == rule.investor
        assert (sorted(facts.opted_out), facts.suppressed) == ([*rule.opted_out], rule.suppressed)
        assert {*facts.consents} == {*rule.consents}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(
    orders=st.lists(st.tuples(assessments, moments, st.booleans()), max_size=3)
    .map(lambda told: [(("risk_assessed", at, data), by_file) for data, at, by_file in told])
    .flatmap(lambda told: st.tuples(st.just([*told, NO_DATE]), st.permutations([*told, NO_DATE])))
)
async def test_any_order_with_a_class_that_has_no_date_comes_to_the_same_investor(
    orders: tuple[Sequence[tuple[Said, bool]], Sequence[tuple[Said, bool]]], pool: Pool
) -> None:
    """With any assessment beside it the class is as if nobody had told it."""
    one, other = [await arrive(pool, CustomerId(f"C-{next(numbers)}"), order) for order in orders]
    assert one.investor == other.investor == expected(orders[0]).investor
    if dated := orders[0][:-1]:
        assert one.investor == expected(dated).investor
