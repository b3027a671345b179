"""`starter.py pause`, `resume`, `skip`, `end`, `enter`, `versions` and `migrate-runs`, beside a real worker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cli.edge import exit_code
from embedded import EmbeddedStack
from journeys.onboarding_guidance import onboarding_guidance
from journeys.published import release, with_templates
from journeys.templates import templates
from rules.definitions import Catalogue
from starter import starter
from tests.cli.conftest import Ran
from tests.live import Live, live

Run = Callable[..., Awaitable[Ran]]
REASON = ("--reason", "the customer asked", "--actor", "li.na")
JOURNEY = onboarding_guidance.name
VERSION = onboarding_guidance.version


@pytest.fixture
async def world(stack: EmbeddedStack, database_url: str) -> AsyncIterator[Live]:
    """A worker for the shipped journeys; its log is not among what a command prints."""
    with capture_logs():
        async with live(stack, database_url) as world:
            yield world


@pytest.fixture
def run(
    world: Live,
    stack: EmbeddedStack,
    database_url: str,
    bare_environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run `starter.py` with arguments beside the worker, on the test's own database."""
    bare_environment.setenv("DATABASE_URL", database_url)
    bare_environment.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    bare_environment.setenv("SOJOURN_ENVIRONMENT", "embedded")
    bare_environment.setattr("cli.ordering.TASK_QUEUE", world.task_queue)

    async def run(*arguments: object) -> Ran:
        code = await asyncio.to_thread(exit_code, starter, [str(each) for each in arguments])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture
async def amy(world: Live) -> str:
    """A customer who registered a minute ago and waits for the account."""
    amy = world.customer("amy")
    await world.consent(amy)
    await world.event(amy, "app_registered", datetime.now(UTC) - timedelta(minutes=1))
    await world.settled(amy)
    return amy


async def test_a_run_is_paused_resumed_skipped_and_ended(world: Live, run: Run, amy: str) -> None:
    """Each command says in a sentence what it did."""
    at = "account_opened-within-3d"
    assert (await run("pause", amy, JOURNEY, *REASON)).out == f"{amy}: {JOURNEY} is paused at {at}.\n"
    assert "is paused already" in (await run("pause", amy, JOURNEY, *REASON)).out
    assert (await run("resume", amy, JOURNEY, *REASON)).out == f"{amy}: {JOURNEY} goes on at {at}.\n"
    assert (await run("skip", amy, JOURNEY, *REASON)).out == f"{amy}: {JOURNEY}: the wait at {at} is over.\n"
    await world.settled(amy)
    assert ("open-account-reminder", "sent", "") in await world.touches(amy)
    ended = await run("end", amy, JOURNEY, *REASON, "--json")
    assert json.loads(ended.out)["done"] is True


async def test_a_refused_command_says_why_and_exits_with_1(run: Run, amy: str) -> None:
    """The run is not there."""
    ran = await run("pause", amy, "win-back", *REASON)
    assert (ran.code, ran.out) == (1, f"Refused for {amy}: the customer is not in win-back.\n")


async def test_who_and_what_does_not_exist_is_said_in_a_sentence(run: Run, amy: str) -> None:
    """A customer whom nobody knows, a journey of no such name, an id that is none."""
    assert "there is no customer 'C-0': load them first" in (await run("pause", "C-0", JOURNEY, *REASON)).err
    assert "there is no journey 'nope': the journeys are" in (await run("pause", amy, "nope", *REASON)).err
    assert (await run("pause", "a b", JOURNEY, *REASON)).code == 2
    assert "Missing option '--reason'" in (await run("pause", amy, JOURNEY)).err


async def test_many_enter_by_a_condition_once_and_with_their_decisions(world: Live, run: Run) -> None:
    """Imported customers with a tag; the second time nobody is asked again."""
    ids = [world.customer(f"c{number}") for number in range(5)]
    for number, customer in enumerate(ids):
        await world.consent(customer)
        await world.pool.execute("UPDATE customer SET tags = $2 WHERE customer_id = $1", customer, ["a"] * (number < 3))
    count = await run("enter", JOURNEY, "--where", "tag('a')", "--dry-run", *REASON)
    assert "3 customers would be asked to enter" in count.out
    entered = await run("enter", JOURNEY, "--where", "tag('a')", "--rate", "6000", *REASON)
    assert (entered.code, entered.out.startswith("3 entered (batch onboarding-guidance-")) == (0, True)
    again = await run("enter", JOURNEY, "--where", "tag('a')", *REASON)
    assert again.out.startswith("0 entered")
    assert "3 were asked in this batch before and not again: 3 entered, 0 did not." in again.out
    other = await run("enter", JOURNEY, "--where", "tag('a')", "--batch", "second", *REASON)
    assert (other.code, "3 not entered: already_running" in other.out) == (1, True)
    assert await world.rows("SELECT count(*) FROM entry_decision WHERE refused = ''") == [(3,)]
    await world.until(lambda: world.pool.fetchval("SELECT count(*) = 6 FROM audit WHERE command = 'enter_journey'"))


