"""`starter.py recall TEMPLATE` and `starter.py recalls`: a text that must not leave any more, and those there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import click

from activities.database import Connection
from activities.recalls import contents_of, list_recalls, recall_template
from cli.actor import actor_option, reason_option
from cli.database import open_database
from cli.edge import run_async
from cli.known import template_names
from cli.show import print_json, print_table
from errors import InputError
from journeys.names import ContentHash, TemplateName
from journeys.published import published
from settings import load_settings


@click.command()
@click.argument("template")
@click.option("--content", metavar="HASH", help="Only the text with this content; the beginning of its hash will do.")
@reason_option
@actor_option
def recall(template: str, content: str | None, reason: str, actor: str) -> None:
    """Recall TEMPLATE for good: from the next gate on no run sends it, whatever version of its journey it keeps.

    Touches that would have sent it are withheld. With --content, another text under the same name goes on: publish it.
    """
    names = template_names()
    if template not in names:
        raise InputError(f"there is no template {template!r}: the templates are {', '.join(sorted(names))}")
    run_async(_recall(TemplateName(template), content, reason, actor))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def recalls(as_json: bool) -> None:
    """Show which templates were recalled, by whom and why."""
    run_async(_recalls(as_json))


async def _recall(template: TemplateName, content: str | None, reason: str, actor: str) -> None:
    settings = load_settings()
    async with open_database(settings) as connection:
        hash = None if content is None else await _content(connection, template, content)
        await recall_template(connection, template, hash, reason=reason, actor=actor, zone=settings.default_zone)
    of = "" if hash is None else f" with content {hash[:12]}"
    click.echo(f"{template}{of} is recalled: from the next gate on, nobody is sent it.")


async def _recalls(as_json: bool) -> None:
    settings = load_settings()
    async with open_database(settings) as connection:
        made = await list_recalls(connection)
    if as_json:
        print_json([asdict(each) for each in made])
    elif made:
        rows = [(e.recalled_at, e.template, (e.content_hash or "all")[:12], e.reason, e.recalled_by) for e in made]
        print_table(("since", "template", "content", "reason", "by"), rows, zone=settings.default_zone)
    else:
        click.echo("No template is recalled.")


async def _content(connection: Connection, template: TemplateName, beginning: str) -> ContentHash:
    """The whole hash; a hash that no text has would recall nothing, and look as if it did."""
    known = {*await contents_of(connection, template), *_shipped(template)}
    found = sorted(hash for hash in known if hash.startswith(beginning.lower()))
    if len(found) != 1:
        said = "several contents begin" if found else "no content begins"
        raise InputError(
            f"{template}: {said} with {beginning!r}; there are {', '.join(hash[:12] for hash in sorted(known))}"
        )
    return found[0]


def _shipped(template: TemplateName) -> Iterable[ContentHash]:
    return (each.templates[template].content_hash() for each in published().values() if template in each.templates)
