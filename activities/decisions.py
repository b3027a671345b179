"""Decision records, read back to be judged again: what a customer's books say, and whether it holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

import asyncpg
from pydantic import TypeAdapter, ValidationError

from activities.database import AnyConnection
from activities.rendering import fill
from activities.touch_ends import other_end
from errors import TemplateError
from journeys.names import Channel, ContentHash, CustomerId, Language
from journeys.templates import Template
from rules.gates import Facts, Touch
from rules.verification import Decision, FurtherJudgement, disagreements, disagreements_again

_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)
_FURTHER: TypeAdapter[FurtherJudgement] = TypeAdapter(FurtherJudgement)

_MAY_HAVE_LEFT = ("claimed", "in_doubt", "sent")

_MADE_UP = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
"""What the gates and a text raise on a record that they cannot have come from: a channel that the touch does not have,
times without a zone, values of the wrong kind."""

_Texts = Mapping[ContentHash, Template | None]
"""By their hash; none for one that cannot be read."""

Kind = Literal["touch", "judgement", "hold"]


@dataclass(frozen=True, slots=True)
class Verified:
    """A touch that was decided, a further judgement of one, or a hold, looked at again.

    It holds if `disagreements` is empty. `unreadable` says why it could not be judged again; then nothing is
    known of it.
    """

    kind: Kind
    planned_at: datetime
    key: str
    outcome: str
    disagreements: list[str]
    unreadable: str = ""


async def verify_decisions(connection: AnyConnection, customer_id: CustomerId) -> list[Verified]:
    """Judge again whatever was judged of a customer's touches, each time, on nothing but what its record holds.

    They are all of one moment, each kind by the time for which the touch was planned.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        texts = await _read_texts(connection, customer_id)
        touches = await _read_touches(connection, customer_id)
        judgements = await _read_judgements(connection, customer_id)
        holds = await _read_holds(connection, customer_id)
    again = defaultdict(list)
    for one in judgements:
        again[one["key"]].append(one)
    return [
        *(_touch(row, texts, again[row["key"]]) for row in touches),
        *map(_judgement, judgements),
        *map(_hold, holds),
    ]


async def _read_texts(connection: AnyConnection, customer_id: CustomerId) -> _Texts:
    """Every text of a customer's touches."""
    rows = await connection.fetch(
        """
        SELECT content_hash, content FROM template_content
        WHERE content_hash IN (SELECT content_hash FROM touch WHERE customer_id = $1)
        """,
        customer_id,
    )
    return {ContentHash(row["content_hash"]): _template(row["content"]) for row in rows}


def _template(content: dict[str, Any]) -> Template | None:
    try:
        return Template.model_validate(content)
    except (ValidationError, TemplateError):
        return None


async def _read_touches(connection: AnyConnection, customer_id: CustomerId) -> list[asyncpg.Record]:
    return await connection.fetch(
        """
        SELECT concat_ws('/', customer_id, journey, entry, step, occurrence) AS key, journey, planned_at, judged_at,
               outcome, reason, template, content_hash, message_class, channel, language, plain, variables, text_hash,
               product, approval, critical, planned, facts, verdicts, NULL::timestamptz AS held_until,
               EXISTS (SELECT FROM receipt WHERE receipt.touch_id = touch.touch_id AND kind = 'bounced') AS bounced
        FROM touch WHERE customer_id = $1 ORDER BY planned_at, touch_id
        """,
        customer_id,
    )


async def _read_judgements(connection: AnyConnection, customer_id: CustomerId) -> list[asyncpg.Record]:
    """Each with the touch as it was planned."""
    return await connection.fetch(
        """
        SELECT concat_ws('/', customer_id, journey, entry, step, occurrence) AS key, planned_at, planned,
               again.judged_at, again.untaken, again.decision, again.reason, again.held_until, again.facts,
               again.verdicts
        FROM touch_judgement AS again JOIN touch USING (touch_id)
        WHERE customer_id = $1 ORDER BY planned_at, judgement_id
        """,
        customer_id,
    )


