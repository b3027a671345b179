"""The worker as a process: why it does not start, in one sentence, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest

from activities.database import connect as connect_database
from activities.known_keys import known_keys
from embedded import EmbeddedStack
from embedded.process import GRACE
from engine import connect
from payload_keys import PayloadKeys, fresh_key
from tests.databases import login
from tests.programs import Process, started

PATIENCE = timedelta(seconds=30)


def environment(**ours: str) -> dict[str, str]:
    """The environment of a worker of the embedded stack, without any setting of the machine that runs the tests."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SOJOURN_", "TEMPORAL_"))}
    inherited.pop("DATABASE_URL", None)
    return inherited | {"SOJOURN_ENVIRONMENT": "embedded"} | ours


async def refusal(**ours: str) -> str:
    """What a worker that cannot start says."""
    process = await started("worker.py", environment=environment(**ours))
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE.total_seconds())
    assert (process.returncode, out) == (2, b"")
    said = err.decode()
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


@asynccontextmanager
async def at_work(variables: Mapping[str, str]) -> AsyncIterator[Process]:
    """A worker that has said that it is ready."""
    process = await started("worker.py", environment=variables)
    try:
        while b"worker ready" not in (line := await asyncio.wait_for(process.stderr.readline(), 20)):
            assert line, "the worker ended before it was ready"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_without_a_database_it_says_so() -> None:
    """No DATABASE_URL: the variable and the local way out are named."""
    assert "There is no database: set DATABASE_URL" in await refusal()


async def test_a_database_that_is_down_is_named() -> None:
    """Nobody listens: the place is told, and what to do."""
    said = await refusal(DATABASE_URL="postgresql://me:secret@127.0.0.1:1/sojourn")
    assert "The database at 127.0.0.1:1/sojourn cannot be reached: start it" in said


async def test_a_wrong_password_is_told_and_not_shown(stack: EmbeddedStack) -> None:
    """The password does not go to the log."""
    said = await refusal(DATABASE_URL=stack.database_url.replace("sojourn:", "sojourn:wrong-"))
    assert "refuses this user or password: correct DATABASE_URL" in said
    assert "wrong-" not in said


async def test_a_database_without_our_schema_is_told_with_the_command(empty_database_url: str) -> None:
    """A worker does not migrate by itself."""
    assert "run `starter.py migrate` first" in await refusal(DATABASE_URL=empty_database_url)


async def test_a_login_that_is_no_member_of_the_role_is_told_so(stack: EmbeddedStack, database_url: str) -> None:
    """Somebody made the login and forgot the grant."""
    async with login(stack, database_url) as stranger:
        said = await refusal(DATABASE_URL=stranger)
    assert "is no member of sojourn_app" in said
    assert "`GRANT sojourn_app TO …`" in said


async def test_a_login_that_may_only_read_is_told_so(stack: EmbeddedStack, database_url: str) -> None:
    """As one made for reports, whose rights come to light only when the first row is written."""
    async with login(stack, database_url, roles="IN ROLE pg_read_all_data") as reader:
        assert "is no member of sojourn_app" in await refusal(DATABASE_URL=reader)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TEMPORAL_ADDRESS", "127.0.0.1:1", "Temporal does not answer at 127.0.0.1:1: set TEMPORAL_ADDRESS"),
        ("TEMPORAL_NAMESPACE", "atlantis", "Temporal refuses (Namespace atlantis is not found): correct TEMPORAL_NAM"),
        ("TEMPORAL_PROFILE", "atlantis", "Temporal's configuration cannot be used (Profile 'atlantis' not found)"),
    ],
)
async def test_a_temporal_that_cannot_be_used_is_told(
    stack: EmbeddedStack, database_url: str, variable: str, value: str, said: str
) -> None:
    """Not there, not the namespace, not a configuration."""
    servers = {"DATABASE_URL": database_url, "TEMPORAL_ADDRESS": stack.temporal_address}
    assert said in await refusal(**{**servers, variable: value})


async def test_a_namespace_without_our_search_attributes_is_told_with_the_command(
    stack: EmbeddedStack, database_url: str
) -> None:
    """Each customer's workflow writes them: without one of them every task of everybody would fail."""
    client = await connect({"target_host": stack.temporal_address})
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace="bare", workflow_execution_retention_period=Duration(seconds=timedelta(days=1).days * 86_400)
        )
    )
    servers = {"DATABASE_URL": database_url, "TEMPORAL_ADDRESS": stack.temporal_address}
    while "not found" in (said := await refusal(**servers, TEMPORAL_NAMESPACE="bare")):
        pass
    assert "namespace bare lacks search attributes: run `temporal operator search-attribute create" in said
    assert "--name NextActionAt --type Datetime --name Journeys --type KeywordList" in said


@pytest.mark.parametrize("target", ["production", "sandbox"])
async def test_without_a_key_it_starts_on_the_embedded_stack_only(
    stack: EmbeddedStack, database_url: str, target: str
) -> None:
    """Elsewhere Temporal would keep what customers did readable; the way out is in the sentence."""
    servers = {"DATABASE_URL": database_url, "TEMPORAL_ADDRESS": stack.temporal_address}
    said = await refusal(**servers, SOJOURN_ENVIRONMENT=target)
    assert "set SOJOURN_PAYLOAD_KEYS (`starter.py payload-key` prints a key)" in said


async def test_a_key_that_is_none_is_told_and_not_shown(stack: EmbeddedStack, database_url: str) -> None:
    """Half a key is a secret, too."""
    servers = {"DATABASE_URL": database_url, "TEMPORAL_ADDRESS": stack.temporal_address}
    said = await refusal(**servers, SOJOURN_PAYLOAD_KEYS="k1:c2VjcmV0")
    assert "SOJOURN_PAYLOAD_KEYS cannot be used: the key of entry 1 has 6 bytes instead of 32" in said
    assert "c2VjcmV0" not in said


async def test_with_a_key_it_starts_anywhere(stack: EmbeddedStack, database_url: str) -> None:
    """As on a cluster; and the books know the key's mark, for commands to compare theirs with."""
    key = fresh_key(datetime.now(UTC).date())
    servers = environment(
        DATABASE_URL=database_url,
        TEMPORAL_ADDRESS=stack.temporal_address,
        SOJOURN_ENVIRONMENT="production",
        SOJOURN_PAYLOAD_KEYS=key,
    )
    async with at_work(servers):
        connection = await connect_database(database_url)
        assert await known_keys(connection) == {PayloadKeys.parse(key).known[0].mark}
        await connection.close()


async def test_a_setting_that_is_misspelled_is_told(stack: EmbeddedStack, database_url: str) -> None:
    """It would be ignored without a word, and its default used."""
    said = await refusal(DATABASE_URL=database_url, SOJOURN_LANGUAG="en")
    assert "SOJOURN_LANGUAG is not a setting of Sojourn; did you mean SOJOURN_LANGUAGE?" in said


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order_and_soon(
    stack: EmbeddedStack, database_url: str, ending: signal.Signals
) -> None:
    """With nothing under way it does not wait out the time for the longest delivery; the exit code is 0."""
    servers = environment(DATABASE_URL=database_url, TEMPORAL_ADDRESS=stack.temporal_address)
    async with at_work(servers) as process:
        asked = time.monotonic()
        process.send_signal(ending)
        assert await asyncio.wait_for(process.wait(), PATIENCE.total_seconds()) == 0
        assert time.monotonic() - asked < GRACE.total_seconds() / 2
