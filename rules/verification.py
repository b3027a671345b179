"""Does a decision record hold? The gates are asked again on what it was judged on (gates.md, "why")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Literal, assert_never

from rules import gates
from rules.gates import Facts, Judgement, Touch, Verdict, judge
from rules.judged_again import judge_again

Outcome = Literal["claimed", "in_doubt", "sent", "failed", "withheld", "held"]
"""What became of a touch, as its record says; of one that is kept back, that it is."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it was recorded: the touch, the facts, and what the gates said of them.

    `key` names the touch (`touch_key`); what is held is spread by it. `held_until` is there for what is held.
    """

    key: str
    outcome: Outcome
    reason: str
    touch: Touch
    facts: Facts
    verdicts: tuple[Verdict, ...]
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class FurtherJudgement:
    """A judgement of a claimed touch before a provider was asked once more, as it was recorded (`JudgedAgain`)."""

    key: str
    untaken: bool
    decision: gates.Decision
    reason: str
    touch: Touch
    facts: Facts
    verdicts: tuple[Verdict, ...]
    held_until: datetime | None = None


def disagreements(record: Decision) -> list[str]:
    """What the gates say today on the same facts that the record does not say; empty if it holds."""
    judgement = judge(record.touch, record.facts, record.key)
    return [*_other_verdicts(record, judgement), *_other_decision(record, judgement), *_other_reason(record, judgement)]


def disagreements_again(record: FurtherJudgement) -> list[str]:
    """The same of a further judgement."""
    again = judge_again(record.touch, record.facts, record.key, untaken=record.untaken)
    judgement = again.judgement
    problems = list(_other_verdicts(record, judgement))
    if again.facts != record.facts:
        problems.append("it holds facts that nobody looks at once a provider may have the touch")
    if (record.decision, record.reason) != (judgement.decision, judgement.reason):
        found = _decided_for(judgement.decision, judgement.reason)
        problems.append(f"recorded {_decided_for(record.decision, record.reason)}, the gates decide {found}")
    if record.held_until != judgement.hold_until:
        problems.append("held until another time than the gates say")
    return problems


def _decided_for(decision: gates.Decision, reason: str) -> str:
    return f"{decision} for {reason!r}" if reason else decision


def _other_verdicts(record: Decision | FurtherJudgement, judgement: Judgement) -> Iterator[str]:
    for recorded, found in zip_longest(record.verdicts, judgement.verdicts):
        if recorded != found:
            yield f"recorded {_told(recorded)}, the gates say {_told(found)}"


def _other_decision(record: Decision, judgement: Judgement) -> Iterator[str]:
    """What left or might have left was let pass; what was withheld or held was not."""
    if judgement.decision != _decided(record.outcome):
        yield f"recorded as {record.outcome}, the gates decide {judgement.decision}"


def _decided(outcome: Outcome) -> gates.Decision:
    match outcome:
        case "withheld":
            return "withhold"
        case "held":
            return "hold"
        case "claimed" | "in_doubt" | "sent" | "failed":
            return "send"
        case _:
            assert_never(outcome)


def _other_reason(record: Decision, judgement: Judgement) -> Iterator[str]:
    """What was kept from the customer was so for the reason of the gates; what was handed over has its own."""
    match record.outcome:
        case "withheld" | "held":
            if record.reason != judgement.reason:
                yield f"{record.outcome} for {record.reason!r}, the gates say {judgement.reason!r}"
            if record.held_until != (judgement.hold_until if record.outcome == "held" else None):
                yield "held until another time than the gates say"
        case "claimed" | "sent":
            if record.reason:
                yield f"recorded as {record.outcome} with a reason, {record.reason!r}"
        case "in_doubt" | "failed":
            if not record.reason:
                yield f"recorded as {record.outcome} without a reason"
        case _:
            assert_never(record.outcome)


def _told(verdict: Verdict | None) -> str:
    if verdict is None:
        return "no verdict"
    place = f" on {verdict.channel}" if verdict.channel else ""
    why = f" ({verdict.reason})" if verdict.reason else ""
    return f"{verdict.gate}{place}: {verdict.result}{why}"
