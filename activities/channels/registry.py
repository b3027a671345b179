"""The channels of a deployment. To add one, write its module and add its line to `_OPENERS`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from types import MappingProxyType

from activities.channels import ChannelAdapter
from activities.channels.gateway import app_push, sms
from activities.channels.inbox import Inbox
from activities.channels.jpush import JPushAccount, jpush
from activities.channels.signature import SigningKey
from activities.channels.wechat import WeChatAccount, wechat
from errors import SettingsError
from journeys.names import Channel
from settings import Settings

Opened = AbstractAsyncContextManager[ChannelAdapter]


@asynccontextmanager
async def open_channels(settings: Settings) -> AsyncIterator[Mapping[Channel, ChannelAdapter]]:
    """Every channel that the settings have an address for, open until the end of the block, in this loop."""
    async with AsyncExitStack() as opened:
        channels: dict[Channel, ChannelAdapter] = {}
        for channel, open_channel in _OPENERS.items():
            if (here := open_channel(settings)) is not None:
                channels[channel] = await opened.enter_async_context(here)
        yield channels


def signing_key(settings: Settings) -> SigningKey:
    """The key of the push gateway; SettingsError if it is not there."""
    if settings.push_gateway_key_id is None or settings.push_gateway_secret is None:
        raise SettingsError(
            "The push gateway has no key: set SOJOURN_PUSH_GATEWAY_KEY_ID and SOJOURN_PUSH_GATEWAY_SECRET."
        )
    return SigningKey(settings.push_gateway_key_id, settings.push_gateway_secret)


def _app_push(settings: Settings) -> Opened | None:
    throttle = settings.throttles.get(Channel.APP_PUSH)
    if settings.push_gateway_url is not None:
        return app_push(str(settings.push_gateway_url), signing_key(settings), throttle=throttle)
    if settings.jpush_app_key is not None and settings.jpush_master_secret is not None:
        account = JPushAccount(
            settings.jpush_app_key,
            settings.jpush_master_secret,
            str(settings.jpush_url),
            settings.jpush_apns_production,
            settings.jpush_third_party_channel,
        )
        return jpush(account, throttle=throttle)
    return None


def _wechat(settings: Settings) -> Opened | None:
    if settings.wechat_app_id is None or settings.wechat_app_secret is None:
        return None
    account = WeChatAccount(settings.wechat_app_id, settings.wechat_app_secret, str(settings.wechat_url))
    return wechat(account, throttle=settings.throttles.get(Channel.WECHAT))


def _sms(settings: Settings) -> Opened | None:
    url, key_id, secret = settings.sms_gateway_url, settings.sms_gateway_key_id, settings.sms_gateway_secret
    if url is None or key_id is None or secret is None or settings.sms_sender is None:
        return None
    throttle = settings.throttles.get(Channel.SMS)
    return sms(str(url), SigningKey(key_id, secret), settings.sms_sender, settings.sms_classes, throttle=throttle)


_OPENERS: Mapping[Channel, Callable[[Settings], Opened | None]] = MappingProxyType(
    {
        Channel.APP_PUSH: _app_push,
        Channel.INBOX: lambda settings: nullcontext(Inbox(settings.throttles.get(Channel.INBOX))),
        Channel.WECHAT: _wechat,
        Channel.SMS: _sms,
    }
)
