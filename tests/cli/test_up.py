"""`starter.py up` as a process: it runs everything, keeps it through kills and restarts, and is found by commands."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest

from activities.database import connect
from cli.aftermath import Aftermath, Result, send_and_follow
from cli.sending import checked
from embedded import Addresses, running_stack
from embedded.folder import USUAL_PORTS, Memory, StartedProcess, remembered
from errors import DatabaseError
from payload_keys import fresh_key
from settings import Settings
from tests.cli.conftest import Ran
from tests.loopback import TRUSTS_NOBODY
from tests.programs import started

ROOT = Path(__file__).parents[2]
PATIENCE = timedelta(seconds=40)
PROCESSES = ("postgres", "temporal", "web", "worker")


class Up:
    """`starter.py up` in a folder, started and ended as people and accidents do it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = variables
        self.output = folder / "output"
        self.output.touch()
        self.begin = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> Path:
        return self.folder / ".sojourn"

    @property
    def memory(self) -> Memory:
        return remembered(self.state)

    @property
    def addresses(self) -> Addresses:
        found = running_stack(self.state)
        assert found is not None
        return found

    def start(self) -> None:
        """Start it and wait until it says where everything is."""
        self.begin = self.output.stat().st_size
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                starter("up"),
                cwd=self.folder,
                env=bare() | self.variables,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.wait_for("Ctrl-C ends it", "worker ready")
        self.wait_for_web()

    def end(self, ending: signal.Signals) -> int:
        """Send it a signal; its exit code."""
        assert self.process is not None
        self.process.send_signal(ending)
        code = self.process.wait(PATIENCE.total_seconds())
        self.process = None
        return code

    def wait_for(self, *words: str) -> None:
        """Wait until it has said all of them."""
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while not all(each in self.said for each in words):
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def wait_for_restart(self, name: str, times: int) -> None:
        """Wait until it has started a process again, after so many times before."""
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while self.restarts(name) <= times:
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        self.wait_for_web()

    def restarts(self, name: str) -> int:
        """How often it has started a process again."""
        return self.said.count(f"{name} runs again.")

    def wait_for_web(self) -> None:
        """Wait until the web application answers: a push that meets nobody is tried again only later."""
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while True:
            with suppress(httpx.TransportError):
                httpx.get(f"{self.web}/health", trust_env=False, verify=TRUSTS_NOBODY).raise_for_status()
                return
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.memory.ports['web']}"

    @property
    def said(self) -> str:
        """What it has said since its start."""
        return self.output.read_bytes()[self.begin :].decode()

    def children(self) -> dict[str, StartedProcess]:
        """The processes that it runs, by name."""
        noted = json.loads((self.state / "children.json").read_bytes())["running"]
        return {name: StartedProcess.model_validate(each) for name, each in noted.items()}

    def alive(self) -> list[psutil.Process]:
        """Those that run."""
        return [process for child in self.children().values() if (process := child.alive())]


def starter(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "starter.py"), *arguments]


def unusual_ports() -> dict[str, int]:
    """Ports that no other stack of this machine has by habit, and that the system gives to nobody by itself."""
    with ExitStack() as held:
        return {name: free_port(held) for name in USUAL_PORTS}


def free_port(held: ExitStack) -> int:
    """A free port below those of outgoing connections, held until all are found."""
    while True:
        listener = held.enter_context(closing(socket.socket()))
        with suppress(OSError):
            listener.bind(("127.0.0.1", random.randrange(20_000, 30_000)))
            return int(listener.getsockname()[1])


def bare() -> dict[str, str]:
    """An environment that names no server, with quiet hours that are far away from now, and never at ten."""
    named = ("SOJOURN_", "TEMPORAL_", "DATABASE_URL")
    hour = (datetime.now(UTC) + timedelta(hours=8)).hour
    quiet = "00:00-01:00" if 10 < hour < 14 else "12:00-13:00"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    return {**inherited, "SOJOURN_QUIET_HOURS": quiet}