async def test_who_lets_customers_in_is_told_of_a_brake_that_stops_the_journey(world: Live, run: Run) -> None:
    """Entries go on under a brake; one that stops no touch of the journey is not spoken of."""
    await world.consent(world.customer("amy"))
    await run("brake", "on", "--journey", "win-back", "--mode", "hold", *REASON)
    assert "The brake" not in (await run("enter", JOURNEY, "--where", "tag('a')", "--dry-run", *REASON)).out
    await run("brake", "on", "--template", "welcome", "--mode", "drop", *REASON)
    told = f"The brake on template=welcome (drop) is on: customers enter {JOURNEY} all the same, and touches that"
    many = await run("enter", JOURNEY, "--where", "tag('a')", "--dry-run", *REASON)
    assert many.out.startswith(f"{told} it stops are withheld for good.")
    assert (await run("enter", "amy", JOURNEY, *REASON)).out.startswith(told)


async def test_who_was_refused_by_an_older_worker_is_asked_again(
    stack: EmbeddedStack, world: Live, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ships the journey as a draft, or not at all; whom it refused stays outside until a newer one is asked."""
    amy, bob = world.customer("amy"), world.customer("bob")
    for customer in (amy, bob):
        await world.consent(customer)
    names = world.task_queue, f"{world.task_queue}-older"
    draft = onboarding_guidance.model_copy(update={"state": "draft"})
    for journeys, told in ((), "there is no journey"), ((draft,), "not entered: draft"):
        catalogue = Catalogue.of([with_templates(one, templates()) for one in journeys])
        older = replace(world, world=replace(world.world, catalogue=catalogue), task_queue=names[1])
        monkeypatch.setattr("cli.ordering.TASK_QUEUE", names[1])
        async with older.working():
            ran = await run("enter", JOURNEY, "--where", "zone == 'Asia/Shanghai'", "--batch", "b", *REASON)
            assert (ran.code, f"2 {told}" in ran.out) == (1, True)
            for customer in (amy, bob):
                await world.handle(customer).result()
    monkeypatch.setattr("cli.ordering.TASK_QUEUE", names[0])
    ran = await run("enter", JOURNEY, "--where", "zone == 'Asia/Shanghai'", "--batch", "b", *REASON)
    assert (ran.code, ran.out) == (0, "2 entered (batch b).\n")
    await world.until(lambda: world.pool.fetchval("SELECT count(*) = 6 FROM audit"))


@pytest.mark.parametrize("verb", ["pause", "end"])
async def test_a_command_after_a_terminate_goes_to_the_life_that_the_books_have(
    world: Live, run: Run, amy: str, verb: str
) -> None:
    """Nobody has to wait for the customer's next event."""
    await world.handle(amy).terminate()
    assert (await run(verb, amy, JOURNEY, *REASON)).code == 0
    await world.until(lambda: world.pool.fetchval("SELECT coalesce(paused_at, ended_at) FROM journey_run"))


async def test_a_batch_has_a_name_that_fits(run: Run) -> None:
    """It stands in the cause of each entry."""
    ran = await run("enter", JOURNEY, "--where", "tag('a')", "--batch", "spring #2", *REASON)
    assert (ran.code, "as in spring-2027" in ran.err) == (2, True)


async def test_many_enter_by_a_file(world: Live, run: Run, tmp_path: Path) -> None:
    """A customer twice is one customer; one that nobody knows stops it before anybody is asked."""
    for name in ("one", "two"):
        await world.consent(world.customer(name))
    file = tmp_path / "ids.csv"
    file.write_text("\n".join(["customer_id", *map(world.customer, ("one", "two", "one"))]) + "\n")
    assert (await run("enter", JOURNEY, "--file", file, *REASON)).out.startswith("2 entered")
    file.write_text(f"customer_id\n{world.customer('three')}\n")
    ran = await run("enter", JOURNEY, "--file", file, *REASON)
    assert (ran.code, "1 customer is not known" in ran.err) == (2, True)
    file.write_text("customer_id\n" + '"C-2\n')
    assert "line 2" in (await run("enter", JOURNEY, "--file", file, *REASON)).err


@pytest.mark.parametrize("wrong", ["C-0", "a b"])
async def test_a_file_with_a_wrong_id_far_down_lets_nobody_enter(
    world: Live, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """It is read through before the first is asked."""
    monkeypatch.setattr("cli.enter.KEPT_AT_ONCE", 1)
    for name in ("one", "two"):
        await world.consent(world.customer(name))
    file = tmp_path / "ids.csv"
    file.write_text("\n".join(["customer_id", *map(world.customer, ("one", "two")), wrong]) + "\n")
    ran = await run("enter", JOURNEY, "--file", file, *REASON)
    assert (ran.code, repr(wrong) in ran.err or "customer id" in ran.err) == (2, True)
    assert await world.rows("SELECT count(*) FROM entry_decision") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("C-1", JOURNEY, "--where", "tag('a')"), "name one customer and the journey"),
        ((JOURNEY,), "name one customer and the journey"),
        ((JOURNEY, "--where", "tag('a'"), "where"),
        ((JOURNEY, "--where", "stage == groth"), "groth"),
    ],
)
async def test_an_entry_that_names_nobody_in_particular_is_refused(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    """With what to write instead."""
    ran = await run("enter", *arguments, *REASON)
    assert (ran.code, said in ran.err) == (2, True)


async def test_versions_say_who_is_where(world: Live, run: Run, amy: str) -> None:
    """The touch of the step before was answered after the last row was written, and is taken into account."""
    ran = await run("versions", JOURNEY, "--json")
    assert json.loads(ran.out) == [
        {"version": VERSION, "step": "account_opened-within-3d", "paused": False, "customers": 1}
    ]
    await run("pause", amy, JOURNEY, *REASON)
    await world.until(lambda: world.pool.fetchval("SELECT paused_at FROM journey_run"))
    assert "paused" in (await run("versions", JOURNEY)).out
    assert "Nobody is in win-back." in (await run("versions", "win-back")).out


async def test_runs_move_only_when_asked_to(world: Live, run: Run, amy: str) -> None:
    """A dry run and a pin only list; a move is counted; a version that is not published is refused."""
    move = ("migrate-runs", JOURNEY, "--to", "1", *REASON)
    assert "account_opened-within-3d: can move" in (await run(*move)).out
    assert "1 of 1 runs could move; nothing was done." in (await run(*move, "--policy", "move", "--dry-run")).out
    moved = await run(*move, "--policy", "move")
    assert (moved.code, "1 runs go on in onboarding-guidance 1." in moved.out) == (0, True)
    (run_now,) = (await world.view(amy)).state.runs
    assert run_now.version == 1
    refused = await run("migrate-runs", JOURNEY, "--to", "99", *REASON)
    assert "version 99 of onboarding-guidance is not published" in refused.err


async def test_workers_of_another_release_are_named_before_runs_move(
    world: Live, run: Run, amy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not ship the version would refuse the moves that it is asked for."""
    monkeypatch.setattr("cli.releases.TASK_QUEUE", world.task_queue)
    move = ("migrate-runs", JOURNEY, "--to", "1", "--dry-run", *REASON)
    assert "ships other journeys" not in (await run(*move)).out
    monkeypatch.setattr("cli.releases.release", lambda: "00000000")
    listed = (await run(*move)).out
    assert f" {release()} ships other journeys than this release: end it, or it may refuse to move runs" in listed


async def test_who_cannot_move_stays_and_is_named(world: Live, run: Run, amy: str) -> None:
    """Somebody at a step that the other version lacks; the command exits with 1."""
    await world.event(amy, "account_opened", datetime.now(UTC) - timedelta(seconds=20))
    await world.event(amy, "questionnaire_completed", datetime.now(UTC) - timedelta(seconds=15))
    await world.event(amy, "deposit_made", datetime.now(UTC) - timedelta(seconds=10), {"amount": "10.00"})
    view = await world.settled(amy)
    (before,) = view.state.runs
    ran = await run("migrate-runs", JOURNEY, "--to", "1", "--policy", "move", *REASON)
    assert (ran.code, f"version 1 has no step {before.step}" in ran.out) == (1, True)
    assert (await world.view(amy)).state.runs[0].version == VERSION
