"""`starter.py receipts FILE`: what became of messages, from a provider that hands in files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from activities.imported import Imported
from activities.receipts import MessageEvent, Receipt, take_receipts
from cli.database import open_database
from cli.edge import run_async
from cli.imports import Loaded, file_argument, load, rejects_option, row_path_of, time_context
from cli.sending import Outgoing, deliver
from cli.servers import connect_temporal
from cli.show import counted
from cli.tabular import Rejects, Row, open_table
from settings import Settings, load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

COLUMNS = tuple(Receipt.model_fields)
_NEEDED = ("channel", "receipt_id", "kind", "at")


@click.command()
@file_argument
@rejects_option
def receipts(file: Path, rejects: Path | None) -> None:
    """Load what became of messages (delivered, opened, clicked, bounced, unsubscribed) from FILE (CSV or JSON Lines).

    docs/files.md describes the columns. Settles touches in doubt, and tells journeys that wait for it. The same file
    again changes nothing.
    """
    with Rejects(file, rejects) as rejected:
        loaded = run_async(load_receipts(load_settings(), file, rejected))
        new = f"{counted(loaded.new, 'receipt')} {'is' if loaded.new == 1 else 'are'} new"
        click.echo(f"{counted(loaded.taken, 'row')} taken, {rejected.count:,} rejected: {new}.")
    rejected.leave()


async def load_receipts(settings: Settings, file: Path, rejects: Rejects) -> Loaded:
    """Load a file of receipts; what cannot be taken goes to `rejects`. InputError if it is no such file.

    EngineError if Temporal is not there: run it again then, what was told counts once.
    """
    context = time_context(settings)

    def read(row: Row) -> Receipt:
        return Receipt.model_validate(_given(row.values), context=context)

    with open_table(file, needed=_NEEDED, allowed=COLUMNS) as table:
        client = await connect_temporal(settings)
        async with open_database(settings) as connection:

            async def write(batch: list[Receipt]) -> Imported:
                taken = await take_receipts(connection, batch, partial(_tell, client), f"file {file.name}"[:200])
                return Imported(len(taken.new), len(taken.new), taken.refused)

            return await load(table, rejects, read, write, row_path_of)


async def _tell(client: Client, event: MessageEvent) -> None:
    await deliver(client, Outgoing(event.customer_id, event.argument))


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """An empty cell says nothing."""
    return {name: value for name, value in values.items() if value not in (None, "")}
