"""Rounds that alternate, and what they say: a figure is never without its spread."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Sample = TypeVar("Sample")


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, its quartiles, the least and the most."""

    median: float
    low: float
    high: float
    least: float
    most: float

    def quartiles(self, unit: str = "", digits: int = 2) -> str:
        """The middle half of the rounds and, in brackets, all of them."""
        inner = f"{self.low:,.{digits}f}–{self.high:,.{digits}f}"
        return f"{inner}{unit} ({self.least:,.{digits}f}–{self.most:,.{digits}f})"


def spread(values: Sequence[float]) -> Spread:
    """The spread of the rounds; of a single one, that one."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return Spread(median, low, high, min(values), max(values))


def ratio(ours: Sequence[float], bare: Sequence[float]) -> Spread:
    """Ours over the bare way, round by round: what slowed a whole round down slowed both."""
    return spread([one / other for one, other in zip(ours, bare, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The value that a share of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


async def alternate(
    ways: Mapping[str, Callable[[int], Awaitable[Sample]]], rounds: int, show: Callable[[str], None]
) -> dict[str, list[Sample]]:
    """Measure every way once a round; every other round the other way about, so that none is always the last."""
    samples: dict[str, list[Sample]] = {name: [] for name in ways}
    for number in range(rounds):
        names = list(ways) if number % 2 == 0 else list(ways)[::-1]
        for name in names:
            show(f"round {number + 1} of {rounds}: {name}")
            samples[name].append(await ways[name](number))
    return samples
