"""Rows on their way into the books."""

from __future__ import annotations

from temporalio import workflow

from activities.contracts import RecordOutcomesRequest
from rules.effects import Effects, TagChanged
from rules.entry import EntryDecided
from rules.state import CustomerState
from workflows import steps
from workflows.steady import SteadyTime


class Outcomes:
    """Collects what happenings led to, and records it in one transaction when it is time."""

    def __init__(self, time: SteadyTime) -> None:
        self._time = time
        self._waiting = Effects()

    def add(self, effects: Effects) -> None:
        """Take the rows of a happening."""
        waiting = self._waiting
        waiting.stage_changes += effects.stage_changes
        waiting.offers += effects.offers
        waiting.ended += effects.ended
        waiting.awards += effects.awards
        waiting.tags += effects.tags
        waiting.arms += effects.arms
        waiting.changes += effects.changes
        waiting.obeyed += effects.obeyed

    @property
    def tags(self) -> tuple[TagChanged, ...]:
        """The changes of tags that are not in the books yet."""
        return self._waiting.tags

    async def record(self, state: CustomerState, *, always: bool = False) -> list[EntryDecided]:
        """Record what waits, if anything does; answers the decisions on the offers among it."""
        if not (self._waiting.has_rows or always):
            return []
        rows, self._waiting = self._waiting, Effects()
        request = RecordOutcomesRequest(
            state,
            rows.stage_changes,
            rows.offers,
            rows.ended,
            rows.awards,
            rows.tags,
            rows.arms,
            rows.changes,
            rows.obeyed,
        )
        recorded = await steps.record_outcomes(request)
        self._time.reached(workflow.now())
        return recorded.decisions
