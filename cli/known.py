"""Names that people type, checked against those that there are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import click

from cli.mistakes import MISTAKES, told
from errors import InputError
from journeys.events import EVENTS, EventType
from journeys.published import published
from journeys.templates import templates


def journey_names() -> set[str]:
    """The journeys that run now, and those that customers may still be in.

    A mistake in a journey's file must not keep anybody from stopping another one: then the published ones are known.
    """
    names: set[str] = {each.journey.name for each in published().values()}
    try:
        from journeys import JOURNEYS
    except MISTAKES as error:
        if (sentence := told(error)) is None:
            raise
        click.echo(f"warning: {sentence} (so only published journeys are known)", err=True)
    else:
        names.update(each.name for each in JOURNEYS)
    return names


def event_named(name: str) -> EventType:
    """The event of a name. Raises `InputError` if there is none."""
    if (event := EVENTS.get(name)) is None:
        near = get_close_matches(name, EVENTS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"the events are {', '.join(EVENTS)}"
        raise InputError(f"there is no event {name!r}: {hint}")
    return event


def not_listed(name: str, names: Iterable[str]) -> str:
    """What is said of a journey that is not in the catalogue: its file may be there, and forgotten in the list."""
    return (
        f"there is no journey {name!r}: the journeys are {', '.join(sorted(names))} (journeys/catalogue.py lists them)"
    )


def template_names() -> set[str]:
    """The templates of today, and those that runs of published journeys may still send."""
    return set(templates()) | {name for each in published().values() for name in each.templates}


def known_journey(name: str) -> str:
    """InputError if no journey, listed or published, has the name."""
    names = journey_names()
    if name not in names:
        raise InputError(f"there is no journey {name!r}: the journeys are {', '.join(sorted(names))}")
    return name
