"""What a backend may get wrong, on the wire as it comes: a clear reason in quarantine, nothing lost, nobody blocked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowType
from temporalio.api.enums.v1 import EventType, WorkflowExecutionStatus, WorkflowTaskFailedCause
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import SignalWithStartWorkflowExecutionRequest

from activities.contracts import RECORD_EVENT, WORKFLOW_TYPE, workflow_id
from journeys.names import Stage
from tests.live import Live
from tests.shared_world import world as world

A_WHILE_AGO = datetime.now(UTC) - timedelta(hours=1)
EVENT = {"event_id": "e-1", "name": "app_opened", "occurred_at": A_WHILE_AGO.isoformat(), "data": {}}
START: Sequence[Any] = ({},)
A_SIGNAL_CAME_AT_THE_END = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND


def plain_json(value: Any) -> Payload:
    """A payload as every SDK makes it of a JSON value."""
    return encoded("json/plain", json.dumps(value).encode())


def encoded(encoding: str, content: bytes) -> Payload:
    """A payload of any encoding; without the name of one if it is empty."""
    return Payload(metadata={"encoding": encoding.encode()} if encoding else {}, data=content)


def event(**fields: Any) -> Payload:
    """A good event but for these fields."""
    return plain_json({**EVENT, **fields})


def with_data(content: bytes) -> Payload:
    """A good event with something in its data that a JSON library would not write."""
    return encoded("json/plain", json.dumps({**EVENT, "data": {"x": "here"}}).encode().replace(b'"here"', content))


async def send(
    world: Live,
    id: str,
    arguments: Sequence[Payload],
    *,
    name: str = RECORD_EVENT,
    start: Sequence[Payload] = tuple(map(plain_json, START)),
) -> None:
    """Signal-with-start as it goes over the wire, for what no client would send."""
    await world.client.workflow_service.signal_with_start_workflow_execution(
        SignalWithStartWorkflowExecutionRequest(
            namespace=world.client.namespace,
            workflow_id=id,
            workflow_type=WorkflowType(name=WORKFLOW_TYPE),
            task_queue=TaskQueue(name=world.task_queue),
            input=Payloads(payloads=start),
            signal_name=name,
            signal_input=Payloads(payloads=arguments),
        ),
        # As every client does: a workflow that is just ending takes no signal for a moment.
        retry=True,
    )


class Quarantined(NamedTuple):
    """A delivery in quarantine."""

    reason: str
    content: str


async def quarantine(world: Live, customer: str) -> list[Quarantined]:
    """What is in quarantine under a customer's id, in the order it came."""
    rows = await world.rows(
        "SELECT reason, content FROM rejected_event WHERE customer_id = $1 ORDER BY rejected_id", customer
    )
    return [Quarantined(*row) for row in rows]


async def recorded(world: Live, customer: str) -> list[str]:
    """The ids of the events in the books."""
    rows = await world.rows("SELECT event_id FROM customer_event WHERE customer_id = $1 ORDER BY sequence", customer)
    return [id for (id,) in rows]


async def still_well(world: Live, customer: str) -> None:
    """A good event takes effect, and no workflow task has ever failed."""
    good = await world.event(customer, "app_registered", A_WHILE_AGO)
    view = await world.settled(customer)
    assert view.state.lifecycle.stage is Stage.INTRODUCTION
    assert good in await recorded(world, customer)
    history = await world.history(customer)
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT not in [one.event_type for one in history]
    assert [
        one.workflow_task_failed_event_attributes
        for one in history
        if one.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        and one.workflow_task_failed_event_attributes.cause != A_SIGNAL_CAME_AT_THE_END
    ] == []