async def commanded(up: Up, *arguments: str, **variables: str) -> Ran:
    """A command in the folder of the stack, in another terminal."""
    environment = bare() | variables
    run = await started(str(ROOT / "starter.py"), *arguments, environment=environment, folder=up.folder)
    output, errors = await run.communicate()
    return Ran(await run.wait(), output.decode(), errors.decode())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One folder for all tests of this module: they are one story."""
    up = Up(tmp_path_factory.mktemp("up"))
    up.state.mkdir(mode=0o700)
    (up.state / "memory.json").write_text(Memory(ports=unusual_ports()).model_dump_json())
    yield up
    if up.process is not None:
        up.end(signal.SIGTERM)


@pytest.fixture
def up(folder: Up, bare_environment: pytest.MonkeyPatch) -> Up:
    """A stack that runs."""
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        bare_environment.delenv(name)
    if folder.process is None:
        folder.start()
    return folder


async def tell(up: Up, customer: str, name: str) -> Aftermath:
    """Send an event as the command does, in the same folder without any variable, and follow it."""
    argument = {"event_id": f"{name}-{time.time_ns()}", "name": name, "occurred_at": datetime.now(UTC).isoformat()}
    event = checked(customer, argument, timedelta(minutes=5))
    return await send_and_follow(Settings(state_folder=up.state), event, PATIENCE)


async def assert_lives(up: Up, customer: str) -> None:
    """Stage, open run and points are as they were, and the next event takes effect."""
    told = await tell(up, customer, "checked_in")
    assert told.result is Result.RECORDED
    assert (told.stage_before, told.stage, told.points) == ("introduction", "introduction", 20)
    assert [(each.journey, each.step) for each in told.waiting] == [("onboarding-guidance", "account_opened-within-3d")]


def test_it_says_where_everything_is_and_shows_no_secret(up: Up) -> None:
    """Addresses and the way for other terminals; secrets are named, not shown."""
    addresses = up.addresses
    for words in (
        addresses.ui_url,
        addresses.temporal_address,
        addresses.http_url,
        "/pushes",
        "/inbox",
        "/receipts/app_push",
    ):
        assert words in up.said
    assert f"export SOJOURN_STATE={up.state}" in up.said
    assert set(up.memory.secrets) == {"postgres", "inbox", "push-gateway"}
    assert not any(secret in up.said for secret in up.memory.secrets.values())


async def test_commands_in_the_folder_find_it_by_themselves(up: Up) -> None:
    """Without any variable set: an event, and what became of it."""
    sent = await commanded(up, "event", "C-1", "app_registered")
    assert "Stage: none → introduction" in sent.out
    card = json.loads((await commanded(up, "customer", "C-1", "--json")).out)
    assert (card["stage"], card["points"]) == ("introduction", 20)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_commands_find_it_also_where_its_own_temporal_is_named(up: Up, host: str) -> None:
    """As it has to be for the `temporal` command beside a stack with other ports. Another Temporal is another stack."""
    port = up.addresses.temporal_address.rpartition(":")[2]
    sent = await commanded(up, "event", f"C-{host}", "app_registered", TEMPORAL_ADDRESS=f"{host}:{port}")
    assert "Stage: none → introduction" in sent.out
    looked = await commanded(up, "customer", f"C-{host}", TEMPORAL_ADDRESS=f"{host}:{port}")
    assert looked.code == 0
    elsewhere = await commanded(up, "customer", f"C-{host}", TEMPORAL_ADDRESS=f"{host}:1")
    assert "TEMPORAL_ADDRESS names a Temporal elsewhere" in elsewhere.err


async def test_its_pushes_go_to_its_own_gateway_and_its_inbox_answers(up: Up) -> None:
    """The welcome is at the loopback gateway; the inbox opens with the token of the folder."""
    await tell(up, "C-2", "app_registered")
    async with httpx.AsyncClient(trust_env=False, verify=TRUSTS_NOBODY) as http:
        pushes = (await http.get(f"{up.web}/pushes")).json()["pushes"]
        token = {"Authorization": f"Bearer {up.memory.secrets['inbox']}"}
        inbox = await http.get(f"{up.web}/customers/C-2/inbox", headers=token)
    assert "C-2" in [push["customer_id"] for push in pushes]
    assert inbox.json()["messages"] == []


def test_a_second_up_in_the_folder_is_refused(up: Up) -> None:
    """Exit code 2, and a sentence that names the process that runs; the first goes on."""
    second = subprocess.run(starter("up"), cwd=up.folder, env=bare(), capture_output=True, text=True, check=False)
    assert up.process is not None
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr.startswith(f"error: A stack already runs in {up.state} (process {up.process.pid}): use it")
    assert second.stderr.count("\n") == 1
    assert len(up.alive()) == len(PROCESSES)


@pytest.mark.parametrize("name", PROCESSES)
async def test_a_killed_process_is_started_again_and_nothing_is_lost(up: Up, name: str) -> None:
    """Kill -9 of a server, the worker or the web application: the customer lives on."""
    customer = f"C-{name}"
    await tell(up, customer, "app_registered")
    times = up.restarts(name)
    os.kill(up.children()[name].pid, signal.SIGKILL)
    up.wait_for_restart(name, times)
    assert f"{name} ended (by SIGKILL); it is started again." in up.said
    await assert_lives(up, customer)
    assert not tracebacks(up)


async def test_a_killed_process_of_the_database_costs_nothing_either(up: Up) -> None:
    """PostgreSQL ends all connections, recovers, and starts what it lost; nobody is shown how our programs met that."""
    await tell(up, "C-recovers", "app_registered")
    (checkpointer,) = [
        process
        for process in psutil.Process(up.children()["postgres"].pid).children()
        if "checkpointer" in " ".join(process.cmdline())
    ]
    checkpointer.kill()
    await recovered(up)
    await assert_lives(up, "C-recovers")
    assert not tracebacks(up)


async def recovered(up: Up) -> None:
    """Wait until the database lets people in again."""
    for _ in range(200):
        with suppress(DatabaseError):
            connection = await connect(up.addresses.database_url)
            return await connection.close()
        await asyncio.sleep(0.1)
    pytest.fail("the database does not come back")


def tracebacks(up: Up) -> list[str]:
    """What people would see of one; the worker's log has them within its lines of JSON."""
    return [line for line in up.said.splitlines() if line.startswith(("Traceback", "  File "))]


