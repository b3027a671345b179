"""The channels that a deployment has follow from its settings."""

import pytest
from pydantic import HttpUrl, SecretStr

from activities.channels import Accepted, Message
from activities.channels.registry import open_channels, signing_key
from errors import SettingsError
from journeys.names import Channel, CustomerId, MessageClass, TemplateName
from settings import Settings


async def test_with_a_gateway_there_are_both_channels() -> None:
    """Every channel is registered under its own name."""
    settings = Settings(
        push_gateway_url=HttpUrl("http://127.0.0.1:9/push"),
        push_gateway_key_id="broker-1",
        push_gateway_secret=SecretStr("a long secret"),
    )
    async with open_channels(settings) as channels:
        assert {name: adapter.channel for name, adapter in channels.items()} == {name: name for name in Channel}


async def test_without_a_gateway_there_is_the_inbox_alone() -> None:
    """A channel that has no address is not there."""
    async with open_channels(Settings(push_gateway_url=None)) as channels:
        assert list(channels) == [Channel.INBOX]


async def test_the_inbox_has_every_message_at_once() -> None:
    """There is nothing to hand over: the settled record is the message."""
    message = Message(CustomerId("C-1"), "C-1/j/1/s/1", TemplateName("welcome"), MessageClass.SERVICE, "t", "b")
    async with open_channels(Settings(push_gateway_url=None)) as channels:
        inbox = channels[Channel.INBOX]
        assert (inbox.interrupts, inbox.deduplicates) == (False, True)
        assert await inbox.deliver(message) == Accepted()


def test_a_gateway_without_a_key_says_which_settings_are_missing() -> None:
    """The loopback gateway does not start with no key."""
    with pytest.raises(SettingsError, match="SOJOURN_PUSH_GATEWAY_SECRET"):
        signing_key(Settings(push_gateway_key_id="broker-1", push_gateway_secret=None))