DEEP = 100_000
NINE_POISONS = {
    "no-argument": ((), "0 arguments"),
    "two-arguments": ((event(), event(event_id="e-2")), "2 arguments"),
    "plain-bytes": ((encoded("binary/plain", b"\x00\x01\xff"),), "the argument is 'binary/plain'"),
    "null-of-an-sdk": ((encoded("binary/null", b""),), "the argument is 'binary/null'"),
    "nul-in-the-encoding": ((encoded("json\0plain", b"{}"),), "the argument is 'json"),
    "no-encoding": ((encoded("", json.dumps(EVENT).encode()),), "the argument is not encoded"),
    "broken-json": ((encoded("json/plain", b'{"event_id": "e-1", '),), "the argument is not valid JSON"),
    "not-utf-8": ((encoded("json/plain", '{"event_id": "é"}'.encode("latin-1")),), "the argument is not valid JSON"),
    "empty-json": ((encoded("json/plain", b""),), "the argument is not valid JSON"),
    "a-list": ((plain_json([EVENT]),), "the argument is not a JSON object"),
    "a-number": ((plain_json(7),), "the argument is not a JSON object"),
    "null": ((plain_json(None),), "the argument is not a JSON object"),
    "json-in-text": ((plain_json(json.dumps(EVENT)),), "the argument is not a JSON object"),
    "id-is-a-number": ((event(event_id=7),), "event_id"),
    "id-is-empty": ((event(event_id=""),), "event_id"),
    "id-has-spaces": ((event(event_id="e 1"),), "event_id"),
    "id-is-missing": ((plain_json({"name": "app_opened", "occurred_at": EVENT["occurred_at"]}),), "event_id"),
    "name-is-null": ((event(name=None),), "name"),
    "time-is-a-number": ((event(occurred_at=1_790_000_000),), "occurred_at is no time"),
    "data-is-a-list": ((event(data=[]),), "data"),
    "data-does-not-fit": ((event(name="deposit_made", data={"amount": "much"}),), "data does not fit deposit_made"),
    "data-is-missing": ((event(name="deposit_made"),), "data does not fit deposit_made: amount"),
    "unknown-event": ((event(name="moon_landed"),), "unknown event name 'moon_landed'"),
    "huge": ((plain_json(["x" * 1_000_000]),), "the argument is not a JSON object"),
    "huge-name": ((event(name="x" * 1_000_000),), "unknown event name"),
    "nested-too-deep": ((with_data(b"[" * DEEP + b"]" * DEEP),), "the argument is nested too deep"),
    "not-a-number": ((with_data(b"NaN"),), "the argument is not valid JSON"),
    "endless": ((with_data(b"-Infinity"),), "the argument is not valid JSON"),
    "too-large-a-number": ((with_data(b"1e999"),), "the argument is not valid JSON"),
    "a-number-of-5000-digits": ((with_data(b"9" * 5000),), "the argument is not valid JSON"),
    "nul-in-text": ((event(data={"source": "a\0b"}),), "data has characters that are no text"),
    "half-a-surrogate": ((event(data={"source": "\ud800"}),), "data has characters that are no text"),
}


@pytest.mark.parametrize(("arguments", "reason"), NINE_POISONS.values(), ids=NINE_POISONS)
async def test_a_poisoned_argument_goes_to_quarantine_with_its_reason_and_blocks_nobody(
    world: Live, request: pytest.FixtureRequest, arguments: Sequence[Payload], reason: str
) -> None:
    """Whatever comes as the argument, the next good event takes effect."""
    customer = world.customer(request.node.callspec.id)
    await send(world, workflow_id(customer), arguments)
    await still_well(world, customer)
    (quarantined,) = await quarantine(world, customer)
    assert quarantined.reason.startswith(reason)
    assert len(quarantined.reason) < 500
    assert len(await recorded(world, customer)) == 1


@pytest.mark.parametrize("depth", [48, 49, 100, 300, 600, 900, 950, 980, 3_000])
async def test_an_event_nested_to_any_depth_is_recorded_or_rejected(world: Live, depth: int) -> None:
    """Between what is read and what can be written there is no depth that blocks a customer."""
    customer = world.customer(f"depth-{depth}")
    await send(world, workflow_id(customer), (with_data(b"[" * depth + b"]" * depth),))
    await still_well(world, customer)
    taken = "e-1" in await recorded(world, customer)
    assert taken == (depth == 48)
    assert [one.reason[:31] for one in await quarantine(world, customer)] == (
        [] if taken else ["the argument is nested too deep"]
    )


@pytest.mark.parametrize("name", ["order_created", "view", "__stack_trace", "x" * 500, "adjust_clock"])
async def test_an_unknown_signal_goes_to_quarantine(world: Live, name: str) -> None:
    """Even under a name that means something elsewhere."""
    customer = world.customer(f"signal-{len(name)}-{name[:9]}")
    await send(world, workflow_id(customer), (event(),), name=name)
    await still_well(world, customer)
    (quarantined,) = await quarantine(world, customer)
    assert quarantined.reason.startswith("unknown signal")


