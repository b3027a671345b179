"""With encryption on, what Temporal keeps of a customer does not say what they did, what they have or who they are."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    ListWorkflowExecutionsRequest,
    QueryWorkflowRequest,
)
from temporalio.client import Client
from temporalio.worker import Replayer

from activities.channels import Unknown
from activities.contracts import RECORD_EVENT, WORKFLOW_TYPE, workflow_id
from cli.ordering import Order, give, give_all, order
from embedded import EmbeddedStack
from engine import WORKFLOWS, connect, plugin
from errors import PayloadKeyMissing
from journeys.names import Channel, Stage
from journeys.templates import templates
from payload_codec import is_encrypted
from payload_keys import PayloadKeys, fresh_key
from rules.commands import Verb
from tests.corpus_journeys import stored
from tests.live import Live, live, sped_up
from tests.replay import histories
from tests.workflows.test_poison import encoded, quarantine, send, still_well

NOW = datetime.now(UTC)
OLD, NEW = (PayloadKeys.parse(fresh_key(date(2026, 11, day))) for day in (1, 27))
BOTH = PayloadKeys((*NEW.known, *OLD.known))
AMOUNT, NAME, EVENT_ID, REASON, ACTOR = "48213.77", "王小明", "core-88231", "holiday in Sanya", "li.na"
SECRETS = (AMOUNT, NAME, EVENT_ID, REASON, ACTOR, "amount", "holder", "occurred_at", "timed_out", "app_push: ", "阶段")
BY_THE_ENGINE = "marker_recorded_event_attributes/details/data/payloads"
"""What the SDK itself notes of a local activity: which it was, which attempt, when."""


@pytest.fixture
async def world(stack: EmbeddedStack, database_url: str) -> AsyncIterator[Live]:
    """The shipped journeys at work, with encryption on."""
    async with live(stack, database_url, keys=OLD) as world:
        yield world


@pytest.fixture
async def outside(stack: EmbeddedStack) -> Client:
    """Temporal as somebody without the key sees it."""
    return await Client.connect(stack.temporal_address)


async def lived(world: Live, name: str) -> str:
    """A customer with a deposit, two messages, a provider that was away, a command, and lives carried over."""
    customer = world.customer(name)
    await world.consent(customer)
    world.channels[Channel.APP_PUSH].answers.append(Unknown("timed_out"))
    start = {**sped_up(NOW - timedelta(days=3), timedelta(minutes=10)), "continue_after": 4}
    await world.event(customer, "app_registered", NOW - timedelta(days=3), {"holder": NAME}, start=start)
    await world.settled(customer)
    deposit = {"amount": AMOUNT, "currency": "CNY", "holder": NAME}
    await world.event(customer, "deposit_made", NOW - timedelta(days=3), deposit, id=EVENT_ID)
    await world.settled(customer)
    await paused(world, customer)
    for number in range(8):
        await world.event(customer, "checked_in", NOW - timedelta(days=3) + timedelta(seconds=number))
        await world.settled(customer)
    return customer


async def paused(world: Live, customer: str) -> None:
    """A person in support lets the run stand still, and says why."""
    command = order(Verb.PAUSE, customer, "onboarding-guidance", reason=REASON, actor=ACTOR, command_id="pause-1")
    assert (await give(world.client, command, world.task_queue)).done


def payloads(message: Message) -> Iterator[tuple[str, Payload]]:
    """Every payload in a message of Temporal's, with where it stands; search attributes apart, which are to be read."""
    yield from _payloads(message, "")


def _payloads(value: Any, place: str) -> Iterator[tuple[str, Payload]]:
    if isinstance(value, Payload):
        yield place, value
    elif isinstance(value, Message) and not isinstance(value, SearchAttributes):
        for field, inside in value.ListFields():
            yield from _payloads_of(inside, f"{place}/{field.name}")


