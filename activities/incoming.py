"""Deliveries as they come in from the bus: what fits the contract, and what is wrong with the rest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from activities.contracts import RECORD_EVENT, Delivery
from activities.json_text import DEEPEST, TooDeep, no_number, read_json
from activities.problems import problems_of
from journeys.events import EVENTS, TIME
from journeys.names import EventId

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
CONTENT_KEPT = 8_192
TOO_DEEP = f"the argument is nested too deep: send at most {DEEPEST} levels of objects and lists"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Envelope(BaseModel):
    """The one argument of the signal `record_event`; further fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: Annotated[
        str,
        Field(
            pattern=r"^[\x21-\x7e]{1,128}$",
            strict=True,
            description="The sender's own id of this event: the same id twice counts once",
        ),
    ]
    name: Annotated[str, Field(strict=True, description="What happened")]
    occurred_at: Annotated[
        AwareDatetime,
        Field(description="When it happened: ISO 8601 with the offset; 1990 at the earliest, now at the latest"),
    ]
    data: Annotated[
        dict[str, Any], Field(default_factory=dict, description="What the event says; further fields are kept")
    ]


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event that fits the contract. `data` is kept as it was sent."""

    event_id: EventId
    name: str
    at: datetime
    data: dict[str, Any]
    held_until: datetime | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A delivery that does not fit, with the reason; `digest` names the content."""

    reason: str
    content: str
    digest: str


def read(delivery: Delivery, is_ahead: Callable[[datetime], bool]) -> Incoming | Rejected:
    """Read one delivery. `is_ahead` says of a time that it lies too far in the future."""
    try:
        return _read(delivery, is_ahead)
    except _Unfit as unfit:
        return unfit_delivery(delivery, str(unfit))


def unfit_delivery(delivery: Delivery, reason: str) -> Rejected:
    """A delivery that does not fit, for quarantine: the same content has the same digest, whatever the reason."""
    content = _content(delivery)
    return Rejected(reason, content[:CONTENT_KEPT], hashlib.sha256(content.encode()).hexdigest())


def nameless(delivery: Delivery, reason: str) -> Rejected:
    """A delivery to an id that is no customer's: what was in it is not kept, it may name the person as the id does."""
    return Rejected(reason, f"{len(delivery.arguments)} argument(s), not kept", unfit_delivery(delivery, reason).digest)


def conflicting(event: Incoming) -> Rejected:
    """An event whose id was seen before with different content, for quarantine."""
    content = f"{event.name} at {event.at.isoformat()}"
    whole = f"{event.event_id} {content} {sorted(event.data.items())!r}"
    return Rejected(
        f"event id {event.event_id!r} was seen before with different content: send a new event under a new id",
        content,
        hashlib.sha256(whole.encode(errors="backslashreplace")).hexdigest(),
    )


class _Unfit(Exception):
    """Why a delivery does not fit."""


def _read(delivery: Delivery, is_ahead: Callable[[datetime], bool]) -> Incoming:
    if delivery.signal != RECORD_EVENT:
        raise _Unfit(f"unknown signal {delivery.signal[:64]!r}: send {RECORD_EVENT!r}")
    envelope = _envelope(_only_argument(delivery))
    if (event := EVENTS.get(envelope.name)) is None:
        raise _Unfit(f"unknown event name {envelope.name[:64]!r}: see docs/events/ for the names")
    if not envelope.occurred_at >= EARLIEST:
        raise _Unfit("occurred_at is before 1990: send the time the event happened")
    if is_ahead(envelope.occurred_at):
        raise _Unfit("occurred_at is in the future: check the sender's clock and time zone")
    try:
        data = event.data.model_validate(envelope.data)
    except ValidationError as error:
        raise _Unfit(f"data does not fit {envelope.name}: {problems_of(error)}") from error
    if not _storable(envelope.data):
        raise _Unfit("data has characters that are no text (NUL, half a surrogate pair): send UTF-8 without them")
    held_until = data.held_until(envelope.occurred_at)
    return Incoming(EventId(envelope.event_id), envelope.name, envelope.occurred_at, envelope.data, held_until)


def _only_argument(delivery: Delivery) -> object:
    if len(delivery.arguments) != 1:
        raise _Unfit(f"{len(delivery.arguments)} arguments: send exactly one JSON object")
    encoding, content = delivery.arguments[0]
    if encoding != "json/plain":
        said = repr(encoding[:64]) if encoding else "not encoded"
        raise _Unfit(f"the argument is {said}: send JSON (encoding json/plain)")
    try:
        text = content.encode("latin-1").decode("utf-8")
        return read_json(text, parse_constant=no_number, parse_float=_finite)
    except TooDeep as error:
        raise _Unfit(TOO_DEEP) from error
    except ValueError as error:
        raise _Unfit("the argument is not valid JSON: check quoting and encoding (UTF-8)") from error


def _finite(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else no_number(text)


def _envelope(value: object) -> Envelope:
    if not isinstance(value, dict):
        raise _Unfit("the argument is not a JSON object: send event_id, name, occurred_at and data")
    if not isinstance(at := value.get("occurred_at"), str) or not TIME.fullmatch(at):
        raise _Unfit("occurred_at is no time with its offset: send ISO 8601, as in 2026-11-22T09:00:00+08:00")
    try:
        return Envelope.model_validate(value)
    except ValidationError as error:
        raise _Unfit(problems_of(error)) from error


def _storable(data: dict[str, Any]) -> bool:
    """Whether PostgreSQL takes it: what JSON can say and a database cannot keep must not come near a transaction."""
    try:
        content = to_json(data)
    except PydanticSerializationError:
        return False
    return b"\\u0000" not in content or not _NUL.search(content)


def _content(delivery: Delivery) -> str:
    """What came, as text that can be read, mended and sent again."""
    arguments = [{"encoding": encoding, "content": content} for encoding, content in delivery.arguments]
    if len(arguments) == 1 and delivery.arguments[0][0] == "json/plain":
        decoded = delivery.arguments[0][1].encode("latin-1").decode("utf-8", errors="replace")
        return json.dumps({"signal": delivery.signal, "argument": decoded}, ensure_ascii=False).replace("\\u0000", "")
    return json.dumps({"signal": delivery.signal, "arguments": arguments}).replace("\\u0000", "")
