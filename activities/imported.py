"""What came of a batch of rows that was written to the database."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Imported:
    """How many subjects were new and how many changed (new ones included); refused: why, by place in the batch.

    `without_date` are rows of customers that say a risk class and not when it was found.
    """

    new: int = 0
    changed: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    without_date: int = 0
