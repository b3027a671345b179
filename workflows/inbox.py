"""What comes from outside, as plain data. Nothing here can fail."""

from collections.abc import Sequence

from temporalio.common import RawValue

from activities.contracts import Delivery
from activities.start import LifeInput, life_input


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
    """The start input; the default if there is none."""
    return life_input(arguments[0].payload.data if arguments else b"{}", continued=continued)
