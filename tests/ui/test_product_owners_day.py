"""A product owner wins customers back, and stops it; support says why, from the page: with commands, as people do."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.async_api import Page, expect

from activities.contracts import RECORD_EVENT, TASK_QUEUE, WORKFLOW_TYPE, workflow_id
from activities.database import Pool, open_pool
from embedded.folder import Memory
from engine import connect
from tests.browser import page as browser_page
from tests.cli.test_up import Up, commanded, unusual_ports
from tests.live import sped_up
from tests.loopback import TRUSTS_NOBODY
from tests.ui.support import open_card

PATIENCE = timedelta(seconds=120)
TODAY = datetime(2026, 9, 1, 12, tzinfo=UTC)
"""Eight in the evening in Shanghai. Win-back speaks at ten, and a day takes less than a minute here."""

A_SECOND = timedelta(minutes=30)
LONG_AGO = TODAY - timedelta(days=13_000)
"""More than a week ago by a clock on the wall, at this pace: history, which starts no journey."""

EVERYBODY = [f"C-{number:04}" for number in range(1, 1001)]
CHURNED, ACTIVE = EVERYBODY[:60], EVERYBODY[60:90]
EARLY, LATE = CHURNED[:30], CHURNED[30:]
WITHOUT_CONSENT = EARLY[0]
CONSENT = "marketing:app_push; marketing:inbox"
A_MINUTE = 600
"""Entries: ten a second, where the real product owner would take 50 a minute."""

DECIDED = "SELECT count(*) FROM touch WHERE outcome <> 'claimed'"


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    """`starter.py up` in a folder of its own."""
    up = Up(tmp_path)
    up.state.mkdir(mode=0o700)
    (up.state / "memory.json").write_text(Memory(ports=unusual_ports()).model_dump_json())
    await asyncio.to_thread(up.start)
    yield up
    assert up.process is not None
    up.process.terminate()
    await asyncio.to_thread(up.process.wait)


@pytest.fixture
async def books(up: Up) -> AsyncIterator[Pool]:
    """The database, for the test to see when something is through; neither product owner nor support looks there."""
    pool = await open_pool(up.addresses.database_url, size=2)
    yield pool
    await pool.close()


async def command(up: Up, *arguments: str) -> str:
    """A command in the folder of the stack; what it printed."""
    run = await commanded(up, *arguments)
    assert run.code == 0, run.out + run.err
    return run.out


def write_csv(file: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A file as a spreadsheet has it; its name."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return str(file)


async def load_customers(up: Up) -> None:
    """A thousand, all but one with consent to marketing."""
    header = ("customer_id", "tags", "reachable_app_push", "consent", "consent_source", "consent_text_version")
    rows = [
        (who, "late" if who in LATE else "early", "yes", "" if who == WITHOUT_CONSENT else CONSENT) for who in EVERYBODY
    ]
    evidence = ("app 4.2", "2026-03", "2026-03-02T09:30:00+08:00")
    file = write_csv(up.folder / "customers.csv", (*header, "consent_at"), [(*row, *evidence) for row in rows])
    assert "1,000 rows taken, 0 rejected" in await command(up, "customers", file)


async def live_their_lives(up: Up, books: Pool) -> datetime:
    """Some have traded lately; others long ago, and have churned. Their clock is sped up; answers when it began."""
    lately = (datetime.now(UTC) - timedelta(days=20)).isoformat()
    file = write_csv(
        up.folder / "events.csv",
        ("customer_id", "name", "occurred_at"),
        [(who, "trade_executed", lately) for who in ACTIVE],
    )
    assert "30 events sent, 0 rejected" in await command(up, "events", file)
    temporal = await connect({"target_host": up.addresses.temporal_address})
    start = sped_up(TODAY, A_SECOND)
    # Who has looked in today is remembered: a life without anything for a month ends until its next event.
    for who, name, at in [
        (who, *what) for who in CHURNED for what in (("trade_executed", LONG_AGO), ("app_opened", TODAY))
    ]:
        await temporal.start_workflow(
            WORKFLOW_TYPE,
            start,
            id=workflow_id(who),
            task_queue=TASK_QUEUE,
            start_signal=RECORD_EVENT,
            start_signal_args=[{"event_id": name, "name": name, "occurred_at": at.isoformat(), "data": {}}],
        )
    await until(books, len(CHURNED), "SELECT count(*) FROM customer WHERE stage = 'churned'")
    return datetime.fromisoformat(start["clock"]["real_anchor"])


async def past_ten(began: datetime) -> None:
    """Wait until it is between half past ten and three in the afternoon: nobody is written to before tomorrow."""
    day = timedelta(days=1) / A_SECOND * timedelta(seconds=1)
    since_half_past_ten = (datetime.now(UTC) - began - timedelta(hours=14.5) / A_SECOND * timedelta(seconds=1)) % day
    if since_half_past_ten > timedelta(hours=4.5) / A_SECOND * timedelta(seconds=1):
        await asyncio.sleep((day - since_half_past_ten).total_seconds())


async def until(books: Pool, count: int, question: str) -> None:
    """Wait until the books count so many."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while await books.fetchval(question) != count:  # noqa: ASYNC110 - asks the database
            await asyncio.sleep(0.1)


