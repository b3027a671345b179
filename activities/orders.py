"""Commands as they come over the wire: one JSON argument of an update (docs/contract.md, "Commands")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

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


def command_from(name: str, arguments: Sequence[bytes], update_id: str) -> Command:
    """Read a command. Raises `InputError` with what to mend; nothing about the customer is looked at."""
    if name not in list(Verb):
        raise InputError(f"there is no command {name[:64]!r}: the commands are {', '.join(Verb)}")
    if len(arguments) != 1:
        raise InputError(f"{len(arguments)} arguments: send exactly one JSON object with journey, actor and reason")
    try:
        order = Order.model_validate_json(arguments[0])
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'argument'}: {one['msg']}" for one in error.errors(include_input=False)
        )
        raise InputError(f"the command does not fit: {problems}") from error
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
