"""`starter.py customer`, `why` and `rejected`: what support staff look at. Times are in SOJOURN_DEFAULT_ZONE."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from textwrap import indent
from typing import Any
from zoneinfo import ZoneInfo

import click

from activities.database import Connection
from activities.decisions import Verified, verify_decisions
from activities.evidence import read_evidence
from activities.positions import Stand, stands_of
from activities.reading import (
    BrakeLine,
    CommandLine,
    ConversionLine,
    EntryLine,
    EventLine,
    HoldLine,
    PointsLine,
    Profile,
    RejectedLine,
    RunLine,
    TouchLine,
    read_brakes,
    read_commands,
    read_conversions,
    read_entries,
    read_events,
    read_holds,
    read_points,
    read_profile,
    read_rejected,
    read_runs,
    read_touches,
)
from activities.texts import texts_of
from cli.database import open_database
from cli.edge import run_async, some_rejected
from cli.resend import send_again as resend
from cli.show import print_json, print_table, told
from errors import InputError
from journeys.names import Channel, CustomerId
from journeys.templates import Text
from rules.commands import Verb
from rules.customer_id import check_customer_id
from settings import load_settings

LAST = 10
CONTENT_SHOWN = 200

_json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")


@dataclass(frozen=True, slots=True)
class Card:
    """Where a customer stands: open runs, what is held, the last events and the last touches."""

    profile: Profile
    runs: list[Stand]
    holds: list[HoldLine]
    commands: list[CommandLine]
    events: list[EventLine]
    touches: list[TouchLine]


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that was decided about a customer, each list with the newest last."""

    customer_id: str
    entries: list[EntryLine]
    runs: list[RunLine]
    touches: list[TouchLine]
    holds: list[HoldLine]
    commands: list[CommandLine]
    brakes: list[BrakeLine]
    points: list[PointsLine]
    conversions: list[ConversionLine]


Texts = Mapping[int, Text | None]
"""What each touch says, by its id; none where it could not be filled in."""


@click.command()
@click.argument("customer_id", metavar="CUSTOMER")
@_json_option
def customer(customer_id: str, as_json: bool) -> None:
    """Show where CUSTOMER stands: stage, points, open journeys and what is next, the last events and touches."""
    settings = load_settings()
    card = run_async(_read_card(check_customer_id(customer_id)))
    if as_json:
        print_json({**asdict(card.profile), **{key: value for key, value in asdict(card).items() if key != "profile"}})
    else:
        _show_card(card, settings.default_zone)


@click.command()
@click.argument("customer_id", metavar="CUSTOMER")
@_json_option
@click.option("--text", "with_text", is_flag=True, help="With the exact words of each touch.")
@click.option(
    "--verify", is_flag=True, help="Judge each record again on the facts it holds; exit code 1 if one differs."
)
@click.option("--export", is_flag=True, help="All evidence as JSON Lines (docs/evidence.md).")
def why(customer_id: str, as_json: bool, with_text: bool, verify: bool, export: bool) -> None:
    """Show what CUSTOMER was sent, what not, what is held, and why; entries, commands, points and goals.

    None of it needs Temporal.
    """
    if export + verify + with_text > 1:
        raise InputError("--text, --verify and --export are asked for one at a time")
    known, zone = check_customer_id(customer_id), load_settings().default_zone
    if export:
        run_async(_export(known))
    elif verify:
        _show_verified(known, run_async(_verify(known)), as_json, zone)
    else:
        story, texts = run_async(_read_story(known, with_text))
        _show_why(story, texts, as_json, zone)


@click.command()
@_json_option
@click.option("--send-again", type=int, metavar="ID", help="Send one of them again, as it came or with other data.")
@click.option("--data", metavar="JSON", help="With --send-again: the corrected data of the event.")
def rejected(as_json: bool, send_again: int | None, data: str | None) -> None:
    """List the events that could not be taken, with the reason; correct them and send them again."""
    if data is not None and send_again is None:
        raise InputError("--data corrects one event: say which with --send-again ID")
    settings = load_settings()
    if send_again is not None:
        click.echo(run_async(resend(settings, send_again, data)))
        return
    lines = run_async(_read_rejected())
    if as_json:
        print_json([asdict(line) for line in lines])
    else:
        _show_rejected(lines, settings.default_zone)


async def _read_card(customer_id: CustomerId) -> Card:
    async with open_database(load_settings()) as connection:
        return Card(
            profile=await _profile(connection, customer_id),
            runs=await stands_of(connection, customer_id),
            holds=[hold for hold in await read_holds(connection, customer_id) if not hold.over],
            commands=await read_commands(connection, customer_id),
            events=await read_events(connection, customer_id, LAST),
            touches=await read_touches(connection, customer_id, LAST),
        )


async def _read_story(customer_id: CustomerId, with_text: bool) -> tuple[Story, Texts | None]:
    async with open_database(load_settings()) as connection:
        await _profile(connection, customer_id)
        texts = await texts_of(connection, customer_id) if with_text else None
        return await read_story(connection, customer_id), texts