async def pushed(up: Up) -> list[str]:
    """Who got a push, as the page of the loopback gateway shows it."""
    async with httpx.AsyncClient(trust_env=False, verify=TRUSTS_NOBODY) as http:
        shown: Any = (await http.get(f"{up.web}/pushes")).json()
    return [push["customer_id"] for push in shown["pushes"]]


async def enter(up: Up, who: str) -> None:
    """All churned with a tag, at a pace."""
    condition = f'stage == churned and tag("{who}")'
    told = await command(
        up, "enter", "win-back", "--where", condition, "--rate", str(A_MINUTE), "--reason", "autumn", "--actor", "wang"
    )
    assert "30 entered" in told


async def entered(books: Pool) -> list[datetime]:
    """When each entry was decided."""
    rows = await books.fetch("SELECT decided_at FROM entry_decision WHERE entry > 0 ORDER BY decided_at")
    return [row["decided_at"] for row in rows]


async def open_list(page: Page, up: Up, customers: Sequence[str]) -> None:
    """The list of some customers, as support finds it."""
    query = " OR ".join(f'CustomerId = "{customer}"' for customer in customers)
    await page.goto(f"{up.addresses.ui_url}/namespaces/default/workflows?query={quote(query)}")


async def says_why(page: Page, customer: str, said: str) -> None:
    """Support opens a customer's page from the list, reads the sentence to the customer, and goes back."""
    card = await open_card(page, customer)
    touches = card.get_by_role("table").nth(1).get_by_role("row")
    await expect(touches.filter(has_text="win-back").first).to_contain_text(said)
    while "query=" not in page.url:
        await page.go_back()


@pytest.mark.timeout(400)
async def test_a_thousand_are_loaded_the_churned_are_won_back_at_a_pace_it_is_stopped_and_support_says_why(
    up: Up, books: Pool
) -> None:
    """From the import to three answers to "why did I (not) get this?": commands and pages only."""
    await load_customers(up)
    clock_began = await live_their_lives(up, books)

    began = datetime.now(UTC)
    await enter(up, "early")
    for place, decided_at in enumerate(await entered(books)):
        assert decided_at - began >= place * timedelta(minutes=1) / A_MINUTE
    await until(books, len(EARLY), DECIDED)
    got = await pushed(up)
    assert len(got) == len(set(got)) > len(EARLY) / 2
    assert set(got) < set(EARLY)

    await past_ten(clock_began)
    await enter(up, "late")
    await command(up, "brake", "on", "--journey", "win-back", "--mode", "drop", "--reason", "wrong offer")
    await until(books, len(CHURNED), DECIDED)
    stopped = await books.fetchval("SELECT min(customer_id) FROM touch WHERE reason = 'brake'")
    after = await pushed(up)
    assert len(after) == len(set(after))
    assert stopped in LATE
    assert stopped not in after

    async with browser_page() as page:
        await open_list(page, up, (got[0], WITHOUT_CONSENT, stopped))
        await says_why(page, got[0], "✓ 已发送")
        await says_why(page, WITHOUT_CONSENT, "✗ 未发送 · 您未同意通过该渠道接收此类消息。")
        await says_why(page, stopped, "✗ 未发送 · 该消息已取消发送。")
