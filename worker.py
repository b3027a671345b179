"""A worker: runs customers' lives and sends their messages, until it is told to stop.

Configured by the environment only: `temporalio.envconfig` names for Temporal, DATABASE_URL, SOJOURN_*. Any number
of workers may run; none of them holds state.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import click
import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from activities.channels.calls import AT_ONCE
from activities.channels.registry import open_channels
from activities.contracts import TASK_QUEUE, channel_queue
from activities.database import may_rewrite_books, membership_told, open_pool
from activities.known_keys import keep_noting, note_keys
from activities.migrations import ensure_migrated
from activities.registry import Activities
from activities.templates import store_templates
from activities.world import World
from background import in_background
from cli.edge import run, run_async
from engine import WORKFLOWS, connect, ensure_namespace, ensure_search_attributes
from errors import JourneyError
from journeys import JOURNEYS
from journeys.names import Channel, Language
from journeys.published import Published, is_published, published, release, with_templates
from journeys.templates import templates
from logs import set_up_logs
from rules.definitions import Catalogue
from rules.entry import EntryPolicy
from settings import Settings, load_settings
from stand_in import PATIENCE, Patience, StandIn

log = structlog.stdlib.get_logger(__name__)

LONGEST_SEND = timedelta(seconds=35)
"""A delivery under way at shutdown is let finish: a little more than an activity may take."""


def shipped() -> Sequence[Published]:
    """The journeys that may be entered, as published. Raises `JourneyError` for a live one that is not."""
    values = [with_templates(journey, templates()) for journey in JOURNEYS]
    for value in values:
        if value.journey.state == "live" and not is_published(value):
            raise JourneyError(
                f"{value.journey.name}: version {value.journey.version} is not published as it stands;"
                " whoever entered it could be lost: run `starter.py check`"
            )
    return values


@asynccontextmanager
async def open_world(settings: Settings, journeys: Sequence[Published]) -> AsyncIterator[World]:
    """Pool and channels, opened in the running loop, closed at the end."""
    async with AsyncExitStack() as stack:
        url = settings.require_database_url()
        await ensure_migrated(url)
        pool = await open_pool(url, size=settings.pool_size, restricted=True)
        stack.push_async_callback(pool.close)
        async with pool.acquire() as connection:
            if await may_rewrite_books(connection):
                log.warning("this login may rewrite the books: see Database rights in docs/production.md")
        with membership_told():
            await store_templates(pool, [t for p in [*published().values(), *journeys] for t in p.templates.values()])
        channels = await stack.enter_async_context(open_channels(settings))
        yield World(
            pool=pool,
            catalogue=Catalogue.of(journeys),
            channels=channels,
            language=Language(settings.language),
            attribution=settings.attribution,
            backfill_horizon=settings.backfill_horizon,
            entries=EntryPolicy(settings.marketing_runs, settings.offered_again, settings.global_holdout),
            future_tolerance=settings.future_tolerance,
            rejected_retention=settings.rejected_retention,
            quiet_hours=settings.quiet_hours,
            assessment_valid=settings.assessment_valid,
            simulation_allowed=settings.environment != "production",
        )


def workers(
    client: Client,
    world: World,
    *,
    task_queue: str = TASK_QUEUE,
    max_cached_workflows: int = 2000,
    patience: Patience = PATIENCE,
) -> list[Worker | StandIn]:
    """One for the lives, one for each channel: a slow provider holds back its own messages only.

    The touches of a channel that is not here are refused only when `patience` with those that have it is over.
    """
    activities = Activities(world)
    lives = Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=activities.local,
        no_remote_activities=True,
        max_cached_workflows=max_cached_workflows,
        identity=f"{client.identity} {release()}",  # `starter.py migrate-runs` looks for workers of other releases
    )
    return [lives] + [_of_channel(client, activities, world, channel, task_queue, patience) for channel in Channel]


def _of_channel(
    client: Client, activities: Activities, world: World, channel: Channel, task_queue: str, patience: Patience
) -> Worker | StandIn:
    """The throttle is counted by the server, over all workers."""
    queue, adapter = channel_queue(channel, task_queue), world.channels.get(channel)

    def build(identity: str) -> Worker:
        return Worker(
            client,
            task_queue=queue,
            activities=activities.remote,
            max_concurrent_activities=AT_ONCE,
            max_task_queue_activities_per_second=None if adapter is None else adapter.throttle,
            graceful_shutdown_timeout=LONGEST_SEND,
            identity=identity,
        )

    return build(client.identity) if adapter else StandIn(client, queue, build, patience)


@asynccontextmanager
async def running(workers: Sequence[Worker | StandIn]) -> AsyncIterator[None]:
    """Workers that run as long as the block does."""
    async with AsyncExitStack() as stack:
        for one in workers:
            await stack.enter_async_context(one)
        yield


async def work() -> None:
    """Run until SIGINT or SIGTERM."""
    settings = load_settings()
    keys = settings.require_payload_keys()
    set_up_logs()
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    async with open_world(settings, shipped()) as world:
        client = await connect(keys=keys)
        await ensure_namespace(client)
        await ensure_search_attributes(client)
        marks = [key.mark for key in keys.known]
        await note_keys(world.pool, marks)
        # The embedded stack has this worker alone: nobody else could have a channel that it lacks.
        patience = Patience(absent_for=timedelta(0)) if settings.environment == "embedded" else PATIENCE
        all_workers = workers(client, world, max_cached_workflows=settings.max_cached_workflows, patience=patience)
        async with in_background(keep_noting(world.pool, marks)), running(all_workers):
            log.info("worker ready", task_queue=TASK_QUEUE, channels=sorted(world.channels))
            await stop.wait()
        log.info("worker stopped")


@click.command()
def worker() -> None:
    """Run customers' lives and send their messages until SIGINT or SIGTERM."""
    run_async(work())


if __name__ == "__main__":
    run(worker)
