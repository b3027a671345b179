"""Many commands: each customer's fate is counted, and whoever has to stop says how far it came."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from cli.ordering import UNANSWERED_IN_A_ROW, Order, give_all, order
from errors import EngineError, InputError, NoAnswer
from rules.commands import Verb
from rules.state import Obeyed


async def orders(number: int) -> AsyncIterator[Order]:
    """For customers C-0, C-1, …"""
    for one in range(number):
        yield order(Verb.END, f"C-{one}", "slow", actor="a", reason="r", command_id="c")


async def fate(command: Order) -> Obeyed:
    """The first two are done, the third is refused, the fourth is not taken; for the fifth no worker answers."""
    match int(command.customer_id[2:]):
        case 0 | 1 | 2 as number:
            return Obeyed("c", number < 2, "the customer is not in slow", "end_journey", "slow")
        case 3:
            raise InputError("the command does not fit")
        case _:
            raise EngineError("no answer within 30 s")


async def test_done_refused_and_not_taken_are_counted() -> None:
    """By what was told, and by customer."""
    shown: list[int] = []
    tally = await give_all(orders(4), fate, concurrency=2, show=shown.append)
    assert (tally.done, tally.refused) == (2, Counter({"the customer is not in slow": 1}))
    assert tally.failed == {"C-3": "the command does not fit"}
    assert shown == [1, 2, 3, 4]


async def test_what_keeps_all_from_going_on_says_what_was_done_by_then() -> None:
    """With what to do next; given is not done."""
    with pytest.raises(EngineError) as stopped:
        await give_all(orders(9), fate, concurrency=1)
    assert "no answer within 30 s. Before that, 2 commands were done, and 1 refused." in str(stopped.value)
    assert str(stopped.value).endswith("what was done is not done twice.")


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_who_does_not_answer_is_passed_over(concurrency: int) -> None:
    """A life that stumbles is no reason to leave out the others."""

    async def give(command: Order) -> Obeyed:
        if int(command.customer_id[2:]) % 3:
            raise NoAnswer("no answer within 30 s")
        return Obeyed("c", True, "done", "end_journey", "slow")

    tally = await give_all(orders(30), give, concurrency=concurrency)
    assert tally.done == 10
    assert tally.failed == {f"C-{one}": "no answer within 30 s" for one in range(30) if one % 3}


async def test_commands_are_not_given_any_further_when_nobody_answers() -> None:
    """No worker runs: each would take as long as patience lasts."""
    given: list[str] = []

    async def give(command: Order) -> Obeyed:
        given.append(command.customer_id)
        if command.customer_id == "C-0":
            return Obeyed("c", True, "done", "end_journey", "slow")
        raise NoAnswer("no answer within 30 s")

    with pytest.raises(EngineError) as stopped:
        await give_all(orders(30), give, concurrency=1)
    assert len(given) == UNANSWERED_IN_A_ROW + 1
    assert "no answer within 30 s. Before that, 1 command was done, and 0 refused." in str(stopped.value)


async def test_an_interrupted_entry_says_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C cancels it."""
    third = asyncio.Event()

    async def give(command: Order) -> Obeyed:
        if command.customer_id == "C-2":
            third.set()
            await asyncio.Event().wait()
        return await fate(command)

    giving = asyncio.create_task(give_all(orders(9), give, concurrency=1))
    await third.wait()
    giving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await giving
    assert capsys.readouterr().err == (
        "Stopped. 2 commands were done, and 0 refused. Run the command again, and it goes on from there.\n"
    )
