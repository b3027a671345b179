"""`starter.py play FILE` and `starter.py demo`: real people's months in minutes, on the real engine."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import click
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.contracts import TASK_QUEUE
from activities.customers import Consent, CustomerUpdate, import_customers
from activities.database import Pool, open_pool
from activities.facts import import_facts
from activities.incoming import EARLIEST
from activities.migrations import ensure_migrated
from activities.record import read_record
from cli.agreement import agreement, up_to
from cli.edge import run_async
from cli.imports import BATCH
from cli.known import event_named
from cli.outputs import write_tables
from cli.pacing import paced_clock, steady_clock
from cli.paper_books import read_books, read_facts
from cli.play_file import Lives, PlayOptions, first_event_named, read_lives
from cli.play_options import file_options
from cli.player import Moment, Player, percentile
from cli.rehearsal import EVERYBODY, paper_world, record_of
from cli.rehearse import assumptions
from cli.report import Agreement, write_report
from cli.report.summary import Summary, summary_of
from cli.report.tables import journey_table, outcome_table, points_table, stage_table
from cli.servers import connect_temporal
from cli.show import print_table
from cli.tabular import Rejects
from cli.up import forget_other_servers, programs_for, web_address
from embedded import EmbeddedStack
from engine import connect
from errors import DatabaseError, EngineError, InputError, SettingsError, SojournError, StackError
from journeys.names import Channel, MessageClass
from rules.clock import Clock
from rules.record import Record
from settings import Settings, load_settings

TAKES = timedelta(seconds=105)
"""How long a play takes if no speed is given (real time)."""

PATIENCE = timedelta(minutes=1)
"""How long a worker may take to be there (real time)."""

_LOOK_AGAIN = timedelta(milliseconds=100)
_GONE = (
    RPCError,
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
)
EXAMPLE = Path(__file__).parent.parent / "examples" / "cdnow" / "cdnow_sample.csv"


@dataclass(frozen=True, slots=True)
class Play:
    """What is played, and how."""

    file: Path
    options: PlayOptions
    out: Path
    days_a_second: float | None
    facts: Path | None
    leave: bool


@dataclass(frozen=True, slots=True)
class Theatre:
    """Where a play takes place."""

    client: Client
    pool: Pool
    ui_url: str
    pushes_url: str | None


@click.command()
@file_options
@click.option("--speed", type=click.FloatRange(min=0.001), help="Days a second; without it, about two minutes in all.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default="out/play", show_default=True)
@click.option("--facts", type=click.Path(path_type=Path), help="What the broker's own books say, as for `facts`.")
@click.option("--exit", "leave", is_flag=True, help="End when it is over instead of leaving the servers up.")
def play(file: Path, options: PlayOptions, speed: float | None, out: Path, facts: Path | None, leave: bool) -> None:
    """Let the journeys run over FILE on the real engine, with the clock sped up.

    On an embedded stack of its own, or on the servers of the environment if SOJOURN_ENVIRONMENT=sandbox.
    """
    run_async(_play(Play(file, options, out, speed, facts, leave)))


@click.command()
@click.option("--customers", type=click.IntRange(min=1), default=300, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default="out/demo", show_default=True)
@click.option("--speed", type=click.FloatRange(min=0.001), help="Days a second; without it, about two minutes in all.")
@click.option("--exit", "leave", is_flag=True, help="End when it is over instead of leaving the servers up.")
def demo(customers: int, out: Path, speed: float | None, leave: bool) -> None:
    """Play the purchases of real people (examples/cdnow) from January 1997 to June 1998."""
    first = first_event_named("app_registered")
    zone = load_settings().default_zone
    options = PlayOptions(event_named("trade_executed"), zone, first, timedelta(days=14), customers)
    run_async(_play(Play(EXAMPLE, options, out, speed, None, leave)))


async def _play(play: Play) -> None:
    settings = load_settings()
    lives = await asyncio.to_thread(read_lives, play.file, play.options)
    if not lives.lives:
        raise InputError(f"{play.file} has no row that could be played: see `starter.py rehearse {play.file}`")
    for note in assumptions(play.options, "inbox"):
        click.echo(note)
    async with _theatre(settings) as theatre:
        click.echo(f"\nCustomers, live: {theatre.ui_url}\n")
        rehearsed = _rehearse(play, lives)
        with _servers_watched():
            await prepare(theatre.pool, play, lives)
            player = Player(theatre.client, theatre.pool, _clock(play, lives, rehearsed))
            await _perform(player, lives)
            record = up_to(await read_record(theatre.pool), lives.last, {life.customer_id for life in lives.lives})
        summary, agreed = _summary(record, lives, play.options.zone), agreement(record, rehearsed)
        _report(play, lives, record, summary, agreed, player)
        _tell(summary, agreed, player, play)
        with Rejects(play.file, play.out / "rejects.csv") as rejected:
            for reject in lives.rejects:
                rejected.add(reject)
        if not play.leave:
            await _look_around(theatre)
        rejected.leave()


@asynccontextmanager
async def _theatre(settings: Settings) -> AsyncIterator[Theatre]:
    """A stack of its own, or the servers of the environment if they are marked as a sandbox."""
    async with AsyncExitStack() as opened:
        if settings.database_url is None:
            forget_other_servers()
            stack = await opened.enter_async_context(EmbeddedStack(codec=bool(settings.payload_keys)))
            await _start_programs(stack, opened)
            here = {"target_host": stack.temporal_address, "namespace": "default", "tls": False, "api_key": None}
            client = await connect(here, keys=settings.payload_keys)
            url, ui_url, pushes_url = stack.database_url, stack.ui_url, f"http://{web_address(stack)}/pushes"
        elif settings.environment == "production":
            raise SettingsError(
                "play would award real points and send real messages: unset DATABASE_URL to play on a stack of its own,"
                " or mark the servers with SOJOURN_ENVIRONMENT=sandbox"
            )
        else:
            url, ui_url, pushes_url = settings.require_database_url(), "the UI of your Temporal server", None
            await ensure_migrated(url)
            client = await connect_temporal(settings)
        await _until_worked(client)
        pool = await open_pool(url, restricted=True)
        opened.push_async_callback(pool.close)
        yield Theatre(client, pool, ui_url, pushes_url)


async def _until_worked(client: Client) -> None:
    """Wait for the worker: a clock that ran before it would begin with a backlog."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    for _ in range(PATIENCE // _LOOK_AGAIN):
        if (await client.workflow_service.describe_task_queue(request)).pollers:
            return
        await asyncio.sleep(_LOOK_AGAIN.total_seconds())
    raise StackError("No worker takes up what is played: start one (`worker.py`), which also says why it cannot run.")