async def _verify(customer_id: CustomerId) -> list[Verified]:
    async with open_database(load_settings()) as connection:
        await _profile(connection, customer_id)
        return await verify_decisions(connection, customer_id)


async def _export(customer_id: CustomerId) -> None:
    async with open_database(load_settings()) as connection:
        await _profile(connection, customer_id)
        async for line in read_evidence(connection, customer_id):
            click.echo(line)


async def read_story(connection: Connection, customer_id: CustomerId) -> Story:
    """Everything that was decided about a customer; nothing for one who is not known."""
    return Story(
        customer_id=customer_id,
        entries=await read_entries(connection, customer_id),
        runs=await read_runs(connection, customer_id),
        touches=await read_touches(connection, customer_id),
        holds=await read_holds(connection, customer_id),
        commands=await read_commands(connection, customer_id),
        brakes=await read_brakes(connection, customer_id),
        points=await read_points(connection, customer_id),
        conversions=await read_conversions(connection, customer_id),
    )


async def _read_rejected() -> list[RejectedLine]:
    async with open_database(load_settings()) as connection:
        return await read_rejected(connection)


async def _profile(connection: Connection, customer_id: CustomerId) -> Profile:
    if (profile := await read_profile(connection, customer_id)) is None:
        raise InputError(
            f"there is no customer {customer_id!r}: no event was recorded and no file loaded under this id;"
            " `starter.py rejected` lists what could not be taken"
        )
    return profile


def _show_card(card: Card, zone: ZoneInfo) -> None:
    profile = card.profile
    since = f" since {told(profile.stage_since, zone)}" if profile.stage_since else ""
    click.echo(f"{profile.customer_id}: {profile.stage or 'no event yet'}{since}")
    click.echo(f"tier {profile.tier}, {profile.points:,} points, risk class {profile.risk_class or 'unknown'}")
    click.echo(f"zone {profile.zone}, language {profile.language}, tags {', '.join(profile.tags) or 'none'}\n")
    _table(
        "Journeys under way",
        ("journey", "entry", "entered", "at step", "what is next"),
        [
            (f"{run.journey} {run.version}", run.entry, run.entered_at, run.step, _next(run, card, zone))
            for run in card.runs
        ],
        zone,
    )
    _table("Last events", ("at", "event", "id"), [(e.occurred_at, e.name, e.event_id) for e in card.events], zone)
    _table("Last touches", ("planned", "what", "where", "why"), [_touch(touch) for touch in card.touches], zone)


def _next(run: Stand, card: Card, zone: ZoneInfo) -> str:
    """What a run waits for: a person who paused it, the end of a hold, the end of a wait."""
    if run.paused_at is not None:
        return f"paused since {told(run.paused_at, zone)}{_who_paused(run, card.commands)}"
    for hold in card.holds:
        if (hold.journey, hold.entry) == (run.journey, run.entry):
            return f"held on {hold.channel} until {told(hold.held_until, zone)}: {hold.reason}"
    return f"waiting until {told(run.waits_until, zone)}" if run.waits_until else "in progress"


def _who_paused(run: Stand, commands: Sequence[CommandLine]) -> str:
    given = [one for one in commands if one.done and one.command == Verb.PAUSE and one.journey == run.journey]
    return f" by {given[-1].actor}: {given[-1].reason}" if given else ""


def _show_why(story: Story, texts: Texts | None, as_json: bool, zone: ZoneInfo) -> None:
    if as_json:
        print_json(_with_texts(asdict(story), texts))
        return
    _show_story(story, zone)
    if texts is not None:
        _show_texts(story.touches, texts, zone)


def _with_texts(story: dict[str, Any], texts: Texts | None) -> dict[str, Any]:
    if texts is not None:
        for touch in story["touches"]:
            text = texts.get(touch["touch_id"])
            touch["text"] = text.model_dump() if text else None
    return story


def _show_texts(touches: Sequence[TouchLine], texts: Texts, zone: ZoneInfo) -> None:
    """The words as the customer got them, or would have got them if the touch had not been withheld."""
    for touch in touches:
        at, what, where, _ = _touch(touch)
        click.echo(f"\n{told(at, zone)}  {what}, {where}")
        text = texts.get(touch.touch_id)
        words = "\n".join(_words(touch.channel, text)) if text else "(its text could not be filled in)"
        click.echo(indent(words, "    "))


def _words(channel: str, text: Text) -> Iterator[str]:
    """What went out; of a notice by WeChat its fields, and what they come to with the words that WeChat has."""
    if channel == Channel.WECHAT:
        yield from (f"{name}: {value}" for name, value in text.data.items())
        yield f"(words {text.template_id} at WeChat; read as: {text.title} {text.body})"
    else:
        yield from text.sent_by(Channel(channel)).values()


