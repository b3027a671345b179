"""`starter.py brake`: stop touches at once, or let them go on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict
from typing import Any, assert_never

import click

from activities.brakes import BrakeScope, BrakeSet, list_brakes, put_brake_on, take_brakes_off
from cli.actor import actor_option, reason_option
from cli.database import open_database
from cli.edge import run_async
from cli.known import journey_names, template_names
from cli.show import print_json, print_table
from errors import InputError
from journeys.names import Channel, JourneyName, TemplateName
from rules.gates import BrakeMode
from settings import load_settings

Command = Callable[..., Any]


def _scope_options(command: Command) -> Command:
    """The options that say what a brake stops; each left out means all."""
    for option in (
        click.option("--channel", help="Only touches on this channel."),
        click.option("--template", help="Only touches with this template."),
        click.option("--journey", help="Only touches of this journey."),
    ):
        command = option(command)
    return command


@click.group()
def brake() -> None:
    """Stop touches, or let them go on. It takes effect at the next gate.

    A brake holds for what it names: a journey, a template, a channel, or their combination; with none of them, for
    every touch.
    """


@brake.command()
@_scope_options
@click.option(
    "--mode",
    type=click.Choice([str(mode) for mode in BrakeMode]),
    required=True,
    help="hold: keep touches until the brake is off. drop: withhold them for good.",
)
@reason_option
@actor_option
def on(journey: str | None, template: str | None, channel: str | None, mode: str, reason: str, actor: str) -> None:
    """Put a brake on."""
    scope = _scope(journey, template, channel)
    run_async(_on(scope, BrakeMode(mode), reason, actor))


@brake.command()
@_scope_options
@click.option("--mode", type=click.Choice([str(mode) for mode in BrakeMode]), help="Only the brake of this mode.")
@reason_option
@actor_option
def off(
    journey: str | None, template: str | None, channel: str | None, mode: str | None, reason: str, actor: str
) -> None:
    """Take off the brake that was put on with the same journey, template and channel."""
    scope = _scope(journey, template, channel)
    run_async(_off(scope, BrakeMode(mode) if mode else None, reason, actor))


@brake.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_(as_json: bool) -> None:
    """Show the brakes that are on."""
    run_async(_list(as_json))


async def _on(scope: BrakeScope, mode: BrakeMode, reason: str, actor: str) -> None:
    async with open_database(load_settings()) as connection:
        await put_brake_on(connection, scope, mode, reason=reason, actor=actor)
    effect = "held until it is off" if mode is BrakeMode.HOLD else "withheld for good"
    click.echo(f"The brake on {scope.told()} is on: from the next gate on, its touches are {effect}.")


async def _off(scope: BrakeScope, mode: BrakeMode | None, reason: str, actor: str) -> None:
    async with open_database(load_settings()) as connection:
        released = await take_brakes_off(connection, scope, mode, reason=reason, actor=actor)
        left = await list_brakes(connection)
    for each in released:
        click.echo(f"The brake on {each.scope.told()} ({each.brake.mode}) is off: {_after(each.brake.mode)}.")
    if left:
        click.echo(f"Still on: {'; '.join(f'{each.scope.told()} ({each.brake.mode})' for each in left)}.")


def _after(mode: BrakeMode) -> str:
    match mode:
        case BrakeMode.HOLD:
            return "what it held goes on within 20 minutes, or after quiet hours"
        case BrakeMode.DROP:
            return "what it withheld stays withheld, what comes now may go"
        case _:
            assert_never(mode)


async def _list(as_json: bool) -> None:
    settings = load_settings()
    async with open_database(settings) as connection:
        brakes = await list_brakes(connection)
    if as_json:
        print_json([_as_json(each) for each in brakes])
    elif brakes:
        print_table(
            ("since", "stops", "mode", "reason", "by"),
            [(each.set_at, each.scope.told(), each.brake.mode, each.brake.reason, each.set_by) for each in brakes],
            zone=settings.default_zone,
        )
    else:
        click.echo("No brake is on.")


def _as_json(each: BrakeSet) -> dict[str, object]:
    return {"brake_id": each.brake_id, **asdict(each.brake), "set_by": each.set_by, "set_at": each.set_at}


def _scope(journey: str | None, template: str | None, channel: str | None) -> BrakeScope:
    """Check the names: a brake on a name that does not exist would stop nothing, and look as if it did."""
    return BrakeScope(
        JourneyName(_known("journey", journey, journey_names())) if journey is not None else None,
        TemplateName(_known("template", template, template_names())) if template is not None else None,
        Channel(_known("channel", channel, [str(each) for each in Channel])) if channel is not None else None,
    )


def _known(kind: str, name: str, names: Collection[str]) -> str:
    if name not in names:
        raise InputError(f"there is no {kind} {name!r}: the {kind}s are {', '.join(sorted(names))}")
    return name
