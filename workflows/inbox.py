"""What comes from outside, as plain data: signals and the start input. Nothing here can fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError
from temporalio.common import RawValue

from activities.contracts import Delivery
from rules.clock import Clock
from rules.state import CustomerState

CONTINUE_AFTER = 500


@dataclass(slots=True)
class LifeInput:
    """The start input. Senders give `{}`; a player adds a clock; a run that continues another has its state.

    `continue_after` is the number of happenings after which a run continues as new.
    """

    clock: Clock | None = None
    state: CustomerState | None = None
    continue_after: int = CONTINUE_AFTER


_INPUT: TypeAdapter[LifeInput] = TypeAdapter(LifeInput)
_CLOCK: TypeAdapter[Clock] = TypeAdapter(Clock)


def delivery_from(signal: str, arguments: Sequence[RawValue]) -> Delivery:
    """A signal as it came, whatever it is."""
    return Delivery(
        signal,
        tuple(
            (one.payload.metadata.get("encoding", b"").decode("latin-1"), one.payload.data.decode("latin-1"))
            for one in arguments
        ),
    )


def life_input_from(arguments: Sequence[RawValue], *, continued: bool) -> LifeInput:
    """The start input, or the default for one that is none of ours: a wrong input must not keep a customer out.

    Only a run that continues another may bring a state: nobody else can know it.
    """
    if not arguments:
        return LifeInput()
    try:
        given = _INPUT.validate_json(arguments[0].payload.data)
    except ValidationError:
        return LifeInput()
    return given if continued else LifeInput(given.clock, None, given.continue_after)


def clock_from(delivery: Delivery) -> Clock | None:
    """The clock in a delivery, if it is one."""
    try:
        return _CLOCK.validate_json(delivery.arguments[0][1]) if delivery.arguments else None
    except ValidationError:
        return None
