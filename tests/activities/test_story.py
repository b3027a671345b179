"""The story of a customer: of a long one only what is shown is read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from activities.database import Connection
from activities.story import Story, read_story
from tests.activities.conftest import Connect
from tests.activities.touches import AMY, put_touch

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
TOUCHES, NEWEST = 2_000, 50
HOURLY = """
INSERT INTO touch (customer_id, journey, entry, step, occurrence, definition, template, content_hash, message_class,
                   channel, language, planned_at, judged_at, outcome, reason, facts, verdicts)
SELECT customer_id, journey, entry, 'again', number, definition, template, content_hash, message_class, channel,
       language, $1::timestamptz + number * interval '1 hour', judged_at,
       CASE number % 2 WHEN 0 THEN 'sent' ELSE 'withheld' END, '', facts, verdicts
FROM touch, generate_series(1, $2::int) AS number WHERE step = 'welcome'
"""


@pytest.fixture
async def long_story(connected: Connect) -> Connection:
    """Amy, with a touch every hour, and points for every fourth."""
    connection = await connected()
    await put_touch(connection)
    await connection.execute(HOURLY, BEGINNING, TOUCHES - 1)
    await connection.execute(
        """
        INSERT INTO points_ledger (customer_id, amount, reason, at, journey, entry, step, occurrence)
        SELECT customer_id, 1, 'test', planned_at, journey, entry, step, occurrence FROM touch
        WHERE step = 'again' AND occurrence % 4 = 0
        """
    )
    return connection


def happened(story: Story) -> list[datetime]:
    """When something happened that the story tells."""
    return sorted([*(one.planned_at for one in story.touches), *(one.at for one in story.points)])


async def test_of_a_long_story_only_the_newest_is_read(long_story: Connection) -> None:
    """As many lines as asked for, of all kinds together; how many are left out, and the sums over all, are counted."""
    whole, story = await read_story(long_story, AMY), await read_story(long_story, AMY, NEWEST)
    assert (len(whole.touches), whole.earlier) == (TOUCHES, 0)
    assert happened(story) == happened(whole)[-len(happened(story)) :]
    assert len(happened(story)) in (NEWEST, NEWEST + 1)
    assert story.earlier == len(happened(whole)) - len(happened(story))
    assert (story.planned, story.sent) == (whole.planned, whole.sent) == (TOUCHES, TOUCHES // 2)


async def test_it_takes_as_many_statements_as_there_are_kinds(long_story: Connection) -> None:
    """And one that counts, however long the story is."""
    statements: list[str] = []
    long_story.add_query_logger(lambda record: statements.append(record.query))
    await read_story(long_story, AMY, NEWEST)
    await asyncio.sleep(0)  # The logger is called by the loop.
    assert len(statements) == 9


async def test_what_happened_together_is_told_together(long_story: Connection) -> None:
    """The points of a message are not left out because the message is the last that there is room for."""
    story = await read_story(long_story, AMY, 5)
    assert (len(story.touches), len(story.points)) == (5, 1)
    assert story.touches[0].planned_at == story.points[0].at


async def test_a_customer_without_a_story(connected: Connect) -> None:
    """Nothing is told, and nothing is left out."""
    story = await read_story(await connected(), AMY, NEWEST)
    assert (story.touches, story.planned, story.earlier) == ([], 0, 0)
