"""`starter.py event` and `starter.py events`: tell customers' workflows what happened, one event or a file of them."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import assert_never
from zoneinfo import ZoneInfo

import click
from pydantic import TypeAdapter, ValidationError

from activities.moments import Moment
from cli.aftermath import LIMIT, Aftermath, Result, send_and_follow
from cli.edge import run_async, some_rejected
from cli.event_file import NEEDED, events_of
from cli.happenings import happenings
from cli.json_object import data_option
from cli.known import event_named
from cli.sending import Outgoing, checked, deliver, send_all
from cli.servers import connect_temporal
from cli.show import counted, print_json, print_table, progress, told
from cli.tabular import Rejects, open_table
from errors import InputError
from rules.customer_id import check_customer_id
from settings import Settings, load_settings

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@click.command()
@click.argument("customer_id", metavar="CUSTOMER")
@click.argument("name")
@click.option("--data", default="{}", metavar="JSON", help='What the event says, as in {"amount": "1000.00"}.')
@click.option("--at", metavar="TIME", show_default="now", help="When it happened, as in 2026-11-22T09:00:00+08:00.")
@click.option(
    "--id",
    "event_id",
    metavar="ID",
    show_default="a new one",
    help="With --at: twice is once.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def event(customer_id: str, name: str, data: str, at: str | None, event_id: str | None, as_json: bool) -> None:
    """Tell CUSTOMER's workflow that NAME happened, and show what it makes of it.

    Exit code 1 if the workflow rejects it; then `starter.py rejected` lists it.
    """
    settings = load_settings()
    check_customer_id(customer_id)
    argument = {
        "event_id": event_id or uuid.uuid4().hex,
        "name": event_named(name),
        "occurred_at": _moment(at) if at else datetime.now(UTC).isoformat(),
        "data": data_option(data),
    }
    outgoing = checked(customer_id, argument, settings.future_tolerance)
    aftermath = run_async(send_and_follow(settings, outgoing, LIMIT))
    if as_json:
        print_json({"customer_id": outgoing.customer_id, **argument, **asdict(aftermath)})
    else:
        _show(outgoing, aftermath, settings.default_zone)
    if aftermath.result is Result.REJECTED:
        some_rejected()


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    show_default="FILE.rejects.csv",
    help="Where to write the rows that cannot be taken, with line number and reason.",
)
def events(file: Path, rejects: Path | None) -> None:
    """Send the events of FILE (CSV or JSON Lines), each customer's in the order of the file.

    docs/files.md describes the columns. The same file again changes nothing.
    """
    with Rejects(file, rejects) as rejected:
        sent = run_async(send_file(load_settings(), file, rejected))
        click.echo(f"{counted(sent, 'event')} sent, {rejected.count:,} rejected.")
    rejected.leave()


async def send_file(settings: Settings, file: Path, rejects: Rejects) -> int:
    """Send the events of a file; the number sent. What cannot be taken goes to `rejects`.

    InputError if it is no such file; EngineError says how far it came when Temporal is not there.
    """

    def refused(event: Outgoing, reason: str) -> None:
        assert event.row is not None
        rejects.add(event.row, reason)

    with open_table(file, needed=NEEDED) as table, progress(file.name, table.size) as show:
        client = await connect_temporal(settings)
        events = events_of(table, rejects, settings.future_tolerance, show)
        return await send_all(events, partial(deliver, client), refused, settings.events_concurrency)


def _moment(at: str) -> str:
    try:
        return _MOMENT.validate_python(at).isoformat()
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"--at cannot be used: {problem}") from error


def _show(event: Outgoing, aftermath: Aftermath, zone: ZoneInfo) -> None:
    """What became of it, what followed, and what comes next."""
    click.echo(_verdict(event, aftermath))
    if aftermath.result is Result.REJECTED:
        return
    before, after = aftermath.stage_before or "none", aftermath.stage or "none"
    click.echo(f"Stage: {after}" if before == after else f"Stage: {before} → {after}")
    if lines := sorted(happenings(aftermath.since, zone), key=lambda line: line[0]):
        click.echo()
        print_table(("when", "what", "where", "why"), lines, zone=zone)
        click.echo()
    click.echo(f"Points: {aftermath.points:,}")
    for each in aftermath.waiting:
        until = f" until {told(each.until, zone)}" if each.until else ""
        click.echo(f"Under way: {each.journey} at {each.step or 'its end'}{until}")
    if not aftermath.still_open:  # what the event leads to may come before what was planned
        click.echo(f"Next action: {told(aftermath.next_action_at, zone) or 'none'}")


def _verdict(event: Outgoing, aftermath: Aftermath) -> str:
    """What became of the event, in a sentence or two."""
    what = f"{event.argument['name']} of {event.customer_id} (event {event.argument['event_id']})"
    match aftermath.result:
        case Result.RECORDED:
            said = f"{what} is recorded."
        case Result.KNOWN:
            said = f"{what} was known already: nothing happens twice."
        case Result.REJECTED:
            said = f"{what} is rejected: {aftermath.reason}."
        case Result.OPEN:
            said = f"{what} is sent."
        case _:
            assert_never(aftermath.result)
    return f"{said} Still open: {aftermath.still_open}." if aftermath.still_open else said
