"""Editing never breaks replay (architecture.md): the corpus is replayed as it stands, edited, and broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from embedded import EmbeddedStack
from journeys.words import AnyStep, all_steps
from tests.corpus_journeys import stored
from tests.live import live
from tests.replay import CORPUS

ROOT = Path(__file__).parents[2]
ROOMS = ("journeys", "rules", "activities", "workflows", "tests")
LEFT_OUT = shutil.ignore_patterns("node_modules", "*-pytest-*", "*.pyc.*")
"""What a replay does not need; the last are compiled at this moment by the process of another test."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code that a replay runs, compiled as far as it was, to be edited."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=LEFT_OUT)
    for module in ROOT.glob("*.py"):
        shutil.copy(module, tmp_path)
    return tmp_path


def replay(folder: Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Replay the corpus with the code in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "tests.replay"],
        cwd=folder,
        env={**os.environ, **(environment or {}), "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def edit(file: Path, old: str, new: str) -> None:
    """Change one place in a file, which has to be there."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_history_of_the_corpus_replays_under_any_hash_seed() -> None:
    """The order of hashes has no say: each replay here has another, and this one the same in every run."""
    done = replay(ROOT, {"PYTHONHASHSEED": "4711"})
    assert done.returncode == 0, done.stderr
    assert f"{len(list(CORPUS.glob('*.json')))} histories, 0 broken" in done.stdout


def test_a_journey_added_a_stage_number_changed_and_a_template_edited_break_nothing(copy: Path) -> None:
    """Runs keep their published definition; policy numbers and catalogue answers come from the history."""
    edit(copy / "journeys" / "lifecycle.py", "maturity_at: Annotated[int, Field(ge=2)] = 4", "maturity_at: int = 2")
    edit(
        copy / "journeys" / "lifecycle.py",
        "decline_after: timedelta = timedelta(days=90)",
        "decline_after: timedelta = timedelta(days=9)",
    )
    edit(copy / "journeys" / "templates" / "welcome.toml", 'title = "', 'title = "!')
    edit(copy / "journeys" / "onboarding_guidance.py", "version=2", "version=3")
    edit(copy / "journeys" / "onboarding_guidance.py", "within=days(3)", "within=days(1)")
    shutil.copy(copy / "journeys" / "win_back.py", copy / "journeys" / "second_win_back.py")
    edit(copy / "journeys" / "second_win_back.py", 'name="win-back"', 'name="second-win-back"')
    edit(
        copy / "journeys" / "second_win_back.py", "stage_entered(Stage.CHURNED, from_=Stage.DECLINE)", "trade_executed"
    )
    edit(copy / "journeys" / "second_win_back.py", "goal=goal(trade_executed, within=days(60)),", "")
    edit(
        copy / "journeys" / "catalogue.py",
        "from journeys.win_back",
        "from journeys.second_win_back import win_back as second\nfrom journeys.win_back",
    )
    edit(copy / "journeys" / "catalogue.py", "win_back)", "win_back, second)")
    done = replay(copy)
    assert done.returncode == 0, done.stderr


def test_a_language_that_has_learned_something_reads_what_was_published_before(copy: Path) -> None:
    """A new attribute with a default changes no hash: whoever is in a journey stays in it."""
    edit(
        copy / "journeys" / "words.py",
        "    key: str | None = None",
        "    key: str | None = None\n    owner: str | None = None",
    )
    edit(
        copy / "journeys" / "words.py",
        "    expires: Duration | None = None",
        '    expires: Duration | None = None\n    sound: str = "none"',
    )
    edit(
        copy / "journeys" / "templates" / "__init__.py",
        "    approval: str | None = None",
        "    approval: str | None = None\n    critical: bool = False",
    )
    done = replay(copy)
    assert done.returncode == 0, done.stderr


NUMBERS = {
    "continue_after: int = 500": "continue_after: int = 1",
    "at_once: int = 200": "at_once: int = 1",
    "grace: timedelta = timedelta(seconds=2)": "grace: timedelta = timedelta(0)",
    "patience: timedelta = timedelta(seconds=10)": "patience: timedelta = timedelta(0)",
}


async def test_numbers_of_the_engine_edited_break_no_life_under_way(
    copy: Path, stack: EmbeddedStack, database_url: str
) -> None:
    """A life brings the numbers that it began with."""
    for recorded in (copy / "tests" / "histories").glob("*.json"):
        recorded.unlink()
    busy = await busy_life(stack, database_url)
    (copy / "tests" / "histories" / "busy.json").write_text(busy, encoding="utf-8")
    for old, new in NUMBERS.items():
        edit(copy / "rules" / "engine_numbers.py", old, new)
    done = replay(copy)
    assert done.returncode == 0, done.stderr
    assert "1 histories, 0 broken" in done.stdout


async def busy_life(stack: EmbeddedStack, database_url: str) -> str:
    """The history of a life in which each of the numbers has a say.

    A backlog, a touch that holds back what came after it, a deadline that is past already, a wait.
    """
    async with live(stack, database_url, working=False) as world:
        amy = world.customer("amy")
        now = datetime.now(UTC)
        for name, hours in (("app_registered", 120), ("checked_in", 119), ("account_opened", 118)):
            await world.event(amy, name, now - timedelta(hours=hours))

        async def waits_for_a_deposit() -> bool:
            return [run.step for run in (await world.view(amy)).state.runs] == ["deposit_made-within-7d"]

        async with world.working():
            await world.until(waits_for_a_deposit)
            await world.event(amy, "checked_in", now)
            await world.settled(amy)
        return (await world.handle(amy).fetch_history()).to_json()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "workflows/customer.py",
            "        await self._do(life.resume(self._state))\n        while",
            "        await workflow.sleep(1)\n        while",
        ),
        ("workflows/sends.py", '            "send_message",', '            "send_the_message",'),
        (
            "rules/walk.py",
            "            _wait_until(run, run.at + step.duration)",
            "            go_on(run, planned.after, run.at, '')",
        ),
    ],
    ids=["a timer in the loop", "an activity renamed", "a word that means something else"],
)
def test_a_deliberate_change_of_the_engine_is_found(copy: Path, file: str, old: str, new: str) -> None:
    """The check can fail: what is not deterministic any more turns it red."""
    edit(copy / file, old, new)
    done = replay(copy)
    assert done.returncode == 1
    assert "broken" in done.stdout


def test_the_corpus_has_every_word() -> None:
    """A word that is added is lived and recorded, too."""
    kinds = {step.kind for value in stored() for step in all_steps(value.journey.steps)}
    words = {name for word in get_args(AnyStep) for name in get_args(word.model_fields["kind"].annotation)}
    assert kinds == words
