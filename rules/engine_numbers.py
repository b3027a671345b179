"""The engine's own numbers: what decides about a workflow's commands and is neither a setting nor a journey's."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class EngineNumbers:
    """The numbers that a life goes by. It gets them with its first answer and keeps them until it continues as new.

    So they can be edited here: a replay reckons with those of then.
    """

    continue_after: int = 500
    """Happenings after which a workflow continues as new."""
    at_once: int = 200
    """Deliveries in one transaction: a backlog must fit into the time of one local activity."""
    grace: timedelta = timedelta(seconds=2)
    """How long after a deadline it acts (real time), so that an event of the same instant is there."""
    patience: timedelta = timedelta(seconds=10)
    """How long a touch in flight may hold back what happened after it (real time)."""
    seen_kept: int = 16
    """Events that a run remembers, of each kind that its journey waits for."""
    obeyed_kept: int = 20
    """Commands whose answers are remembered."""
    keys_kept: int = 50
    """Keys of a keyed journey that are remembered for re-entry."""
    deferred_kept: int = 5
    """Journeys that wait for a slot."""


TODAY = EngineNumbers()
