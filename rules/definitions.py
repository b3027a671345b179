"""Journeys as runs refer to them: by content hash, ready to be walked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from errors import DefinitionMissing
from journeys.events import EventType
from journeys.language import Journey, StageEntered
from journeys.names import ContentHash, Stage, TemplateName
from journeys.published import Published, published
from journeys.templates import Template
from rules.plan import Plan, lay_out


class StageTrigger(NamedTuple):
    """The customer came into `to` from `from_` (none at birth)."""

    from_: Stage | None
    to: Stage


@dataclass(frozen=True)
class Definition:
    """A published journey under its hash."""

    hash: ContentHash
    journey: Journey
    plan: Plan
    templates: Mapping[TemplateName, Template]


_known: dict[ContentHash, Definition] = {}


def define(value: Published) -> Definition:
    """Lay out a journey and make it known by its hash to this process.

    The hash says nothing of the journey's state, so the answer is made anew: a journey closed since still has
    the hash it was live under.
    """
    hash = value.content_hash()
    made = Definition(hash, value.journey, lay_out(value.journey), value.templates)
    _known.setdefault(hash, made)
    return made


def definition(hash: ContentHash) -> Definition:
    """The definition under a hash; raises `DefinitionMissing` if this worker does not ship it.

    The content of a hash never changes, so workflow code may ask: the answer is the same in every replay.
    """
    if hash not in _known:
        if (value := published().get(hash)) is None:
            raise DefinitionMissing(
                f"no published journey has the hash {hash[:12]}: deploy a worker that ships journeys/published/ with it"
            )
        define(value)
    return _known[hash]


@dataclass(frozen=True)
class Catalogue:
    """The journeys that may be entered now. Only activities and the paper world read it."""

    definitions: tuple[Definition, ...]

    @classmethod
    def of(cls, values: Iterable[Published]) -> Catalogue:
        """A catalogue of journeys, in the order of their names."""
        return cls(tuple(sorted(map(define, values), key=lambda d: d.journey.name)))

    @cached_property
    def _by_event(self) -> dict[str, tuple[Definition, ...]]:
        events = sorted({t for d in self.definitions for t in d.journey.starts_on if isinstance(t, EventType)})
        return {e: tuple(d for d in self.definitions if e in d.journey.starts_on) for e in events}

    @cached_property
    def _by_stage(self) -> dict[StageTrigger, tuple[Definition, ...]]:
        changes = [StageTrigger(from_, to) for from_ in (None, *Stage) for to in Stage]
        return {change: tuple(d for d in self.definitions if _starts_on(d, change)) for change in changes}

    @cached_property
    def goals(self) -> frozenset[str]:
        """The events that are a goal of a journey, of this catalogue or of any version ever published."""
        journeys = [d.journey for d in self.definitions] + [one.journey for one in published().values()]
        return frozenset(str(one.goal.event) for one in journeys if one.goal)

    def starting_on_event(self, name: str) -> tuple[Definition, ...]:
        """The journeys that an event may start."""
        return self._by_event.get(name, ())

    def starting_on_stage(self, change: StageTrigger) -> tuple[Definition, ...]:
        """The journeys that a stage change may start."""
        return self._by_stage[change]


def _starts_on(one: Definition, change: StageTrigger) -> bool:
    triggers = (trigger for trigger in one.journey.starts_on if isinstance(trigger, StageEntered))
    return any(t.stage == change.to and t.from_ in (None, change.from_) for t in triggers)
