"""Commands that wait for their turn behind the inbox, and their answers."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from activities.orders import command_from
from errors import DefinitionMissing, InputError
from rules.commands import Command
from rules.definitions import definition
from rules.state import Obeyed


def command_from_update(name: str, arguments: Sequence[RawValue]) -> Command:
    """The command that an update stands for. Raises `ApplicationError`, which refuses the update with a sentence."""
    info = workflow.current_update_info()
    assert info is not None, "asked in a handler of updates only"
    try:
        return command_from(name, [one.payload.data for one in arguments], info.id)
    except InputError as error:
        raise ApplicationError(str(error), type="InvalidCommand", non_retryable=True) from error


def check_shipped(command: Command) -> None:
    """Refuse to move to a version that this worker does not have. Raises `ApplicationError`."""
    try:
        if command.to is not None:
            definition(command.to)
    except DefinitionMissing as error:
        raise ApplicationError(str(error), type="InvalidCommand", non_retryable=True) from error


class Commands:
    """The line of commands. The loop takes the first, obeys it, and answers; handlers only wait."""

    def __init__(self) -> None:
        self.waiting: list[Command] = []
        self._answers: dict[tuple[str, str, str], Obeyed] = {}

    async def wait_for_turn(self, command: Command) -> Obeyed:
        """Line up; answers what was made of the command."""
        if command.identity not in self._answers:
            self.waiting.append(command)
        await workflow.wait_condition(lambda: command.identity in self._answers)
        return self._answers[command.identity]

    def answer(self, obeyed: Obeyed) -> None:
        """It was obeyed, or was known before; whoever gave it again gets the same answer."""
        self._answers[obeyed.identity] = obeyed
        self.waiting = [one for one in self.waiting if one.identity != obeyed.identity]
