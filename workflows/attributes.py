"""Search attributes: what the customer list in the Temporal UI shows and is filtered by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from rules import card
from rules.state import CustomerState

CUSTOMER_ID = SearchAttributeKey.for_keyword("CustomerId")
LIFECYCLE_STAGE = SearchAttributeKey.for_keyword("LifecycleStage")
MEMBER_TIER = SearchAttributeKey.for_keyword("MemberTier")
NEXT_ACTION_AT = SearchAttributeKey.for_datetime("NextActionAt")
JOURNEYS = SearchAttributeKey.for_keyword_list("Journeys")
JOURNEY_STEPS = SearchAttributeKey.for_keyword_list("JourneySteps")
ATTENTION = SearchAttributeKey.for_keyword_list("Attention")

SEARCH_ATTRIBUTES: tuple[SearchAttributeKey[Any], ...] = (
    CUSTOMER_ID,
    LIFECYCLE_STAGE,
    MEMBER_TIER,
    NEXT_ACTION_AT,
    JOURNEYS,
    JOURNEY_STEPS,
    ATTENTION,
)
"""All of them: one that the namespace does not have fails every task of every customer."""


ROOM = 2_000
"""Bytes of a list. The server takes 2,048, and a longer one would fail the customer's workflow for good."""

MORE = "…"


class Attributes:
    """What was last shown, so that only changes are written: each upsert is a history event."""

    def __init__(self) -> None:
        self._shown: dict[str, Any] = {}

    def show(self, state: CustomerState, next_action_at: datetime | None) -> None:
        """Upsert what changed, in one call."""
        wanted: list[tuple[SearchAttributeKey[Any], Any]] = [
            (CUSTOMER_ID, state.customer_id),
            (LIFECYCLE_STAGE, str(state.lifecycle.stage) if state.lifecycle.stage else None),
            (MEMBER_TIER, "registered"),
            (NEXT_ACTION_AT, next_action_at),
            (JOURNEYS, fitting(run.journey for run in state.runs)),
            (JOURNEY_STEPS, fitting(f"{run.journey}:{run.step}" for run in state.runs)),
            (ATTENTION, fitting(card.attention(state))),
        ]
        changed = [(key, value) for key, value in wanted if self._shown.get(key.name) != value]
        if changed:
            self._shown.update({key.name: value for key, value in changed})
            workflow.upsert_search_attributes([_update(key, value) for key, value in changed])


def fitting(names: Iterable[str]) -> list[str]:
    """Each name once, in order, as many as the server takes; then '…' for the rest."""
    kept, room = list[str](), ROOM
    for name in dict.fromkeys(names):
        room -= len(name.encode()) + len('"",')
        if room < 0:
            return [*kept, MORE]
        kept.append(name)
    return kept


def _update(key: SearchAttributeKey[Any], value: Any) -> SearchAttributeUpdate[Any]:
    return key.value_unset() if value in (None, []) else key.value_set(value)
