"""`python -m web` serves both until a signal ends it, and says in one line why it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from activities.channels import Accepted, Message
from activities.channels.gateway import app_push
from activities.channels.signature import SigningKey
from journeys.names import CustomerId, MessageClass, TemplateName
from tests.loopback import TRUSTS_NOBODY
from tests.programs import Process, started
from web.server import LOOPBACK, listen

SECRETS = {
    "SOJOURN_INBOX_TOKEN": "hidden-token-of-the-inbox",
    "SOJOURN_PUSH_GATEWAY_SECRET": "hidden-secret-of-the-gateway",
}


def environment(database_url: str, **differences: str) -> dict[str, str]:
    """What `starter.py up` gives to the program; port 0 takes a free one."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SOJOURN_")}
    ours = {"DATABASE_URL": database_url, "SOJOURN_PUSH_GATEWAY_KEY_ID": "broker-1", "SOJOURN_WEB_PORT": "0"}
    return inherited | ours | SECRETS | differences


@asynccontextmanager
async def running(variables: Mapping[str, str]) -> AsyncIterator[tuple[Process, str]]:
    """The program, answering, and its address."""
    process = await started("-m", "web", environment=variables)
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        address = line.split()[1].removesuffix("/pushes")
        await answering(address)
        yield process, address
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def answering(address: str) -> None:
    """Wait until the program answers."""
    async with httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(retries=10, verify=TRUSTS_NOBODY), trust_env=False
    ) as client:
        assert (await client.get(f"{address}/health")).json() == {"status": "up"}


async def refused(variables: Mapping[str, str]) -> str:
    """What a program that cannot run says before it leaves with code 2."""
    process = await started("-m", "web", environment=variables)
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2, said.decode()
    assert "Traceback" not in said.decode()
    assert "hidden" not in said.decode()
    return said.decode()


async def test_both_are_served(database_url: str) -> None:
    """A push signed with the key is taken, and the inbox answers to the token."""
    message = Message(CustomerId("C-1"), "C-1/j/1/s/1", TemplateName("welcome"), MessageClass.SERVICE, "t", "b")
    key = SigningKey("broker-1", SecretStr("hidden-secret-of-the-gateway"))
    async with running(environment(database_url)) as (_, address):
        async with app_push(f"{address}/push", key) as channel:
            assert await channel.deliver(message) == Accepted()
        async with httpx.AsyncClient(base_url=address, trust_env=False, verify=TRUSTS_NOBODY) as client:
            assert (await client.get("/pushes")).json()["accepted"] == 1
            inbox = await client.get(
                "/customers/C-1/inbox", headers={"Authorization": "Bearer hidden-token-of-the-inbox"}
            )
            assert inbox.json() == {"messages": [], "next": None}


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
async def test_a_signal_ends_it_at_once_whatever_hangs(database_url: str, sent: signal.Signals, code: int) -> None:
    """An open connection and a push that hangs do not keep it, and it ends without a word."""
    key = SigningKey("broker-1", SecretStr("hidden-secret-of-the-gateway"))
    message = Message(CustomerId("C-1"), "C-1/j/1/s/1", TemplateName("welcome"), MessageClass.SERVICE, "t", "b")
    async with (
        running(environment(database_url)) as (process, address),
        httpx.AsyncClient(base_url=address, trust_env=False, verify=TRUSTS_NOBODY) as client,
        app_push(f"{address}/push", key) as channel,
    ):
        await client.post("/faults", json={"mode": "hang"})
        hanging = asyncio.create_task(channel.deliver(message))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        process.send_signal(sent)
        output, errors = await asyncio.wait_for(process.communicate(), 20)
        assert time.monotonic() - began < 3
        assert (process.returncode, output, errors) == (code, b"", b"")
        await hanging


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ({"SOJOURN_INBOX_TOKEN": ""}, "set SOJOURN_INBOX_TOKEN"),
        ({"SOJOURN_PUSH_GATEWAY_SECRET": ""}, "set SOJOURN_PUSH_GATEWAY_KEY_ID and SOJOURN_PUSH_GATEWAY_SECRET"),
        ({"DATABASE_URL": ""}, "set DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://u:hidden@127.0.0.1:9/x"}, "cannot be reached"),
        ({"SOJOURN_WEB_PORT": "http"}, "SOJOURN_WEB_PORT cannot be used"),
    ],
)
async def test_a_setting_that_is_missing_or_wrong_is_named(
    database_url: str, differences: dict[str, str], said: str
) -> None:
    """One line says what to set, without any secret and without a traceback."""
    assert said in await refused(environment(database_url, **differences))


async def test_a_database_without_our_schema_is_told_with_the_command(empty_database_url: str) -> None:
    """At the start, not as a database that does not answer at each request."""
    assert "run `starter.py migrate` first" in await refused(environment(empty_database_url))
    code, output = await by_factory("inbox", environment(empty_database_url))
    assert code != 0
    assert "run `starter.py migrate` first" in output
    assert "Traceback" not in output


async def test_a_taken_port_is_named(database_url: str) -> None:
    """Whoever holds the port keeps it; the program says which and what to do."""
    with listen(0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        said = await refused(environment(database_url, SOJOURN_WEB_PORT=str(port)))
    assert f"Port {port} of {LOOPBACK} cannot be used" in said
    assert "SOJOURN_WEB_PORT" in said


async def by_factory(name: str, variables: Mapping[str, str]) -> tuple[int | None, str]:
    """What `uvicorn --factory` says of an application that does not start, and its exit code."""
    arguments = ("-m", "uvicorn", "--factory", f"web.app:{name}", "--port", "0", "--log-level", "error")
    process = await started(*arguments, environment=variables)
    said, errors = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, (said + errors).decode()


@pytest.mark.parametrize(
    ("name", "differences", "said"),
    [
        ("inbox", {"SOJOURN_INBOX_TOKEN": ""}, "The inbox has no token"),
        ("inbox", {"SOJOURN_INBOX_TOKEN": "short"}, "SOJOURN_INBOX_TOKEN cannot be used"),
        ("receipts", {}, "set SOJOURN_PAYLOAD_KEYS"),
        ("codec", {}, "The codec server has no keys"),
    ],
)
async def test_an_application_that_lacks_a_setting_says_so_in_one_line(
    name: str, differences: dict[str, str], said: str
) -> None:
    """As every command does: exit code 2, no traceback around it."""
    code, output = await by_factory(name, environment("postgresql://u:hidden@127.0.0.1:9/x", **differences))
    assert (code, output.count("\n")) == (2, 1), output
    assert output.startswith("error: ")
    assert said in output


async def test_an_application_whose_database_is_down_says_so_without_a_traceback() -> None:
    """The log has the place, and no password."""
    code, output = await by_factory("inbox", environment("postgresql://u:hidden@127.0.0.1:9/x"))
    assert code != 0
    assert "The database at 127.0.0.1:9/x cannot be reached" in output
    assert "Traceback" not in output
    assert "hidden" not in output
