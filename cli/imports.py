"""`starter.py customers FILE`, `facts FILE` and `products FILE`: files into the database, in batches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import click
from pydantic import ValidationError

from activities.customers import CustomerUpdate, import_customers
from activities.facts import Fact, FactRow, fact_of, import_facts
from activities.imported import Imported
from activities.moments import TimeContext
from activities.problems import Place, path_of, problems_of
from activities.products import ProductRow, import_products
from cli.customer_rows import COLUMNS, column_of, nested
from cli.database import open_database
from cli.edge import run_async
from cli.show import counted, progress
from cli.tabular import Reject, Rejects, Row, Table, open_table
from errors import InputError
from settings import Settings, load_settings

BATCH = 1_000

Value = TypeVar("Value")
FieldName = Callable[[Place], str]
"""How a person finds the field at a place of a model: a column, or a path."""

file_argument = click.argument("file", type=click.Path(path_type=Path))
rejects_option = click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    show_default="FILE.rejects.csv",
    help="Where to write the rows that cannot be taken, with line number and reason.",
)


@click.command()
@file_argument
@rejects_option
def customers(file: Path, rejects: Path | None) -> None:
    """Load addresses, reachability, consent, opt-outs, zone, language, risk class and tags from FILE.

    FILE is a CSV or JSON Lines; docs/files.md describes the columns. What is not given stays as it is; the same file
    again changes nothing.
    """
    with Rejects(file, rejects) as rejected:
        loaded = run_async(load_customers(load_settings(), file, rejected))
        click.echo(
            f"{counted(loaded.taken, 'row')} taken, {rejected.count:,} rejected:"
            f" {counted(loaded.changed, 'customer')} changed, {loaded.new:,} of them new."
        )
        if loaded.without_date:
            click.echo(
                f"warning: {counted(loaded.without_date, 'row')} without assessed_at beside risk_class: no product is"
                " shown on such a class, and a dated one stands before it, however old.",
                err=True,
            )
    rejected.leave()


@click.command()
@file_argument
@rejects_option
def facts(file: Path, rejects: Path | None) -> None:
    """Load what the broker's own books say happened from FILE (CSV or JSON Lines).

    docs/files.md describes the columns. Journeys ask these facts before they take `otherwise`.
    """
    with Rejects(file, rejects) as rejected:
        loaded = run_async(load_facts(load_settings(), file, rejected))
        new = f"{counted(loaded.new, 'fact')} {'is' if loaded.new == 1 else 'are'} new"
        click.echo(f"{counted(loaded.taken, 'row')} taken, {rejected.count:,} rejected: {new}.")
    rejected.leave()


@click.command()
@file_argument
@rejects_option
def products(file: Path, rejects: Path | None) -> None:
    """Load products with risk level, type, term and validity from FILE (CSV or JSON Lines).

    docs/files.md describes the columns. Gates ask the products before a message that names one is sent.
    """
    with Rejects(file, rejects) as rejected:
        loaded = run_async(load_products(load_settings(), file, rejected))
        click.echo(
            f"{counted(loaded.taken, 'row')} taken, {rejected.count:,} rejected:"
            f" {counted(loaded.changed, 'product')} changed, {loaded.new:,} of them new."
        )
    rejected.leave()


@dataclass(slots=True)
class Loaded:
    """What came of a file: rows taken; what was new, and what changed (new included).

    `without_date` are rows of customers that say a risk class and not when it was found.
    """

    taken: int = 0
    new: int = 0
    changed: int = 0
    without_date: int = 0


async def load_customers(settings: Settings, file: Path, rejects: Rejects) -> Loaded:
    """Load a file of customers; what cannot be taken goes to `rejects`. InputError if it is no such file."""
    context = time_context(settings)
    with open_table(file, needed=("customer_id",), allowed=COLUMNS) as table:
        is_csv = bool(table.columns)

        def read(row: Row) -> CustomerUpdate:
            values = nested(row.values) if is_csv else row.values
            return CustomerUpdate.model_validate(values, context=context)

        async with open_database(settings) as connection:
            write = partial(import_customers, connection)
            return await load(table, rejects, read, write, column_of if is_csv else path_of)


async def load_facts(settings: Settings, file: Path, rejects: Rejects) -> Loaded:
    """Load a file of facts; what cannot be taken goes to `rejects`. InputError if it is no such file."""
    context = time_context(settings)
    with open_table(file, needed=("customer_id", "name", "occurred_at")) as table:

        def read(row: Row) -> Fact:
            return fact_of(FactRow.of(row.values, context))

        async with open_database(settings) as connection:
            return await load(table, rejects, read, partial(import_facts, connection), row_path_of)


async def load_products(settings: Settings, file: Path, rejects: Rejects) -> Loaded:
    """Load a file of products; what cannot be taken goes to `rejects`. InputError if it is no such file."""
    with open_products(file) as table:
        async with open_database(settings) as connection:
            return await load(table, rejects, product_row, partial(import_products, connection), row_path_of)


def open_products(file: Path) -> AbstractContextManager[Table]:
    """The table of a file of products, which has to be closed."""
    needed = ("product_id", "name", "risk_level", "product_type", "valid_from")
    return open_table(file, needed=needed, allowed=tuple(ProductRow.model_fields))


def product_row(row: Row) -> ProductRow:
    """A row of a file of products. `ValidationError` if it does not fit."""
    return ProductRow.model_validate({name: cell for name, cell in row.values.items() if cell != ""})


async def load(
    table: Table,
    rejects: Rejects,
    read: Callable[[Row], Value],
    write: Callable[[list[Value]], Awaitable[Imported]],
    field_name: FieldName,
) -> Loaded:
    """Write a table in batches; what does not fit, or is refused, goes to `rejects`."""
    loaded = Loaded()
    with progress(table.file.name, table.size) as show:
        for batch in _batches(table, rejects, read, field_name):
            imported = await write([value for _, value in batch])
            for place, reason in sorted(imported.refused.items()):
                rejects.add(batch[place][0], reason)
            loaded.taken += len(batch) - len(imported.refused)
            loaded.new += imported.new
            loaded.changed += imported.changed
            loaded.without_date += imported.without_date
            show(table.position)
    return loaded


def _batches(
    table: Table, rejects: Rejects, read: Callable[[Row], Value], field_name: FieldName
) -> Iterator[list[tuple[Row, Value]]]:
    """What fits, with the rows it was read from; what does not goes to the rejects."""
    batch: list[tuple[Row, Value]] = []
    for row in table:
        if isinstance(row, Reject):
            rejects.add(row)
            continue
        try:
            batch.append((row, read(row)))
        except InputError as error:
            rejects.add(row, str(error))
        except ValidationError as error:
            rejects.add(row, problems_of(error, field_name))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def row_path_of(place: Place) -> str:
    """A field by its path."""
    return path_of(place) or "the row"


def time_context(settings: Settings) -> TimeContext:
    """No time in a file is later than now."""
    return {"latest": datetime.now(UTC) + settings.future_tolerance}
