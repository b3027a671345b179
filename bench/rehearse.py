"""The paper world: rows a second of a file of a million, reading and writing included, start-up and report not.

The budget is for the first two journeys there were; with every journey that is live since, a row means more work.
"""

from __future__ import annotations

import asyncio
import csv
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count, islice
from pathlib import Path

from rich.console import Console

from bench.ground import Ground
from bench.measure import spread
from bench.report import Line, Report, at_least, show

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "examples" / "cdnow" / "cdnow_sample.csv"
ROWS, QUICK_ROWS = 1_000_000, 100_000
ROUNDS = 3
BUDGET = 20_000


async def run(ground: Ground) -> Report:
    """Rehearse; the servers of the ground have nothing to do meanwhile."""
    return await measure(quick=ground.quick, tell=ground.show)


async def measure(*, quick: bool, tell: Callable[[str], None]) -> Report:
    """Make the file, and rehearse it in processes of their own."""
    rows = QUICK_ROWS if quick else ROWS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        tell(f"writing {rows:,} rows")
        write_rows(file, rows)
        ways = {"the first two journeys": ("-m", "bench.first_journeys"), "all journeys": ("starter.py",)}
        speeds: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(1 if quick else ROUNDS):
            for way, program in ways.items():
                tell(f"round {number + 1}: {way}")
                speeds[way].append(await _rehearse(program, file, Path(folder) / "out"))
    first, every = map(spread, speeds.values())
    lines = (
        at_least(
            "rows a second, the first two journeys",
            first.median,
            first.quartiles(digits=0),
            BUDGET,
            f"{first.median:,.0f}",
        ),
        Line("rows a second, all journeys", f"{every.median:,.0f}", every.quartiles(digits=0)),
    )
    return Report(f"Rehearsal of {rows:,} rows", lines, ("Every customer is onboarded; most churn and are won back.",))


def write_rows(file: Path, rows: int) -> None:
    """Real customers' purchases, again and again under other ids."""
    with SAMPLE.open(encoding="utf-8", newline="") as stream:
        header, *sample = csv.reader(stream)
    copies: Iterator[list[str]] = chain.from_iterable(
        ([f"{name}-{copy:03}", *cells] for name, *cells in sample) for copy in count()
    )
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(chain([header], islice(copies, rows)))


async def _rehearse(program: Sequence[str], file: Path, out: Path) -> float:
    """Rows a second, as the command itself says."""
    arguments = ("rehearse", file, "--event", "trade_executed", "--first-event-lead", "14d", "--out", out)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *program, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    match = re.search(r"([\d,]+) rows a second", printed.decode())
    assert match is not None, printed.decode()
    return float(match[1].replace(",", ""))


if __name__ == "__main__":
    show(Console(), asyncio.run(measure(quick="--quick" in sys.argv, tell=lambda text: None)))
