"""Lives from a file lived in the paper world, shared out over the processors by customers.

Customers do not touch each other, so each part is lived and sorted alone, and the parts in the order of the
customers are the whole: however many processes there are, the result is the same.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from activities.local_time import quiet_until, resolve_local_time
from cli.known import not_listed
from cli.outputs import tables_of
from cli.play_file import Life, PlayFile, life_of
from cli.report.summary import Summary, summary_of
from cli.tabular import Reject
from errors import InputError
from journeys import JOURNEYS
from journeys.channels import CARRIES, INTERRUPTS
from journeys.names import Channel, CustomerId, MessageClass
from journeys.published import with_templates
from journeys.templates import templates
from journeys.words import Journey
from rules.clock import LAST
from rules.conditions import CustomerFacts
from rules.definitions import Catalogue
from rules.paper import PaperEvent, PaperWorld
from rules.record import Record
from rules.suitability import Investor, Product
from settings import load_settings

AT_ONCE = 1_000
"""Customers lived before their rows are handed over."""

WORTH_SHARING = 5_000
"""Rows; with fewer, further processes take longer to start than they save."""

EVERYBODY = CustomerFacts(LAST)
"""Of whom nothing is known."""

NOBODY_KNOWS = Investor()
"""An investor without an assessment."""

Books = Mapping[CustomerId, Sequence[PaperEvent]]


@dataclass(frozen=True, slots=True)
class Part:
    """What came of some customers: the tables as CSV without headers, if they are wanted, and the counts."""

    tables: Sequence[str]
    summary: Summary
    rejects: Sequence[Reject]


@dataclass(frozen=True)
class Rehearsal:
    """Everything that the lives to be rehearsed have in common."""

    file: PlayFile
    world: PaperWorld
    until: datetime
    books: Books = field(default_factory=dict)
    with_tables: bool = True

    @contextmanager
    def parts(self, processes: int) -> Iterator[Iterator[Part]]:
        """Live all customers, in the order of their ids; the processes go with the block."""
        names = list(self.file.rows)
        shares = [names[place : place + AT_ONCE] for place in range(0, len(names), AT_ONCE)]
        if processes == 1 or self.file.row_count < WORTH_SHARING:
            yield map(self.live, shares)
            return
        with _workers(self, processes) as workers:
            yield workers.map(_live, shares)

    def live(self, names: Sequence[CustomerId]) -> Part:
        """Live some customers, in the order given."""
        rejects: list[Reject] = []
        lives = [life_of(name, self.file.rows[name], self.file.options, rejects) for name in names]
        told = [life for life in lives if life.events]
        record = record_of(told, self.world, self.until, self.books)
        events = sum(event.at <= self.until for life in told for event in life.events)
        summary = summary_of(record, customers=len(told), events=events, zone=self.file.options.zone)
        return Part(tables_of(record) if self.with_tables else (), summary, rejects)


def record_of(lives: Iterable[Life], world: PaperWorld, until: datetime, books: Books) -> Record:
    """What happens to customers up to and including `until`, sorted."""
    record = Record()
    for life in lives:
        events = [PaperEvent(at, name, data.held_until(at), vars(data), id) for at, name, data, id in life.events]
        world.live(life.customer_id, events, until, record, books.get(life.customer_id, ()))
    record.sort()
    return record


def paper_world(
    channels: Iterable[Channel],
    also: Sequence[str] = (),
    everybody: CustomerFacts = EVERYBODY,
    *,
    investor: Investor = NOBODY_KNOWS,
    products: tuple[Product, ...] = (),
) -> PaperWorld:
    """The live journeys, and those named, for customers who consent to everything on some channels.

    Everybody is the same investor; without `products` none is known, and nothing that names one is sent.
    """
    values = [with_templates(journey, templates()) for journey in to_rehearse(also)]
    consents = tuple((message_class, channel) for message_class in MessageClass for channel in channels)
    settings = load_settings()
    hours = settings.quiet_hours
    return PaperWorld(
        Catalogue.of(values),
        consents=consents,
        also_carries=tuple((Channel.SMS, one) for one in sorted(settings.sms_classes - CARRIES[Channel.SMS])),
        customer=everybody,
        local_time=resolve_local_time,
        assessment_valid=settings.assessment_valid,
        investor=investor,
        products=products,
        interrupting=tuple(INTERRUPTS),
        quiet_until=partial(quiet_until, hours),
    )


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def to_rehearse(also: Sequence[str]) -> Iterator[Journey]:
    """The live journeys, and those named, as if they were live. `InputError` for a name that no journey has."""
    names = {journey.name for journey in JOURNEYS}
    if unknown := [name for name in also if name not in names]:
        raise InputError(not_listed(unknown[0], names))
    for journey in JOURNEYS:
        if journey.state == "live" or journey.name in also:
            yield journey.model_copy(update={"state": "live"})


_rehearsal: Rehearsal | None = None
"""Of a worker process."""


@contextmanager
def _workers(rehearsal: Rehearsal, processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that are forked with all that was read: handing it over would take longer than reading it."""
    fork = multiprocessing.get_context("fork")
    workers = ProcessPoolExecutor(processes, fork, initializer=_take, initargs=(rehearsal,))
    try:
        yield workers
    finally:
        workers.shutdown(cancel_futures=True)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Of the millions of values of a rehearsal none is in a cycle: looking for cycles would only cost time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _take(rehearsal: Rehearsal) -> None:
    global _rehearsal
    _rehearsal = rehearsal
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _live(names: Sequence[CustomerId]) -> Part:
    assert _rehearsal is not None
    return _rehearsal.live(names)
