"""Commands as they come over the wire: one JSON argument of an update (docs/contract.md, "Commands")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from errors import InputError
from journeys.names import ContentHash, JourneyName
from rules.commands import Command, Verb

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class Order(BaseModel):
    """What a command says. Without a `command_id` the update's own id stands for it: the same id twice is done once.

    `key` tells the runs of a keyed journey apart; `to` is the content hash of the version to move to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    journey: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,47}$")]
    actor: Line
    reason: Line
    command_id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")] | None = None
    key: Annotated[str, StringConstraints(max_length=128)] = ""
    to: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None


_SHAPES = {
    "journey": "the name of a journey, as in win-back",
    "actor": "who gives the command, in 1 to 500 characters",
    "reason": "why, in 1 to 500 characters",
    "command_id": "1 to 128 visible ASCII characters",
    "key": "text of at most 128 characters",
    "to": "the content hash of a published version, 64 hexadecimal digits",
}


def _problem(error: ErrorDetails) -> str:
    """What is wrong with a field, and what belongs there."""
    field = str(error["loc"][0]) if error["loc"] else ""
    if field not in _SHAPES:
        known = ", ".join(_SHAPES)
        return f"there is no field {field[:64]!r}: the fields are {known}" if field else "send one JSON object"
    return f"{field} {'is missing' if error['type'] == 'missing' else 'does not fit'}: give {_SHAPES[field]}"


def command_from(name: str, arguments: Sequence[bytes], update_id: str) -> Command:
    """Read a command. Raises `InputError` with what to mend; nothing about the customer is looked at."""
    if name not in list(Verb):
        raise InputError(f"there is no command {name[:64]!r}: the commands are {', '.join(Verb)}")
    if len(arguments) != 1:
        raise InputError(f"{len(arguments)} arguments: send exactly one JSON object with journey, actor and reason")
    try:
        order = Order.model_validate_json(arguments[0])
    except ValidationError as error:
        problems = "; ".join(_problem(one) for one in error.errors(include_input=False))
        # Not chained: what is told to a sender holds no words of a library.
        raise InputError(f"the command does not fit: {problems}") from None
    verb = Verb(name)
    if (order.to is None) == (verb is Verb.MOVE):
        raise InputError(f"`to` belongs to {Verb.MOVE} and to no other command: give it there, and only there")
    return Command(
        order.command_id or update_id,
        verb,
        JourneyName(order.journey),
        order.actor,
        order.reason,
        order.key,
        None if order.to is None else ContentHash(order.to),
    )
