"""`starter.py customer`, `why` and `rejected`: what support staff look at. Times are in SOJOURN_DEFAULT_ZONE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from activities.database import Connection
from activities.positions import Stand, stands_of
from activities.reading import (
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
from cli.database import open_database
from cli.edge import run_async
from cli.resend import send_again as resend
from cli.show import print_json, print_table, told
from errors import InputError
from journeys.names import CustomerId
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
    points: list[PointsLine]
    conversions: list[ConversionLine]


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
def why(customer_id: str, as_json: bool) -> None:
    """Show what CUSTOMER was sent, what not, what is held, and why; entries, commands, points and goals."""
    settings = load_settings()
    story = run_async(_read_story(check_customer_id(customer_id)))
    if as_json:
        print_json(asdict(story))
    else:
        _show_story(story, settings.default_zone)


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


async def _read_story(customer_id: CustomerId) -> Story:
    async with open_database(load_settings()) as connection:
        await _profile(connection, customer_id)
        return await read_story(connection, customer_id)


async def read_story(connection: Connection, customer_id: CustomerId) -> Story:
    """Everything that was decided about a customer; nothing for one who is not known."""
    return Story(
        customer_id=customer_id,
        entries=await read_entries(connection, customer_id),
        runs=await read_runs(connection, customer_id),
        touches=await read_touches(connection, customer_id),
        holds=await read_holds(connection, customer_id),
        commands=await read_commands(connection, customer_id),
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
