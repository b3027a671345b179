"""`starter.py enter`: put a customer into a journey, or all those that a condition or a file names."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import click

from activities.audience import audience
from activities.brakes import list_brakes
from activities.database import Connection
from cli.actor import actor_option, reason_option
from cli.commands import obey
from cli.database import open_database
from cli.edge import run_async, some_rejected
from cli.known import known_journey
from cli.ordering import Order, Tally, give, give_all, order
from cli.servers import connect_temporal
from cli.show import counted, progress
from cli.tabular import Reject, open_table
from cli.where import parse_where
from errors import InputError
from journeys import JOURNEYS
from journeys.names import CustomerId
from journeys.words import Journey, Send, all_steps
from rules.commands import Verb
from rules.customer_id import check_customer_id
from rules.gates import Brake, BrakeMode
from settings import Settings, load_settings

KEPT_AT_ONCE = 1_000
"""Customers whose earlier decisions are looked up in one statement."""

PASSING = ("draft", "closed")
"""Refusals that say something of the worker: for this release the journey is live, or nobody would be asked."""

AGAIN = "#"
"""Stands between a batch and the number of the attempt; no batch has it in its name."""

_BATCH = re.compile(r"[A-Za-z0-9._-]{1,64}")


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="[CUSTOMER] JOURNEY")
@reason_option
@actor_option
@click.option("--where", metavar="CONDITION", help="Everybody for whom it holds, as in 'stage == churned'.")
@click.option("--file", type=click.Path(path_type=Path), help="Everybody in a file with a column customer_id.")
@click.option("--rate", type=click.IntRange(min=1), help="At most so many a minute.")
@click.option(
    "--batch", help="A name for this entry of many; without it, it is made from the journey and whom it names."
)
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--key", default="", help="For one customer: the key, if the journey has a run for each.")
def enter(
    names: Sequence[str],
    reason: str,
    actor: str,
    where: str | None,
    file: Path | None,
    rate: int | None,
    batch: str | None,
    dry_run: bool,
    key: str,
) -> None:
    """Let CUSTOMER enter JOURNEY, or all whom --where or --file names.

    Each entry is decided and recorded like any other. Of many, each customer is asked once under the name of the batch:
    run the same again after an interruption and it goes on where it was; next season give it another --batch. Who was
    refused by a worker of an older release is asked again.
    """
    if len(names) > 2 or (len(names) == 2) == bool(where or file) or (where and file):
        raise InputError("name one customer and the journey, or the journey with one of --where and --file")
    journey = known_journey(names[-1])
    if len(names) == 2:
        run_async(_say_brakes(load_settings(), journey))
        obey(Verb.ENTER, names[0], journey, reason=reason, actor=actor, key=key)
        return
    many = Many(_enterable(journey), _batch(batch, journey, where, file), actor, reason)
    run_async(_say_brakes(load_settings(), journey))
    tally = run_async(_enter(load_settings(), many, where, file, rate, dry_run))
    if tally is not None:
        _tell(tally, many)


async def _say_brakes(settings: Settings, name: str) -> None:
    """Brakes stop touches, not entries: who lets customers in has to know."""
    journey = next((each for each in JOURNEYS if each.name == name), None)
    if journey is None:
        return
    async with open_database(settings) as connection:
        brakes = await list_brakes(connection)
    for each in brakes:
        if _stops(each.brake, journey):
            effect = "held until it is off" if each.brake.mode is BrakeMode.HOLD else "withheld for good"
            click.echo(
                f"The brake on {each.scope.told()} ({each.brake.mode}) is on: customers enter {name} all the same, and"
                f" touches that it stops are {effect}."
            )


def _stops(brake: Brake, journey: Journey) -> bool:
    """Whether a brake stops a touch of a journey on one of its channels."""
    return brake.journey in (None, journey.name) and any(
        brake.template in (None, step.template) and (brake.channel is None or brake.channel in step.channels)
        for step in all_steps(journey.steps)
        if isinstance(step, Send)
    )


@dataclass(frozen=True, slots=True)
class Many:
    """An entry of many; `before` counts those who were asked in an earlier run of the same batch."""

    journey: Journey
    batch: str
    actor: str
    reason: str
    invocation: str = field(default_factory=lambda: uuid.uuid4().hex)
    before: Counter[Literal["entered", "refused"]] = field(default_factory=Counter)

    def order(self, asked: Asked) -> Order:
        """The command for one of them; another one than those that an older worker answered."""
        again = f"{AGAIN}{asked.refused_in_passing + 1}" if asked.refused_in_passing else ""
        return order(
            Verb.ENTER,
            asked.customer_id,
            self.journey.name,
            actor=self.actor,
            reason=self.reason,
            command_id=f"{self.command_id}{again}",
            invocation=self.invocation,
        )

    @property
    def command_id(self) -> str:
        """The same for all: commands are told apart by customer."""
        return f"batch:{self.batch}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A customer to be asked, and how often a worker that did not know better has refused."""

    customer_id: CustomerId
    refused_in_passing: int