TIMES = {
    "without-zone": ("2026-03-02T09:00:00", "occurred_at"),
    "a-date": ("2026-03-02", "occurred_at"),
    "words": ("yesterday", "occurred_at"),
    "seconds-since-1970": ("1790000000", "occurred_at"),
    "no-such-day": ("2026-02-30T09:00:00Z", "occurred_at"),
    "before-1990": ("1989-12-31T23:59:59Z", "occurred_at is before 1990"),
    "the-first-year": ("0001-01-01T00:00:00+14:00", "occurred_at is before 1990"),
    "the-last-year": ("9999-12-31T23:59:59-12:00", "occurred_at is in the future"),
}


@pytest.mark.parametrize(("at", "reason"), TIMES.values(), ids=TIMES)
async def test_a_time_that_cannot_be_goes_to_quarantine(
    world: Live, request: pytest.FixtureRequest, at: str, reason: str
) -> None:
    """A time without zone, ahead of now, before 1990, or none at all."""
    customer = world.customer(f"time-{request.node.callspec.id}")
    await send(world, workflow_id(customer), (event(occurred_at=at),))
    await still_well(world, customer)
    (quarantined,) = await quarantine(world, customer)
    assert quarantined.reason.startswith(reason)
    assert json.loads(json.loads(quarantined.content)["argument"])["occurred_at"] == at


async def test_a_time_six_minutes_ahead_goes_to_quarantine(world: Live) -> None:
    """That is no clock that differs a little."""
    customer = world.customer("far-ahead")
    ahead = datetime.now(UTC) + timedelta(minutes=6)
    await send(world, workflow_id(customer), (event(occurred_at=ahead.isoformat()),))
    await still_well(world, customer)
    (quarantined,) = await quarantine(world, customer)
    assert quarantined.reason.startswith("occurred_at is in the future")


async def test_a_sender_whose_clock_is_four_minutes_ahead_is_believed(world: Live) -> None:
    """Clocks differ a little."""
    customer = world.customer("ahead")
    ahead = datetime.now(UTC) + timedelta(minutes=4)
    await send(world, workflow_id(customer), (event(occurred_at=ahead.isoformat()),))
    await still_well(world, customer)
    assert await quarantine(world, customer) == []


async def test_the_same_event_twice_counts_once(world: Live) -> None:
    """Also when the second comes in another zone, with its fields in another order, much later."""
    customer = world.customer("twice")
    data = {"amount": "10.00", "far": 1e23, "near": 0.1}
    same = {"data": data, "occurred_at": A_WHILE_AGO.astimezone().isoformat(), "name": "deposit_made"}
    await send(world, workflow_id(customer), (event(name="deposit_made", data=data),))
    await world.settled(customer)
    await send(world, workflow_id(customer), (plain_json({**same, "event_id": "e-1"}),))
    await still_well(world, customer)
    assert (await recorded(world, customer)).count("e-1") == 1
    assert await quarantine(world, customer) == []


async def test_another_event_under_an_id_that_was_seen_before_goes_to_quarantine(world: Live) -> None:
    """The first one stands; of the second the reason says what to do."""
    customer = world.customer("reused")
    await send(world, workflow_id(customer), (event(name="deposit_made", data={"amount": "10.00"}),))
    await send(world, workflow_id(customer), (event(name="deposit_made", data={"amount": "99.00", "x": "y" * 9000}),))
    await send(world, workflow_id(customer), (event(name="checked_in"),))
    await still_well(world, customer)
    reasons = [one.reason for one in await quarantine(world, customer)]
    assert reasons == ["event id 'e-1' was seen before with different content: send a new event under a new id"] * 2
    kept = await world.rows("SELECT data FROM customer_event WHERE customer_id = $1 AND event_id = 'e-1'", customer)
    assert kept == [({"amount": "10.00"},)]


async def test_a_crowd_of_poison_and_good_events_loses_none_of_either(world: Live) -> None:
    """In one batch, in one workflow task."""
    customer = world.customer("crowd")
    for number in range(20):
        await send(world, workflow_id(customer), (event(event_id=f"good-{number}"),))
        await send(world, workflow_id(customer), (plain_json([number]),))
    await still_well(world, customer)
    assert len(await recorded(world, customer)) == 21
    assert len(await quarantine(world, customer)) == 20


async def test_a_number_that_names_a_person_is_masked_in_quarantine(world: Live) -> None:
    """In what came, and in the reason that is given."""
    customer = world.customer("masked")
    await send(world, workflow_id(customer), (event(name="13800138000"),))
    await send(world, workflow_id(customer), (event(),), name="call 13800138000")
    await send(world, workflow_id(customer), (event(event_id="13800138000"),))
    await send(world, workflow_id(customer), (event(event_id="13800138000", name="checked_in"),))
    await still_well(world, customer)
    assert len(rows := await quarantine(world, customer)) == 3
    assert not [one for one in rows if "13800138000" in one.reason + one.content]


