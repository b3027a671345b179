"""Commands that wait for their turn behind the inbox, and their answers."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from activities.orders import command_from
from errors import InputError
from rules.commands import Command
from rules.state import Obeyed


def command_from_update(name: str, arguments: Sequence[RawValue]) -> Command:
    """The command that an update stands for. Raises `ApplicationError`, which refuses the update with a sentence."""
    info = workflow.current_update_info()
    assert info is not None, "asked in a handler of updates only"
    try:
        return command_from(name, [one.payload.data for one in arguments], info.id)
    except InputError as error:
        raise ApplicationError(str(error), type="InvalidCommand", non_retryable=True) from error


class Commands:
    """The line of commands. The loop takes the first, obeys it, and answers; handlers only wait."""

    def __init__(self) -> None:
        self.waiting: list[Command] = []
        self._answers: dict[str, Obeyed] = {}

    async def wait_for_turn(self, command: Command) -> Obeyed:
        """Line up; answers what was made of the command."""
        if command.command_id not in self._answers:
            self.waiting.append(command)
        await workflow.wait_condition(lambda: command.command_id in self._answers)
        return self._answers[command.command_id]

    def answer(self, obeyed: Obeyed) -> None:
        """The first in line was obeyed, or was known before; whoever gave it again gets the same answer."""
        self._answers[obeyed.command_id] = obeyed
        self.waiting = [one for one in self.waiting if one.command_id != obeyed.command_id]
