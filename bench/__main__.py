"""`python -m bench [NAME…] [--quick]`: measure, and print what was found."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import click
import psutil
import structlog
from rich.console import Console

from bench.ground import ground
from bench.report import Report, show
from cli.edge import run

NAMES = ("size", "runs", "sends", "latency", "memory", "events", "journeys", "rehearse", "year")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[NAME…]", type=click.Choice(NAMES))
@click.option("--quick", is_flag=True, help="Fewer rounds: to see that it works, not to quote.")
def bench(names: Sequence[str], quick: bool) -> None:
    """Measure what Sojourn costs, against the barest way to do the same.

    Without NAME everything is measured, which takes about forty minutes.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console(width=None if os.isatty(1) else 140)
    console.print(_machine(quick), style="dim", highlight=False)
    for name in names or NAMES:
        show(console, asyncio.run(_measure(name, quick, console)))


async def _measure(name: str, quick: bool, console: Console) -> Report:
    """Each on servers of its own: what one leaves behind would weigh on the next."""
    measured = importlib.import_module(f"bench.{name}")
    with console.status(name) as status:
        async with ground(quick=quick, show=lambda text: status.update(f"{name}: {text}")) as ready:
            report: Report = await measured.run(ready)
            return report


def _machine(quick: bool) -> str:
    load = os.getloadavg()[0]
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {platform.system()}"
        f" {platform.machine()}, {os.cpu_count()} processors, {memory:.0f} GiB, load before: {load:.1f}"
        f"{', quick: not to be quoted' if quick else ''}"
    )


if __name__ == "__main__":
    run(bench)
