"""Receipts settle what is in doubt, say who can be reached, and become events: each once, however often they come."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from asyncpg.transaction import Transaction
from pydantic import ValidationError

from activities.channels import Accepted, Delivery, Postponed, Unknown
from activities.database import Connection, Pool
from activities.receipts import MessageEvent, Receipt, Recorded, record_receipts, take_receipts
from errors import EngineError
from rules.gates import TouchSettled, TryLater
from tests.activities.test_send_message import WAITING, AskedFor, touch
from tests.activities.touches import AMY, SENT, put_touch, rows

__all__ = ["touch"]


def receipt(key: str | None, kind: str = "delivered", *, after: float = 0, id: str = "r-1", **more: Any) -> Receipt:
    """A receipt of app push, some minutes after the message was sent."""
    said = {"channel": "app_push", "receipt_id": id, "kind": kind, "at": SENT + timedelta(minutes=after), "key": key}
    return Receipt.model_validate({**said, **more})


async def record(pool: Pool, *receipts: Receipt) -> Recorded:
    """Write receipts down in one batch."""
    async with pool.acquire() as connection:
        return await record_receipts(connection, receipts, "test")


async def version(pool: Pool) -> int:
    """The number that goes up when the gates see something else."""
    number: int = await pool.fetchval("SELECT version FROM customer WHERE customer_id = $1", AMY)
    return number


SETTLES = [
    ("delivered", ("sent", "")),
    ("opened", ("sent", "")),
    ("clicked", ("sent", "")),
    ("unsubscribed", ("sent", "")),
    ("bounced", ("failed", "bounced")),
]


@pytest.mark.parametrize("outcome", ["in_doubt", "claimed"])
@pytest.mark.parametrize(("kind", "settled"), SETTLES)
async def test_a_receipt_ends_the_doubt(pool: Pool, outcome: str, kind: str, settled: tuple[str, str]) -> None:
    """Whoever opened, clicked or refused a message has it; what bounced was not sent, and frees its place in caps."""
    key = await put_touch(pool, outcome, reason="timed_out" if outcome == "in_doubt" else "")
    assert (await record(pool, receipt(key, kind))).new == {0}
    assert await rows(pool, "SELECT outcome, reason FROM touch") == [settled]
    assert await pool.fetchval("SELECT settled_at IS NOT NULL FROM touch")
    assert await version(pool) == 1


@pytest.mark.parametrize("outcome", ["sent", "failed"])
@pytest.mark.parametrize("kind", ["delivered", "bounced"])
async def test_what_was_decided_stands(pool: Pool, outcome: str, kind: str) -> None:
    """The receipt is kept beside it, and nobody is judged anew."""
    key = await put_touch(pool, outcome)
    await record(pool, receipt(key, kind))
    assert await rows(pool, "SELECT outcome, kind FROM touch JOIN receipt USING (touch_id)") == [(outcome, kind)]
    assert await version(pool) == 0


async def test_a_message_that_arrived_was_sent_whatever_bounced_elsewhere(pool: Pool) -> None:
    """A customer with two phones: one answer of each, in one batch, in any order."""
    key = await put_touch(pool, "in_doubt")
    await record(pool, receipt(key, "bounced"), receipt(key, "delivered", id="r-2", after=-1))
    assert await rows(pool, "SELECT outcome FROM touch") == [("sent",)]


async def test_the_same_again_changes_nothing(pool: Pool) -> None:
    """In one batch, in the next one, and also for the version of the facts."""
    key = await put_touch(pool, "in_doubt")
    first = await record(pool, one := receipt(key, "bounced", permanent=True), one)
    again = await record(pool, one)
    assert (first.new, first.refused, again.new, again.refused) == ({0}, {}, set(), {})
    assert await rows(pool, "SELECT count(*) FROM receipt") == [(1,)]
    assert await version(pool) == 1


async def test_a_receipt_id_with_other_content_is_refused(pool: Pool) -> None:
    """The first stands, also within one batch."""
    key = await put_touch(pool)
    other = await put_touch(pool, step="reminder")
    first = await record(pool, receipt(key, "opened"), receipt(key, "clicked"))
    later = await record(pool, receipt(other, "opened"), receipt(key, "opened", after=1), receipt(key, "opened"))
    assert (first.new, set(first.refused)) == ({0}, {1})
    assert (later.new, set(later.refused)) == (set(), {0, 1})
    assert all("receipt_id was seen before" in reason for reason in later.refused.values())


async def test_a_message_is_found_by_the_providers_own_id(pool: Pool) -> None:
    """For providers that give nothing else back; the id counts on its channel only."""
    await put_touch(pool, "in_doubt", provider_id="msg-9")
    found = receipt(None, provider_id="msg-9")
    elsewhere = found.model_copy(update={"channel": "inbox", "receipt_id": "r-2"})
    recorded = await record(pool, elsewhere, found)
    assert (recorded.new, set(recorded.refused)) == ({1}, {0})
    assert await rows(pool, "SELECT outcome FROM touch") == [("sent",)]


async def test_a_receipt_of_no_message_of_ours_is_refused(pool: Pool) -> None:
    """Unknown, of another channel, never handed out, or no key at all; the others of the batch are taken."""
    key, pushed = await put_touch(pool), await put_touch(pool, step="inbox", channel="inbox")
    withheld = await put_touch(pool, "withheld", step="withheld", reason="no_consent")
    keys = [f"{AMY}/guide/2/welcome/1", pushed, withheld, "hello", f"{AMY}/guide/{10**10}/welcome/1", key]
    recorded = await record(pool, *(receipt(each, id=f"r-{place}") for place, each in enumerate(keys)))
    assert recorded.new == {5}
    assert set(recorded.refused) == {0, 1, 2, 3, 4}
    assert "never handed to a channel" in recorded.refused[2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": None},
        {"provider_id": "msg-9"},
        {"permanent": True},
        {"scope": "all"},
        {"kind": "seen"},
        {"receipt_id": "two words"},
        {"detail": "说了什么"},
        {"color": "red"},
    ],
)
def test_a_receipt_that_makes_no_sense_is_none(wrong: dict[str, Any]) -> None:
    """Neither or both names of the message, a word that belongs to another kind, a text that could be personal."""
    good = receipt("a/b/1/c/1").model_dump()
    Receipt.model_validate(good)
    with pytest.raises(ValidationError):
        Receipt.model_validate({**good, **wrong})


REACHED = {
    "bounced for good": ([("bounced", 1, True)], False),
    "bounced for now": ([("bounced", 1, False)], None),
    "delivered": ([("delivered", 1, False)], None),
    "delivered later": ([("bounced", 1, True), ("delivered", 2, False)], True),
    "opened later": ([("bounced", 1, True), ("opened", 2, False)], True),
    "delivered before": ([("bounced", 2, True), ("delivered", 1, False)], False),
    "delivered, and told later that it bounced before": ([("delivered", 2, False), ("bounced", 1, True)], None),
    "bounced again": ([("bounced", 1, True), ("delivered", 2, False), ("bounced", 3, True)], False),
}


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("told", "reachable"), REACHED.values(), ids=REACHED)
async def test_who_is_reachable_is_what_the_latest_receipt_says(
    pool: Pool, together: bool, told: list[tuple[str, float, bool]], reachable: bool | None
) -> None:
    """By the time that it speaks of, not by the moment it came; no word in the books is as good as reachable."""
    key = await put_touch(pool)
    receipts = [
        receipt(key, kind, after=after, permanent=permanent, id=f"r-{place}")
        for place, (kind, after, permanent) in enumerate(told)
    ]
    for batch in [receipts] if together else [[each] for each in receipts]:
        await record(pool, *batch)
    if together and reachable is not False:
        assert await rows(pool, "SELECT FROM reachability WHERE NOT reachable") == []
    else:
        expected = [] if reachable is None else [("app_push", reachable)]
        assert await rows(pool, "SELECT channel, reachable FROM reachability") == expected


@pytest.mark.parametrize(
    ("scope", "refused"), [(None, "marketing"), ("marketing", "marketing"), ("channel", "app_push"), ("all", "all")]
)
async def test_unsubscribed_is_an_opt_out_with_its_evidence(pool: Pool, scope: str | None, refused: str) -> None:
    """A "stop" without more means marketing. The receipt is named as the source, and the gates judge anew."""
    key = await put_touch(pool)
    await record(pool, receipt(key, "unsubscribed", scope=scope))
    assert await rows(pool, "SELECT scope, active, source, at FROM opt_out") == [
        (refused, True, "receipt app_push r-1", SENT)
    ]
    assert await version(pool) == 1


async def test_a_refusal_comes_after_its_lifting_of_the_same_instant(pool: Pool) -> None:
    """Whichever of the two is told first."""
    key = await put_touch(pool)
    await pool.execute("INSERT INTO opt_out VALUES ($1, 'marketing', false, 'app', $2)", AMY, SENT)
    await record(pool, receipt(key, "unsubscribed"))
    latest = "SELECT active FROM opt_out WHERE scope = 'marketing' ORDER BY at DESC, active DESC LIMIT 1"
    assert await pool.fetchval(latest) is True


TELLS = [
    ("delivered", {}, []),
    ("opened", {}, ["message_opened"]),
    ("clicked", {}, ["message_clicked"]),
    ("bounced", {}, ["message_bounced"]),
    ("unsubscribed", {}, ["unsubscribed", "opted_out_of_marketing"]),
    ("unsubscribed", {"scope": "all"}, ["unsubscribed", "opted_out_of_marketing"]),
    ("unsubscribed", {"scope": "channel"}, ["unsubscribed"]),
]


@pytest.mark.parametrize(("kind", "more", "names"), TELLS)
async def test_the_workflow_is_told_of_what_journeys_may_wait_for(
    pool: Pool, kind: str, more: dict[str, Any], names: list[str]
) -> None:
    """Nothing of a delivery: there are as many as messages, and none would wake anybody for a reason."""
    key = await put_touch(pool)
    told = (await record(pool, receipt(key, kind, **more))).events
    assert [event.argument["name"] for event in told] == names
    assert {event.customer_id for event in told} <= {AMY}


async def test_an_event_says_which_message_it_was_and_nothing_of_the_person(pool: Pool) -> None:
    """Enough for the `where` of a journey that waits for its own step."""
    key = await put_touch(pool)
    (event,) = (await record(pool, receipt(key, "clicked", detail="button 2"))).events
    assert event.argument["occurred_at"] == SENT.isoformat()
    assert event.argument["data"] == {
        "channel": "app_push",
        "journey": "guide",
        "step": "welcome",
        "template": "welcome",
        "touch": key,
    }


async def test_an_event_is_told_until_a_workflow_has_recorded_it(pool: Pool) -> None:
    """Under one id: a batch that is sent again after a failure loses nothing, and wakes nobody for what is known."""
    key = await put_touch(pool)
    one = receipt(key, "clicked")
    (first,) = (await record(pool, one)).events
    (again,) = (await record(pool, one)).events
    assert first == again
    await pool.execute(
        """
        INSERT INTO customer_event (customer_id, sequence, event_id, name, occurred_at, data)
        VALUES ($1, 1, $2, 'message_clicked', $3, '{}')
        """,
        *(AMY, first.argument["event_id"], SENT),
    )
    assert (await record(pool, one)).events == []


async def test_what_cannot_be_told_is_raised_and_stays_in_the_books(pool: Pool) -> None:
    """The sender repeats the batch; those of one customer are told in the order of their times."""
    keys = [await put_touch(pool, customer=name) for name in ("C-1", "C-2")]
    batch = [
        receipt(key, kind, after=after, id=f"{key[:3]}-{kind}")
        for key in keys
        for kind, after in (("clicked", 2), ("opened", 1))
    ]
    told: list[MessageEvent] = []

    async def away(event: MessageEvent) -> None:
        raise EngineError("Temporal does not answer")

    async def note(event: MessageEvent) -> None:
        told.append(event)

    async with pool.acquire() as connection:
        with pytest.raises(EngineError):
            await take_receipts(connection, batch, away, "test")
        assert await rows(pool, "SELECT count(*) FROM receipt") == [(4,)]
        await take_receipts(connection, batch, note, "test")
    assert [(event.customer_id, event.argument["name"]) for event in told] == [
        ("C-1", "message_opened"),
        ("C-2", "message_opened"),
        ("C-1", "message_clicked"),
        ("C-2", "message_clicked"),
    ]


async def test_a_touch_that_is_asked_for_again_was_settled_meanwhile(touch: AskedFor) -> None:
    """The provider's answer was lost, and its receipt came: it is not asked once more."""
    assert isinstance(await touch.ask(), TryLater)
    key = touch.push.got[0].key
    await record(touch.pool, receipt(key, "opened"))
    answer = await touch.ask()
    assert isinstance(answer, TouchSettled)
    assert (answer.outcome, len(touch.push.got)) == ("sent", 1)


