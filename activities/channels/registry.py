"""The channels of a deployment. To add one, write its module and add its line here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from activities.channels import ChannelAdapter
from activities.channels.app_push import app_push
from activities.channels.inbox import Inbox
from activities.channels.signature import SigningKey
from errors import SettingsError
from journeys.names import Channel
from settings import Settings


@asynccontextmanager
async def open_channels(settings: Settings) -> AsyncIterator[Mapping[Channel, ChannelAdapter]]:
    """Every channel that the settings have an address for, open until the end of the block, in this loop."""
    async with AsyncExitStack() as opened:
        channels: dict[Channel, ChannelAdapter] = {Channel.INBOX: Inbox()}
        if settings.push_gateway_url is not None:
            url = str(settings.push_gateway_url)
            channels[Channel.APP_PUSH] = await opened.enter_async_context(app_push(url, signing_key(settings)))
        yield channels


def signing_key(settings: Settings) -> SigningKey:
    """The key of the push gateway; SettingsError if it is not there."""
    if settings.push_gateway_key_id is None or settings.push_gateway_secret is None:
        raise SettingsError(
            "The push gateway has no key: set SOJOURN_PUSH_GATEWAY_KEY_ID and SOJOURN_PUSH_GATEWAY_SECRET."
        )
    return SigningKey(settings.push_gateway_key_id, settings.push_gateway_secret)
