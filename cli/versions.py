"""`starter.py versions` and `starter.py migrate-runs`: who is in which version of a journey, and moving them."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

import click

from activities.positions import Stand, running
from cli.actor import actor_option, reason_option
from cli.database import open_database
from cli.edge import run_async, some_rejected
from cli.known import known_journey
from cli.ordering import Order, Tally, give, give_all, order
from cli.releases import workers_of_other_releases
from cli.servers import connect_temporal
from cli.show import print_json, print_table, progress
from errors import EngineError, InputError
from journeys.names import JourneyName
from journeys.published import published
from rules.commands import Verb, cannot_move
from rules.definitions import Definition, definition
from settings import Settings, load_settings

Place = tuple[int, str, bool]
"""A version, a step of it, and whether the runs there are paused."""


@click.command()
@click.argument("journey")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def versions(journey: str, as_json: bool) -> None:
    """Show how many customers are in which version of JOURNEY, at which step."""
    settings = load_settings()
    places = run_async(_places(settings, JourneyName(known_journey(journey))))
    if as_json:
        print_json([_as_json(place, number) for place, number in sorted(places.items())])
    elif places:
        rows = [
            (version, step, "paused" if paused else "", f"{number:,}")
            for (version, step, paused), number in sorted(places.items())
        ]
        print_table(("version", "at step", "", "customers"), rows, zone=settings.default_zone)
    else:
        click.echo(f"Nobody is in {journey}.")


@click.command("migrate-runs")
@click.argument("journey")
@click.option("--to", "version", type=int, required=True, help="The published version to move to.")
@click.option(
    "--policy",
    type=click.Choice(["pin", "move"]),
    default="pin",
    show_default=True,
    help="pin: everybody stays where they are. move: go on in the other version, at the same step.",
)
@click.option("--dry-run", is_flag=True, help="Only list who would move, and who cannot.")
@reason_option
@actor_option
def migrate_runs(journey: str, version: int, policy: str, dry_run: bool, reason: str, actor: str) -> None:
    """Move the customers who are in JOURNEY to another version of it.

    Who is at a step that the other version does not have stays, and is listed, as are workers of other releases.
    """
    name = JourneyName(known_journey(journey))
    there = published_version(name, version)
    settings = load_settings()
    stands = [one for one in run_async(_stands(settings, name)) if one.definition != there.hash]
    movable = [one for one in stands if not cannot_move(one.step, definition(one.definition), there)]
    _list(stands, there)
    _list_workers(settings)
    if policy == "pin" or dry_run:
        click.echo(f"{len(movable):,} of {len(stands):,} runs could move; nothing was done.")
        return
    tally = run_async(_move(settings, movable, there, reason, actor))
    _tell(tally, len(stands) - len(movable), there)


def published_version(journey: JourneyName, version: int) -> Definition:
    """A published version of a journey. InputError if there is none."""
    hashes = {each.journey.version: hash for hash, each in published().items() if each.journey.name == journey}
    if version not in hashes:
        known = ", ".join(map(str, sorted(hashes))) or "none"
        raise InputError(f"version {version} of {journey} is not published: published are {known}")
    return definition(hashes[version])


async def _places(settings: Settings, journey: JourneyName) -> Mapping[Place, int]:
    async with open_database(settings) as connection:
        counted: Counter[Place] = Counter()
        async for one in running(connection, journey):
            counted[one.version, one.step or "its end", one.paused] += 1
        return counted


async def _stands(settings: Settings, journey: JourneyName) -> list[Stand]:
    async with open_database(settings) as connection:
        return [one async for one in running(connection, journey)]


async def _move(settings: Settings, stands: Sequence[Stand], there: Definition, reason: str, actor: str) -> Tally:
    invocation = uuid.uuid4().hex  # who was refused the last time may have come further since

    async def orders() -> AsyncIterator[Order]:
        for one in stands:
            yield order(
                Verb.MOVE,
                one.customer_id,
                there.journey.name,
                actor=actor,
                reason=reason,
                command_id=f"move:{invocation}:{one.entry}",
                key=one.key,
                to=there.hash,
            )

    client = await connect_temporal(settings)
    with progress(there.journey.name, len(stands)) as show:
        return await give_all(orders(), partial(give, client), concurrency=settings.events_concurrency, show=show)


def _list(stands: Sequence[Stand], there: Definition) -> None:
    for (version, step), number in sorted(Counter((one.version, one.step or "its end") for one in stands).items()):
        here = next(one.definition for one in stands if (one.version, one.step or "its end") == (version, step))
        problem = cannot_move(None if step == "its end" else step, definition(here), there)  # type: ignore[arg-type]
        click.echo(f"{number:,} in version {version} at {step}: {problem or 'can move'}")


def _list_workers(settings: Settings) -> None:
    """A worker that does not ship the version refuses the moves that it is asked for."""
    try:
        others = run_async(_workers_of_other_releases(settings))
    except EngineError as error:
        click.echo(f"Nobody knows whether the workers ship it: {error}")
        return
    for identity in others:
        click.echo(f"worker {identity} ships other journeys than this release: end it, or it may refuse to move runs")


async def _workers_of_other_releases(settings: Settings) -> Sequence[str]:
    return await workers_of_other_releases(await connect_temporal(settings))


def _tell(tally: Tally, left: int, there: Definition) -> None:
    click.echo(f"{tally.done:,} runs go on in {there.journey.name} {there.journey.version}.")
    for told, number in tally.refused.most_common():
        click.echo(f"{number:,} stay: {told}")
    for customer_id, problem in list(tally.failed.items())[:10]:
        click.echo(f"{customer_id}: {problem}")
    if left or tally.refused or tally.failed:
        click.echo(f"{left + tally.refused.total() + len(tally.failed):,} runs stay in their version.")
        some_rejected()


def _as_json(place: Place, number: int) -> dict[str, object]:
    version, step, paused = place
    return {"version": version, "step": step, "paused": paused, "customers": number}
