"""A claimed touch is judged again before a provider is asked once more (gates.md, "Claim, deliver, settle")."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rules.gates import Facts, Judgement, Touch, judge


@dataclass(frozen=True, slots=True)
class JudgedAgain:
    """What the gates said of a claimed touch, and the facts that they went by.

    `untaken`: certainly no provider has it, so that all gates were asked; else only those that people can close.
    """

    untaken: bool
    facts: Facts
    judgement: Judgement


def judge_again(touch: Touch, facts: Facts, key: str, *, untaken: bool) -> JudgedAgain:
    """Judge a claimed touch as of now.

    Of one that a provider may have nothing counts but that somebody has stopped it; whatever else has changed since
    says nothing about a message that the customer may have already.
    """
    if untaken:
        return JudgedAgain(untaken, facts, judge(touch, facts, key))
    stops = _that_people_close(facts)
    return JudgedAgain(untaken, stops, judge(_on_its_channel(touch), stops, key))


def _on_its_channel(touch: Touch) -> Touch:
    channel = touch.channels[touch.in_turn]
    return replace(touch, channels=(channel,), in_turn=0, product=None, approved_until=None)


def _that_people_close(facts: Facts) -> Facts:
    return Facts(
        facts.judged_at,
        paused=facts.paused and not facts.run_over,
        suppressed=facts.suppressed,
        recalled=facts.recalled,
        opted_out=facts.opted_out,
        consents=facts.consents,
        also_carries=facts.also_carries,
        brakes=facts.brakes,
    )
