"""`starter.py rehearse FILE`: the journeys over a file of events, in the paper world, without a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

import click

from cli.outputs import TableFiles, table_files, write_forecast
from cli.paper_books import read_books
from cli.paper_products import read_products
from cli.play_file import PlayOptions, midnight, read_play_file
from cli.play_options import file_options
from cli.rehearsal import (
    EVERYBODY,
    Rehearsal,
    paper_world,
    processors,
    to_rehearse,
    without_garbage_collection,
)
from cli.report.forecast import caps_told
from cli.report.summary import Summary
from cli.report.tables import arms_table, forecast_table, loads_table, refusals_table
from cli.show import print_table, progress
from cli.tabular import Reject, Rejects
from journeys.names import Channel, ProductId
from rules.assumed import SUITED, assumed_product, product_ids
from rules.customer_id import mask_numbers

CONSENTS: Mapping[str, Sequence[Channel]] = {"inbox": (Channel.INBOX,), "all": tuple(Channel), "none": ()}


@click.command()
@file_options
@click.option("--until", help="The last day, as 1998-06-30, to its end; without it, the last event of the file.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Where to write tables and report.html.")
@click.option("--facts", type=click.Path(path_type=Path), help="What the broker's own books say, as for `facts`.")
@click.option("--products", type=click.Path(path_type=Path), help="The broker's products, as for `products`.")
@click.option("--consent", type=click.Choice(list(CONSENTS)), default="inbox", show_default=True, help="Of everybody.")
@click.option("--with", "also", multiple=True, metavar="JOURNEY", help="Rehearse a journey that is not live, too.")
@click.option("--processes", type=click.IntRange(min=1), help="How many; without it, one for each processor.")
def rehearse(
    file: Path,
    options: PlayOptions,
    until: str | None,
    out: Path | None,
    facts: Path | None,
    products: Path | None,
    consent: str,
    also: Sequence[str],
    processes: int | None,
) -> None:
    """Let the journeys run over FILE on paper: nothing is sent, and the same file gives the same result."""
    named = product_ids(to_rehearse(also))
    known = tuple(map(assumed_product, named)) if products is None else read_products(products)
    everybody = replace(EVERYBODY, zone=str(options.zone))
    world = paper_world(CONSENTS[consent], also, everybody, investor=SUITED, products=known)
    first = [*_not_entered(also), *_of_products(named, products)]
    last = None if until is None else _end_of(until, options)
    books = read_books(facts) if facts else {}
    started = perf_counter()
    with without_garbage_collection():
        read = read_play_file(file, options)
        rehearsal = Rehearsal(read, world, last or read.last, books, with_tables=out is not None)
        summary, rejects = _run(rehearsal, out, processes or processors())
    ends = rehearsal.until.astimezone(options.zone)
    for note in first:
        click.echo(note)
    _tell(summary, read.row_count / (perf_counter() - started), ends, options.zone)
    if out is not None:
        _report(summary, file, out, [*first, *assumptions(options, consent)], ends)
    _leave(sorted((*read.rejects, *rejects), key=lambda reject: reject.line), summary, file, out)


def assumptions(options: PlayOptions, consent: str) -> Sequence[str]:
    """What a reader of the report has to know first."""
    notes = []
    first, lead = options.first_event, options.first_event_lead
    if options.customers is not None:
        notes.append(
            f"A systematic sample of the file's customers: {options.customers:,} of them, or all if it has fewer."
        )
    if first is not None:
        when = f"up to {_told(lead)} before, spread by a hash of the customer id" if lead else "at the same instant"
        unless = "" if options.event else ", unless the file tells of it"
        notes.append(f"Assumed: before each customer's first {options.event or 'event'} comes {first}, {when}{unless}.")
    given = {"inbox": "to the inbox by everybody", "all": "to every channel by everybody", "none": "by nobody"}
    notes.append(f"Assumed: consent in every message class was given {given[consent]}.")
    told = f"Each {options.event}" if options.event else "What the file tells"
    notes.append(
        f"{told} is history and cannot react to a message: conversions here show the book-keeping, not an effect."
    )
    return notes


def _not_entered(also: Sequence[str]) -> Iterator[str]:
    """The journeys that were asked for and that are in no table, as a file has no commands."""
    for journey in to_rehearse(also):
        if journey.name in also and not journey.starts_on:
            yield f"{journey.name}: nobody enters it by an event (it has no starts_on)"


def _of_products(named: Sequence[ProductId], file: Path | None) -> Iterator[str]:
    """What is assumed of the products that the journeys name; nothing if they name none."""
    if not named:
        return
    if file is None:
        yield f"Assumed: everybody is an investor who may have what the journeys name: {', '.join(named)}."
    else:
        yield f"Assumed: everybody is a C5 investor with a valid assessment; the products are those of {file.name}."


def _run(rehearsal: Rehearsal, out: Path | None, processes: int) -> tuple[Summary, list[Reject]]:
    if out is None:
        return _live(rehearsal, processes, None)
    with table_files(out) as tables:
        return _live(rehearsal, processes, tables)


def _live(rehearsal: Rehearsal, processes: int, tables: TableFiles | None) -> tuple[Summary, list[Reject]]:
    summary, rejects = Summary(), list[Reject]()
    # The bar draws itself in a thread, which would not survive a fork: the processes come first.
    with rehearsal.parts(processes) as parts, progress("rehearsing", len(rehearsal.file.rows)) as show:
        for part in parts:
            if tables is not None:
                tables.add(part.tables)
            summary.add(part.summary)
            rejects += part.rejects
            show(summary.customers)
    return summary, rejects


def _leave(rejects: Sequence[Reject], summary: Summary, file: Path, out: Path | None) -> None:
    """Write the rejects down; where nothing else was in the file, the first says at once what is wrong with it."""
    if rejects and not summary.customers:
        first = rejects[0]
        click.echo(f"No row could be taken. Line {first.line}: {mask_numbers(first.reason)}.", err=True)
    with Rejects(file, out / "rejects.csv" if out else None) as rejected:
        for reject in rejects:
            rejected.add(reject)
    rejected.leave()


def _report(summary: Summary, file: Path, out: Path, notes: Sequence[str], until: datetime) -> None:
    """`until` is in the zone whose days are told."""
    from cli.report import write_report

    write_forecast(summary.forecast, out / "forecast.csv")
    write_report(summary, out / "report.html", title=f"Rehearsal of {file.name}", notes=notes, until=until)
    click.echo(f"The tables and the report are in {out}/.")


def _tell(summary: Summary, speed: float, until: datetime, zone: ZoneInfo) -> None:
    forecast = summary.forecast
    tables = (
        forecast_table(summary),
        refusals_table(forecast),
        arms_table(summary),
        loads_table(forecast, summary.days(until.toordinal())),
    )
    for table in tables:
        if table.rows:
            print_table(table.header, table.told(), zone=zone)
            click.echo()
    click.echo(caps_told())
    click.echo(
        f"{summary.customers:,} customers, {summary.events:,} events, {summary.points.total():,} points;"
        f" {speed:,.0f} rows a second."
    )
    if summary.customers and not summary.events:
        click.echo(f"No event of the file is as early as {until:%Y-%m-%d}: name a later day with --until.", err=True)


def _end_of(day: str, options: PlayOptions) -> datetime:
    """The last instant of a day."""
    return midnight(day, options.zone) + timedelta(days=1) - timedelta.resolution


def _told(lead: timedelta) -> str:
    hours = lead / timedelta(hours=1)
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"
