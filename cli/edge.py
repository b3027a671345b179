"""The edge of every command: errors become one line, and the process leaves with the right code."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, NoReturn, TypeVar

import click

from cli.mistakes import MISTAKES, told
from errors import SojournError

DONE, SOME_REJECTED, COULD_NOT_RUN, INTERRUPTED = 0, 1, 2, 130

Result = TypeVar("Result")


def run(command: click.Command) -> NoReturn:
    """Run a command with the arguments of the process, and leave."""
    leave(exit_code(command))


def exit_code(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command to its exit code: 0 done, 1 some rows rejected, 2 could not run, 130 interrupted."""
    try:
        result = command.main(
            args=arguments, prog_name=os.path.basename(sys.argv[0]) or "starter.py", standalone_mode=False
        )
    except SojournError as error:
        print(f"error: {told(error) or _one_line(error)}", file=sys.stderr)
        return COULD_NOT_RUN
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return COULD_NOT_RUN
    except click.ClickException as error:
        print(f"error: {_one_line(error.format_message())}", file=sys.stderr)
        return COULD_NOT_RUN
    except MISTAKES as error:
        if (sentence := told(error)) is None:
            raise
        print(f"error: {sentence}", file=sys.stderr)
        return COULD_NOT_RUN
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return DONE
    return result if isinstance(result, int) else DONE


def leave(code: int) -> NoReturn:
    """End the process without its exit hooks: after success the Temporal SDK can crash in them."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            continue
    os._exit(code)


def some_rejected() -> NoReturn:
    """End a command that did its work but for some rows."""
    raise click.exceptions.Exit(SOME_REJECTED)


def run_async(main: Coroutine[Any, Any, Result]) -> Result:
    """Run an asynchronous command to its end; Ctrl-C cancels it and is raised here."""
    import asyncio

    return asyncio.run(main)


def _one_line(problem: object) -> str:
    return " ".join(str(problem).split())
