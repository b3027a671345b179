"""Every command that needs a server says in one line which it lacks and what to do, and exits with 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.edge import exit_code
from embedded import EmbeddedStack
from starter import COMMANDS, starter
from tests.cli.conftest import Ran

WHY = ("--reason", "r", "--actor", "li")
FILES = {
    "customers": "customer_id\nC-1\n",
    "facts": "customer_id,name,occurred_at\nC-1,app_opened,2026-11-02T09:00:00Z\n",
    "products": "product_id,name,risk_level,product_type,valid_from\nF-1,Fund,R4,fund,2026-01-01T00:00:00Z\n",
    "receipts": "channel,receipt_id,kind,at,key\napp_push,r-1,delivered,2026-11-02T09:00:00Z,C-1/j/1/welcome/1\n",
    "events": "customer_id,name,occurred_at\nC-1,app_opened,2026-11-02T09:00:00Z\n",
    "play": "customer_id,date\nC-1,2026-01-02\n",
}
"""`FILE` stands for it in the arguments."""

BOTH: dict[str, tuple[str, ...]] = {
    "event": ("event", "C-1", "app_opened"),
    "receipts": ("receipts", "FILE"),
    "enter": ("enter", "C-1", "win-back", *WHY),
    "enter many": ("enter", "win-back", "--where", "stage == growth", *WHY),
    "play": ("play", "FILE", "--event", "trade_executed", "--exit"),
}
DATABASE = BOTH | {
    "migrate": ("migrate",),
    "customers": ("customers", "FILE"),
    "facts": ("facts", "FILE"),
    "products": ("products", "FILE"),
    "set-customer": ("set-customer", "C-1", "--zone", "UTC", *WHY),
    "customer": ("customer", "C-1"),
    "why": ("why", "C-1"),
    "rejected": ("rejected",),
    "rejected again": ("rejected", "--send-again", "1"),
    "brake on": ("brake", "on", "--mode", "hold", *WHY),
    "brake off": ("brake", "off", *WHY),
    "brake list": ("brake", "list"),
    "recall": ("recall", "welcome", *WHY),
    "recalls": ("recalls",),
    "versions": ("versions", "win-back"),
    "migrate-runs": ("migrate-runs", "win-back", "--to", "2", *WHY),
}
TEMPORAL = BOTH | {
    "events": ("events", "FILE"),
    **{verb: (verb, "C-1", "win-back", *WHY) for verb in ("pause", "resume", "skip", "end")},
}
NEITHER = {"up", "demo", "new-journey", "check", "preview", "schemas", "publish", "payload-key", "rehearse"}

Run = Callable[..., Ran]


@pytest.fixture
def run(
    stack: EmbeddedStack,
    bare_environment: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """A command on the embedded Temporal and a database, in a folder with the file that it reads."""
    bare_environment.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    bare_environment.setenv("SOJOURN_ENVIRONMENT", "embedded")

    def run(arguments: tuple[str, ...], database_url: str) -> Ran:
        bare_environment.setenv("DATABASE_URL", database_url)
        file = tmp_path / "file.csv"
        file.write_text(FILES.get(arguments[0], ""), encoding="utf-8")
        out = ("--out", str(tmp_path / "out")) if arguments[0] == "play" else ()
        code = exit_code(starter, [str(file) if each == "FILE" else each for each in arguments] + [*out])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


def refused(ran: Ran, said: str) -> bool:
    """Whether it could not run, said so in one line, and showed no password."""
    return (ran.code, ran.err.count("\n")) == (2, 1) and said in ran.err and "hidden" not in ran.err


@pytest.mark.parametrize("arguments", DATABASE.values(), ids=DATABASE)
def test_a_database_that_is_down_is_told(run: Run, arguments: tuple[str, ...]) -> None:
    """Nobody listens there."""
    assert refused(run(arguments, "postgresql://me:hidden@127.0.0.1:1/x"), "127.0.0.1:1/x cannot be reached: start it")


@pytest.mark.parametrize("arguments", DATABASE.values(), ids=DATABASE)
def test_a_wrong_password_is_told(run: Run, database_url: str, arguments: tuple[str, ...]) -> None:
    """And not shown."""
    url = database_url.replace("sojourn:", "sojourn:hidden-")
    assert refused(run(arguments, url), "refuses this user or password: correct DATABASE_URL.")


@pytest.mark.parametrize("arguments", [each for each in DATABASE.values() if each != ("migrate",)])
def test_a_migration_that_is_missing_is_told(run: Run, empty_database_url: str, arguments: tuple[str, ...]) -> None:
    """With the command that applies it."""
    assert refused(run(arguments, empty_database_url), "run `starter.py migrate` first.")


@pytest.mark.parametrize("arguments", TEMPORAL.values(), ids=TEMPORAL)
def test_a_temporal_that_is_down_is_told(
    run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """With the variable that names it, and the way to a local one."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    assert refused(run(arguments, database_url), "Temporal does not answer at 127.0.0.1:1: set TEMPORAL_ADDRESS")


def test_every_command_is_here() -> None:
    """A command that is added says what it needs."""
    assert {name for name, *_ in (DATABASE | TEMPORAL).values()} | NEITHER == set(COMMANDS)
