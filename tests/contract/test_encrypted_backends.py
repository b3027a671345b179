"""Backends against a Sojourn that encrypts: those without the key go on as before, those with it are read, too."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from activities.contracts import workflow_id
from embedded import EmbeddedStack
from payload_codec import is_encrypted
from payload_keys import PayloadKeys, fresh_key
from settings import Settings
from tests.contract.examples import examples, made_for
from tests.contract.test_backends import http, is_known, shell, typescript
from tests.live import Live, live
from web.app import codec_app
from web.server import served

KEYS = PayloadKeys.parse(fresh_key(date(2026, 11, 27)))
TOKEN = "a long random token"


@pytest.fixture
async def encrypting(stack: EmbeddedStack, database_url: str) -> AsyncIterator[Live]:
    """The shipped journeys at work, with encryption on."""
    async with live(stack, database_url, keys=KEYS) as world:
        yield world


async def signals_are_encrypted(stack: EmbeddedStack, customer: str) -> list[bool]:
    """Of each signal in a customer's history, as Temporal keeps it."""
    client = await Client.connect(stack.temporal_address)
    history = await client.get_workflow_handle(workflow_id(customer)).fetch_history()
    return [
        is_encrypted(one.workflow_execution_signaled_event_attributes.input.payloads[0])
        for one in history.events
        if one.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    ]


async def test_the_temporal_cli_sends_without_the_key_and_reads_through_the_codec_server(
    encrypting: Live, stack: EmbeddedStack
) -> None:
    """Events and commands are taken as they are; answers and histories are readable for who is known there."""
    customer = encrypting.customer("cli")
    send, _, command, _ = sorted(
        examples("sh", "temporal "), key=lambda one: ("update" in one, "query" in one, "with-start" in one)
    )
    await shell(stack, made_for(encrypting, customer, send))
    await is_known(encrypting, customer, ["core-88231"])
    started = command.replace("update execute", "update start --wait-for-stage accepted --update-id pause-1")
    await shell(stack, made_for(encrypting, customer, started))
    settings = Settings(payload_keys=KEYS, codec_tokens={"cli": SecretStr(TOKEN)}, codec_origin=stack.ui_url)
    async with served(codec_app(settings)) as address:
        codec = {"TEMPORAL_CODEC_ENDPOINT": f"{address}/codec", "TEMPORAL_CODEC_AUTH": f"Bearer {TOKEN}"}
        read = f"temporal workflow update result --workflow-id {workflow_id(customer)} --update-id pause-1"
        assert "the customer is not in win-back" in await shell(stack, read, **codec)
        show = f"temporal workflow show --workflow-id {workflow_id(customer)} --output json"
        shown = await shell(stack, show, **codec)
    assert "1 event(s)" in shown or base64.b64encode(b'"1 event(s)"').decode() in shown
    assert await encrypting.rows("SELECT command FROM audit") == [("pause_journey",)]


async def test_plain_http_sends_without_the_key(encrypting: Live, stack: EmbeddedStack) -> None:
    """The server's HTTP API, as before; the signal stays plain."""
    customer = encrypting.customer("http")
    send, _ = examples("sh", "curl ")
    await http(stack, made_for(encrypting, customer, send))
    await is_known(encrypting, customer, ["app-5513"])
    assert await signals_are_encrypted(stack, customer) == [False]


async def test_the_typescript_sdk_sends_without_the_key(encrypting: Live, stack: EmbeddedStack, node: Path) -> None:
    """The example up to where it reads the answer, which it could not."""
    customer = encrypting.customer("typescript")
    (example,) = examples("ts", "import")
    sending, _, closing = example.partition("const view")[0], "", "\nawait connection.close();\n"
    await typescript(node, stack, made_for(encrypting, customer, sending + closing))
    await is_known(encrypting, customer, ["app-5512"])
    assert await signals_are_encrypted(stack, customer) == [False]


async def test_the_typescript_sdk_with_the_codec_of_the_contract_encrypts_and_reads_the_answer(
    encrypting: Live, stack: EmbeddedStack, node: Path
) -> None:
    """Both examples as they stand, in one program."""
    customer = encrypting.customer("both")
    (example,), (codec,) = examples("ts", "import"), examples("ts", "// codec.ts")
    program = codec.replace("export ", "") + example.replace(
        "new Client({ connection })", "new Client({ connection, dataConverter: { payloadCodecs: [codec] } })"
    )
    (key,) = KEYS.known
    secret = base64.b64encode(key.secret).decode()
    said = await typescript(
        node, stack, made_for(encrypting, customer, program), PAYLOAD_KEY_ID=key.id, PAYLOAD_KEY=secret
    )
    assert json.loads(said)["state"]["customer_id"] == customer
    await is_known(encrypting, customer, ["app-5512"])
    assert await signals_are_encrypted(stack, customer) == [True]
