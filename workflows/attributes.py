"""Search attributes: what the customer list in the Temporal UI shows and is filtered by."""

from __future__ import annotations

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
            (JOURNEYS, list(dict.fromkeys(run.journey for run in state.runs))),
            (JOURNEY_STEPS, list(dict.fromkeys(f"{run.journey}:{run.step}" for run in state.runs))),
            (ATTENTION, card.attention(state)),
        ]
        changed = [(key, value) for key, value in wanted if self._shown.get(key.name) != value]
        if changed:
            self._shown.update({key.name: value for key, value in changed})
            workflow.upsert_search_attributes([_update(key, value) for key, value in changed])


def _update(key: SearchAttributeKey[Any], value: Any) -> SearchAttributeUpdate[Any]:
    return key.value_unset() if value in (None, []) else key.value_set(value)