def _payloads_of(inside: Any, place: str) -> Iterator[tuple[str, Payload]]:
    if hasattr(inside, "items"):
        for key, each in inside.items():
            yield from _payloads(each, f"{place}/{key}")
    elif isinstance(inside, (Message, str, bytes, int, float)):
        yield from _payloads(inside, place)
    else:
        for each in inside:
            yield from _payloads(each, place)


def layers(raw: bytes) -> Iterator[bytes]:
    """Bytes as they are, and what of them is base64."""
    yield raw
    for alphabet, decode in (
        (rb"[A-Za-z0-9+/]{12,}", base64.b64decode),
        (rb"[A-Za-z0-9_-]{12,}", base64.urlsafe_b64decode),
    ):
        for piece in re.findall(alphabet, raw):
            yield decode(piece[: len(piece) // 4 * 4])


async def kept(outside: Client, customer: str) -> list[Message]:
    """All that Temporal tells of a customer, as it comes over the wire: histories, description, list, card, view."""
    service, namespace = outside.workflow_service, outside.namespace
    found: list[Message] = []
    query = f"WorkflowId = '{workflow_id(customer)}'"
    listed = await service.list_workflow_executions(ListWorkflowExecutionsRequest(namespace=namespace, query=query))
    found.append(listed)
    for execution in (one.execution for one in listed.executions):
        handle = outside.get_workflow_handle(execution.workflow_id, run_id=execution.run_id)
        found += [event async for event in handle.fetch_history_events()]
    present = WorkflowExecution(workflow_id=workflow_id(customer))
    found.append(
        await service.describe_workflow_execution(
            DescribeWorkflowExecutionRequest(namespace=namespace, execution=present)
        )
    )
    for name in ("view", "__temporal_workflow_metadata"):
        asked = QueryWorkflowRequest(namespace=namespace, execution=present, query=WorkflowQuery(query_type=name))
        found.append(await service.query_workflow(asked))
    return found


async def test_no_amount_no_name_and_no_text_is_found_in_what_temporal_keeps(world: Live, outside: Client) -> None:
    """In no history of a life that was carried over, nor in its description, list, card and view: not as it is, not
    behind base64. Every payload is encrypted, but for the SDK's own notes."""
    customer = await lived(world, "amy")
    await world.until(lambda: carried_over(outside, customer))
    found = await kept(outside, customer)
    everything = [place for message in found for place, _ in payloads(message)]
    assert len(everything) > 50
    plain = {place for message in found for place, payload in payloads(message) if not is_encrypted(payload)}
    assert {place for place in plain if not place.endswith(BY_THE_ENGINE)} == set()
    texts = [text.title for one in templates().values() for texts in one.texts.values() for text in texts.values()]
    for message in found:
        raw = message.SerializeToString()
        assert [one for one in (*SECRETS, *texts) for layer in layers(raw) if one and one.encode() in layer] == []


async def carried_over(outside: Client, customer: str) -> bool:
    """Whether the list knows of several runs of a life."""
    return (await outside.count_workflows(f"WorkflowId = '{workflow_id(customer)}'")).count > 2


async def test_what_has_to_be_found_is_readable(world: Live, outside: Client) -> None:
    """Ids, names of signals and activities, and search attributes, which hold stage, journey and step."""
    customer = await lived(world, "amy")
    described = await outside.get_workflow_handle(workflow_id(customer)).describe()
    assert described.id == workflow_id(customer)
    assert described.search_attributes["CustomerId"] == [customer]
    assert described.search_attributes["LifecycleStage"] == ["introduction"]
    assert described.search_attributes["Journeys"] == ["onboarding-guidance"]


async def test_who_has_the_key_reads_everything(world: Live, stack: EmbeddedStack) -> None:
    """The view, and the card that the UI shows."""
    customer = await lived(world, "amy")
    client = await connect({"target_host": stack.temporal_address}, keys=OLD)
    handle = client.get_workflow_handle(workflow_id(customer))
    view = await handle.query("view")
    assert view["state"]["customer_id"] == customer
    assert "阶段" in str(await handle.query("__temporal_workflow_metadata"))


async def test_who_lacks_the_key_is_told_so(world: Live, stack: EmbeddedStack) -> None:
    """In one sentence, and not of an encoding that nobody knows."""
    customer = world.customer("amy")
    await world.event(customer, "app_registered", NOW)
    client = await connect({"target_host": stack.temporal_address})
    with pytest.raises(PayloadKeyMissing, match="add that key to SOJOURN_PAYLOAD_KEYS"):
        await client.get_workflow_handle(workflow_id(customer)).query("view")


async def test_a_plain_event_of_a_backend_without_the_key_is_taken_and_goes_on_encrypted(
    world: Live, outside: Client
) -> None:
    """The signal stays as it was sent; what is made of it, results and the state carried over, is encrypted."""
    customer = world.customer("amy")
    event = {"event_id": EVENT_ID, "name": "deposit_made", "occurred_at": NOW.isoformat(), "data": {"amount": AMOUNT}}
    await outside.start_workflow(
        WORKFLOW_TYPE,
        {"continue_after": 1},
        id=workflow_id(customer),
        task_queue=world.task_queue,
        start_signal=RECORD_EVENT,
        start_signal_args=[event],
    )
    await world.until(lambda: world.pool.fetchval("SELECT true FROM customer_event WHERE event_id = $1", EVENT_ID))
    await world.event(customer, "checked_in", NOW)
    await world.settled(customer)
    plain = {
        place
        for message in await kept(outside, customer)
        for place, payload in payloads(message)
        if not is_encrypted(payload) and not place.endswith(BY_THE_ENGINE)
    }
    assert plain <= {
        "/workflow_execution_started_event_attributes/input/payloads",
        "/workflow_execution_signaled_event_attributes/input/payloads",
    }
    secret = AMOUNT.encode()
    leaking = [one for one in await kept(outside, customer) if secret in one.SerializeToString()]
    assert [type(one).__name__ for one in leaking] == ["HistoryEvent"]


async def test_what_nobody_can_open_goes_to_quarantine_and_blocks_nobody(world: Live) -> None:
    """A backend that encrypts wrongly, with a key that is known: garbage like any other."""
    customer = world.customer("amy")
    wrong = encoded("binary/encrypted", b"no nonce, no tag, and nothing between the two")
    wrong.metadata["encryption-key-id"] = OLD.known[0].id.encode()
    await send(world, workflow_id(customer), (wrong,))
    await still_well(world, customer)
    (quarantined,) = await quarantine(world, customer)
    assert quarantined.reason.startswith("the argument is 'binary/encrypted'")


async def test_a_life_goes_on_under_a_new_key_while_the_old_one_is_known(
    stack: EmbeddedStack, database_url: str, outside: Client
) -> None:
    """Begun under one key, replayed and continued under the next: both stand in one history."""
    async with live(stack, database_url, keys=OLD) as world:
        customer = world.customer("amy")
        await world.event(customer, "app_registered", NOW - timedelta(days=1))
        await world.settled(customer)
    async with taken_over(world, stack, database_url, BOTH) as after:
        await after.handle(customer).signal(RECORD_EVENT, opened("e-2"))
        await after.until(lambda: is_recorded(after, "e-2"))
        view = await after.settled(customer)
        found = [payload for message in await kept(outside, customer) for _, payload in payloads(message)]
    assert view.state.lifecycle.stage is Stage.INTRODUCTION
    ids = {payload.metadata["encryption-key-id"].decode() for payload in found if is_encrypted(payload)}
    assert ids == {key.id for key in BOTH.known}


async def test_without_the_old_key_a_life_stands_still_says_why_and_goes_on_once_it_is_back(
    stack: EmbeddedStack, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its task fails, with the remedy in the worker's log; the event is not lost and not put into quarantine."""
    async with live(stack, database_url, keys=OLD) as world:
        customer = world.customer("amy")
        await world.event(customer, "app_registered", NOW - timedelta(days=1))
        await world.settled(customer)
    async with taken_over(world, stack, database_url, NEW) as without:
        await without.handle(customer).signal(RECORD_EVENT, opened("e-2"))
        await without.until(lambda: task_failed(without, customer))
        assert not await is_recorded(without, "e-2")
    assert "add that key to SOJOURN_PAYLOAD_KEYS" in caplog.text
    async with taken_over(world, stack, database_url, BOTH) as after:
        await after.until(lambda: is_recorded(after, "e-2"))
        assert await quarantine(after, customer) == []


async def test_a_command_to_a_life_that_stands_still_says_why_and_keeps_nobody_else_waiting(
    stack: EmbeddedStack, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Temporal's own words; of many, it is that one customer's fate."""
    monkeypatch.setattr("cli.ordering.PATIENCE", timedelta(seconds=3))
    async with live(stack, database_url, keys=OLD) as world:
        amy, bob = world.customer("amy"), world.customer("bob")
        await world.consent(bob)
        await world.event(amy, "app_registered", NOW - timedelta(days=1))
        await world.settled(amy)

    async def orders() -> AsyncIterator[Order]:
        for customer in (amy, bob):
            yield order(Verb.ENTER, customer, "win-back", reason=REASON, actor=ACTOR, command_id="enter-1")

    async with taken_over(world, stack, database_url, NEW) as without:
        await without.handle(amy).signal(RECORD_EVENT, opened("e-2"))
        await without.until(lambda: fails_again_and_again(without, amy))
        give_one = partial(give, without.client, task_queue=without.task_queue)
        tally = await give_all(orders(), give_one, concurrency=1)
    assert (tally.done, list(tally.failed)) == (1, [amy])
    (said,) = tally.failed.values()
    assert re.match(r"no answer within 3 s \(.*Workflow Task in failed state\): is a worker running", said)


async def test_plain_histories_replay_with_keys_as_without() -> None:
    """Lives that began before there was a key go on."""
    stored()
    for history in histories():
        result = await Replayer(workflows=WORKFLOWS, plugins=[plugin(BOTH)]).replay_workflow(history)
        assert result.replay_failure is None


async def test_a_life_whose_key_is_lost_is_restored_from_the_books(stack: EmbeddedStack, database_url: str) -> None:
    """End it and let it begin again: stage and runs come from PostgreSQL, which no payload key concerns."""
    async with live(stack, database_url, keys=OLD) as world:
        customer = world.customer("amy")
        await world.event(customer, "app_registered", NOW - timedelta(days=1))
        before = await world.settled(customer)
    async with taken_over(world, stack, database_url, NEW) as without:
        await without.handle(customer).terminate("key lost")
        await without.event(customer, "app_opened", NOW)
        after = await without.settled(customer)
    assert after.state.lifecycle.stage is before.state.lifecycle.stage
    assert [run.journey for run in after.state.runs] == [run.journey for run in before.state.runs]


@asynccontextmanager
async def taken_over(before: Live, stack: EmbeddedStack, database_url: str, keys: PayloadKeys) -> AsyncIterator[Live]:
    """Workers of the same customers, started again with other keys."""
    async with live(stack, database_url, keys=keys, working=False) as opened:
        again = replace(opened, task_queue=before.task_queue)
        async with again.working():
            yield again


def opened(event_id: str) -> dict[str, Any]:
    """The customer opened the app just now."""
    return {"event_id": event_id, "name": "app_opened", "occurred_at": NOW.isoformat(), "data": {}}


async def is_recorded(world: Live, event_id: str) -> bool:
    """Whether an event stands in the books."""
    found: bool = await world.pool.fetchval("SELECT count(*) > 0 FROM customer_event WHERE event_id = $1", event_id)
    return found


async def task_failed(world: Live, customer: str) -> bool:
    """Whether a workflow task of a customer has failed."""
    types = [one.event_type for one in await world.history(customer)]
    return EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED in types


async def fails_again_and_again(world: Live, customer: str) -> bool:
    """Whether a task of a customer is tried so often that the server takes no update any more."""
    described = await world.handle(customer).describe()
    return described.raw_description.pending_workflow_task.attempt >= 3
