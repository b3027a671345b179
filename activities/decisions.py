"""Decision records, read back to be judged again: what a customer's books say, and whether it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

import asyncpg
from pydantic import TypeAdapter, ValidationError

from activities.database import Connection
from activities.rendering import fill
from errors import TemplateError
from journeys.names import Channel, ContentHash, CustomerId, Language
from journeys.templates import Template
from rules.gates import Touch
from rules.verification import Decision, disagreements

_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)

_MAY_HAVE_LEFT = ("claimed", "in_doubt", "sent")

_Texts = Mapping[ContentHash, Template | None]
"""By their hash; none for one that cannot be read."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A touch that was decided, or a hold, judged again: it holds if `disagreements` is empty.

    `unreadable` says why it could not be judged again; then nothing is known of it.
    """

    kind: Literal["touch", "hold"]
    planned_at: datetime
    key: str
    outcome: str
    disagreements: list[str]
    unreadable: str = ""


async def verify_decisions(connection: Connection, customer_id: CustomerId) -> list[Verified]:
    """Judge every touch and every hold of a customer again, on nothing but what its record holds.

    They are all of one moment, each kind by the time for which the touch was planned.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        texts = await _read_texts(connection, customer_id)
        touches = await _read_touches(connection, customer_id)
        holds = await _read_holds(connection, customer_id)
    return [
        *(_again(row, "touch", row["outcome"], texts) for row in touches),
        *(_again(row, "hold", f"held for {row['reason']} on {row['channel']}") for row in holds),
    ]


async def _read_texts(connection: Connection, customer_id: CustomerId) -> _Texts:
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


async def _read_touches(connection: Connection, customer_id: CustomerId) -> list[asyncpg.Record]:
    return await connection.fetch(
        """
        SELECT concat_ws('/', customer_id, journey, entry, step, occurrence) AS key, journey, planned_at, judged_at,
               outcome, reason, template, content_hash, message_class, channel, language, plain, variables, text_hash,
               product, approval, critical, planned, facts, verdicts, NULL::timestamptz AS held_until
        FROM touch WHERE customer_id = $1 ORDER BY planned_at, touch_id
        """,
        customer_id,
    )


async def _read_holds(connection: Connection, customer_id: CustomerId) -> list[asyncpg.Record]:
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


def _again(row: asyncpg.Record, kind: Literal["touch", "hold"], outcome: str, texts: _Texts | None = None) -> Verified:
    """A hold has no words of its own, so none are looked at without `texts`."""
    verified = partial(Verified, kind, row["planned_at"], row["key"], outcome)
    try:
        decision = _decision(row)
    except ValidationError as error:
        return verified([], _not_whole(error))
    words = [] if texts is None else _other_text(row, decision.touch, texts.get(row["content_hash"]))
    return verified([*_other_columns(row, decision), *words, *disagreements(decision)])


def _decision(row: asyncpg.Record) -> Decision:
    names = ("key", "outcome", "reason", "facts", "verdicts", "held_until")
    return _DECISION.validate_python({"touch": row["planned"], **{name: row[name] for name in names}})


def _not_whole(error: ValidationError) -> str:
    places = sorted({".".join(map(str, one["loc"])) for one in error.errors(include_input=False)})
    return f"the record is not whole, it cannot be judged again: {', '.join(places)}"


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
