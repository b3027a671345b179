"""The hours in which no channel interrupts a customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when to when no channel interrupts, by the customer's clock; over midnight if it ends before it begins."""

    begins: time = time(21)
    ends: time = time(8)

    def hold(self, at: time) -> bool:
        """Whether a time of the day is one of them."""
        if self.begins <= self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends
