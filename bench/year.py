"""The forecast of a year: minutes for 100,000 customers, on two processes, start-up, tables and report included."""

from __future__ import annotations

import asyncio
import csv
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from rich.console import Console

from bench.ground import Ground
from bench.measure import spread
from bench.report import Line, Report, show

ROOT = Path(__file__).parents[1]
CUSTOMERS, QUICK_CUSTOMERS = 100_000, 10_000
ROUNDS = 3
PROCESSES = 2
BUDGET = timedelta(minutes=5)

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
REGISTERING, YEAR = timedelta(days=30), timedelta(days=365)
COLUMNS = ("customer_id", "name", "occurred_at", "amount", "product", "term_days", "stream", "seconds", "feature")

ONBOARDING = (("account_opened", 0.6, 5), ("questionnaire_completed", 0.7, 2), ("deposit_made", 0.8, 7))
"""What follows on the registration, each on the one before: with what probability, and within how many days."""

HABITS = {
    "trade_executed": 3,
    "app_opened": 2,
    "checked_in": 2,
    "live_stream_watched": 1,
    "feature_used": 1,
    "wealth_product_purchased": 1,
}
"""What customers do, and how often in relation to each other."""

Event = tuple[datetime, str, dict[str, object]]


async def run(ground: Ground) -> Report:
    """Rehearse; the servers of the ground have nothing to do meanwhile."""
    return await measure(quick=ground.quick, tell=ground.show)


async def measure(*, quick: bool, tell: Callable[[str], None]) -> Report:
    """Make the file, and rehearse it in processes of their own."""
    customers = QUICK_CUSTOMERS if quick else CUSTOMERS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "year.csv"
        tell(f"writing the year of {customers:,} customers")
        rows = write_year(file, customers)
        took = []
        for number in range(1 if quick else ROUNDS):
            tell(f"round {number + 1}")
            took.append(await _rehearse(file, Path(folder) / "out"))
    found = spread([seconds / 60 for seconds in took])
    kept = found.median <= BUDGET / timedelta(minutes=1)
    what = f"minutes for a year of {customers:,} customers"
    line = Line(what, f"{found.median:.1f}", found.quartiles(digits=1), f"≤ {BUDGET / timedelta(minutes=1):g}", kept)
    return Report(f"Forecast of a year, {rows:,} events", [line], (f"On {PROCESSES} processes, with --out.",))


def write_year(file: Path, customers: int) -> int:
    """Made-up lives, the same in every run, in the order of the time; answers how many rows there are."""
    chance = random.Random(1)
    rows = [
        {"customer_id": f"Y-{number:06}", "name": name, "occurred_at": at.isoformat(), **data}
        for number in range(customers)
        for at, name, data in _life(chance)
    ]
    rows.sort(key=lambda row: str(row["occurred_at"]))
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def _life(chance: random.Random) -> Iterator[Event]:
    """A registration, some way into the onboarding, and about eight more events within a year."""
    at = registered = BEGIN + _within(REGISTERING, chance)
    yield at, "app_registered", {}
    for name, probability, days in ONBOARDING:
        if chance.random() > probability:
            break
        at += _within(timedelta(days=days), chance)
        yield at, name, {"amount": "10000.00"} if name == "deposit_made" else {}
    for name in chance.choices(list(HABITS), list(HABITS.values()), k=chance.randint(2, 14)):
        yield registered + _within(YEAR, chance), name, _data(name, chance)


def _within(time: timedelta, chance: random.Random) -> timedelta:
    return timedelta(seconds=chance.randrange(int(time.total_seconds())))


def _data(name: str, chance: random.Random) -> dict[str, object]:
    match name:
        case "trade_executed":
            return {"amount": f"{chance.randrange(100, 90_000)}.00"}
        case "wealth_product_purchased":
            return {"product": "WP-1", "term_days": chance.choice((30, 90, 180))}
        case "live_stream_watched":
            return {"stream": "S-1", "seconds": chance.randrange(3_600)}
        case "feature_used":
            return {"feature": "radar"}
        case _:
            return {}


async def _rehearse(file: Path, out: Path) -> float:
    """Seconds from the call to the end of the command."""
    started = perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(ROOT / "starter.py", "rehearse", file, "--until", "2026-01-31", "--out", out),
        *("--processes", str(PROCESSES)),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    return perf_counter() - started


if __name__ == "__main__":
    show(Console(), asyncio.run(measure(quick="--quick" in sys.argv, tell=lambda text: None)))
