"""Quarantine: each content once, as often as it comes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from activities.database import Pool
from activities.incoming import Rejected
from activities.quarantine import mark_resent, read_rejected
from activities.rejections import reject
from journeys.names import CustomerId
from tests.activities.conftest import Connect

AMY = CustomerId("C-1")
RETENTION = timedelta(days=30)


async def put_in(pool: Pool, *rejected: Rejected) -> None:
    """Reject as `record_events` does."""
    async with pool.acquire() as connection:
        await reject(connection, AMY, rejected, RETENTION)


async def test_what_is_sent_again_and_rejected_again_is_listed_again(pool: Pool, connected: Connect) -> None:
    """It is still not taken: the mark that it was sent again goes, and its time begins anew."""
    connection = await connected()
    await put_in(pool, Rejected("unknown event", "the content", "d-1"), Rejected("other", "other", "d-2"))
    before, other = await read_rejected(connection)
    await mark_resent(connection, before.rejected_id)
    await put_in(pool, Rejected("data does not fit", "the content", "d-1"))
    untouched, after = await read_rejected(connection)
    assert untouched == other
    assert (after.rejected_id, after.content, after.resent_at) == (before.rejected_id, "the content", None)
    assert after.reason == "data does not fit"
    assert after.rejected_at > before.rejected_at
    assert after.expires_at > before.expires_at


@pytest.mark.parametrize("text", ["a\0b", "\0", "half \ud800 a pair"])
async def test_whatever_a_reason_or_a_content_holds_can_be_stored(pool: Pool, connected: Connect, text: str) -> None:
    """A text that PostgreSQL cannot store would keep the customer from every later event."""
    await put_in(pool, Rejected(text, text, "d-1"))
    (kept,) = await read_rejected(await connected())
    assert kept.reason == kept.content == text.replace("\0", "").replace("\ud800", "\\ud800")