async def _enter(
    settings: Settings, many: Many, where: str | None, file: Path | None, rate: int | None, dry_run: bool
) -> Tally | None:
    async with open_database(settings) as connection:
        if where is not None:
            found = audience(connection, parse_where(where), datetime.now(UTC))
        else:
            assert file is not None
            await _read_through(connection, file, many)
            found = _in_file(file)
        fresh = _not_yet_asked(connection, found, many)
        if dry_run:
            await _count(fresh, many)
            return None
        client = await connect_temporal(settings)
        with progress(many.journey.name, 0) as show:
            orders = (many.order(asked) async for asked in fresh)
            give_one = partial(give, client)
            return await give_all(orders, give_one, concurrency=settings.events_concurrency, a_minute=rate, show=show)


async def _read_through(connection: Connection, file: Path, many: Many) -> None:
    """InputError for a file with a row that names no customer, or one whom nobody knows, before anybody is asked."""
    async for _ in _not_yet_asked(connection, _in_file(file), replace(many, before=Counter())):
        pass


async def _in_file(file: Path) -> AsyncIterator[CustomerId]:
    """The customers of a file. InputError at the first row that names none."""
    with open_table(file, needed=("customer_id",)) as table:
        for row in table:
            if isinstance(row, Reject):
                raise InputError(f"{file}: line {row.line} {row.reason}")
            yield check_customer_id(str(row.values["customer_id"]))


async def _not_yet_asked(connection: Connection, found: AsyncIterator[CustomerId], many: Many) -> AsyncIterator[Asked]:
    """Those for whom this batch has no decision yet, each once as far as neighbours go."""
    waiting: list[CustomerId] = []
    async for customer_id in found:
        waiting.append(customer_id)
        if len(waiting) == KEPT_AT_ONCE:
            for one in await _fresh(connection, waiting, many):
                yield one
            waiting = []
    for one in await _fresh(connection, waiting, many):
        yield one


async def _fresh(connection: Connection, customer_ids: Sequence[CustomerId], many: Many) -> list[Asked]:
    """InputError for ids that no customer has: a life would begin for nobody."""
    rows = await connection.fetch(
        """
        SELECT named.customer_id, customer.customer_id IS NOT NULL AS known, asked.*
        FROM unnest($1::text[]) WITH ORDINALITY AS named (customer_id, place)
        LEFT JOIN customer ON customer.customer_id = named.customer_id
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE entry > 0) AS entered,
                   count(*) FILTER (WHERE refused = ANY($4::text[])) AS passing,
                   count(*) FILTER (WHERE entry = 0 AND refused <> ALL($4::text[])) AS refused
            FROM entry_decision AS decision
            WHERE decision.customer_id = named.customer_id AND decision.journey = $2
              AND (decision.cause = $3 OR starts_with(decision.cause, $3 || $5))
        ) AS asked
        ORDER BY place
        """,
        list(dict.fromkeys(customer_ids)),
        many.journey.name,
        f"command:{many.command_id}",
        list(PASSING),
        AGAIN,
    )
    unknown = [row["customer_id"] for row in rows if not row["known"]]
    if unknown:
        raise InputError(
            f"{counted(len(unknown), 'customer')} {_were(len(unknown), 'is', 'are')} not known, the first is"
            f" {unknown[0]!r}: load them first, with"
            " `starter.py customers`"
        )
    many.before["entered"] += sum(row["entered"] > 0 for row in rows)
    many.before["refused"] += sum(row["refused"] > 0 for row in rows)
    return [
        Asked(CustomerId(row["customer_id"]), row["passing"]) for row in rows if not (row["entered"] or row["refused"])
    ]


async def _count(fresh: AsyncIterator[Asked], many: Many) -> None:
    number = 0
    async for _ in fresh:
        number += 1
    click.echo(
        f"{counted(number, 'customer')} would be asked to enter {many.journey.name} {many.journey.version}"
        f" (batch {many.batch}); nothing was done."
    )
    _tell_before(many)


def _enterable(name: str) -> Journey:
    journey = next((each for each in JOURNEYS if each.name == name), None)
    if journey is None or journey.state != "live":
        state = "not listed in journeys/catalogue.py" if journey is None else f"{journey.state}, not live"
        raise InputError(f"{name} is {state}: nobody can enter it")
    return journey


def _batch(batch: str | None, journey: str, where: str | None, file: Path | None) -> str:
    if batch is not None:
        if not _BATCH.fullmatch(batch):
            raise InputError(f"--batch {batch!r}: write 1 to 64 letters, digits, '.', '_' or '-', as in spring-2027")
        return batch
    content = where.encode() if where is not None else file.read_bytes() if file is not None and file.is_file() else b""
    return f"{journey}-{hashlib.sha256(content).hexdigest()[:12]}"


def _tell(tally: Tally, many: Many) -> None:
    """Exit code 1 if somebody did not enter."""
    click.echo(f"{tally.done:,} entered (batch {many.batch}).")
    for told, number in tally.refused.most_common():
        click.echo(f"{number:,} {told}")
    _tell_before(many)
    for customer_id, problem in list(tally.failed.items())[:10]:
        click.echo(f"{customer_id}: {problem}")
    if tally.failed:
        click.echo(f"{len(tally.failed):,} could not be asked.")
    if tally.failed or tally.refused:
        some_rejected()


def _tell_before(many: Many) -> None:
    if asked := many.before.total():
        click.echo(
            f"{asked:,} {_were(asked, 'was', 'were')} asked in this batch before and not again:"
            f" {many.before['entered']:,} entered,"
            f" {many.before['refused']:,} did not. To ask them anew, give another --batch."
        )


def _were(number: int, one: str, several: str) -> str:
    return one if number == 1 else several
