"""`starter.py check` and `starter.py publish JOURNEY`: journeys are sound, and what runs is written down for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import click

import journeys
from cli.known import not_listed
from cli.texts import text_problems, text_warnings
from cli.walked import Walked, Walks
from errors import InputError, JourneyError, TemplateError
from journeys import JOURNEYS
from journeys import published as publications
from journeys.names import Language
from journeys.published import Published, with_templates
from journeys.templates import Template, templates
from journeys.words import Journey, Send, all_steps
from rules.gates import CHINA

PROBLEMS_FOUND = 1


@click.command()
def check() -> None:
    """Check every journey: its texts, its paths, how much it says and of what class, and that it is published.

    Exit code 1 if anything is wrong; each problem is a sentence that says how to mend it. If nothing is, the worst week
    of each journey is named.
    """
    walks = Walks()
    _refuse(problems_of(JOURNEYS, walks))
    _warn(forgotten())
    values = [with_templates(journey, templates()) for journey in JOURNEYS]
    _warn(text_warnings(values, _today()))
    live = sum(journey.state == "live" for journey in JOURNEYS)
    click.echo(f"All is well: {len(JOURNEYS)} journeys, {live} of them live, {len(templates())} templates.")
    for value in values:
        click.echo(f"{value.journey.name}: {walks.of(value).worst_week()}")


@click.command()
@click.argument("journey")
def publish(journey: str) -> None:
    """Publish JOURNEY with its texts, as it is now, as a file in journeys/published/.

    Customers who enter keep what was published. Commit the file; it is never changed. So what `check` finds wrong with
    it is said first: exit code 1, and nothing is written.
    """
    chosen = journey_named(journey)
    _refuse(problems_of([each for each in JOURNEYS if each.name == journey], Walks(), to_be_published=True))
    file = publish_journey(chosen, publications.FOLDER)
    _warn(text_warnings([with_templates(chosen, templates())], _today()))
    click.echo(f"Published as {file.name}: commit it with the change.")


def problems_of(several: Iterable[Journey], walks: Walks, *, to_be_published: bool = False) -> Iterator[str]:
    """What is wrong with the journeys, a sentence each; of those to be published, but that they are not."""
    seen: set[str] = set()
    for journey in several:
        if journey.name in seen:
            yield f"{journey.name}: two journeys have this name: rename one."
        seen.add(journey.name)
        yield from _problems(journey, walks, to_be_published=to_be_published)


def forgotten() -> Iterator[str]:
    """The journeys in files of journeys/ that the catalogue does not list, a sentence each."""
    listed = {journey.name for journey in JOURNEYS}
    files = [module.name for module in iter_modules(journeys.__path__) if module.name != "catalogue"]
    for file in files:
        for one in vars(import_module(f"{journeys.__name__}.{file}")).values():
            if isinstance(one, Journey) and one.name not in listed:
                yield f"{one.name} is in journeys/{file}.py and does not run: list it in journeys/catalogue.py."


def publish_journey(journey: Journey, folder: Path) -> Path:
    """Write a journey with its texts as JSON; answers the file.

    Raises `JourneyError` if it is published already, or another text under the same name and version is.
    """
    value = with_templates(journey, templates())
    same_version = sorted(folder.glob(f"{journey.name}-{journey.version}-*.json"))
    file = folder / value.file_name()
    if file in same_version:
        raise JourneyError(f"{journey.name} {journey.version} is published as it is ({file.name}): nothing to do")
    if same_version:
        raise JourneyError(
            f"{journey.name} {journey.version} is published with another text ({same_version[0].name}):"
            f" set version={journey.version + 1} in the journey, then publish it"
        )
    text = value.model_dump_json(indent=2, by_alias=True) + "\n"
    if Published.model_validate_json(text).content_hash() != value.content_hash():
        raise JourneyError(f"{journey.name} does not come back from JSON as it went in: a word of it lacks a test")
    with file.open("x", encoding="utf-8") as stream:
        stream.write(text)
    publications.published.cache_clear()
    return file


def journey_named(name: str) -> Journey:
    """The journey of a name; `InputError` if there is none."""
    for journey in JOURNEYS:
        if journey.name == name:
            return journey
    raise InputError(not_listed(name, (journey.name for journey in JOURNEYS)))


def _today() -> date:
    """The day in China, where an approval ends."""
    return (datetime.now(UTC) + CHINA).date()


def _refuse(problems: Iterable[str]) -> None:
    found = list(problems)
    for problem in found:
        click.echo(problem)
    if found:
        raise click.exceptions.Exit(PROBLEMS_FOUND)


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


def _problems(journey: Journey, walks: Walks, *, to_be_published: bool) -> Iterator[str]:
    try:
        value = with_templates(journey, templates())
    except (JourneyError, TemplateError) as error:
        yield f"{error}."
        return
    yield from _missing_texts(journey, value)
    yield from text_problems(value, _today())
    yield from _problems_of_paths(walks.of(value))
    if journey.state == "live" and not to_be_published and not publications.is_published(value):
        yield _not_published(journey)


def _problems_of_paths(walked: Walked) -> Iterator[str]:
    try:
        yield from walked.problems()
    except JourneyError as error:
        yield f"{error}."


def _not_published(journey: Journey) -> str:
    versions = [p.journey.version for p in publications.published().values() if p.journey.name == journey.name]
    if journey.version in versions:
        return (
            f"{journey.name}: version {journey.version} was published with another text of the journey or its"
            f" templates: set version={max(versions) + 1}, then run `starter.py publish {journey.name}`."
        )
    return f"{journey.name}: version {journey.version} is not published: run `starter.py publish {journey.name}`."


def _missing_texts(journey: Journey, value: Published) -> Iterator[str]:
    said: set[str] = set()
    for step in all_steps(journey.steps):
        if isinstance(step, Send):
            for place in _places_without_text(step, value.templates[step.template]):
                sentence = f"{journey.name}: template {step.template!r} has no text for [{place}]: write it."
                if sentence not in said:
                    said.add(sentence)
                    yield sentence


def _places_without_text(step: Send, template: Template) -> Iterator[str]:
    for language in Language:
        for channel in step.channels:
            if channel not in template.texts.get(language, {}):
                yield f"texts.{language}.{channel}"
