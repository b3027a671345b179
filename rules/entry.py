"""Who may enter a journey, and why not (journey-language.md, rules 2 and 4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from journeys.language import After
from journeys.names import ContentHash, JourneyName, Stage
from rules.definitions import Catalogue, Definition, StageTrigger, definition
from rules.effects import EntryOffered
from rules.state import CustomerState, Entries, Run
from rules.values import value


@value
class EntryDecided:
    """A decision with its record: entered when `refused` is empty."""

    journey: JourneyName
    version: int
    definition: ContentHash
    cause: str
    at: datetime
    entry: int = 0
    refused: str = ""


def decide(catalogue: Catalogue, offer: EntryOffered, state: CustomerState, *, too_old: bool) -> Iterator[EntryDecided]:
    """Decide for every journey that may start on the offer. What is older than the backfill horizon starts nothing.

    One by one: whoever iterates opens the run of each decision before the next is asked for.
    """
    for one in _candidates(catalogue, offer):
        yield _decide(one, offer, state, too_old)


def open_run(state: CustomerState, decided: EntryDecided) -> Run:
    """Put the customer into the journey they entered, ready for its first step."""
    plan = definition(decided.definition).plan
    run = Run(
        journey=decided.journey,
        entry=decided.entry,
        version=decided.version,
        definition=decided.definition,
        entered_at=decided.at,
        ends_at=decided.at + plan.ends_after,
        at=decided.at,
        step=plan.first,
    )
    state.runs.append(run)
    state.entries.setdefault(decided.journey, Entries()).count = decided.entry
    return run


def _candidates(catalogue: Catalogue, offer: EntryOffered) -> tuple[Definition, ...]:
    if offer.event is not None:
        return catalogue.starting_on_event(offer.event)
    assert offer.to_stage is not None
    return catalogue.starting_on_stage(StageTrigger(offer.from_stage, offer.to_stage))


def _decide(one: Definition, offer: EntryOffered, state: CustomerState, too_old: bool) -> EntryDecided:
    journey = one.journey
    refused = _refusal(one, offer, state, too_old)
    entry = 0 if refused else state.entries.get(journey.name, Entries()).count + 1
    return EntryDecided(journey.name, journey.version, one.hash, offer.cause, offer.at, entry, refused)


def _refusal(one: Definition, offer: EntryOffered, state: CustomerState, too_old: bool) -> str:
    """Why the customer does not enter, or nothing."""
    if one.journey.state != "live":
        return one.journey.state
    if too_old:
        return "backfill"
    if state.lifecycle.stage is Stage.CLOSED:
        return "account_closed"
    if any(run.journey == one.journey.name for run in state.runs):
        return "already_running"
    return "" if _may_reenter(one, state.entries.get(one.journey.name), offer.at) else "reentry"


def _may_reenter(one: Definition, entries: Entries | None, at: datetime) -> bool:
    if entries is None or entries.count == 0:
        return True
    match one.journey.reentry:
        case "never":
            return False
        case "always":
            return True
        case After(duration=duration):
            return entries.last_ended_at is not None and at >= entries.last_ended_at + duration
        case _:
            assert_never(one.journey.reentry)
