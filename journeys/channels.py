"""What each channel may carry, as data: its adapter, `starter.py check` and the gates ask here.

WeChat takes notices of service only; operators refuse promotion by SMS (compliance.md). A deployment may add classes
to SMS (`SOJOURN_SMS_CLASSES`), and its adapter says so.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from journeys.names import Channel, MessageClass

CARRIES: Mapping[Channel, frozenset[MessageClass]] = MappingProxyType(
    {
        Channel.APP_PUSH: frozenset(MessageClass),
        Channel.INBOX: frozenset(MessageClass),
        Channel.WECHAT: frozenset({MessageClass.SERVICE}),
        Channel.SMS: frozenset({MessageClass.SERVICE}),
    }
)

INTERRUPTS: frozenset[Channel] = frozenset({Channel.APP_PUSH, Channel.WECHAT, Channel.SMS})
"""Those that make a sound: quiet hours hold their messages."""


class Longest(NamedTuple):
    """The longest title and body that a channel takes, in characters."""

    title: int
    body: int


LONGEST: Mapping[str, Longest] = MappingProxyType(
    {
        "app_push": Longest(60, 200),
        "inbox": Longest(100, 5_000),
        "wechat": Longest(60, 200),
        "sms": Longest(20, 500),
    }
)
"""What every provider of the channel shows whole: vendors of phones cut a push, operators refuse a longer SMS."""

ADDRESSED: tuple[Channel, ...] = (Channel.APP_PUSH, Channel.WECHAT)
"""Those that find a customer by an address in the books. The gateway for SMS knows the numbers: Sojourn has none."""
