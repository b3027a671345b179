"""The channels of this deployment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from activities.channels import ChannelAdapter
from journeys.names import Channel
from settings import Settings


@asynccontextmanager
async def open_channels(settings: Settings) -> AsyncIterator[Mapping[Channel, ChannelAdapter]]:
    """Each channel with what it keeps open."""
    yield {}