async def test_the_providers_own_id_is_kept_whatever_settled_the_touch(touch: AskedFor) -> None:
    """The receipt overtook the answer; the next one of that message may know it by the id alone."""

    async def deliver() -> Delivery:
        await record(touch.pool, receipt(touch.push.got[-1].key))
        return Accepted("msg-9")

    touch.push.answers = [deliver]
    await touch.ask()
    assert await rows(touch.pool, "SELECT outcome, provider_id FROM touch") == [("sent", "msg-9")]
    assert (await record(touch.pool, receipt(None, "opened", id="r-2", provider_id="msg-9"))).new == {0}
    for statement in ("UPDATE touch SET provider_id = 'msg-8'", "UPDATE touch SET outcome = 'failed'"):
        with pytest.raises(asyncpg.RaiseError, match="does not become"):
            await touch.owner.execute(statement)


@pytest.mark.parametrize("answer", [Accepted(), Unknown("timed_out")])
async def test_a_receipt_that_overtakes_the_answer_decides(touch: AskedFor, answer: Delivery) -> None:
    """It is recorded while the provider is being asked: what it settled is what the journey is told."""

    async def bounce() -> Delivery:
        await record(touch.pool, receipt(touch.push.got[-1].key, "bounced"))
        return answer

    touch.push.deduplicates_for = timedelta(0)
    touch.push.answers = [bounce]
    settled = await touch.ask()
    assert isinstance(settled, TouchSettled)
    assert (settled.outcome, settled.reason) == ("failed", "bounced")


