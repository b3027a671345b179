"""`starter.py preview JOURNEY`: what a journey does, for somebody who reads no code."""

from __future__ import annotations

from pathlib import Path

import click

from cli.journeys import journey_named, problems_of
from cli.preview import calendar, outline
from cli.preview.wording import assumed, attributes
from cli.walked import Walked, Walks
from errors import InputError
from journeys.published import with_templates
from journeys.templates import templates


@click.command()
@click.argument("journey")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write JOURNEY.html, a page to show around, and JOURNEY.mmd, the diagram as Mermaid text.",
)
def preview(journey: str, out: Path | None) -> None:
    """Show JOURNEY, also a draft: its steps with their days, every path with its calendar, and its worst week."""
    value = with_templates(journey_named(journey), templates())
    walks = Walks()
    walked = walks.of(value)
    problems = list(problems_of([value.journey], walks))
    _show(walked, problems)
    if out is not None:
        _write(walked, problems, out)


def _show(walked: Walked, problems: list[str]) -> None:
    journey = walked.value.journey
    click.echo(f"{journey.name} {journey.version} ({journey.state}, {journey.purpose})")
    for name, value in attributes(journey):
        click.echo(f"  {name:<16}{value}")
    click.echo()
    for line in outline.lines(outline.outline_of(walked)):
        click.echo(line)
    ways = calendar.ways_through(walked.paths)
    note = f" ({assumed(journey)})" if assumed(journey) else ""
    click.echo(f"\n{calendar.summary(ways)}{note}, {walked.worst_week()}\n")
    for line in calendar.lines(ways):
        click.echo(line)
    if problems:
        click.echo("\n" + "\n".join(problems))


def _write(walked: Walked, problems: list[str], folder: Path) -> None:
    from cli.preview.mermaid import mermaid
    from cli.preview.page import page

    name = walked.value.journey.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.html").write_text(page(walked, problems), encoding="utf-8")
        (folder / f"{name}.mmd").write_text(mermaid(walked.value), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}): name another place with --out") from error
    click.echo(f"\nThe page is {folder / name}.html, the diagram for pasting {folder / name}.mmd.")