async def _read_holds(connection: AnyConnection, customer_id: CustomerId) -> list[asyncpg.Record]:
    """Each as it was when it was last looked at."""
    return await connection.fetch(
        """
        SELECT concat_ws('/', customer_id, journey, entry, step, occurrence) AS key, journey, planned_at,
               looked_at AS judged_at, 'held' AS outcome, reason, template, channel, planned, facts, verdicts,
               held_until
        FROM touch_hold WHERE customer_id = $1 ORDER BY planned_at, held_at, channel, reason
        """,
        customer_id,
    )


def _touch(row: asyncpg.Record, texts: _Texts, again: Sequence[asyncpg.Record]) -> Verified:
    """With its words and its end."""

    def found() -> Iterator[str]:
        decision = _decision(row)
        yield from _other_columns(row, decision.touch, decision.facts)
        yield from _other_text(row, decision.touch, texts.get(row["content_hash"]))
        yield from disagreements(decision)
        yield from other_end(row, again)

    return _verified("touch", row, row["outcome"], found())


def _judgement(row: asyncpg.Record) -> Verified:
    def found() -> Iterator[str]:
        names = ("key", "untaken", "decision", "reason", "facts", "verdicts", "held_until")
        further = _FURTHER.validate_python({"touch": row["planned"], **{name: row[name] for name in names}})
        yield from _other_columns(row, further.touch, further.facts)
        yield from disagreements_again(further)

    return _verified("judgement", row, f"judged again: {row['decision']}", found())


def _hold(row: asyncpg.Record) -> Verified:
    """It has no words of its own."""

    def found() -> Iterator[str]:
        decision = _decision(row)
        yield from _other_columns(row, decision.touch, decision.facts)
        yield from disagreements(decision)

    return _verified("hold", row, f"held for {row['reason']} on {row['channel']}", found())


def _decision(row: asyncpg.Record) -> Decision:
    names = ("key", "outcome", "reason", "facts", "verdicts", "held_until")
    return _DECISION.validate_python({"touch": row["planned"], **{name: row[name] for name in names}})


def _verified(kind: Kind, row: asyncpg.Record, outcome: str, found: Iterable[str]) -> Verified:
    verified = partial(Verified, kind, row["planned_at"], row["key"], outcome)
    try:
        return verified(list(found))
    except ValidationError as error:
        places = sorted({".".join(map(str, one["loc"])) for one in error.errors(include_input=False)})
        return verified([], f"the record is not whole, it cannot be judged again: {', '.join(places)}")
    except _MADE_UP as error:
        return verified(
            [], f"the gates fail on what the record holds, it cannot be judged again: {type(error).__name__}"
        )


def _other_columns(row: asyncpg.Record, touch: Touch, facts: Facts) -> list[str]:
    """What stands twice in a record stands there alike."""
    told = {
        "journey": touch.journey,
        "template": touch.template,
        "message_class": touch.message_class,
        "channel": touch.channels[touch.in_turn],
        "product": touch.product,
        "approval": touch.approval,
        "critical": touch.critical,
        "judged_at": facts.judged_at,
    }
    stored = dict(row)
    return [
        f"{name} is not that of the touch as it was planned"
        for name, value in told.items()
        if name in stored and stored[name] != value
    ]


def _other_text(row: asyncpg.Record, touch: Touch, template: Template | None) -> list[str]:
    """The text has the content that its hash names, and says of itself what the gates went by."""
    if template is None:
        return ["its text cannot be read"]
    if template.content_hash() != row["content_hash"]:
        return ["its text is not the one that its content hash names"]
    said = (template.name, template.message_class, template.approval, template.approved_until, template.critical)
    went_by = (touch.template, touch.message_class, touch.approval, touch.approved_until, touch.critical)
    problems = [] if said == went_by else ["its text says otherwise than what the gates went by"]
    return [*problems, *_other_words(row, template)]


def _other_words(row: asyncpg.Record, template: Template) -> list[str]:
    """What left has the hash of its words, and its text with the recorded values makes just those."""
    if row["text_hash"] is None:
        return ["it does not say which words left"] if row["outcome"] in _MAY_HAVE_LEFT else []
    language, channel = Language(row["language"]), Channel(row["channel"])
    try:
        words = fill(template, language, channel, row["variables"], plain=row["plain"])
    except TemplateError:
        return ["its text cannot be filled with its values"]
    same = words.content_hash() == row["text_hash"]
    return [] if same else ["the words that left are not those that its text makes of its values"]
