"""What the sandbox does not catch, caught by reading the code (architecture.md, house rules for workflow code)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_REPLAYED = {"paper.py": "the paper world", "customer_id.py": "asked by activities and commands only"}
REPLAYED = sorted(
    file for room in ("workflows", "rules") for file in (ROOT / room).glob("*.py") if file.name not in NOT_REPLAYED
)
FORBIDDEN_CALLS = {"hash", "now", "utcnow", "today", "uuid4", "random", "as_completed", "set", "frozenset"}
ALLOWED = {
    "workflow.now": "for SteadyTime, after an answer, and for the length of a timer: never to decide by",
    # Membership only: these sets are asked whether something is in them, never iterated.
    "plan.py: frozenset": "exits_on and waits_for",
    "statements.py: frozenset": "STATING",
    "statements.py: set": "put in order at once",
}


def _calls(file: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


@pytest.mark.parametrize("file", REPLAYED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_replayed_code_asks_neither_clock_nor_chance_nor_hash_order(file: Path) -> None:
    """Wall clock, randomness, `hash` and sets have no place in what Temporal replays."""
    found = [
        f"{name} in line {line}"
        for name, line in _calls(file)
        if name.split(".")[-1] in FORBIDDEN_CALLS and name not in ALLOWED and f"{file.name}: {name}" not in ALLOWED
    ]
    assert found == []


@pytest.mark.parametrize("file", REPLAYED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_replayed_code_iterates_no_set(file: Path) -> None:
    """The order of a set differs between processes: iterate a tuple, a list or a dict."""
    loops = [
        node
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Set | ast.SetComp)
    ]
    assert loops == []
