"""Backends that have none of our code: each example of docs/contract.md as it stands, for another customer."""

from __future__ import annotations

import json
import os
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from embedded import EmbeddedStack, temporal_binary
from journeys.names import Stage
from tests.contract.conftest import PACKAGE, run
from tests.contract.examples import examples, made_for
from tests.live import Live
from tests.loopback import TRUSTS_NOBODY


async def test_the_temporal_cli_starts_and_reads_back_a_customer(world: Live, stack: EmbeddedStack) -> None:
    """The first screen of the contract."""
    customer = world.customer("cli")
    send, ask, command, entry = sorted(
        examples("sh", "temporal "), key=lambda one: ("update" in one, "query" in one, "with-start" in one)
    )
    await shell(stack, made_for(world, customer, send))
    await is_known(world, customer, ["core-88231"])
    obeyed = await shell(stack, made_for(world, customer, command))
    assert "the customer is not in win-back" in obeyed
    (answer,) = json.loads(await shell(stack, made_for(world, customer, ask)))["queryResult"]
    assert answer["state"]["customer_id"] == customer
    assert "win-back" in await shell(stack, made_for(world, customer, entry))
    decided = await world.rows("SELECT journey FROM entry_decision WHERE customer_id = $1", customer)
    assert ("win-back",) in decided


async def test_plain_http_starts_and_reads_back_a_customer(world: Live, stack: EmbeddedStack) -> None:
    """The server's HTTP API, with JSON in and JSON out."""
    customer = world.customer("http")
    send, ask = examples("sh", "curl ")
    await http(stack, made_for(world, customer, send))
    await is_known(world, customer, ["app-5513"])
    (answer,) = (await http(stack, made_for(world, customer, ask)))["queryResult"]
    assert answer["state"]["customer_id"] == customer


async def test_the_typescript_sdk_starts_and_reads_back_a_customer(
    world: Live, stack: EmbeddedStack, node: Path
) -> None:
    """A backend of another team, with Temporal's own client."""
    customer = world.customer("typescript")
    (example,) = examples("ts", "import")
    # What happened long ago would start no journey.
    just_now = example.replace("2026-11-20T09:00:00+08:00", (datetime.now(UTC) - timedelta(minutes=1)).isoformat())
    answer = json.loads(await typescript(node, stack, made_for(world, customer, just_now)))
    assert answer["state"]["customer_id"] == customer
    await is_known(world, customer, ["app-5512"])
    view = await world.settled(customer)
    assert view.state.lifecycle.stage is Stage.INTRODUCTION
    assert [run.journey for run in view.state.runs] == ["onboarding-guidance"]


async def test_three_backends_speak_to_one_customer(world: Live, stack: EmbeddedStack, node: Path) -> None:
    """Whoever was first, all reach the same workflow, and each event counts once however often it is sent."""
    customer = world.customer("one")
    cli = next(one for one in examples("sh", "temporal ") if "signal" in one)
    curl, _ = examples("sh", "curl ")
    (example,) = examples("ts", "import")
    for _ in range(2):
        await shell(stack, made_for(world, customer, cli))
        await http(stack, made_for(world, customer, curl))
        await typescript(node, stack, made_for(world, customer, example))
    await is_known(world, customer, ["app-5512", "app-5513", "core-88231"])
    assert await world.rows("SELECT reason FROM rejected_event WHERE customer_id = $1", customer) == []


async def test_fields_that_nobody_knows_are_kept_and_ignored(world: Live) -> None:
    """In the data they are kept with the event; beside it they are ignored."""
    customer = world.customer("extra")
    data = {"amount": "7.00", "branch": "Pudong", "tags": [1, {"deep": None}]}
    await world.signal(
        customer,
        {
            "event_id": "e-1",
            "name": "deposit_made",
            "occurred_at": "2026-01-05T09:00:00+08:00",
            "data": data,
            "trace": "t-1",
        },
    )
    await world.settled(customer)
    kept = await world.rows("SELECT name, data FROM customer_event WHERE customer_id = $1", customer)
    assert kept == [("deposit_made", data)]
    assert await world.rows("SELECT reason FROM rejected_event WHERE customer_id = $1", customer) == []


async def is_known(world: Live, customer: str, event_ids: list[str]) -> None:
    """The customer stands in the books, in the workflow and in the list, with just these events."""
    view = await world.settled(customer)
    rows = await world.rows("SELECT event_id FROM customer_event WHERE customer_id = $1 ORDER BY event_id", customer)
    assert [id for (id,) in rows] == event_ids
    assert await world.rows("SELECT reason FROM rejected_event WHERE customer_id = $1", customer) == []
    stage = view.state.lifecycle.stage
    query = f"WorkflowType = 'CustomerLifecycle' AND CustomerId = '{customer}' AND LifecycleStage = '{stage}'"

    async def listed() -> bool:
        return (await world.client.count_workflows(query)).count == 1

    await world.until(listed)


async def shell(stack: EmbeddedStack, command: str, **environment: str) -> str:
    """Run a line of shell, with `temporal` in the path and its address in the environment."""
    path = f"{temporal_binary().parent}{os.pathsep}{os.environ['PATH']}"
    ours = {"PATH": path, "TEMPORAL_ADDRESS": stack.temporal_address}
    return await run("sh", "-c", command.strip(), cwd=None, **ours, **environment)


async def http(stack: EmbeddedStack, command: str) -> Any:
    """Do what a curl command says, without curl: it need not be there."""
    url, *options = [word for word in shlex.split(command)[1:] if word.strip() and word != "--fail-with-body"]
    values = dict(zip(options[::2], options[1::2], strict=True))
    name, _, content_type = values["--header"].partition(": ")
    async with httpx.AsyncClient(trust_env=False, verify=TRUSTS_NOBODY) as client:
        answer = await client.post(
            url.replace("http://localhost:7243", stack.http_url),
            headers={name: content_type},
            content=values["--data"],
        )
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


async def typescript(node: Path, stack: EmbeddedStack, program: str, **environment: str) -> str:
    """Run a TypeScript program as it is, with the SDK of `PACKAGE`."""
    return await run(
        *(node, "--input-type=module-typescript", "--eval", program),
        cwd=PACKAGE,
        TEMPORAL_ADDRESS=stack.temporal_address,
        **environment,
    )
