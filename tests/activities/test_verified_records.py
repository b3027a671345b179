"""Every kind of record, as `send_message` writes it, is judged again: it holds, and a change in it is found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from activities.channels import Refused, Unknown
from activities.database import Connection, Pool
from activities.decisions import Verified, verify_decisions
from activities.receipts import Receipt, record_receipts
from journeys.events import deposit_made
from journeys.language import days, wait_for
from journeys.names import Channel, Language, TemplateName
from journeys.templates import Text, templates
from journeys.variables import VariableType
from rules.gates import HeldUntil, NextChannel, TryLater
from rules.quiet_hours import QuietHours
from tests.activities.test_gate_at_work import AMY, DAY, EVENING, HOUR, NOON, Desk, desk

HERE = TemplateName("we-are-here")
BOTH = (Channel.APP_PUSH, Channel.INBOX)
DROP = "INSERT INTO brake (mode, reason, set_by) VALUES ('drop', 'wrong text', 'li')"
HOLD = "INSERT INTO brake (mode, reason, set_by) VALUES ('hold', 'wrong text', 'li')"
OPT_OUT = "INSERT INTO opt_out VALUES ('C-1', 'marketing', true, 'app', '2026-03-01Z')"
SUPPRESSION = "INSERT INTO suppression VALUES ('C-1', 'complaint', true, 'staff', '2026-03-01Z')"
RECALL = "INSERT INTO template_recall (template, reason, recalled_by) VALUES ('we-are-here', 'wrong', 'li')"
TOO_RISKY = "UPDATE product SET risk_level = 'R5'"
UNREACHABLE = "INSERT INTO reachability VALUES ('C-1', 'app_push', false, '2026-03-01Z')"
RUN_OVER = "UPDATE journey_run SET ended_at = '2026-03-02 03:00Z', outcome = 'ended_by_command'"
PAUSED = "UPDATE journey_run SET paused_at = '2026-03-02 03:00Z'"
DEPOSIT = """
INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data)
VALUES ('C-1', 2, 'e-9', 'deposit_made', '2026-03-02 03:00Z', '{"amount": "1000.00"}')
"""


class Kind(NamedTuple):
    """A kind of record: how it comes about, what it says, and a fact without which the gates say something else."""

    make: Callable[[Pool], Awaitable[object]]
    outcome: str
    reason: str
    fact: str


async def sent(pool: Pool) -> None:
    await (await desk(pool)).settled()


async def sent_on_the_next_channel(pool: Pool) -> None:
    one = await desk(pool, channels=BOTH)
    await pool.execute(UNREACHABLE)
    assert isinstance(await one.ask(), NextChannel)
    one.request = replace(one.request, send=replace(one.request.send, channel=1))
    await one.settled()


async def refused_by_its_channel(pool: Pool) -> None:
    one = await desk(pool)
    one.push.answers = [Refused("bad_request")]
    await one.settled()


async def without_an_answer(pool: Pool) -> Desk:
    one = await desk(pool)
    one.push.answers, one.push.deduplicates_for = [Unknown("timed_out")], timedelta(0)
    await one.settled()
    return one


async def on_its_way(pool: Pool) -> None:
    one = await desk(pool)
    one.push.answers = [Unknown("timed_out")]
    assert isinstance(await one.ask(), TryLater)


async def confirmed_by_a_receipt(pool: Pool) -> None:
    await told_by_a_receipt(pool, "delivered")


async def bounced_by_a_receipt(pool: Pool) -> None:
    await told_by_a_receipt(pool, "bounced")


async def told_by_a_receipt(pool: Pool, kind: str) -> None:
    one = await without_an_answer(pool)
    key = one.push.got[0].key
    said = {"channel": "app_push", "receipt_id": "r-1", "kind": kind, "at": datetime.now(UTC), "key": key}
    async with pool.acquire() as connection:
        assert (await record_receipts(connection, [Receipt.model_validate(said)], "test")).new == {0}


async def faulty(pool: Pool) -> None:
    text = Text(title="Here", body="{{ event.parts }}")
    changes = {
        "variables": {"event.parts": VariableType.TEXT},
        "texts": {Language.CHINESE: {Channel.APP_PUSH: text}},
    }
    await (await desk(pool, texts={HERE: templates()[HERE].model_copy(update=changes)})).settled()


async def held_out(pool: Pool) -> None:
    one = await desk(pool)
    one.request = replace(one.request, send=replace(one.request.send, control=True))
    await one.settled()


async def capped(pool: Pool) -> None:
    one = await desk(pool, runs=2)
    await one.settled()
    await one.ask(NOON + HOUR, due=NOON + HOUR, entry=2)


async def expired(pool: Pool) -> None:
    await (await desk(pool)).settled(NOON + 2 * DAY)


async def overtaken(pool: Pool) -> None:
    one = await desk(pool, within=lambda said: [wait_for(deposit_made, within=days(7), otherwise=[said])])
    await pool.execute(DEPOSIT)
    ask = replace(one.request.send, overtaken_by=(("deposit_made", NOON - DAY),))
    one.request = replace(one.request, send=ask, folded=9)
    await one.settled()


def after(*statements: str, channels: tuple[Channel, ...] = BOTH[:1]) -> Callable[[Pool], Awaitable[object]]:
    """The touch is asked for after something was written into the books."""

    async def make(pool: Pool) -> None:
        one = await desk(pool, channels=channels)
        for statement in statements:
            await pool.execute(statement)
        await one.ask()

    return make


async def held_at_night(pool: Pool) -> None:
    assert isinstance(await (await desk(pool, quiet_hours=QuietHours())).ask(EVENING, due=EVENING), HeldUntil)


async def held_for_room(pool: Pool) -> None:
    one = await desk(pool, runs=2, on_cap=True)
    await one.settled()
    assert isinstance(await one.ask(NOON + HOUR, due=NOON + HOUR, entry=2), HeldUntil)


async def looked_at_again(pool: Pool) -> None:
    one = await desk(pool)
    await pool.execute(HOLD)
    held = await one.held(NOON)
    await one.held(held.until, due=NOON)


KINDS = {
    "sent": Kind(sent, "sent", "", "consents"),
    "sent on the next channel": Kind(sent_on_the_next_channel, "sent", "", "unreachable"),
    "on its way": Kind(on_its_way, "claimed", "", "consents"),
    "refused by its channel": Kind(refused_by_its_channel, "failed", "bad_request", "consents"),
    "in doubt": Kind(without_an_answer, "in_doubt", "timed_out", "consents"),
    "confirmed by a receipt": Kind(confirmed_by_a_receipt, "sent", "", "consents"),
    "bounced by a receipt": Kind(bounced_by_a_receipt, "failed", "bounced", "consents"),
    "a faulty text": Kind(faulty, "failed", "template_error", "consents"),
    "suppressed": Kind(after(SUPPRESSION), "withheld", "suppressed: complaint", "suppressed"),
    "opted out": Kind(after(OPT_OUT), "withheld", "opted_out", "opted_out"),
    "unreachable on two channels": Kind(after(UNREACHABLE, OPT_OUT), "withheld", "opted_out", "opted_out"),
    "held out": Kind(held_out, "withheld", "holdout", "control"),
    "recalled": Kind(after(RECALL), "withheld", "recalled", "recalled"),
    "not suitable": Kind(after(TOO_RISKY), "withheld", "unsuitable: above_risk_class", "investor"),
    "capped": Kind(capped, "withheld", "cap", "heard"),
    "braked": Kind(after(DROP), "withheld", "brake", "brakes"),
    "expired": Kind(expired, "withheld", "stale", "late_by"),
    "its run was over": Kind(after(RUN_OVER), "withheld", "ended_by_command", "run_over"),
    "overtaken": Kind(overtaken, "withheld", "overtaken: deposit_made", "overtaken_by"),
}
HOLDS = {
    "held at night": Kind(held_at_night, "held", "quiet_hours", "quiet_until"),
    "held by a brake": Kind(after(HOLD), "held", "brake", "brakes"),
    "held by a brake and looked at again": Kind(looked_at_again, "held", "brake", "brakes"),
    "held for room under the caps": Kind(held_for_room, "held", "cap", "heard"),
    "paused": Kind(after(PAUSED), "held", "paused", "paused"),
    "paused on two channels": Kind(after(PAUSED, OPT_OUT, channels=BOTH), "held", "paused", "paused"),
}


async def verified(connection: Connection) -> Verified:
    """The last record, judged again."""
    return (await verify_decisions(connection, AMY))[-1]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_every_kind_of_touch_holds_as_it_was_recorded(pool: Pool, owner: Connection, kind: Kind) -> None:
    """On nothing but what stands in its row."""
    await kind.make(pool)
    row = await pool.fetchrow("SELECT outcome, reason FROM touch ORDER BY touch_id DESC LIMIT 1")
    assert row is not None
    assert tuple(row) == (kind.outcome, kind.reason)
    for one in await verify_decisions(owner, AMY):
        assert (one.disagreements, one.unreadable) == ([], "")


@pytest.mark.parametrize("kind", HOLDS.values(), ids=HOLDS)
async def test_every_kind_of_hold_holds_as_it_was_recorded(pool: Pool, owner: Connection, kind: Kind) -> None:
    """As it was when it was last looked at, and until when."""
    await kind.make(pool)
    assert await pool.fetchval("SELECT reason FROM touch_hold") == kind.reason
    one = await verified(owner)
    assert (one.kind, one.disagreements, one.unreadable) == ("hold", [], "")


LEGAL = {"suppression", "suitability", "consent", "class_carried", "approval", "recall"}


@pytest.mark.parametrize("kind", {**KINDS, **HOLDS}.values(), ids=[*KINDS, *HOLDS])
async def test_the_gates_of_the_law_are_on_every_record(pool: Pool, kind: Kind) -> None:
    """Also where something else came first: the record shows what the law would have said."""
    await kind.make(pool)
    table = "touch_hold" if kind.outcome == "held" else "touch"
    for verdicts in await pool.fetch(f"SELECT verdicts FROM {table}"):  # noqa: S608
        assert {verdict["gate"] for verdict in verdicts["verdicts"]} >= LEGAL


def tampered(kind: Kind) -> dict[str, str]:
    """A changed fact, verdict, outcome and reason, each as an assignment."""
    other = "CASE outcome WHEN 'withheld' THEN 'sent' ELSE 'withheld' END"
    decided = {"its outcome": f"outcome = {other}"} if kind.outcome != "held" else {"its end": "held_until = now()"}
    return {
        "a fact": f"facts = facts - '{kind.fact}'",
        "a verdict": "verdicts = verdicts - 0",
        "another verdict": """verdicts = jsonb_set(verdicts, '{-1,reason}', '"another"')""",
        "its reason": "reason = CASE WHEN reason = '' THEN 'stale' ELSE '' END"
        if kind.outcome != "held"
        else "reason = 'x'",
        "the touch as it was planned": """planned = planned || '{"template": "another"}'""",
        **decided,
    }


@pytest.mark.parametrize("kind", {**KINDS, **HOLDS}.values(), ids=[*KINDS, *HOLDS])
async def test_a_change_in_any_part_of_any_kind_is_found(pool: Pool, owner: Connection, kind: Kind) -> None:
    """Each by itself."""
    await kind.make(pool)
    table = "touch_hold" if kind.outcome == "held" else "touch"
    await owner.execute("SET session_replication_role = replica")
    for what, change in tampered(kind).items():
        transaction = owner.transaction(isolation="repeatable_read")
        await transaction.start()
        await owner.execute(f"UPDATE {table} SET {change}")  # noqa: S608
        found = [one for one in await verify_decisions(owner, AMY) if one.disagreements]
        await transaction.rollback()
        assert found, what


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("text_hash = 'another'", "the words that left are not those that its text makes of its values"),
        ("text_hash = NULL", "it does not say which words left"),
        ("language = 'en'", "the words that left are not those that its text makes of its values"),
        ("outcome = 'failed'", "recorded as failed without a reason"),
    ],
)
async def test_other_words_or_another_end_are_found(pool: Pool, owner: Connection, change: str, said: str) -> None:
    """What the customer got is part of the record, and so is that it arrived."""
    await sent(pool)
    await owner.execute("SET session_replication_role = replica")
    await owner.execute(f"UPDATE touch SET {change}")  # noqa: S608
    assert (await verified(owner)).disagreements == [said]


async def test_a_hold_without_its_planned_touch_cannot_be_judged_again(pool: Pool, owner: Connection) -> None:
    """That is neither right nor wrong, and told as what it is."""
    await held_at_night(pool)
    await owner.execute("UPDATE touch_hold SET planned = '{}'")
    one = await verified(owner)
    assert one.disagreements == []
    assert "the record is not whole" in one.unreadable


MADE_UP = [
    "language = 'xx'",
    "channel = 'xx'",
    "variables = '[]'",
    """planned = planned || '{"in_turn": 5}'""",
    """planned = planned || '{"in_turn": -1}'""",
    """planned = planned || '{"channels": []}'""",
    """facts = facts || '{"judged_at": "2026-03-02T04:00:00"}'""",
    """facts = facts || '{"quiet_until": "2026-03-02T04:00:00"}'""",
    """facts = facts || '{"heard": [["2026-03-02T03:00:00", "marketing", "app_push"]]}'""",
]


@pytest.mark.parametrize("change", MADE_UP)
async def test_a_record_that_cannot_be_of_ours_does_not_keep_the_others_from_being_judged(
    pool: Pool, owner: Connection, change: str
) -> None:
    """Whoever plants one is found, and blinds nobody."""
    await capped(pool)
    await owner.execute("SET session_replication_role = replica")
    await owner.execute(f"UPDATE touch SET {change} WHERE outcome = 'sent'")  # noqa: S608
    planted, other = await verify_decisions(owner, AMY)
    assert "cannot be judged again" in planted.unreadable
    assert (other.outcome, other.disagreements, other.unreadable) == ("withheld", [], "")
