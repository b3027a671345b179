"""The time by which a life decides: the same in every replay."""

from __future__ import annotations

from datetime import datetime


class SteadyTime:
    """The latest time that is certain: of the start, of an answer from the books, of a timer that has fired.

    `workflow.now()` is not: a workflow task that was completed early, because a query came or the database took long,
    is taken together with the next one when it is replayed, and then begins later than it did.
    """

    def __init__(self, start: datetime) -> None:
        self.now = start

    def reached(self, at: datetime) -> None:
        """It is that late, or later."""
        self.now = max(self.now, at)