@contextmanager
def _servers_watched() -> Iterator[None]:
    """EngineError or DatabaseError if a server goes away meanwhile; several may notice at once."""
    try:
        yield
    except* _GONE as problems:
        gone = _gone(problems)
    else:
        return
    # Outside of the `except*`, or it would be wrapped in a group again.
    raise gone


def _gone(problem: BaseException) -> SojournError:
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    again = "start it, and play again with a fresh database and a fresh namespace."
    if isinstance(problem, RPCError):
        return EngineError(f"Temporal does not answer any more ({problem.status.name}): {again}")
    return DatabaseError(f"The database went away in the middle: {again}")


async def _start_programs(stack: EmbeddedStack, opened: AsyncExitStack) -> None:
    for program in await programs_for(stack):
        program.live_in(stack.folder)
        await program.start(show_output=False)
        opened.push_async_callback(program.stop)


async def prepare(pool: Pool, play: Play, lives: Lives) -> None:
    """Everybody lives in the zone of the file and agrees to the inbox; the broker's books are there from the start."""
    agreed = tuple(
        Consent(message_class=one, channel=Channel.INBOX, source="play", text_version="play", at=EARLIEST)
        for one in MessageClass
    )
    customers = [
        CustomerUpdate(customer_id=life.customer_id, zone=str(play.options.zone), consents=agreed)
        for life in lives.lives
    ]
    facts = read_facts(play.facts) if play.facts is not None else []
    async with pool.acquire() as connection:
        for place in range(0, len(customers), BATCH):
            await import_customers(connection, customers[place : place + BATCH], "play")
        for place in range(0, len(facts), BATCH):
            await import_facts(connection, facts[place : place + BATCH])


