"""The edge of every command: one line for an error, and the right exit code."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import click
import pytest

from cli.edge import exit_code, run_async, some_rejected
from errors import DatabaseError, InputError
from starter import starter


def ends(error: BaseException | None = None) -> int:
    """The exit code of a command that raises an error, or nothing."""

    @click.command()
    def command() -> None:
        if error is not None:
            raise error

    return exit_code(command, [])


def test_a_command_that_did_its_work_ends_with_zero() -> None:
    """Nothing raised is success."""
    assert ends() == 0


@pytest.mark.parametrize("error", [InputError("no such\n  file: name another"), DatabaseError("no database")])
def test_an_error_is_one_line_and_code_two(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever its message looks like, and without a traceback."""
    assert ends(error) == 2
    assert capsys.readouterr().err == f"error: {' '.join(str(error).split())}\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupted_command_is_quiet(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is an answer, not an error."""
    assert ends(error) == 130
    printed = capsys.readouterr()
    assert (printed.out + printed.err).strip() == ""


def test_a_reader_that_went_away_is_no_error() -> None:
    """As with `| head`."""
    assert ends(BrokenPipeError()) == 0


def test_rejected_rows_are_code_one() -> None:
    """A command that did its work but for some rows says so."""

    @click.command()
    def command() -> None:
        some_rejected()

    assert exit_code(command, []) == 1


def test_an_asynchronous_command_answers() -> None:
    """It runs to its end, and gives its result."""

    async def main() -> int:
        await asyncio.sleep(0)
        return 7

    assert run_async(main()) == 7


@pytest.mark.parametrize("arguments", [["nonsense"], ["rehearse", "--nonsense"], ["rehearse"]])
def test_a_wrong_call_is_one_line_and_code_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown commands, options and missing arguments are told in one line."""
    assert exit_code(starter, arguments) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_command_that_there_is_not_is_told_with_the_way_to_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """And with the one that was probably meant."""
    exit_code(starter, ["custmer", "C-1"])
    assert capsys.readouterr().err == (
        "error: there is no command 'custmer': did you mean customer? `starter.py --help` lists them all.\n"
    )


def test_without_arguments_the_help_is_shown() -> None:
    """On the error output, with code 2: nothing was done."""
    done = subprocess.run([sys.executable, "starter.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "rehearse" in done.stderr


def test_what_was_printed_is_there_when_a_process_leaves_at_once() -> None:
    """Leaving without exit hooks loses no line."""
    code = "from cli.edge import leave; print('said'); leave(1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "said\n")
