"""The text of a touch on its way out: what fills it, who gets the plain one, and what is recalled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from activities.channels import Unknown
from activities.contracts import SendMessageRequest
from activities.database import Pool
from activities.recalls import recall_template
from activities.runs import open_run_row
from activities.send_message import send_message
from activities.templates import store_templates
from activities.texts import texts_of
from activities.world import World
from journeys.names import Channel, ContentHash, CustomerId, Language, MessageClass, StepId, TemplateName
from journeys.published import with_templates
from journeys.templates import Template, Text, templates
from journeys.variables import VariableType
from journeys.win_back import win_back
from rules.clock import Clock
from rules.definitions import Catalogue
from rules.effects import SendMessage
from rules.entry import EntryDecided, run_of
from rules.gates import TouchSettled, TryLater
from tests.activities.conftest import Connect
from tests.live import FakeChannel

AMY = CustomerId("C-1")
NOW = datetime.now(UTC)
HERE = TemplateName("we-are-here")
PLAIN = {Language.ENGLISH: {Channel.APP_PUSH: Text(title="Here", body="We are here.")}}


def said(body: str, plain: dict[Language, dict[Channel, Text]] | None = None, **variables: VariableType) -> Template:
    """The first text of win-back, in other words; an underscore in a name stands for its dot."""
    return Template(
        name=HERE,
        message_class=MessageClass.SERVICE,
        sender="Sojourn Securities",
        variables={name.replace("_", ".", 1): kind for name, kind in variables.items()},
        texts={Language.ENGLISH: {Channel.APP_PUSH: Text(title="Here", body=body)}},
        plain=plain or {},
    )


@dataclass
class Sending:
    """A text on its way to somebody, by a provider that takes it."""

    pool: Pool
    world: World
    push: FakeChannel
    request: SendMessageRequest

    async def send(self) -> str:
        """Outcome and reason."""
        answer = (await send_message(self.world, self.request)).answer
        if isinstance(answer, TryLater):
            return "later"
        assert isinstance(answer, TouchSettled), answer
        return f"{answer.outcome} {answer.reason}".strip()

    def got(self) -> list[str]:
        """What the provider got."""
        return [message.body for message in self.push.got]

    async def shown(self) -> Text:
        """The text as it is shown again."""
        (text,) = (await texts_of(self.pool, [await self.record("touch_id")])).values()
        assert text is not None
        return text

    async def record(self, column: str) -> Any:
        """What the record of the touch says."""
        (row,) = await self.pool.fetch("SELECT * FROM touch")
        return row[column]


SendingOf = Callable[[Template], Awaitable[Sending]]
Recalled = Callable[[ContentHash | None], Awaitable[None]]


@pytest.fixture
def sending(pool: Pool) -> SendingOf:
    """Amy, who began with a deposit of 1,234.5 and has 20 points, before the gate with a text."""

    async def make(template: Template) -> Sending:
        value = with_templates(win_back, {**templates(), HERE: template})
        push = FakeChannel(Channel.APP_PUSH)
        world = World(pool, Catalogue.of([value]), {Channel.APP_PUSH: push})
        await store_templates(pool, value.templates.values())
        await pool.execute("INSERT INTO customer (customer_id, language) VALUES ($1, 'en')", AMY)
        await pool.execute(
            "INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data)"
            " VALUES ($1, 7, 'e-7', 'deposit_made', $2, $3)",
            *(AMY, NOW, {"amount": "1234.5", "currency": "CNY", "parts": ["a"]}),
        )
        async with pool.acquire() as connection:
            decided = EntryDecided(win_back.name, 1, value.content_hash(), "e-7", NOW, entry=1)
            await open_run_row(connection, AMY, run_of(decided))
        await pool.execute("UPDATE journey_run SET caused_by = 7")
        await pool.execute(
            "INSERT INTO points_ledger (customer_id, amount, reason, at, journey, entry, step)"
            " VALUES ($1, 20, 'test', $2, 'win-back', 1, 'gift')",
            *(AMY, NOW),
        )
        send = SendMessage(win_back.name, 1, value.content_hash(), StepId("we-are-here"), NOW, NOW, 0)
        return Sending(pool, world, push, SendMessageRequest(AMY, send, Clock(), 0))

    return make


AMOUNT = said("{{ event.amount }}, {{ points }}", event_amount=VariableType.MONEY, points=VariableType.NUMBER)


async def test_a_text_tells_what_its_run_began_with_and_the_points(sending: SendingOf) -> None:
    """The values are recorded as they stood in the books, and the text can be shown again from them."""
    one = await sending(AMOUNT)
    assert await one.send() == "sent"
    assert one.got() == ["1,234.50, 20"]
    assert await one.record("variables") == {"event.amount": "1234.5", "points": 20}
    assert (await one.shown()).body == "1,234.50, 20"


async def test_the_record_has_the_hash_of_the_words_that_left(sending: SendingOf) -> None:
    """Whoever fills the text in again can show that it is what the channel was handed."""
    one = await sending(AMOUNT)
    assert await one.send() == "sent"
    shown = await one.shown()
    assert shown.body == one.got()[0]
    assert await one.record("text_hash") == shown.content_hash()


async def test_what_does_not_leave_has_no_hash_of_words(sending: SendingOf, recalled: Recalled) -> None:
    """Nobody was handed anything."""
    one = await sending(AMOUNT)
    await recalled(None)
    assert await one.send() == "withheld recalled"
    assert await one.record("text_hash") is None


async def test_a_text_that_lacks_a_value_fails_for_good_before_anything_is_claimed(sending: SendingOf) -> None:
    """A field that the event does not have, or that is a list: nobody gets half a sentence."""
    one = await sending(said("{{ event.parts }}", event_parts=VariableType.TEXT))
    assert await one.send() == "failed template_error"
    assert one.got() == []


async def test_a_text_that_is_too_long_once_filled_in_fails_for_good(sending: SendingOf) -> None:
    """The channel would cut it."""
    one = await sending(said("{{ event.currency * 70 }}", event_currency=VariableType.TEXT))
    assert await one.send() == "failed template_error"
    assert one.got() == []


async def test_a_message_is_asked_for_again_with_the_values_of_the_first_time(sending: SendingOf) -> None:
    """The provider that lost its answer gets the same text under the same key."""
    one = await sending(AMOUNT)
    one.push.answers = [Unknown("timed_out")]
    assert await one.send() == "later"
    await one.pool.execute(
        "INSERT INTO points_ledger (customer_id, amount, reason, at, journey, entry, step)"
        " VALUES ('C-1', 500, 'test', now(), 'win-back', 1, 'more')"
    )
    assert await one.send() == "sent"
    assert one.got() == ["1,234.50, 20"] * 2


async def test_who_wants_nothing_personalised_gets_the_plain_text(sending: SendingOf) -> None:
    """PIPL 24; the record says which of the two it was."""
    one = await sending(said("{{ event.amount }}", PLAIN, event_amount=VariableType.MONEY))
    await one.pool.execute("UPDATE customer SET personalised = false")
    assert await one.send() == "sent"
    assert one.got() == ["We are here."]
    assert await one.record("plain")
    assert (await one.shown()).body == "We are here."


async def test_everybody_else_gets_the_personalised_text(sending: SendingOf) -> None:
    """A plain variant is for those who asked for it."""
    one = await sending(said("{{ points }}", PLAIN, points=VariableType.NUMBER))
    assert await one.send() == "sent"
    assert one.got() == ["20"]
    assert not await one.record("plain")


@pytest.fixture
def recalled(connected: Connect) -> Recalled:
    """Recall the text of the touch."""

    async def recall(content: ContentHash | None) -> None:
        await recall_template(await connected(), HERE, content, reason="wrong date", actor="li")

    return recall


async def test_a_recalled_template_is_never_sent(sending: SendingOf, recalled: Recalled) -> None:
    """Whatever version of its journey a run keeps."""
    one = await sending(AMOUNT)
    await recalled(None)
    assert await one.send() == "withheld recalled"
    assert one.got() == []


async def test_a_recall_of_one_content_stops_that_content_only(sending: SendingOf, recalled: Recalled) -> None:
    """So a text that was put right is published under the same name, and goes."""
    one = await sending(AMOUNT)
    await recalled(ContentHash("f" * 64))
    assert await one.send() == "sent"


async def test_a_recalled_content_is_not_sent(sending: SendingOf, recalled: Recalled) -> None:
    """The one that was meant."""
    one = await sending(AMOUNT)
    await recalled(AMOUNT.content_hash())
    assert await one.send() == "withheld recalled"


async def test_a_claimed_message_is_not_asked_for_again_once_its_text_is_recalled(
    sending: SendingOf, recalled: Recalled
) -> None:
    """The customer may have it already; nobody makes sure that they get it."""
    one = await sending(AMOUNT)
    one.push.answers = [Unknown("timed_out")]
    assert await one.send() == "later"
    await recalled(None)
    assert await one.send() == "in_doubt recalled"
    assert len(one.got()) == 1
