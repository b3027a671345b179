"""What each channel may carry, as data: its adapter, `starter.py check` and the gates ask here."""

from collections.abc import Mapping
from types import MappingProxyType

from journeys.names import Channel, MessageClass

CARRIES: Mapping[Channel, frozenset[MessageClass]] = MappingProxyType(
    {
        Channel.APP_PUSH: frozenset(MessageClass),
        Channel.INBOX: frozenset(MessageClass),
    }
)

INTERRUPTS: frozenset[Channel] = frozenset({Channel.APP_PUSH})
"""Those that make a sound: quiet hours hold their messages."""
