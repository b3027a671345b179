"""What every word of the journey language shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from errors import JourneyError


def _with_a_unit(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError("has no unit")
    return value


Duration = Annotated[timedelta, BeforeValidator(_with_a_unit)]
"""A length of time; a bare number is none, as nobody could tell its unit."""

Number = Annotated[int, Field(strict=True)]
"""A whole number; one in quotes is a text."""

_EVENT = "an event of journeys/events.py, without quotes"
_EVENTS = "events of journeys/events.py, without quotes"
_CONDITION = "a condition, as in tag('vip') | (points >= 100)"
_LENGTH = "a length of time, as in days(3)"
_STEPS = "steps in a list, as in [send(…), wait(…)]"
_NAME = "a name, as text"

TAKES: Mapping[str, str] = {
    "approval": "the approval's number, a text of 1 to 64 characters",
    "arms": "arms, as in arm('warm', 50, [send(…)])",
    "arrives_within": _LENGTH,
    "at": "a time of the day, as in '09:30'",
    "at_least": "a whole number from 1",
    "branches": "branches, as in (tag('vip'), [send(…)])",
    "channels": "channels, as in [Channel.INBOX]",
    "condition": _CONDITION,
    "conditions": _CONDITION,
    "duration": _LENGTH,
    "ends_after": _LENGTH,
    "entry": _CONDITION,
    "event": _EVENT,
    "every": _LENGTH,
    "exits_on": _EVENTS,
    "expires": _LENGTH,
    "fact": _NAME,
    "field": _NAME,
    "from_": "a stage, as in Stage.GROWTH",
    "goal": "goal(event, within=…)",
    "holdout": "percent, a whole number from 0 to 100",
    "id": _NAME,
    "if_not_sent": _STEPS,
    "key": "the name of a field of the entry event, as text",
    "kind": _NAME,
    "name": _NAME,
    "number": "a whole number or Decimal('0.50')",
    "on": "a day, as in '2026-02-16'",
    "on_cap": "'skip' or 'hold'",
    "on_past": "'run', 'skip' or 'end'",
    "op": "a comparison",
    "or_events": _EVENTS,
    "otherwise": _STEPS,
    "outcome": "words, as text",
    "percent": "percent, a whole number from 0 to 100",
    "points": "a whole number from 1 to 1,000,000",
    "priority": "a whole number from 0 to 100",
    "product": "a product's number, as text",
    "purpose": "'service', 'education', 'marketing' or 'advice'",
    "reason": "a reason that the customer may read, as text",
    "reentry": "'never', 'always' or after(days(180))",
    "since": "'step', 'run' or 'ever'",
    "stage": "a stage, as in Stage.CHURNED",
    "starts_on": f"{_EVENTS}, or stage_entered(…)",
    "state": "'draft', 'live' or 'closed'",
    "steps": _STEPS,
    "tag": "1 to 64 characters without spaces, commas and semicolons",
    "template": "the name of a template, as text",
    "texts": "texts",
    "then": _STEPS,
    "trading_day": "True or False",
    "until": _CONDITION,
    "up_to": "a whole number from 1 to 100",
    "version": "a whole number from 1",
    "weekdays": "days, as in [Weekday.MONDAY]",
    "where": "a condition on the event's data, as in data('amount') >= 1000",
    "within": _LENGTH,
}
"""What stands behind each attribute of a word, for whoever wrote something else there."""

_SHOWN = 40
"""So many characters of what was written are told again."""


class Word(BaseModel):
    """Frozen, closed, and named in JSON by its `kind`. What does not fit is refused with a `JourneyError`.

    A field that is added later has a default, so that it changes no hash. A word that is added later has none for its
    `kind`: what is at its default is not hashed, and two words with the same fields would be one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _or_a_sentence(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            if not isinstance(value, dict):
                raise  # one of several kinds of value that may stand here
            sentences = {str(one["loc"][0]): _sentence(one) for one in reversed(error.errors()) if one["loc"]}
            raise JourneyError(f"{_named(cls, value)}: {'; '.join(reversed(sentences.values()))}") from error


def told(value: object) -> str:
    """What was written, shortened: a word as in send(…)."""
    if isinstance(value, Word):
        return f"{getattr(value, 'kind', type(value).__name__.lower())}(…)"
    if isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(one, Word) for one in value):
        return f"[{', '.join(map(told, value))}]"
    text = repr(str(value)) if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _named(word: type[Word], value: Mapping[str, Any]) -> str:
    """A word as its author knows it: send 'welcome', when(…), goal('deposit_made')."""
    kind = str(value.get("kind") or getattr(word.model_fields.get("kind"), "default", None) or word.__name__.lower())
    name = value.get("id") or value.get("name")
    if name:
        return f"{kind} {told(name)}"
    about = value.get("event") or value.get("tag") or value.get("stage")
    return f"{kind}({told(about) if about else '…'})"


def _sentence(problem: Mapping[str, Any]) -> str:
    name = str(problem["loc"][0])
    match problem["type"]:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden":
            return f"it has no {name}"
        case _:
            return f"{name} takes {TAKES.get(name, 'something else')}, not {told(problem['input'])}"
