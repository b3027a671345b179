"""What `check` says of texts: each problem with file and line, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import jinja2

from activities.expressions import names_in, unguarded_in
from activities.rendering import fill, render
from errors import TemplateError
from journeys.events import EVENTS
from journeys.names import TemplateName
from journeys.published import Published
from journeys.templates import FOLDER, Template, Text
from journeys.variables import PRODUCT, VariableType, event_field
from journeys.words import Journey, Send, StageEntered, all_steps
from rules.texts import Place, ends_soon, findings, texts_of

_SAMPLES: Mapping[VariableType, object] = {
    VariableType.TEXT: "x",
    VariableType.NUMBER: 1,
    VariableType.MONEY: "1",
    VariableType.DATE: "2026-01-31",
}


def text_problems(value: Published, today: date) -> Iterator[str]:
    """What is wrong with the texts of a journey; of a draft only what could never be sent."""
    for template in value.templates.values():
        yield from _unsendable(value.journey, template)
        yield from _of_variables(value.journey, template)
        if value.journey.state == "live":
            yield from _found(value.journey, template, today)


def text_warnings(values: Sequence[Published], today: date) -> Iterator[str]:
    """What is going to be wrong with the texts: of live journeys once for each; of drafts, once they are live."""
    live = (value for value in values if value.journey.state == "live")
    for template in {name: one for value in live for name, one in value.templates.items()}.values():
        if said := ends_soon(template, today):
            yield f"{where(template.name, None)}: {said}."
    for value in values:
        if value.journey.state == "draft":
            for template in value.templates.values():
                yield from _found(value.journey, template, today)


def _found(journey: Journey, template: Template, today: date) -> Iterator[str]:
    with_product, filled = _has_product(journey, template.name), filled_texts(template)
    for place, sentence in findings(template, today, with_product=with_product, filled=filled):
        yield f"{journey.name}: {where(template.name, place)}: {sentence}."


def where(template: TemplateName, place: Place | None) -> str:
    """The file of a template, with the line at which a text begins, if it is there."""
    file = FOLDER / f"{template}.toml"
    shown = f"journeys/templates/{file.name}"
    if place is None:
        return shown
    line = _line(file, f"[{place}]")
    return f"{shown}:{line} [{place}]" if line else f"{shown} [{place}]"


def _line(file: Path, header: str) -> int:
    """The number of the line with a header; 0 if there is none."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return next((number for number, line in enumerate(lines, 1) if line.strip() == header), 0)


def _unsendable(journey: Journey, template: Template) -> Iterator[str]:
    """Each text that a send could not fill in, though every variable had a value."""
    samples = _samples(template)
    for place, _ in texts_of(template):
        try:
            render(template, place.language, place.channel, samples, plain=place.table == "plain")
        except TemplateError as error:
            yield f"{journey.name}: in {place.language}, {error}."


def filled_texts(template: Template) -> dict[Place, Text]:
    """The texts that can be filled in, with samples."""
    filled, samples = {}, _samples(template)
    for place, _ in texts_of(template):
        with suppress(TemplateError):
            plain = place.table == "plain"
            filled[place] = fill(template, place.language, place.channel, samples, plain=plain)
    return filled


def _samples(template: Template) -> dict[str, object]:
    """A value for each variable; also for those that are not declared, of which `_of_variables` speaks."""
    undeclared = {name: "x" for name in _named(template, names_in)}
    return undeclared | {name: _SAMPLES[kind] for name, kind in template.variables.items()}


def _of_variables(journey: Journey, template: Template) -> Iterator[str]:
    """Variables that are not declared or not used, those that this journey has nothing for, or sometimes nothing."""
    file = where(template.name, None)
    used, unguarded = _named(template, names_in), _named(template, unguarded_in)
    for name in sorted(used - template.variables.keys()):
        yield f"{journey.name}: {file}: {name!r} is not declared: name it under [variables], or take it out."
    for name in template.variables:
        lacking = _lacking(journey, template.name, name)
        if not lacking and name in unguarded:
            lacking = _sometimes_lacking(journey, name)
        if name not in used:
            lacking = f"no text uses the variable {name!r}: take it out of [variables]"
        if lacking:
            yield f"{journey.name}: {file}: {lacking}."


def _named(template: Template, names_of: Callable[[str], set[str]]) -> set[str]:
    """The variables that the texts name, as `names_of` reads one part of a text."""
    named: set[str] = set()
    for _, text in texts_of(template):
        for source in (text.title, text.body, *text.data.values()):
            # `_unsendable` speaks of a text that is no Jinja2.
            with suppress(jinja2.TemplateError):
                named |= names_of(source)
    return named


def _lacking(journey: Journey, template: TemplateName, name: str) -> str:
    """Why the journey has nothing for a variable; empty if it has."""
    if name in PRODUCT:
        without = [s.id for s in _sends(journey, template) if s.product is None]
        return f"step {without[0]!r} has no product= for {name!r}: name one, or take it out" if without else ""
    if (field := event_field(name)) is None:
        return ""
    for trigger in journey.starts_on:
        if isinstance(trigger, StageEntered) or field not in EVENTS[trigger].data.model_fields:
            return f"{trigger}, which starts the journey, has no field {field!r}: take {name!r} out"
    return "" if journey.starts_on else f"no event starts the journey, so there is no {name!r}: take it out"


def _sometimes_lacking(journey: Journey, name: str) -> str:
    """Which event may leave a variable out, and how a text provides for it; empty if none may."""
    if (field := event_field(name)) is None:
        return ""
    for trigger in journey.starts_on:
        if not isinstance(trigger, StageEntered) and not EVENTS[trigger].data.model_fields[field].is_required():
            return (
                f"{trigger} may leave {field!r} out, and the touch would fail: write {{{{ {name} | default('…') }}}},"
                f" or put what needs it between {{% if {name} is defined %}} and {{% endif %}}"
            )
    return ""


def _has_product(journey: Journey, template: TemplateName) -> bool:
    return any(step.product is not None for step in _sends(journey, template))


def _sends(journey: Journey, template: TemplateName) -> list[Send]:
    return [step for step in all_steps(journey.steps) if isinstance(step, Send) and step.template == template]
