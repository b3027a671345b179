"""Decision records, read back to be judged again: what a customer's books say, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from pydantic import TypeAdapter, ValidationError

from activities.database import Connection
from activities.rendering import fill
from errors import TemplateError
from journeys.names import Channel, ContentHash, CustomerId, Language
from journeys.templates import Template
from rules.gates import Facts, Touch, Verdict
from rules.verification import Decision, disagreements

_TOUCH: TypeAdapter[Touch] = TypeAdapter(Touch)
_FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)
_VERDICTS: TypeAdapter[tuple[Verdict, ...]] = TypeAdapter(tuple[Verdict, ...])

_MAY_HAVE_LEFT = ("claimed", "in_doubt", "sent")

_Texts = dict[ContentHash, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Verified:
    """A record that was judged again; it holds if `disagreements` is empty."""

    planned_at: datetime
    key: str
    outcome: str
    disagreements: list[str]


async def verify_decisions(connection: Connection, customer_id: CustomerId) -> list[Verified]:
    """Judge every touch of a customer again, on nothing but what its record holds; by the time it was planned."""
    rows = await connection.fetch(
        """
        SELECT concat_ws('/', customer_id, journey, entry, step, occurrence) AS key, journey, planned_at, judged_at,
               outcome, reason, template, content_hash, message_class, channel, product, approval, critical,
               planned, facts, verdicts, language, plain, variables, text_hash
        FROM touch WHERE customer_id = $1 ORDER BY planned_at, touch_id
        """,
        customer_id,
    )
    texts = await read_texts(connection, customer_id)
    return [Verified(row["planned_at"], row["key"], row["outcome"], _judged_again(row, texts)) for row in rows]


async def read_texts(connection: Connection, customer_id: CustomerId) -> _Texts:
    """The content of every text of a customer's touches, by its hash."""
    rows = await connection.fetch(
        """
        SELECT content_hash, content FROM template_content
        WHERE content_hash IN (SELECT content_hash FROM touch WHERE customer_id = $1)
        """,
        customer_id,
    )
    return {ContentHash(row["content_hash"]): row["content"] for row in rows}


def _judged_again(row: asyncpg.Record, texts: _Texts) -> list[str]:
    try:
        decision = Decision(
            row["key"],
            row["outcome"],
            row["reason"],
            _TOUCH.validate_python(row["planned"]),
            _FACTS.validate_python(row["facts"]),
            _VERDICTS.validate_python(row["verdicts"]),
        )
    except ValidationError as error:
        places = sorted({".".join(map(str, one["loc"])) for one in error.errors(include_input=False)})
        return [f"the record is not whole, it cannot be judged again: {', '.join(places)}"]
    return [*_other_columns(row, decision), *_other_text(row, decision.touch, texts), *disagreements(decision)]


def _other_columns(row: asyncpg.Record, decision: Decision) -> list[str]:
    """What stands twice in a record stands there alike."""
    touch = decision.touch
    told = {
        "journey": touch.journey,
        "template": touch.template,
        "message_class": touch.message_class,
        "channel": touch.channels[touch.in_turn],
        "product": touch.product,
        "approval": touch.approval,
        "critical": touch.critical,
        "judged_at": decision.facts.judged_at,
    }
    return [f"{name} is not that of the touch as it was planned" for name, value in told.items() if row[name] != value]


def _other_text(row: asyncpg.Record, touch: Touch, texts: _Texts) -> list[str]:
    """The text has the content that its hash names, and says of itself what the gates went by."""
    try:
        template = Template.model_validate(texts[row["content_hash"]])
    except (ValidationError, TemplateError):
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
