"""`starter.py customer`: where a customer stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from zoneinfo import ZoneInfo

import click

from activities.positions import Stand, stands_of
from activities.profile import EventLine, Profile, profile_of, read_events
from activities.story import CommandLine, HoldLine, TouchLine, read_commands, read_holds, read_touches
from cli.database import open_database
from cli.edge import run_async
from cli.happenings import touch_line
from cli.show import print_json, print_table, told
from journeys.names import CustomerId
from rules.commands import Verb
from rules.customer_id import check_customer_id
from settings import load_settings

LAST = 10


@dataclass(frozen=True, slots=True)
class Card:
    """Where a customer stands: open runs, what is held, the last events and the last touches."""

    profile: Profile
    runs: list[Stand]
    holds: list[HoldLine]
    commands: list[CommandLine]
    events: list[EventLine]
    touches: list[TouchLine]


@click.command()
@click.argument("customer_id", metavar="CUSTOMER")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def customer(customer_id: str, as_json: bool) -> None:
    """Show where CUSTOMER stands: stage, points, open journeys and what is next, the last events and touches."""
    settings = load_settings()
    card = run_async(_read_card(check_customer_id(customer_id)))
    if as_json:
        print_json({**asdict(card.profile), **{key: value for key, value in asdict(card).items() if key != "profile"}})
    else:
        _show_card(card, settings.default_zone)


async def _read_card(customer_id: CustomerId) -> Card:
    async with open_database(load_settings()) as connection:
        return Card(
            profile=await profile_of(connection, customer_id),
            runs=await stands_of(connection, customer_id),
            holds=[hold for hold in await read_holds(connection, customer_id) if not hold.over],
            commands=await read_commands(connection, customer_id),
            events=await read_events(connection, customer_id, LAST),
            touches=await read_touches(connection, customer_id, last=LAST),
        )


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
    _table(
        "Last touches", ("planned", "what", "where", "why"), [touch_line(touch, zone) for touch in card.touches], zone
    )


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


def _table(title: str, columns: tuple[str, ...], rows: Sequence[Sequence[object]], zone: ZoneInfo) -> None:
    print_table(columns, rows or [("none",)], zone=zone, title=title)
    click.echo()