async def test_receipts_are_only_ever_added(pool: Pool, owner: Connection) -> None:
    """As every book."""
    await record(pool, receipt(await put_touch(pool)))
    for statement in ("UPDATE receipt SET kind = 'opened'", "DELETE FROM receipt"):
        with pytest.raises(Exception, match="append-only"):
            await owner.execute(statement)


@pytest.mark.parametrize(("kind", "settled"), SETTLES)
async def test_what_a_receipt_settles_is_postponed_no_longer(
    touch: AskedFor, kind: str, settled: tuple[str, str]
) -> None:
    """The provider said that it had not taken the message, and had; nobody asks it again."""
    touch.push.answers = [Postponed("busy")]
    assert isinstance(await touch.ask(), TryLater)
    await record(touch.pool, receipt(touch.push.got[0].key, kind))
    assert await rows(touch.pool, "SELECT outcome, reason FROM touch") == [settled]
    assert await rows(touch.pool, "SELECT FROM touch_postponed") == []
    assert isinstance(await touch.ask(), TouchSettled)
    assert len(touch.push.got) == 1


@pytest.mark.parametrize(
    ("answer", "before"), [(Accepted("msg-9"), "claimed"), (Unknown("timed_out"), "claimed"), (Accepted(), "in_doubt")]
)
async def test_a_receipt_that_settles_while_the_answer_waits_for_the_record_decides(
    touch: AskedFor, answer: Delivery, before: str
) -> None:
    """The answer's statement began before the receipt was committed: it is answered by what stands afterwards."""
    ways_out: list[Transaction] = []

    async def settle_without_committing() -> Delivery:
        await touch.owner.execute("UPDATE touch SET outcome = $1 WHERE outcome <> $1", before)
        ways_out.append(transaction := touch.owner.transaction())
        await transaction.start()
        await touch.owner.execute("UPDATE touch SET outcome = 'failed', reason = 'bounced'")
        return answer

    touch.push.deduplicates_for = timedelta(0)
    touch.push.answers = [settle_without_committing]
    asking = asyncio.create_task(touch.ask())
    while not asking.done() and not (ways_out and await touch.pool.fetchval(WAITING)):  # noqa: ASYNC110 - asks the database
        await asyncio.sleep(0.01)
    await ways_out[0].commit()
    settled = await asking
    assert isinstance(settled, TouchSettled)
    assert (settled.outcome, settled.reason) == ("failed", "bounced")
    assert await rows(touch.pool, "SELECT provider_id FROM touch") == [(getattr(answer, "provider_id", None),)]
