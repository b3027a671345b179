"""`starter.py play` and `demo`: the same file, live, with real timers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "cdnow" / "cdnow_sample.csv"
PLAY = ("play", str(EXAMPLE), "--event", "trade_executed")


def starter(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as a person would, in an environment that names no servers."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TEMPORAL_", "SOJOURN_", "DATABASE_URL"))}
    return subprocess.run(
        [sys.executable, "starter.py", *arguments],
        cwd=ROOT,
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.timeout(120)
def test_a_play_with_real_timers_agrees_with_the_rehearsal_of_the_same_file(tmp_path: Path) -> None:
    """Twenty people's eighteen months in a quarter of a minute: stages, touches, runs and points are as on paper."""
    how = ("--customers", "20", "--first-event-lead", "14d")
    played = starter(*PLAY, *how, "--speed", "40", "--exit", "--out", str(tmp_path / "play"))
    assert played.returncode == 0, played.stderr
    assert "(100.0 %) agree" in played.stdout
    rehearsed = starter("rehearse", *PLAY[1:], *how, "--out", str(tmp_path / "paper"))
    assert rehearsed.returncode == 0, rehearsed.stderr
    for table in ("touches.csv", "points.csv"):
        assert (tmp_path / "play" / table).read_text() == (tmp_path / "paper" / table).read_text()
    report = (tmp_path / "play" / "report.html").read_text(encoding="utf-8")
    assert "conversions here show the book-keeping, not an effect" in report


def test_a_play_on_servers_that_are_not_a_sandbox_is_refused() -> None:
    """It would award real points and send real messages."""
    done = starter(*PLAY, "--exit", environment={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    assert done.returncode == 2
    assert "SOJOURN_ENVIRONMENT=sandbox" in done.stderr
    assert "Traceback" not in done.stderr
