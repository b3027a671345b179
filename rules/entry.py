"""Who may enter a journey, and why not (journey-language.md, rules 2, 4, 6 and 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, assert_never

from journeys.names import ContentHash, JourneyName, Stage
from journeys.words import After
from rules.bucketing import globally_held_out, held_out
from rules.conditions import CustomerFacts, holds, looked_at
from rules.definitions import Catalogue, Definition, StageTrigger, definition
from rules.effects import EntryOffered
from rules.state import CustomerState, Deferred, Entries, Run
from rules.values import value

ARBITRATION = "arbitration"


@dataclass(frozen=True, slots=True)
class EntryPolicy:
    """The numbers of a deployment: marketing runs at once, how long a refused one is offered again, who is held out."""

    marketing_runs: int = 2
    offered_again_for: timedelta = timedelta(days=7)
    global_holdout: int = 0


DEFAULTS = EntryPolicy()


@value
class EntryDecided:
    """A decision with its record: entered when `refused` is empty, then perhaps in place of the run `displaces`.

    `inputs` is what the entry condition looked at.
    """

    journey: JourneyName
    version: int
    definition: ContentHash
    cause: str
    at: datetime
    entry: int = 0
    refused: str = ""
    key: str = ""
    control: bool = False
    displaces: tuple[JourneyName, int] | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    offer_again_until: datetime | None = None
    caused_by: int | None = None


def candidates(catalogue: Catalogue, offer: EntryOffered) -> tuple[Definition, ...]:
    """The journeys that may start on an offer, the one with the highest priority first.

    Decide one by one, and open the run of each decision before the next: two must not take the same slot.
    """
    if offer.journey is not None:
        return catalogue.named(offer.journey)
    if offer.event is not None:
        return catalogue.starting_on_event(offer.event)
    assert offer.to_stage is not None
    return catalogue.starting_on_stage(StageTrigger(offer.from_stage, offer.to_stage))


def decide(
    one: Definition,
    offer: EntryOffered,
    state: CustomerState,
    facts: CustomerFacts | None = None,
    policy: EntryPolicy = DEFAULTS,
    *,
    too_old: bool = False,
) -> EntryDecided:
    """Decide whether a customer enters; `facts` are needed only for a journey with an entry condition.

    What is older than the backfill horizon (`too_old`) starts nothing.
    """
    journey, key = one.journey, _key(one, offer)
    refused = _refusal(one, offer, state, key, too_old)
    inputs: dict[str, Any] = {}
    if journey.entry is not None and not refused:
        assert facts is not None
        refused = "" if holds(journey.entry, facts) else "condition"
        inputs = looked_at((journey.entry,), facts)
    displaced = None
    if not refused and one.plan.takes_slot:
        refused, displaced = _arbitrate(one, state, policy)
    return EntryDecided(
        journey.name,
        journey.version,
        one.hash,
        offer.cause,
        offer.at,
        0 if refused else state.times_entered(journey.name) + 1,
        refused,
        key,
        not refused and _is_control(one, state, policy),
        None if displaced is None else (displaced.journey, displaced.entry),
        inputs,
        offer.at + policy.offered_again_for if refused == ARBITRATION else None,
        offer.caused_by,
    )


def run_of(decided: EntryDecided) -> Run:
    """The run that an entry begins, ready for its first step."""
    plan = definition(decided.definition).plan
    return Run(
        journey=decided.journey,
        entry=decided.entry,
        version=decided.version,
        definition=decided.definition,
        entered_at=decided.at,
        ends_at=decided.at + plan.ends_after,
        at=decided.at,
        step=plan.first,
        key=decided.key,
        caused_by=decided.caused_by,
        control=decided.control,
    )


def open_run(state: CustomerState, decided: EntryDecided) -> Run:
    """Put the customer into the journey they entered."""
    run = run_of(decided)
    state.runs.append(run)
    entries = state.entries_of(decided.journey)
    entries.count = decided.entry
    if decided.key:
        kept = [(key, ended) for key, ended in entries.keys.items() if key != decided.key]
        entries.keys = dict([*kept, (decided.key, None)][-state.going_by.keys_kept :])
    return run


def note_refusal(state: CustomerState, decided: EntryDecided) -> None:
    """Remember who was refused for want of a slot; who is refused a second time for another reason is forgotten."""
    name = (decided.journey, decided.key)
    before = next((one for one in state.deferred if (one.journey, one.key) == name), None)
    offered_again = before is not None and decided.cause == before.next_cause
    if decided.refused != ARBITRATION:
        if offered_again:
            state.deferred = [one for one in state.deferred if one is not before]
        return
    if before is not None:
        before.tried += offered_again
        return
    assert decided.offer_again_until is not None
    new = Deferred(decided.journey, decided.cause, decided.key, decided.offer_again_until)
    state.deferred = [*state.deferred, new][-state.going_by.deferred_kept :]


def _key(one: Definition, offer: EntryOffered) -> str:
    if one.journey.key is None:
        return ""
    return offer.key or str(offer.data.get(one.journey.key, ""))


def _refusal(one: Definition, offer: EntryOffered, state: CustomerState, key: str, too_old: bool) -> str:
    """Why the customer does not enter, whatever the condition says; or nothing."""
    if one.journey.state != "live":
        return one.journey.state
    if too_old:
        return "backfill"
    if state.lifecycle.stage is Stage.CLOSED:
        return "account_closed"
    if one.journey.key is not None and not key:
        return "no_key"
    if any(run.journey == one.journey.name and run.key == key for run in state.runs):
        return "already_running"
    return "" if _may_reenter(one, state.entries.get(one.journey.name), key, offer.at) else "reentry"


def _may_reenter(one: Definition, entries: Entries | None, key: str, at: datetime) -> bool:
    if entries is None or entries.count == 0 or (key and key not in entries.keys):
        return True
    ended_at = entries.keys.get(key) if key else entries.last_ended_at
    match one.journey.reentry:
        case "never":
            return False
        case "always":
            return True
        case After(duration=duration):
            return ended_at is not None and at >= ended_at + duration
        case _:
            assert_never(one.journey.reentry)


def _arbitrate(one: Definition, state: CustomerState, policy: EntryPolicy) -> tuple[str, Run | None]:
    """A free slot, or that of a run with a strictly lower priority; else refused."""
    taking = [run for run in state.runs if definition(run.definition).plan.takes_slot]
    if len(taking) < policy.marketing_runs:
        return "", None
    lowest = min(taking, key=lambda run: (definition(run.definition).journey.priority, run.entered_at, run.journey))
    if definition(lowest.definition).journey.priority < one.journey.priority:
        return "", lowest
    return ARBITRATION, None


def _is_control(one: Definition, state: CustomerState, policy: EntryPolicy) -> bool:
    """Held out of this journey, or of all marketing."""
    if one.plan.takes_slot and globally_held_out(policy.global_holdout, state.customer_id):
        return True
    return held_out(one.journey.name, one.journey.holdout, state.customer_id)
