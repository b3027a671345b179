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

NAMES_ITS_SENDER: frozenset[Channel] = frozenset({Channel.WECHAT, Channel.SMS})
"""Those that name the sender themselves: the official account, and the signature that an SMS begins with."""

ADDRESSED: tuple[Channel, ...] = (Channel.APP_PUSH, Channel.WECHAT)
"""Those that find a customer by an address in the books. The gateway for SMS knows the numbers: Sojourn has none."""


class Longest(NamedTuple):
    """The most that a channel takes of one part of a text; none where it sets no limit in that unit."""

    characters: int | None = None
    units: int | None = None
    """A sign beyond ASCII, as a Chinese character, counts as two."""


LONGEST: Mapping[Channel, Mapping[str, Longest]] = MappingProxyType(
    {
        Channel.APP_PUSH: {"title": Longest(characters=32, units=40), "body": Longest(characters=100, units=100)},
        Channel.INBOX: {"title": Longest(characters=100), "body": Longest(characters=5_000)},
        Channel.SMS: {"body": Longest(characters=500)},
        Channel.WECHAT: {
            "thing": Longest(characters=20),
            "const": Longest(characters=20),
            "short_thing": Longest(characters=5),
            "phrase": Longest(characters=5),
            "symbol": Longest(characters=5),
            "name": Longest(units=20),
            "number": Longest(characters=32),
            "letter": Longest(characters=32),
            "character_string": Longest(characters=32),
            "phone_number": Longest(characters=17),
            "car_number": Longest(characters=8),
            "": Longest(characters=64),
        },
    }
)
"""What every provider of a channel takes whole; of a longer text some customers would get nothing.

An app push goes through the service of the phone's maker, which refuses a longer one after the aggregator has taken it.
Title and body: vivo 40 and 100 units, Meizu 32 and 100 characters, OPPO 32 and 200, Xiaomi 50 and 128, Huawei 40 and
1024 (the tables for senders of Alibaba Cloud, help.aliyun.com/document_detail/311229.html and 165253.html; Tencent
Cloud's, cloud.tencent.com/document/product/876/41760, says the same but for Huawei's body, 80: Huawei's own guide sets
no limit but the size of the whole). APNs shows 40 units of a title, 62 of a body in the banner, 110 on the lock screen.

WeChat's fields are named by their kind and a number (`thing1`), and each kind has its limit (the notes on the values
of template messages, developers.weixin.qq.com); of a kind that is not here, "" is what is taken.
"""


def longest(channel: Channel, part: str) -> Longest:
    """What a channel takes of a part of a text (`journeys.templates.Text.sent_by`)."""
    limits = LONGEST[channel]
    return limits.get(part) or limits.get(part.rstrip("0123456789")) or limits.get("", Longest())


def units(words: str) -> int:
    """The length of a text as makers of phones count it: two for what is not ASCII."""
    return len(words) + sum(not sign.isascii() for sign in words)
