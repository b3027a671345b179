"""The text of a touch is shown again exactly, from what was recorded with it."""

from activities.database import Pool
from activities.texts import texts_of
from journeys.names import Channel, Language, MessageClass, TemplateName
from journeys.templates import Template, Text
from journeys.variables import VariableType
from tests.activities.touches import put_touch

RECEIVED = Template(
    name=TemplateName("received"),
    message_class=MessageClass.SERVICE,
    sender="Sojourn Securities",
    variables={"event.amount": VariableType.MONEY, "points": VariableType.NUMBER},
    texts={
        Language.ENGLISH: {Channel.INBOX: Text(title="Received", body="{{ event.amount }} and {{ points }} points")}
    },
    plain={Language.ENGLISH: {Channel.INBOX: Text(title="Received", body="It has arrived. " + "x" * 6000)}},
)


async def shown(pool: Pool, *, plain: bool) -> Text | None:
    """The text of a touch of an old text, as the books keep it."""
    await put_touch(pool, channel="inbox")
    await pool.execute(
        "INSERT INTO template_content VALUES ($1, $2, $3)",
        *(RECEIVED.content_hash(), RECEIVED.name, RECEIVED.model_dump(mode="json")),
    )
    touch = await pool.fetchval(
        """
            INSERT INTO touch (customer_id, journey, entry, step, definition, template, content_hash, message_class,
                               channel, language, planned_at, judged_at, outcome, facts, verdicts, variables, plain)
            SELECT customer_id, journey, entry, 'received', definition, $1, $2, message_class, channel, language,
                   planned_at, judged_at, 'sent', '{}', '[]', $3, $4 FROM touch
            RETURNING touch_id
            """,
        *(RECEIVED.name, RECEIVED.content_hash(), {"event.amount": "1234.5", "points": 2000}, plain),
    )
    return (await texts_of(pool, [touch]))[touch]


async def test_a_text_is_shown_again_from_its_content_and_its_variables(pool: Pool) -> None:
    """The values are recorded as they stood in the books, and written as they were then."""
    assert await shown(pool, plain=False) == Text(title="Received", body="1,234.50 and 2,000 points")


async def test_the_plain_variant_is_shown_to_whom_it_was_sent_whatever_a_channel_takes_today(pool: Pool) -> None:
    """A limit that came later says nothing about what was sent before it."""
    text = await shown(pool, plain=True)
    assert text is not None
    assert text.body.startswith("It has arrived. xxx")
