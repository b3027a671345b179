"""`starter.py rejected`: what could not be taken, and sending it again."""

from __future__ import annotations

import json
from dataclasses import asdict
from zoneinfo import ZoneInfo

import click

from activities import contracts
from activities.quarantine import RejectedLine, read_rejected
from cli.database import open_database
from cli.edge import run_async
from cli.json_object import data_option
from cli.resend import Correction
from cli.resend import send_again as send_event_again
from cli.show import print_json, print_table
from errors import InputError
from settings import load_settings

CONTENT_SHOWN = 200


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--send-again", type=int, metavar="ID", help="Send one of them again, as it came or corrected.")
@click.option("--data", metavar="JSON", help="With --send-again: the corrected data of the event.")
@click.option("--name", metavar="NAME", help="With --send-again: the corrected name of the event.")
@click.option("--at", metavar="TIME", help="With --send-again: when it happened, as in 2026-11-22T09:00:00+08:00.")
def rejected(as_json: bool, send_again: int | None, data: str | None, name: str | None, at: str | None) -> None:
    """List the events that could not be taken, with the reason; correct them and send them again."""
    if send_again is None and (data, name, at) != (None, None, None):
        raise InputError("--data, --name and --at correct one event: say which with --send-again ID")
    settings = load_settings()
    if send_again is not None:
        correction = Correction(None if data is None else data_option(data), name, at)
        click.echo(run_async(send_event_again(settings, send_again, correction)))
        return
    lines = run_async(_read_rejected())
    if as_json:
        print_json([asdict(line) for line in lines])
    else:
        _show_rejected(lines, settings.default_zone)


async def _read_rejected() -> list[RejectedLine]:
    async with open_database(load_settings()) as connection:
        return await read_rejected(connection)


def _show_rejected(lines: list[RejectedLine], zone: ZoneInfo) -> None:
    if not lines:
        click.echo("Nothing is rejected.")
        return
    print_table(
        ("id", "at", "customer", "reason", "content", "sent again"),
        [
            (line.rejected_id, line.rejected_at, line.customer_id, line.reason, _short(line.content), line.resent_at)
            for line in lines
        ],
        zone=zone,
        title="Rejected",
    )
    click.echo(
        "\nCorrect one and send it again: starter.py rejected --send-again ID [--data JSON] [--name NAME] [--at TIME]"
    )


def _short(content: str) -> str:
    """The beginning of what was sent, as its sender wrote it."""
    sent = _argument(content)
    return sent if len(sent) <= CONTENT_SHOWN else f"{sent[:CONTENT_SHOWN]}…"


def _argument(content: str) -> str:
    """The argument alone, where that is what was kept of an event; else all that was kept."""
    try:
        kept = json.loads(content)
    except ValueError:
        return content
    match kept:
        case {"signal": contracts.RECORD_EVENT, "argument": str(argument)}:
            return argument
        case _:
            return content
