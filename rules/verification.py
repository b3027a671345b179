"""Does a decision record hold? The gates are asked again on what it was judged on (gates.md, "why")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from rules.gates import Facts, Judgement, Touch, Verdict, judge

WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it was recorded: the touch, the facts, and what the gates said of them.

    `key` names the touch (`touch_key`); what is held is spread by it.
    """

    key: str
    outcome: str
    reason: str
    touch: Touch
    facts: Facts
    verdicts: tuple[Verdict, ...]


def disagreements(record: Decision) -> list[str]:
    """What the gates say today on the same facts that the record does not say; empty if it holds."""
    judgement = judge(record.touch, record.facts, record.key)
    return [*_other_verdicts(record, judgement), *_other_outcome(record, judgement)]


def _other_verdicts(record: Decision, judgement: Judgement) -> Iterator[str]:
    for recorded, found in zip_longest(record.verdicts, judgement.verdicts):
        if recorded != found:
            yield f"recorded {_told(recorded)}, the gates say {_told(found)}"


def _other_outcome(record: Decision, judgement: Judgement) -> Iterator[str]:
    """What left or might have left was let pass; what was withheld was not, for the same reason."""
    wanted = "withhold" if record.outcome == WITHHELD else "send"
    if judgement.decision != wanted:
        yield f"recorded as {record.outcome}, the gates decide {judgement.decision}"
    elif record.outcome == WITHHELD and record.reason != judgement.reason:
        yield f"withheld for {record.reason!r}, the gates say {judgement.reason!r}"


def _told(verdict: Verdict | None) -> str:
    if verdict is None:
        return "no verdict"
    place = f" on {verdict.channel}" if verdict.channel else ""
    why = f" ({verdict.reason})" if verdict.reason else ""
    return f"{verdict.gate}{place}: {verdict.result}{why}"
