"""`starter.py up`: PostgreSQL, Temporal with its UI, a worker and the web application, kept running on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from inspect import cleandoc
from pathlib import Path

import click

from activities.database import connect
from activities.known_keys import NO_KEY, known_keys
from activities.migrations import migrate
from cli.edge import run_async
from embedded import EmbeddedStack, Program, keep_running
from settings import load_settings

ROOT = Path(__file__).parent.parent
_KEY_ID = "embedded"


@click.command()
def up() -> None:
    """Run PostgreSQL, Temporal with its UI, a worker and the web application until Ctrl-C.

    Everything is kept in .sojourn (SOJOURN_STATE names another folder) and goes on at the next start. What dies is
    started again. The other commands, run in the same folder, find it by themselves. With SOJOURN_PAYLOAD_KEYS what
    Temporal keeps is encrypted; its UI shows it in the clear all the same.
    """
    settings = load_settings()
    forget_other_servers()
    codec = bool(settings.payload_keys)
    run_async(keep_running(settings.state_folder, programs_for, _report, ready=_announce, codec=codec))


def forget_other_servers() -> None:
    """A person's settings for a Temporal elsewhere must not turn the worker of this stack to it."""
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        del os.environ[name]


async def programs_for(stack: EmbeddedStack) -> Sequence[Program]:
    """Bring the schema up to date; what is to run beside the servers."""
    for name in await migrate(stack.database_url):
        _report(f"applied {name}")
    await _report_missing_keys(stack)
    stack.folder.choose_ports(["web"], usual=True)
    environment = _environment(stack)
    port = str(stack.folder.memory.ports["web"])
    return [
        Program("web", [sys.executable, "-m", "web"], {**environment, "SOJOURN_WEB_PORT": port}),
        Program("worker", [sys.executable, str(ROOT / "worker.py")], environment),
    ]


async def _report_missing_keys(stack: EmbeddedStack) -> None:
    """Whoever started it with keys and now starts it without would see workflow tasks fail, and not why."""
    connection = await connect(stack.database_url)
    try:
        noted = await known_keys(connection)
    finally:
        await connection.close()
    if missing := noted - {NO_KEY} - {key.mark for key in load_settings().payload_keys.known}:
        _report(
            f"What Temporal keeps was encrypted with {', '.join(sorted(id for id, _ in missing))}, which"
            " SOJOURN_PAYLOAD_KEYS here lacks: end this, set it as it was, and start again; till then those customers"
            " stand still."
        )


def _environment(stack: EmbeddedStack) -> dict[str, str]:
    """What worker and web application are told. Their pushes go to the gateway of this stack, and to no other."""
    return {
        **stack.environment,
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "SOJOURN_INBOX_TOKEN": stack.secret("inbox"),
        "SOJOURN_PUSH_GATEWAY_URL": f"http://{web_address(stack)}/push",
        "SOJOURN_PUSH_GATEWAY_KEY_ID": _KEY_ID,
        "SOJOURN_PUSH_GATEWAY_SECRET": stack.secret("push-gateway"),
        **(_codec_environment(stack) if stack.codec else {}),
    }


def _codec_environment(stack: EmbeddedStack) -> dict[str, str]:
    """What the codec server is told; it has the keys from our own environment."""
    return {"SOJOURN_CODEC_TOKENS": f"embedded:{stack.secret('codec')}", "SOJOURN_CODEC_ORIGIN": stack.ui_url}


def web_address(stack: EmbeddedStack) -> str:
    """Host and port of the web application, once its port is chosen."""
    return f"127.0.0.1:{stack.folder.memory.ports['web']}"


def _announce(stack: EmbeddedStack) -> None:
    """Where everything is. Secrets are named, not shown: a terminal is often looked at by several."""
    web, memory = web_address(stack), stack.folder.path / "memory.json"
    python = sys.executable.removeprefix(f"{Path.cwd()}/")
    database = stack.database_url.rpartition("@")[2]
    said = f"""
        Customers     {stack.ui_url}  (Temporal's UI)
        Pushes        http://{web}/pushes  (what the local gateway got)
        Receipts      http://{web}/receipts/app_push  (key id {_KEY_ID}, secret: secrets.push-gateway in {memory})
        Inbox         http://{web}/customers/ID/inbox  (bearer token: secrets.inbox in {memory})
        Temporal      {stack.temporal_address}, HTTP API {stack.http_url}
        Database      postgresql://sojourn@{database}  (password: secrets.postgres in {memory})

        In another terminal, in this folder:
            {python} {sys.argv[0]} event C-1001 app_registered
            {python} {sys.argv[0]} why C-1001
        In another folder, first:
            export SOJOURN_STATE={stack.folder.path}
        Ctrl-C ends it; everything is kept.
        """
    click.echo(f"\n{cleandoc(said)}\n")
    if stack.codec:
        _report("What Temporal keeps is encrypted: set the same SOJOURN_PAYLOAD_KEYS in the other terminal, too.")
    if os.environ.get("DATABASE_URL"):
        _report("DATABASE_URL is set here: commands in a terminal where it is set do not use this stack.")


def _report(line: str) -> None:
    click.echo(line, err=True)