def _show_verified(customer_id: CustomerId, records: list[Verified], as_json: bool, zone: ZoneInfo) -> None:
    """Every record that does not hold, and how many do."""
    wrong = [record for record in records if record.disagreements]
    if as_json:
        print_json({"customer_id": customer_id, "records": len(records), "disagree": [asdict(one) for one in wrong]})
    else:
        for one in wrong:
            click.echo(f"{told(one.planned_at, zone)}  {one.key}, {one.outcome}: {'; '.join(one.disagreements)}")
        held = len(records) - len(wrong)
        click.echo(f"{customer_id}: {held} of {len(records)} records agree with the gates on the facts they hold.")
    if wrong:
        some_rejected()


def _show_story(story: Story, zone: ZoneInfo) -> None:
    """One table in the order in which things happened."""
    lines = sorted(happenings(story), key=lambda line: line[0])
    _table(f"What happened to {story.customer_id}", ("when", "what", "where", "why"), lines, zone)
    sent = sum(touch.outcome == "sent" for touch in story.touches)
    planned = len(story.touches)
    click.echo(f"{planned} touch{'' if planned == 1 else 'es'} planned, {sent} of them sent.")


Line = tuple[datetime, str, str, str]


def happenings(story: Story) -> Iterator[Line]:
    """A story as lines (when, what, where, why), kind by kind."""
    yield from map(_entry, story.entries)
    yield from map(_touch, story.touches)
    yield from map(_hold, story.holds)
    yield from map(_command, story.commands)
    yield from map(_brake, story.brakes)
    for row in story.points:
        yield row.at, f"{row.amount:+,} points", f"{row.journey} / {row.step}", row.reason
    yield from map(_conversion, story.conversions)
    for run in story.runs:
        if run.ended_at is not None:
            yield run.ended_at, "journey ended", f"{run.journey} (entry {run.entry})", run.outcome or ""


def _entry(entry: EntryLine) -> Line:
    what = "did not enter" if entry.refused else "entered"
    where = f"{entry.journey} {entry.version}" + (f" (entry {entry.entry})" if entry.entry else "")
    return entry.at, what, where, f"{entry.refused}, on {entry.cause}" if entry.refused else f"on {entry.cause}"


def _conversion(row: ConversionLine) -> Line:
    credit = f"after {row.step}" if row.step else "without a touch before"
    undone = f", undone by {row.undone_by}" if row.undone_by else ""
    return row.occurred_at, "goal reached", f"{row.journey} (entry {row.entry})", f"{row.event_id}, {credit}{undone}"


def _touch(touch: TouchLine) -> Line:
    done = {"sent": "sent", "withheld": "not sent", "failed": "failed", "in_doubt": "in doubt", "claimed": "on its way"}
    where = f"{touch.journey} / {touch.step} on {touch.channel}"
    return touch.planned_at, f"{done[touch.outcome]}: {touch.template}", where, _why(touch)


def _hold(hold: HoldLine) -> Line:
    what = f"{'was held' if hold.over else 'held'}: {hold.template}"
    where = f"{hold.journey} / {hold.step} on {hold.channel}"
    times = f", looked at {hold.looks} times" if hold.looks > 1 else ""
    return hold.held_at, what, where, f"{hold.reason}, until {hold.held_until:%Y-%m-%d %H:%M} UTC{times}"


def _command(command: CommandLine) -> Line:
    """Who, what and why; of one that was refused, the answer."""
    what = command.command if command.done else f"refused: {command.command}"
    answer = f" ({command.told})" if command.told else ""
    return command.at, what, command.journey, f"{command.actor}: {command.reason}{answer}"


def _brake(brake: BrakeLine) -> Line:
    """Who set it and why; what it stops."""
    narrowed = (("journey", brake.journey), ("template", brake.template), ("channel", brake.channel))
    where = ", ".join(f"{kind} {name}" for kind, name in narrowed if name) or "everything"
    return brake.set_at, f"brake ({brake.mode})", where, f"{brake.set_by}: {brake.reason}"


def _why(touch: TouchLine) -> str:
    """The reason, and every gate that did not let the touch pass, with its channel."""
    gates = [
        f"{verdict['gate']}{' on ' + verdict['channel'] if verdict.get('channel') else ''}: {verdict['reason']}"
        for verdict in touch.verdicts
        if verdict["result"] != "pass"
    ]
    if not gates:
        return touch.reason
    return f"{touch.reason} ({'; '.join(gates)})" if touch.reason else "; ".join(gates)


def _show_rejected(lines: list[RejectedLine], zone: ZoneInfo) -> None:
    if not lines:
        click.echo("Nothing is rejected.")
        return
    _table(
        "Rejected",
        ("id", "at", "customer", "reason", "content", "sent again"),
        [
            (line.rejected_id, line.rejected_at, line.customer_id, line.reason, _short(line.content), line.resent_at)
            for line in lines
        ],
        zone,
    )
    click.echo("Correct one and send it again: starter.py rejected --send-again ID [--data JSON]")


def _short(content: str) -> str:
    return content if len(content) <= CONTENT_SHOWN else f"{content[:CONTENT_SHOWN]}…"


def _table(title: str, columns: tuple[str, ...], rows: Sequence[Sequence[object]], zone: ZoneInfo) -> None:
    print_table(columns, rows or [("none",)], zone=zone, title=title)
    click.echo()