def _rehearse(play: Play, lives: Lives) -> Record:
    """The same lives on paper: to pace the play, and to compare it with."""
    books = read_books(play.facts) if play.facts else {}
    everybody = replace(EVERYBODY, zone=str(play.options.zone))
    return record_of(lives.lives, paper_world([Channel.INBOX], everybody=everybody), lives.last, books)


def _clock(play: Play, lives: Lives, rehearsed: Record) -> Clock:
    if play.days_a_second is not None:
        return steady_clock(lives.lives, lives.last, play.days_a_second)
    return paced_clock(lives.lives, rehearsed, lives.last, TAKES)


async def _perform(player: Player, lives: Lives) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    total = sum(len(life.events) for life in lives.lives)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} events")
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("starting", total=total)

        def show(moment: Moment) -> None:
            said = f"{moment.at:%Y-%m-%d} · lag {moment.lag.total_seconds():.1f} s"
            bar.update(task, completed=moment.sent, description=said)
            if not console.is_terminal:
                click.echo(f"{said} · {moment.sent}/{total} events", err=True)

        await player.play(lives.lives, lives.last, show)
        bar.update(task, completed=total, description=f"{lives.last:%Y-%m-%d}")


def _report(play: Play, lives: Lives, record: Record, summary: Summary, agreed: Agreement, player: Player) -> None:
    write_tables(record, play.out)
    write_report(
        summary,
        play.out / "report.html",
        title=f"Play of {play.file.name}",
        notes=[*assumptions(play.options, "inbox"), _lag(player)],
        until=lives.last.astimezone(play.options.zone),
        agreement=agreed,
    )


def _summary(record: Record, lives: Lives, zone: ZoneInfo) -> Summary:
    events = sum(len(life.events) for life in lives.lives)
    return summary_of(record, customers=len(lives.lives), events=events, zone=zone)


def _lag(player: Player) -> str:
    shares = ((name, percentile(player.lags, share)) for name, share in (("p50", 0.5), ("p97", 0.97), ("max", 1.0)))
    said = ", ".join(f"{name} {lag.total_seconds():.2f} s" for name, lag in shares)
    slower = f"; the clock was slowed down {player.slowed} times" if player.slowed else ""
    return f"Lag of the signals in real time: {said}{slower}."


def _tell(summary: Summary, agreed: Agreement, player: Player, play: Play) -> None:
    click.echo()
    for table in (stage_table(summary), outcome_table(summary), journey_table(summary), points_table(summary)):
        if table.rows:
            print_table(table.header, table.told(), zone=play.options.zone)
            click.echo()
    click.echo(_lag(player))
    click.echo(f"{agreed.agreeing:,} of {agreed.touches:,} touches ({agreed.share:.1f} %) agree with the rehearsal.")
    for why, number in sorted(agreed.explained.items()):
        click.echo(f"  {number:,}: {why}")
    click.echo(f"The tables and the report are in {play.out}/ (open {play.out}/report.html).")


async def _look_around(theatre: Theatre) -> None:
    """Leave everything up until Ctrl-C."""
    if theatre.pushes_url is not None:
        click.echo(f"\nWhat the push gateway got: {theatre.pushes_url}")
    click.echo(f"Look around: {theatre.ui_url} — Ctrl-C ends it.")
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    await stop.wait()