async def test_it_is_ended_by_a_signal_and_goes_on_at_the_next_start(up: Up) -> None:
    """All processes end, the exit code is 0, and the next start has the addresses and the customers of the last."""
    await tell(up, "C-stop", "app_registered")
    before, running = up.addresses, up.alive()
    assert up.end(signal.SIGTERM) == 0
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in running)
    assert running_stack(up.state) is None
    up.start()
    assert up.addresses == before
    await assert_lives(up, "C-stop")


async def test_after_a_kill_of_the_supervisor_the_next_start_goes_on(up: Up) -> None:
    """Kill -9 of `up` itself: nothing runs twice, and the customers are there."""
    await tell(up, "C-kill", "app_registered")
    assert up.end(signal.SIGKILL) == -signal.SIGKILL
    up.start()
    assert len(up.alive()) == len(PROCESSES)
    await assert_lives(up, "C-kill")


async def test_with_keys_what_it_keeps_is_encrypted_and_its_ui_knows_who_decrypts(tmp_path: Path) -> None:
    """Commands with the key go on as ever; one without is told what it lacks, and so is the next start."""
    key = {"SOJOURN_PAYLOAD_KEYS": fresh_key(datetime.now(UTC).date())}
    up = Up(tmp_path, **key)
    up.state.mkdir(mode=0o700)
    (up.state / "memory.json").write_text(Memory(ports=unusual_ports()).model_dump_json())
    up.start()
    try:
        sent = await commanded(up, "event", "C-1", "app_registered", **key)
        assert "Stage: none → introduction" in sent.out
        without = await commanded(up, "event", "C-1", "app_opened")
        assert (without.code, without.err.count("\n")) == (2, 1)
        assert "add that key to SOJOURN_PAYLOAD_KEYS" in without.err
        async with httpx.AsyncClient(trust_env=False, verify=TRUSTS_NOBODY) as http:
            told = (await http.get(f"{up.addresses.ui_url}/api/v1/settings")).json()["Codec"]["Endpoint"]
            assert told == f"{up.web}/codec/as/{up.memory.secrets['codec']}"
            opened = await http.post(f"{told}/decode", json={}, headers={"X-Namespace": "default"})
        assert (opened.status_code, opened.json()) == (200, {})
        assert "the same SOJOURN_PAYLOAD_KEYS" in up.said
        assert "was encrypted with" not in up.said
        up.end(signal.SIGTERM)
        up.variables = {}
        up.start()
        assert f"was encrypted with {key['SOJOURN_PAYLOAD_KEYS'].partition(':')[0]}, which SOJOURN_PAYLOAD" in up.said
    finally:
        up.end(signal.SIGTERM)
