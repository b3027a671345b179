"""What a claimed touch is judged on before a provider is asked once more stands beside it, and is verified, too."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from activities.channels import Accepted, Delivery, Postponed, Refused, Unknown
from activities.database import Connection, Pool
from activities.decisions import verify_decisions
from activities.evidence import read_evidence
from activities.receipts import Receipt, record_receipts
from rules.gates import TouchSettled, TryLater
from rules.quiet_hours import QuietHours
from tests.activities.test_gate_at_work import AMY, DAY, EVENING, NOON, Desk, desk
from tests.activities.test_verified_records import DROP, HOLD, OPT_OUT, RUN_OVER, SUPPRESSION, UNREACHABLE, faulty, sent

BUSY, LOST = Postponed("busy"), Unknown("timed_out")


async def asked(one: Desk, *answers: Delivery, remembers: timedelta = timedelta(0)) -> None:
    """Ask once for each answer of the channel, which knows messages again for so long."""
    one.push.answers, one.push.deduplicates_for = list(answers), remembers
    for _ in answers:
        await one.ask()


def after(answer: Delivery, *statements: str, remembers: timedelta = DAY) -> Callable[[Pool], Awaitable[Desk]]:
    """The touch is asked for once more after something was written into the books."""

    async def make(pool: Pool) -> Desk:
        one = await desk(pool)
        await asked(one, answer, remembers=remembers)
        for statement in statements:
            await pool.execute(statement)
        await one.ask()
        return one

    return make


async def kept_for_the_morning(pool: Pool) -> None:
    one = await desk(pool, quiet_hours=QuietHours())
    await asked(one, BUSY)
    assert isinstance(await one.ask(EVENING, due=EVENING), TryLater)


async def expired(pool: Pool) -> None:
    one = await desk(pool)
    await asked(one, BUSY)
    assert isinstance(await one.ask(NOON + 2 * DAY), TouchSettled)


async def too_long(pool: Pool, monkeypatch: pytest.MonkeyPatch, answer: Delivery) -> None:
    one = await desk(pool)
    await asked(one, answer, remembers=DAY)
    monkeypatch.setattr("activities.send_message.ASK_AGAIN_FOR", timedelta(0))
    assert isinstance(await one.ask(), TouchSettled)


class Kind(NamedTuple):
    """A further judgement: how it comes about, whether nobody had the touch, what it came to, how the touch ended."""

    make: Callable[[Pool], Awaitable[object]]
    untaken: bool
    decision: tuple[str, str]
    end: tuple[str, str]


SENT = ("sent", "")
KINDS = {
    "handed over again": Kind(after(BUSY), True, ("send", ""), SENT),
    "suppressed": Kind(
        after(BUSY, SUPPRESSION), True, ("withhold", "suppressed: complaint"), ("failed", "suppressed: complaint")
    ),
    "opted out": Kind(after(BUSY, OPT_OUT), True, ("withhold", "opted_out"), ("failed", "opted_out")),
    "out of reach": Kind(after(BUSY, UNREACHABLE), True, ("withhold", "unreachable"), ("failed", "unreachable")),
    "its run was over": Kind(
        after(BUSY, RUN_OVER), True, ("withhold", "ended_by_command"), ("failed", "ended_by_command")
    ),
    "expired": Kind(expired, True, ("withhold", "stale"), ("failed", "stale")),
    "held by a brake": Kind(after(BUSY, HOLD), True, ("hold", "brake"), ("claimed", "")),
    "held at night": Kind(kept_for_the_morning, True, ("hold", "quiet_hours"), ("claimed", "")),
    "asked again": Kind(after(LOST), False, ("send", ""), SENT),
    "kept from being asked again": Kind(after(LOST, HOLD), False, ("hold", "brake"), ("claimed", "")),
    "stopped": Kind(after(LOST, OPT_OUT), False, ("withhold", "opted_out"), ("in_doubt", "opted_out")),
    "dropped": Kind(after(LOST, DROP), False, ("withhold", "brake"), ("in_doubt", "brake")),
}


async def problems(connection: Connection) -> list[str]:
    """What does not hold, of all records."""
    records = await verify_decisions(connection, AMY)
    return [said for record in records for said in (*record.disagreements, record.unreadable) if said]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_every_further_judgement_is_written_down_and_holds(pool: Pool, owner: Connection, kind: Kind) -> None:
    """With what it went by, and until when it holds; the touch ended as it said."""
    await kind.make(pool)
    (row,) = await pool.fetch(
        """
        SELECT again.untaken, again.decision, again.reason, again.held_until, again.judged_at, again.facts,
               touch.outcome, touch.reason AS ended_for
        FROM touch_judgement AS again JOIN touch USING (touch_id)
        """
    )
    assert (row["untaken"], (row["decision"], row["reason"])) == (kind.untaken, kind.decision)
    assert (row["held_until"] is not None) == (kind.decision[0] == "hold")
    assert row["facts"]["judged_at"] == row["judged_at"].isoformat().replace("+00:00", "Z")
    assert (row["outcome"], row["ended_for"]) == kind.end
    assert [one.kind for one in await verify_decisions(owner, AMY)] == ["touch", "judgement"]
    assert await problems(owner) == []


@pytest.mark.parametrize(("answer", "untaken"), [(BUSY, True), (LOST, False)])
async def test_what_is_given_up_in_the_end_was_let_pass(
    pool: Pool, owner: Connection, monkeypatch: pytest.MonkeyPatch, answer: Delivery, untaken: bool
) -> None:
    """The gates had nothing against it; it was too late to ask."""
    await too_long(pool, monkeypatch, answer)
    rows = await pool.fetch("SELECT untaken, decision, reason FROM touch_judgement")
    assert [tuple(row) for row in rows] == [(untaken, "send", "")]
    assert await problems(owner) == []


async def test_a_first_judgement_stands_in_the_touch_alone(pool: Pool) -> None:
    """A message that goes out at once costs no row more."""
    await sent(pool)
    assert await pool.fetch("SELECT FROM touch_judgement") == []


async def test_each_of_many_judgements_stands_by_itself(pool: Pool, owner: Connection) -> None:
    """Busy twice, held once, and sent; the order is that in which they were made."""
    one = await desk(pool)
    await asked(one, BUSY, BUSY)
    await pool.execute(HOLD)
    await one.ask()
    await pool.execute("UPDATE brake SET released_at = now()")
    await asked(one, Accepted())
    rows = await pool.fetch("SELECT decision FROM touch_judgement ORDER BY judgement_id")
    assert [row["decision"] for row in rows] == ["send", "hold", "send"]
    assert await problems(owner) == []


@pytest.mark.parametrize("answer", [BUSY, LOST], ids=["untaken", "maybe taken"])
async def test_a_hold_is_written_down_once_for_as_long_as_it_stays_the_same(
    pool: Pool, owner: Connection, answer: Delivery
) -> None:
    """A brake is looked at every quarter of an hour, and what was found is on record; another hold is news."""
    one = await desk(pool)
    await asked(one, answer, remembers=DAY)
    for statements, looks in ((HOLD, 3), ("UPDATE journey_run SET paused_at = now()", 3)):
        await pool.execute(statements)
        for _ in range(looks):
            assert isinstance(await one.ask(), TryLater)
    await pool.execute("UPDATE journey_run SET paused_at = NULL")
    assert isinstance(await one.ask(), TryLater)
    rows = await pool.fetch("SELECT reason FROM touch_judgement ORDER BY judgement_id")
    assert [row["reason"] for row in rows] == ["brake", "paused", "brake"]
    assert await problems(owner) == []


async def test_further_judgements_are_exported(pool: Pool, owner: Connection) -> None:
    """With the touch that they are of, facts and verdicts."""
    await after(BUSY, OPT_OUT)(pool)
    lines = [json.loads(line) async for line in read_evidence(owner, AMY)]
    (decision,) = [line for line in lines if line["kind"] == "decision"]
    (judgement,) = [line for line in lines if line["kind"] == "judgement"]
    assert judgement["touch_id"] == decision["touch_id"]
    assert (judgement["decision"], judgement["reason"]) == ("withhold", "opted_out")
    assert judgement["facts"]["opted_out"] == ["marketing"]
    assert any(verdict["result"] == "refuse" for verdict in judgement["verdicts"])


PLANTED = {
    "its facts": 'facts = facts || \'{"suppressed": ["legal"]}\'',
    "facts that nobody looked at": 'facts = facts || \'{"late_by": "PT1H"}\'',
    "a verdict": "verdicts = verdicts - 0",
    "another verdict": """verdicts = jsonb_set(verdicts, '{-1,reason}', '"another"')""",
    "its decision": "decision = CASE decision WHEN 'send' THEN 'withhold' ELSE 'send' END, held_until = NULL",
    "its reason": "reason = reason || 'x'",
    "its end": "decision = 'hold', held_until = now()",
    "its time": "judged_at = judged_at - interval '1 day'",
    "whether somebody had it": "untaken = NOT untaken",
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_a_change_in_any_part_of_a_further_judgement_is_found(pool: Pool, owner: Connection, kind: Kind) -> None:
    """Each by itself. How late a touch is stands in the facts of what nobody has, so that it bears on nothing more."""
    await kind.make(pool)
    await owner.execute("ALTER TABLE touch_judgement DISABLE TRIGGER USER")
    for what, change in PLANTED.items():
        if kind.untaken and what == "facts that nobody looked at":
            continue
        transaction = owner.transaction(isolation="repeatable_read")
        await transaction.start()
        await owner.execute(f"UPDATE touch_judgement SET {change}")  # noqa: S608
        found = await problems(owner)
        await transaction.rollback()
        assert found, what


@pytest.mark.parametrize("name", ["suppressed", "opted out", "its run was over", "expired", "stopped", "dropped"])
async def test_a_refusal_that_is_missing_is_found(pool: Pool, owner: Connection, name: str) -> None:
    """The touch says what only a further judgement can have led to."""
    kind = KINDS[name]
    await kind.make(pool)
    await owner.execute("ALTER TABLE touch_judgement DISABLE TRIGGER USER")
    await owner.execute("DELETE FROM touch_judgement")
    outcome, reason = kind.end
    assert await problems(owner) == [f"recorded as {outcome} for {reason!r}, and nothing in the books led to that"]


async def a_no(pool: Pool) -> None:
    await asked(await desk(pool), Refused("bad_request"))


async def no_answer(pool: Pool) -> None:
    await asked(await desk(pool), LOST)


async def bounced(pool: Pool) -> None:
    one = await desk(pool)
    await asked(one, LOST)
    said = {"channel": "app_push", "receipt_id": "r-1", "kind": "bounced", "at": datetime.now(UTC)}
    async with pool.acquire() as connection:
        await record_receipts(connection, [Receipt.model_validate({**said, "key": one.push.got[0].key})], "test")


ENDS = {
    "a no": (a_no, ["because", "bounced", "opted_out", "template_error", "timed_out", "brake"]),
    "no answer": (no_answer, ["because", "bounced", "opted_out", "template_error", "brake"]),
    "a bounce": (bounced, ["because", "opted_out", "template_error", "timed_out"]),
    "a faulty text": (faulty, ["because", "busy", "bounced", "opted_out", "timed_out"]),
    "a further judgement": (KINDS["opted out"].make, ["because", "busy", "stale", "bounced", "unreachable"]),
    "a stop": (KINDS["stopped"].make, ["because", "timed_out", "brake", "bounced"]),
}


@pytest.mark.parametrize(("make", "others"), ENDS.values(), ids=ENDS)
async def test_a_reason_that_nothing_led_to_is_found(
    pool: Pool, owner: Connection, make: Callable[[Pool], Awaitable[object]], others: list[str]
) -> None:
    """A touch fails, or is in doubt, by the word of its channel, by a receipt or by the gates, and by nothing else."""
    await make(pool)
    assert await problems(owner) == []
    await owner.execute("ALTER TABLE touch DISABLE TRIGGER USER")
    for other in others:
        await owner.execute("UPDATE touch SET reason = $1", other)
        assert [said for said in await problems(owner) if repr(other) in said], other


async def test_a_failure_of_what_somebody_may_have_had_is_found(pool: Pool, owner: Connection) -> None:
    """What is in doubt counts against the caps; the product may settle it, and a failure would set it free."""
    one = await desk(pool)
    await asked(one, LOST, Refused("bad_request"), remembers=DAY)
    assert await problems(owner) == []
    await pool.execute("UPDATE touch SET outcome = 'failed'")
    assert await problems(owner) == ["recorded as failed for 'bad_request', and nothing in the books led to that"]


async def test_a_failure_for_what_held_a_touch_once_is_found(pool: Pool, owner: Connection) -> None:
    """It went out afterwards: only a judgement after which nothing came can have ended it."""
    one = await desk(pool)
    await asked(one, BUSY)
    await pool.execute(HOLD)
    await one.ask()
    await pool.execute("UPDATE brake SET released_at = now()")
    await asked(one, LOST)
    assert await problems(owner) == []
    await pool.execute("UPDATE touch SET outcome = 'failed', reason = 'brake'")
    assert await problems(owner) == ["recorded as failed for 'brake', and nothing in the books led to that"]


@pytest.mark.parametrize("end", ["outcome = 'sent', reason = ''", "outcome = 'claimed', reason = ''"])
@pytest.mark.parametrize("name", ["opted out", "expired"])
async def test_an_end_that_a_further_judgement_denies_is_found(
    pool: Pool, owner: Connection, name: str, end: str
) -> None:
    """Nobody had it, and the gates refused it: it cannot have been sent afterwards."""
    await KINDS[name].make(pool)
    await owner.execute("ALTER TABLE touch DISABLE TRIGGER USER")
    await owner.execute(f"UPDATE touch SET {end}")  # noqa: S608
    assert any("judged again as withhold" in said for said in await problems(owner))


async def test_a_doubt_that_is_resolved_later_is_none_about_the_judgement(pool: Pool, owner: Connection) -> None:
    """It was stopped, and its receipt says that the customer had it by then."""
    one = await after(LOST, OPT_OUT)(pool)
    said = {"channel": "app_push", "receipt_id": "r-1", "kind": "delivered", "at": datetime.now(UTC)}
    async with pool.acquire() as connection:
        await record_receipts(connection, [Receipt.model_validate({**said, "key": one.push.got[0].key})], "test")
    assert await pool.fetchval("SELECT outcome FROM touch") == "sent"
    assert await problems(owner) == []
