"""`starter.py pause`, `resume`, `skip`, `end`: commands for one customer's run, answered with what happened."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from cli.actor import actor_option, reason_option
from cli.database import open_database
from cli.edge import run_async, some_rejected
from cli.known import known_journey
from cli.servers import connect_temporal
from cli.show import print_json
from errors import PayloadKeyMissing
from journeys.names import CustomerId
from rules.commands import Verb
from rules.state import Obeyed
from settings import Settings, load_settings

AnyCommand = Callable[..., Any]


def run_options(command: AnyCommand) -> AnyCommand:
    """The options of every command for one customer."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="For programs."),
        click.option("--id", "command_id", metavar="ID", show_default="a new one", help="Twice is once."),
        click.option("--key", default="", help="Which run, if the journey has one for each key."),
        actor_option,
        reason_option,
        click.argument("journey"),
        click.argument("customer_id", metavar="CUSTOMER"),
    ):
        command = option(command)
    return command


def _command(verb: Verb, name: str, help: str) -> click.Command:
    @click.command(name, help=help)
    @run_options
    def command(
        customer_id: str, journey: str, reason: str, actor: str, key: str, command_id: str | None, as_json: bool
    ) -> None:
        obey(verb, customer_id, journey, reason=reason, actor=actor, key=key, command_id=command_id, as_json=as_json)

    return command


pause = _command(Verb.PAUSE, "pause", "Let CUSTOMER's run of JOURNEY stand still; goals and exits still end it.")
resume = _command(Verb.RESUME, "resume", "Let a paused run go on; its waits are longer by as long as it stood still.")
skip = _command(Verb.SKIP, "skip", "End the present wait of a run now, as if its time were over.")
end = _command(Verb.END, "end", "End CUSTOMER's run of JOURNEY.")


def obey(
    verb: Verb,
    customer_id: str,
    journey: str,
    *,
    reason: str,
    actor: str,
    key: str = "",
    command_id: str | None = None,
    as_json: bool = False,
) -> None:
    """Give one command and show what was made of it; exit code 1 if it was refused."""
    known_journey(journey)
    obeyed = run_async(
        _give(
            verb, customer_id, journey, reason=reason, actor=actor, key=key, command_id=command_id or uuid.uuid4().hex
        )
    )
    if as_json:
        print_json(obeyed)
    else:
        click.echo(f"{customer_id}: {obeyed.told}." if obeyed.done else f"Refused for {customer_id}: {obeyed.told}.")
    if not obeyed.done:
        some_rejected()


async def _give(verb: Verb, customer_id: str, journey: str, **what: Any) -> Obeyed:
    from cli.ordering import give, order

    command, settings = order(verb, customer_id, journey, **what), load_settings()
    client = await connect_temporal(settings)
    try:
        return await give(client, command, in_books=partial(_in_books, settings))
    except PayloadKeyMissing as error:  # the workers encrypt their answer with another key
        again = "" if verb is Verb.ENTER else f"; given again with `--id {what['command_id']}` it is not repeated"
        raise PayloadKeyMissing(
            f"{error} The command may have been carried out: `starter.py why {customer_id}` says so{again}."
        ) from error


async def _in_books(settings: Settings, customer_id: CustomerId) -> bool:
    async with open_database(settings) as connection:
        known: bool | None = await connection.fetchval("SELECT true FROM customer WHERE customer_id = $1", customer_id)
        return bool(known)
