"""Decision records are judged again, offline: what holds holds, and what was tampered with is found."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from activities.contracts import SendMessageRequest
from activities.database import Connection, Pool
from activities.decisions import verify_decisions
from activities.evidence import KINDS, canonical, read_evidence
from activities.runs import open_run_row
from activities.send_message import send_message
from activities.templates import store_templates
from activities.texts import texts_of
from activities.world import World
from journeys.names import Channel, CustomerId, MessageClass, StepId
from journeys.published import with_templates
from journeys.templates import templates
from journeys.win_back import win_back
from rules.clock import Clock
from rules.definitions import Catalogue
from rules.effects import SendMessage
from rules.entry import EntryDecided, run_of
from tests.activities.conftest import Connect
from tests.live import FakeChannel

AMY = CustomerId("C-1")
NOW = datetime.now(UTC)
STEP = StepId("we-are-here")


@pytest.fixture
async def decided(pool: Pool, connected: Connect) -> Connection:
    """Amy, who was sent the first text of win-back, and was not sent it a second time: she had opted out by then."""
    value = with_templates(win_back, templates())
    channels = {one: FakeChannel(one) for one in (Channel.APP_PUSH, Channel.INBOX)}
    world = World(pool, Catalogue.of([value]), {**channels})
    await store_templates(pool, value.templates.values())
    await pool.execute("INSERT INTO customer (customer_id, language) VALUES ($1, 'en')", AMY)
    await pool.executemany(
        "INSERT INTO consent (customer_id, message_class, channel, given, source, text_version, at)"
        " VALUES ($1, $2, $3, true, 'app', 'v1', $4)",
        [(AMY, MessageClass.MARKETING, channel, NOW) for channel in channels],
    )
    for entry in (1, 2):
        async with pool.acquire() as connection:
            decision = EntryDecided(win_back.name, 1, value.content_hash(), f"e-{entry}", NOW, entry=entry)
            await open_run_row(connection, AMY, run_of(decision))
        for channel in range(2):
            send = SendMessage(win_back.name, entry, value.content_hash(), STEP, NOW, NOW, channel)
            await send_message(world, SendMessageRequest(AMY, send, Clock(), 0))
        await pool.execute("UPDATE journey_run SET ended_at = now(), outcome = 'completed'")
        await pool.execute("INSERT INTO opt_out VALUES ($1, 'marketing', true, 'app', now())", AMY)
    return await connected()


async def problems(connection: Connection) -> list[str]:
    """What does not hold, of all records."""
    records = await verify_decisions(connection, AMY)
    return [said for record in records for said in (*record.disagreements, record.unreadable) if said]


async def test_what_was_decided_holds(decided: Connection) -> None:
    """The one that was sent and the one that was not come to the same verdicts on their stored facts."""
    records = await verify_decisions(decided, AMY)
    assert [(record.outcome, record.disagreements) for record in records] == [("sent", []), ("withheld", [])]


TAMPERED = {
    "facts = facts - 'consents'": "recorded consent on app_push: pass, the gates say consent on app_push: refuse",
    "verdicts = verdicts - 0": "recorded overtaken: pass, the gates say run_open: pass",
    "outcome = 'withheld', reason = 'opted_out'": "recorded as withheld, the gates decide send",
    "channel = 'sms'": "channel is not that of the touch as it was planned",
    "judged_at = judged_at - interval '1 day'": "judged_at is not that of the touch as it was planned",
    "planned = '{}'": "the record is not whole, it cannot be judged again",
    "text_hash = repeat('0', 64)": "the words that left are not those that its text makes of its values",
    "text_hash = NULL": "it does not say which words left",
    "language = 'zh-CN'": "the words that left are not those that its text makes of its values",
    'planned = planned || \'{"message_class": "service"}\'': "message_class is not that of the touch",
}


@pytest.mark.parametrize(("change", "said"), TAMPERED.items())
async def test_what_was_tampered_with_is_found(decided: Connection, change: str, said: str) -> None:
    """Whichever part of the record it is: it does not fit the others any more."""
    await decided.execute("SET session_replication_role = replica")
    await decided.execute(f"UPDATE touch SET {change} WHERE outcome = 'sent'")  # noqa: S608
    assert any(said in problem for problem in await problems(decided))


async def test_another_reason_is_found(decided: Connection) -> None:
    """That it was withheld is not enough: it says why."""
    await decided.execute("SET session_replication_role = replica")
    await decided.execute("UPDATE touch SET reason = 'stale' WHERE outcome = 'withheld'")
    assert await problems(decided) == ["withheld for 'stale', the gates say 'opted_out'"]


async def test_another_text_under_the_same_hash_is_found(decided: Connection) -> None:
    """The words that were sent are part of the evidence."""
    await decided.execute("SET session_replication_role = replica")
    await decided.execute("UPDATE template_content SET content = jsonb_set(content, '{sender}', '\"Another\"')")
    assert set(await problems(decided)) == {"its text is not the one that its content hash names"}


async def test_the_texts_of_all_touches_are_told(decided: Connection) -> None:
    """Also of the touch that was withheld: what would have been said."""
    touches = [row["touch_id"] for row in await decided.fetch("SELECT touch_id FROM touch")]
    texts = await texts_of(decided, touches)
    assert {touch: text is not None and bool(text.body) for touch, text in texts.items()} == dict.fromkeys(
        touches, True
    )


async def test_evidence_is_one_line_for_each_record(decided: Connection) -> None:
    """Each of a kind that is documented, with the hash of its text, and its own."""
    lines = [json.loads(line) async for line in read_evidence(decided, AMY)]
    kinds = [line["kind"] for line in lines]
    assert sorted(set(kinds), key=list(KINDS).index) == ["customer", "consent", "opt_out", "run", "text", "decision"]
    assert {line["schema"] for line in lines} == {"sojourn-evidence/1"}
    texts = {line["content_hash"] for line in lines if line["kind"] == "text"}
    decisions = [line for line in lines if line["kind"] == "decision"]
    assert [(one["outcome"], one["content_hash"] in texts) for one in decisions] == [("sent", True), ("withheld", True)]
    for line in lines:
        digest = line.pop("sha256")
        assert hashlib.sha256(canonical(line).encode()).hexdigest() == digest


async def test_no_column_of_a_record_takes_the_place_of_the_line_s_own(decided: Connection) -> None:
    """`kind` and `customer_id` say what the line is."""
    for statement in KINDS.values():
        columns = {one.name for one in (await decided.prepare(statement)).get_attributes()}
        assert not columns & {"schema", "kind", "customer_id", "sha256"}
