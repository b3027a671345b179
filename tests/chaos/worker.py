"""A worker that kills itself at one await of `send_message`.

    python -m tests.chaos.worker URL AWAIT before|after COUNT

URL is that of the provider that looks at no keys. Awaits are counted from 0 in the order in which a call of
`send_message` comes to them: facts, claim, delivery, settlement. It dies the COUNT-th time that any call comes to the
one named; it never does with AWAIT -1.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeVar, cast

import httpx

from activities import registry
from activities.channels import ChannelAdapter, Delivery, Message
from activities.contracts import SendMessageRequest, SendMessageResult
from activities.database import Pool
from activities.send_message import send_message
from activities.world import World
from engine import connect
from journeys.names import Channel
from settings import load_settings
from tests.chaos.journey import journeys
from tests.chaos.provider import SimpleChannel
from tests.loopback import TRUSTS_NOBODY
from worker import open_world, running, workers

Result = TypeVar("Result")

AWAITS = 4
"""Facts, claim, delivery, settlement."""

_passed: ContextVar[count[int]] = ContextVar("passed")
"""How many awaits the present call of `send_message` has come to."""


@dataclass
class Death:
    """When to die."""

    at: int
    side: str
    countdown: int

    async def around(self, awaitable: Awaitable[Result]) -> Result:
        """Wait for something, unless this is the end."""
        place = next(_passed.get())
        self._meet(place, "before")
        result = await awaitable
        self._meet(place, "after")
        return result

    def _meet(self, place: int, side: str) -> None:
        if (place, side) != (self.at, self.side):
            return
        self.countdown -= 1
        if self.countdown <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


class DeadlyPool:
    """A pool on which each statement is an await of `send_message`."""

    def __init__(self, pool: Pool, death: Death) -> None:
        self._pool = pool
        self._death = death

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._pool, name)
        if name not in ("fetch", "fetchrow", "fetchval", "execute"):
            return call
        return lambda *arguments: self._death.around(call(*arguments))


class DeadlyChannel:
    """A channel on which delivery is an await of `send_message`."""

    def __init__(self, adapter: ChannelAdapter, death: Death) -> None:
        self._adapter = adapter
        self._death = death

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    async def deliver(self, message: Message) -> Delivery:
        return await self._death.around(self._adapter.deliver(message))


def deadly(world: World, death: Death) -> World:
    """The same world for `send_message`, with death in it."""
    channels = {channel: DeadlyChannel(adapter, death) for channel, adapter in world.channels.items()}
    return replace(
        world,
        pool=cast(Pool, DeadlyPool(world.pool, death)),
        channels=cast(Mapping[Channel, ChannelAdapter], channels),
    )


async def work(url: str, death: Death) -> None:
    """Work until death."""

    async def sending(world: World, request: SendMessageRequest) -> SendMessageResult:
        _passed.set(count())
        return await send_message(deadly(world, death), request)

    registry.send_message = sending  # type: ignore[attr-defined, unused-ignore]
    async with (
        open_world(load_settings(), journeys()) as world,
        httpx.AsyncClient(trust_env=False, verify=TRUSTS_NOBODY) as http,
    ):
        channels = {**world.channels, Channel.INBOX: SimpleChannel(http, url)}
        client = await connect()
        async with running(workers(client, replace(world, channels=channels))):
            await asyncio.Event().wait()


if __name__ == "__main__":
    url, at, side, times = sys.argv[1:]
    asyncio.run(work(url, Death(int(at), side, int(times))))
