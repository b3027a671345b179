"""What each channel may carry, as data: its adapter, `starter.py check` and the gates ask here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from journeys.names import Channel, MessageClass

CARRIES: Mapping[Channel, frozenset[MessageClass]] = MappingProxyType(
    {
        Channel.APP_PUSH: frozenset(MessageClass),
        Channel.INBOX: frozenset(MessageClass),
    }
)

INTERRUPTS: frozenset[Channel] = frozenset({Channel.APP_PUSH})
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