BAD_STARTS = {
    "none": (),
    "two": (plain_json({}), plain_json({})),
    "bytes": (encoded("binary/plain", b"\x00\xff"),),
    "broken": (encoded("json/plain", b"{"),),
    "a-list": (plain_json([1]),),
    "text": (plain_json("amy"),),
    "unknown-fields": (plain_json({"customer": "amy"}),),
    "a-state": (plain_json({"state": {"customer_id": "bob", "points": 1_000_000}}),),
    "a-clock-that-stands": (plain_json({"clock": {"speed": 0}}),),
    "a-clock-that-runs-backwards": (plain_json({"clock": {"speed": -5}}),),
    "a-clock-without-zone": (plain_json({"clock": {"real_anchor": "2026-01-01T00:00:00"}}),),
    "a-clock-beyond-counting": (plain_json({"clock": {"speed": 1e300}}),),
    "a-clock-that-is-no-number": (encoded("json/plain", b'{"clock": {"speed": NaN}}'),),
    "a-clock-at-the-end-of-time": (plain_json({"clock": {"business_anchor": "9999-12-31T23:59:59Z"}}),),
    "a-grace-before-the-deadline": (plain_json({"clock": {"grace": -86400}}),),
    "an-endless-grace": (plain_json({"clock": {"grace": 86_400_000_000_000}}),),
    "continue-at-once": (plain_json({"continue_after": 0}),),
    "continue-before": (plain_json({"continue_after": -1}),),
}


@pytest.mark.parametrize("start", BAD_STARTS.values(), ids=BAD_STARTS)
async def test_a_wrong_start_input_keeps_no_customer_out(
    world: Live, request: pytest.FixtureRequest, start: Sequence[Payload]
) -> None:
    """The life starts as if the input had been `{}`."""
    customer = world.customer(f"start-{request.node.callspec.id}")
    await send(world, workflow_id(customer), (event(),), start=start)
    await still_well(world, customer)
    state = (await world.view(customer)).state
    assert (state.customer_id, state.clock.simulated, state.points) == (customer, False, 20)
    assert (await recorded(world, customer))[0] == "e-1"
    description = await world.handle(customer).describe()
    assert description.run_id == description.raw_description.workflow_execution_info.first_run_id


BAD_IDS = {
    "phone": "customer:13912345678",
    "phone-with-prefix": "customer:VIP-138-0013-8000",
    "slash": "customer:shanghai/branch-7/C-1024",
    "too-long": "customer:" + "0123456789abcde." * 4 + "x",
    "chinese": "customer:王小明的证券账户一号",
    "space": "customer:C 1024 of Pudong",
    "without-the-prefix": "C-1024-of-a-backend",
    "nothing-but-the-prefix": "customer:",
}


@pytest.mark.parametrize("id", BAD_IDS.values(), ids=BAD_IDS)
async def test_a_workflow_under_an_id_that_is_no_customers_is_recorded_masked_and_ended(
    world: Live, request: pytest.FixtureRequest, id: str
) -> None:
    """Nothing of the id is left in the database, however often it is said in what came."""
    raw = id.removeprefix("customer:") or "nobody's id"
    start = tuple(map(plain_json, START))
    await send(world, id, (event(event_id=raw[:9], data={"whose": raw}),), start=start)
    handle = world.client.get_workflow_handle(id)
    await handle.result()
    await send(world, id, (plain_json({"customer": raw}),), start=start)
    await handle.result()
    status = (await handle.describe()).raw_description.workflow_execution_info.status
    assert status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED
    rows = await world.rows("SELECT customer_id, reason FROM rejected_event ORDER BY rejected_id DESC LIMIT 2")
    assert all("…" in customer for customer, _ in rows)
    assert all("customer id" in reason for _, reason in rows)
    assert [line for line in await everything(world) if raw in line] == []


async def everything(world: Live) -> list[str]:
    """Every row of every table, as text."""
    tables = await world.rows("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
    lines: list[str] = []
    for (table,) in tables:
        lines += [row for (row,) in await world.rows(f"SELECT t::text FROM {table} t")]  # noqa: S608 - from the catalogue
    return lines
