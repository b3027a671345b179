"""Why a touch that was handed over ended as its record says: by its channel, by a receipt, or judged again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

import asyncpg

from activities.channels import PostponedReason, RefusedReason, UnknownReason

_NOT_TAKEN = frozenset((*get_args(RefusedReason), *get_args(PostponedReason)))
_MAYBE_TAKEN = _NOT_TAKEN.union(get_args(UnknownReason))
"""What a call leaves open another one before it may have done."""


def other_end(touch: asyncpg.Record, again: Sequence[asyncpg.Record]) -> Iterator[str]:
    """What of the end of a touch nothing in the books led to.

    `again` are its further judgements, in their order. `touch` has outcome, reason and text_hash, and `bounced`:
    whether a receipt says so.
    """
    outcome, reason = touch["outcome"], touch["reason"]
    if outcome in ("failed", "in_doubt") and reason and reason not in _reasons(touch, again):
        yield f"recorded as {outcome} for {reason!r}, and nothing in the books led to that"
    for one in again:
        if _ended_it(one, outcome) and reason != one["reason"]:
            yield f"judged again as {one['decision']} for {one['reason']!r}, and recorded as {outcome} for {reason!r}"


def _reasons(touch: asyncpg.Record, again: Sequence[asyncpg.Record]) -> set[str]:
    """For what it can have failed, or be in doubt. What never left can only have a faulty text."""
    failed = touch["outcome"] == "failed"
    if failed and touch["text_hash"] is None:
        return {"template_error"}
    by_receipt = {"bounced"} if failed and touch["bounced"] else set()
    if failed and any(one["decision"] == "send" and not one["untaken"] for one in again):
        # What was asked for although a provider might have it has failed by no word of a channel (open_claims.py).
        return by_receipt
    stopped = {one["reason"] for one in again[-1:] if one["untaken"] == failed and one["decision"] != "send"}
    return stopped.union(_NOT_TAKEN if failed else _MAYBE_TAKEN, by_receipt)


def _ended_it(one: asyncpg.Record, outcome: str) -> bool:
    """Whether nothing can have come after a judgement; a doubt may have been resolved since."""
    return one["decision"] in ("withhold", "next_channel") and (one["untaken"] or outcome in ("claimed", "in_doubt"))
