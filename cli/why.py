"""`starter.py why`: what a customer was sent, what not, and why. Times are in SOJOURN_DEFAULT_ZONE.

It is asked while the customer is on the telephone: what only one way of asking needs is imported for that way alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from textwrap import indent
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from activities.database import Connection
from activities.profile import profile_of
from activities.story import Story, read_story
from cli.database import open_database
from cli.edge import run_async, some_rejected
from cli.happenings import happenings, hold_line, touch_line
from cli.show import print_json, print_table, told
from errors import InputError
from journeys.names import Channel, CustomerId
from rules.customer_id import check_customer_id
from settings import load_settings

if TYPE_CHECKING:
    from activities.decisions import Verified
    from journeys.templates import Text

NEWEST = 50


Texts = Mapping[int, "Text | None"]
"""What each touch says, by its id; none where it could not be filled in."""


@click.command()
@click.argument("customer_id", metavar="CUSTOMER")
@click.option("--limit", type=click.IntRange(1), help=f"So many of the newest; else {NEWEST}, with --json all.")
@click.option("--all", "everything", is_flag=True, help="Everything from the beginning.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--text", "with_text", is_flag=True, help="With the exact words of each touch.")
@click.option(
    "--verify", is_flag=True, help="Judge each record again on the facts it holds; exit code 1 if one differs."
)
@click.option("--export", is_flag=True, help="All evidence as JSON Lines (docs/evidence.md).")
def why(
    customer_id: str, limit: int | None, everything: bool, as_json: bool, with_text: bool, verify: bool, export: bool
) -> None:
    """Show what CUSTOMER was sent, what not, what is held, and why; entries, commands, points and goals.

    None of it needs Temporal.
    """
    if export + verify + with_text > 1:
        raise InputError("--text, --verify and --export are asked for one at a time")
    if limit is not None and (everything or verify or export):
        raise InputError("--limit is for the table, --text and --json: --all, --verify and --export take everything")
    known, zone = check_customer_id(customer_id), load_settings().default_zone
    if export:
        run_async(_export(known))
    elif verify:
        _show_verified(known, run_async(_verify(known)), as_json, zone)
    else:
        newest = limit or (None if everything or as_json else NEWEST)
        story, texts = run_async(_read_story(known, newest, with_text))
        _show_why(story, texts, as_json, zone)


async def _read_story(customer_id: CustomerId, newest: int | None, with_text: bool) -> tuple[Story, Texts | None]:
    async with open_database(load_settings()) as connection:
        await profile_of(connection, customer_id)
        story = await read_story(connection, customer_id, newest)
        return story, await _texts(connection, story) if with_text else None


async def _texts(connection: Connection, story: Story) -> Texts:
    from activities.texts import texts_of

    return await texts_of(connection, [touch.touch_id for touch in story.touches])


async def _verify(customer_id: CustomerId) -> list[Verified]:
    from activities.decisions import verify_decisions

    async with open_database(load_settings()) as connection:
        await profile_of(connection, customer_id)
        return await verify_decisions(connection, customer_id)


async def _export(customer_id: CustomerId) -> None:
    from activities.evidence import read_evidence

    async with open_database(load_settings()) as connection:
        await profile_of(connection, customer_id)
        async for line in read_evidence(connection, customer_id):
            click.echo(line)


def _show_why(story: Story, texts: Texts | None, as_json: bool, zone: ZoneInfo) -> None:
    if as_json:
        print_json(_with_texts(asdict(story), texts))
        return
    _show_story(story, zone)
    if texts is not None:
        _show_texts(story, texts, zone)


def _with_texts(story: dict[str, Any], texts: Texts | None) -> dict[str, Any]:
    if texts is not None:
        for touch in story["touches"]:
            text = texts.get(touch["touch_id"])
            touch["text"] = text.model_dump() if text else None
    return story


def _show_story(story: Story, zone: ZoneInfo) -> None:
    """One table in the order in which things happened; the newest are on the screen at its end."""
    lines = sorted(happenings(story, zone), key=lambda line: line[0])
    print_table(("when", "what", "where", "why"), lines, zone=zone, title=f"What happened to {story.customer_id}")
    planned, held = story.planned + story.held, f", {story.held:,} held" if story.held else ""
    touches = f"{planned:,} touch{'' if planned == 1 else 'es'} planned, {story.sent:,} of them sent{held}."
    click.echo(f"\n{touches}{_left_out(story)}")


def _left_out(story: Story) -> str:
    if not story.earlier:
        return ""
    return f" {story.earlier:,} earlier lines are not shown: --all shows them, --limit so many as you say."


def _show_texts(story: Story, texts: Texts, zone: ZoneInfo) -> None:
    """The words as the customer got them, or would have got them if the touch had not been withheld."""
    said = [(touch_line(touch, zone), _said(touch.channel, texts.get(touch.touch_id))) for touch in story.touches]
    said += [(hold_line(hold, zone), "(its words are chosen when it is sent)") for hold in story.holds if not hold.over]
    for (at, what, where, _), words in sorted(said, key=lambda one: one[0][0]):
        click.echo(f"\n{told(at, zone)}  {what}, {where}")
        click.echo(indent(words, "    "))


def _said(channel: str, text: Text | None) -> str:
    return "\n".join(_words(channel, text)) if text else "(its text could not be filled in)"


def _words(channel: str, text: Text) -> Iterator[str]:
    """What went out; of a notice by WeChat its fields, and what they come to with the words that WeChat has."""
    if channel == Channel.WECHAT:
        yield from (f"{name}: {value}" for name, value in text.data.items())
        yield f"(words {text.template_id} at WeChat; read as: {text.title} {text.body})"
    else:
        yield from text.sent_by(Channel(channel)).values()


def _show_verified(customer_id: CustomerId, records: list[Verified], as_json: bool, zone: ZoneInfo) -> None:
    """Every record that does not hold or could not be judged again, and how many do."""
    differ = [record for record in records if record.disagreements]
    unreadable = [record for record in records if record.unreadable]
    if as_json:
        lists = {"disagree": differ, "cannot_be_judged": unreadable}
        said = {name: [asdict(one) for one in each] for name, each in lists.items()}
        print_json({"customer_id": customer_id, "records": len(records), **said})
    else:
        for one in (*differ, *unreadable):
            found = "; ".join(one.disagreements) or one.unreadable
            click.echo(f"{told(one.planned_at, zone)}  {one.key}, {one.outcome}: {found}")
        click.echo(_summary(customer_id, records, len(differ), len(unreadable)))
    if differ or unreadable:
        some_rejected()


def _summary(customer_id: CustomerId, records: Sequence[Verified], differ: int, unreadable: int) -> str:
    kinds = Counter(record.kind for record in records)
    return (
        f"{customer_id}: {len(records) - differ - unreadable:,} of {len(records):,} records agree with the gates on the"
        f" facts they hold, {differ:,} differ, {unreadable:,} cannot be judged again"
        f" ({kinds['touch']:,} touches, {kinds['judgement']:,} further judgements, {kinds['hold']:,} holds)."
    )
