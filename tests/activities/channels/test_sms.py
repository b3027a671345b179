"""SMS by the broker's own gateway."""

from activities.channels import FOR_EVER, Accepted
from activities.channels.gateway import sms
from journeys.names import Channel, MessageClass
from tests.activities.channels.peers import KEY, MESSAGE, Gateway
from web.server import served


async def test_a_message_begins_with_its_sender_and_names_no_phone() -> None:
    """The gateway knows the customer's number; these books do not."""
    peer = Gateway(fields=frozenset({"key", "customer_id", "template", "class", "sender", "body", "good_until"}))
    async with served(peer.app) as address, sms(f"{address}/messages", KEY, "旅程证券") as channel:
        assert [await channel.deliver(MESSAGE) for _ in range(2)] == [Accepted()] * 2
    assert (
        peer.got
        == [
            {
                "key": MESSAGE.key,
                "customer_id": "C-1024",
                "template": "welcome",
                "class": "service",
                "sender": "旅程证券",
                "body": MESSAGE.body,
                "good_until": None,
            }
        ]
        * 2
    )
    assert peer.shown == [MESSAGE.key]


async def test_the_gates_know_the_channel() -> None:
    """SMS interrupts, may be asked again, and carries service only, unless a deployment says more."""
    async with sms("http://127.0.0.1:9", KEY, "旅程证券") as channel:
        assert (channel.channel, channel.interrupts, channel.deduplicates_for) == (Channel.SMS, True, FOR_EVER)
        assert channel.classes == {MessageClass.SERVICE}
    more = frozenset({MessageClass.MARKETING})
    async with sms("http://127.0.0.1:9", KEY, "旅程证券", also_carries=more) as channel:
        assert channel.classes == {MessageClass.SERVICE, MessageClass.MARKETING}
