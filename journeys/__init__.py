"""What product owners edit: journeys, events, the stage policy and the texts. Plain frozen values, no engine."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from journeys.catalogue import JOURNEYS as JOURNEYS


def __getattr__(name: str) -> Any:
    """`JOURNEYS` is loaded when it is asked for: a mistake in a journey's file stops only what needs the journeys."""
    if name == "JOURNEYS":
        from journeys.catalogue import JOURNEYS

        return JOURNEYS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
