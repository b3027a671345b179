"""Brakes under concurrency: the button is pressed once, however many press it."""

from __future__ import annotations

import asyncio

from activities.brakes import BrakeScope, list_brakes, put_brake_on, take_brakes_off
from errors import InputError
from rules.gates import Brake, BrakeMode
from tests.activities.conftest import Connect


async def test_of_many_who_press_at_once_one_presses(connected: Connect) -> None:
    """One brake is on, one press is audited, the others are told so."""

    async def press(actor: str) -> str:
        try:
            await put_brake_on(await connected(), BrakeScope(), BrakeMode.HOLD, reason="incident", actor=actor)
        except InputError as error:
            return str(error)
        return "on"

    answers = await asyncio.gather(*(press(f"user {number}") for number in range(8)))
    assert answers.count("on") == 1
    assert sum("is on already" in answer for answer in answers) == 7
    assert await (await connected()).fetchval("SELECT count(*) FROM audit") == 1


async def test_a_brake_that_is_off_can_be_put_on_again(connected: Connect) -> None:
    """The book keeps both, the gates see the one that is on."""
    connection = await connected()
    for reason in ("first", "second"):
        await put_brake_on(connection, BrakeScope(), BrakeMode.DROP, reason=reason, actor="li")
        if reason == "first":
            await take_brakes_off(connection, BrakeScope(), None, reason="mended", actor="li")
    assert [each.brake for each in await list_brakes(connection)] == [Brake(BrakeMode.DROP, "second")]
    assert await connection.fetchval("SELECT count(*) FROM brake") == 2
