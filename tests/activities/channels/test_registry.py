"""The channels that a deployment has follow from its settings."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from activities.channels import FOR_EVER, Accepted, Message
from activities.channels.gateway import GatewayChannel
from activities.channels.jpush import THROTTLE, JPush
from activities.channels.registry import open_channels, signing_key
from errors import SettingsError
from journeys.channels import CARRIES, INTERRUPTS
from journeys.names import Channel, CustomerId, MessageClass, TemplateName
from settings import Settings

GATEWAY: dict[str, Any] = {
    "push_gateway_url": HttpUrl("http://127.0.0.1:9/push"),
    "push_gateway_key_id": "broker-1",
    "push_gateway_secret": SecretStr("a secret that is long"),
}
JPUSH: dict[str, Any] = {"jpush_app_key": "7d43", "jpush_master_secret": SecretStr("a secret that is long")}
OTHERS: dict[str, Any] = {
    "wechat_app_id": "wx12",
    "wechat_app_secret": SecretStr("a secret that is long"),
    "sms_gateway_url": HttpUrl("http://127.0.0.1:9/sms"),
    "sms_gateway_key_id": "broker-1",
    "sms_gateway_secret": SecretStr("a secret that is long"),
    "sms_sender": "旅程证券",
}


@pytest.mark.parametrize(("app", "kind"), [(GATEWAY, GatewayChannel), (JPUSH, JPush)])
async def test_with_everything_set_there_is_every_channel(app: dict[str, Any], kind: type) -> None:
    """Every channel is registered under its own name; the app is reached by the provider that is set."""
    async with open_channels(Settings(**app, **OTHERS)) as channels:
        assert {name: adapter.channel for name, adapter in channels.items()} == {name: name for name in Channel}
        assert isinstance(channels[Channel.APP_PUSH], kind)


@pytest.mark.parametrize("app", [GATEWAY, JPUSH])
async def test_each_channel_is_what_is_known_of_it(app: dict[str, Any]) -> None:
    """The tables that checks and rehearsals go by are the adapters' own."""
    async with open_channels(Settings(**app, **OTHERS)) as channels:
        assert {name for name, adapter in channels.items() if adapter.interrupts} == INTERRUPTS
        assert {name: adapter.classes for name, adapter in channels.items()} == CARRIES


async def test_a_deployment_may_add_classes_to_sms() -> None:
    """And to nothing else; service is always carried."""
    classes = frozenset({MessageClass.EDUCATION})
    async with open_channels(Settings(**OTHERS, sms_classes=classes)) as channels:
        assert channels[Channel.SMS].classes == {MessageClass.SERVICE, MessageClass.EDUCATION}
        assert channels[Channel.WECHAT].classes == {MessageClass.SERVICE}


async def test_a_channel_has_the_throttle_of_the_settings() -> None:
    """Without one it takes whatever comes, but JPush, which says itself how much it takes."""
    throttles = {Channel.SMS: 3.0, Channel.INBOX: 200.0}
    async with open_channels(Settings(**JPUSH, **OTHERS, throttles=throttles)) as channels:
        assert {name: adapter.throttle for name, adapter in channels.items()} == {
            Channel.APP_PUSH: THROTTLE,
            Channel.INBOX: 200.0,
            Channel.WECHAT: None,
            Channel.SMS: 3.0,
        }


async def test_with_nothing_set_there_is_the_inbox_alone() -> None:
    """A channel that has no address is not there."""
    async with open_channels(Settings(push_gateway_url=None)) as channels:
        assert list(channels) == [Channel.INBOX]


async def test_the_inbox_has_every_message_at_once() -> None:
    """There is nothing to hand over: the settled record is the message."""
    message = Message(CustomerId("C-1"), "C-1/j/1/s/1", TemplateName("welcome"), MessageClass.SERVICE, "t", "b")
    async with open_channels(Settings(push_gateway_url=None)) as channels:
        inbox = channels[Channel.INBOX]
        assert (inbox.interrupts, inbox.deduplicates_for) == (False, FOR_EVER)
        assert await inbox.deliver(message) == Accepted()


def test_a_gateway_without_a_key_says_which_settings_are_missing() -> None:
    """The loopback gateway does not start with no key."""
    with pytest.raises(SettingsError, match="SOJOURN_PUSH_GATEWAY_SECRET"):
        signing_key(Settings(push_gateway_key_id="broker-1", push_gateway_secret=None))
