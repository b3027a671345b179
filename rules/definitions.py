"""Journeys as runs refer to them: by content hash, ready to be walked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from errors import DefinitionMissing
from journeys.conditions import Condition, DataIs, parts
from journeys.events import EventType
from journeys.names import ContentHash, JourneyName, Stage, TemplateName
from journeys.published import Published, published
from journeys.templates import Template
from journeys.words import AnyStep, Journey, Repeat, StageEntered, WaitFor, When, all_steps
from rules.conditions import events_asked
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
    def _in_turn(self) -> tuple[Definition, ...]:
        return tuple(sorted(self.definitions, key=lambda d: (-d.journey.priority, d.journey.name)))

    @cached_property
    def _by_event(self) -> dict[str, tuple[Definition, ...]]:
        events = sorted({t for d in self.definitions for t in d.journey.starts_on if isinstance(t, EventType)})
        return {e: tuple(d for d in self._in_turn if e in d.journey.starts_on) for e in events}

    @cached_property
    def _by_stage(self) -> dict[StageTrigger, tuple[Definition, ...]]:
        changes = [StageTrigger(from_, to) for from_ in (None, *Stage) for to in Stage]
        return {change: tuple(d for d in self._in_turn if _starts_on(d, change)) for change in changes}

    @cached_property
    def _by_name(self) -> dict[JourneyName, tuple[Definition, ...]]:
        return {one.journey.name: (one,) for one in self.definitions}

    @cached_property
    def fields_asked(self) -> Mapping[str, tuple[str, ...]]:
        """The fields of each event's data that a journey asks for: as its key, in a goal or a wait.

        Of this catalogue and of any version ever published, since runs keep theirs.
        """
        journeys = [d.journey for d in self.definitions] + [one.journey for one in published().values()]
        asked = sorted({one for journey in journeys for one in _fields_asked(journey)})
        return {event: tuple(field for name, field in asked if name == event) for event, _ in asked}

    @cached_property
    def events_asked(self) -> tuple[str, ...]:
        """The events that conditions of this catalogue's journeys look back at."""
        conditions = [one for d in self.definitions for one in conditions_in(d.journey)]
        return tuple(sorted({*events_asked(conditions)}))

    def starting_on_event(self, name: str) -> tuple[Definition, ...]:
        """The journeys that an event may start, the one with the highest priority first."""
        return self._by_event.get(name, ())

    def named(self, name: JourneyName) -> tuple[Definition, ...]:
        """The journey of a name, if there is one."""
        return self._by_name.get(name, ())

    def starting_on_stage(self, change: StageTrigger) -> tuple[Definition, ...]:
        """The journeys that a stage change may start, the one with the highest priority first."""
        return self._by_stage[change]


def conditions_in(journey: Journey) -> Iterator[Condition]:
    """Every condition on the customer in a journey."""
    if journey.entry is not None:
        yield journey.entry
    for step in all_steps(journey.steps):
        yield from conditions_of(step)


def conditions_of(step: AnyStep) -> tuple[Condition, ...]:
    """The conditions that a step asks, in their order."""
    match step:
        case When():
            return tuple(branch.condition for branch in step.branches)
        case Repeat():
            return () if step.until is None else (step.until,)
        case _:
            return ()


def _fields_asked(journey: Journey) -> Iterator[tuple[str, str]]:
    for trigger in journey.starts_on:
        if journey.key is not None and isinstance(trigger, EventType):
            yield str(trigger), journey.key
    if journey.goal is not None and journey.goal.where is not None:
        yield from ((str(journey.goal.event), field) for field in _fields(journey.goal.where))
    for step in all_steps(journey.steps):
        if isinstance(step, WaitFor) and step.where is not None:
            yield from ((str(event), field) for event in step.events for field in _fields(step.where))


def _fields(where: Condition) -> list[str]:
    return [leaf.field for leaf in parts(where) if isinstance(leaf, DataIs)]


def _starts_on(one: Definition, change: StageTrigger) -> bool:
    triggers = (trigger for trigger in one.journey.starts_on if isinstance(trigger, StageEntered))
    return any(t.stage == change.to and t.from_ in (None, change.from_) for t in triggers)
