"""The edge of every command: errors become one line, and the process leaves with the right code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from errors import SojournError

DONE, SOME_REJECTED, COULD_NOT_RUN, INTERRUPTED = 0, 1, 2, 130

Result = TypeVar("Result")

_JOURNEYS = Path(__file__).resolve().parents[1] / "journeys"
_LANGUAGE = ("__init__.py", "conditions.py", "events.py", "language.py", "soundness.py", "word.py", "words.py")


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
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return COULD_NOT_RUN
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return COULD_NOT_RUN
    except click.ClickException as error:
        print(f"error: {_one_line(error.format_message())}", file=sys.stderr)
        return COULD_NOT_RUN
    except (SyntaxError, NameError, TypeError, AttributeError, ImportError, ValueError) as error:
        if (place := _in_a_journey(error)) is None:
            raise
        print(f"error: {place}: {_one_line(error)}: mend the journey's file", file=sys.stderr)
        return COULD_NOT_RUN
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return DONE
    return result if isinstance(result, int) else DONE


def _in_a_journey(error: BaseException) -> str | None:
    """Where in a product owner's file a mistake was made, if it was in one."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).parent == _JOURNEYS:
        return f"journeys/{Path(error.filename).name} line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        file = Path(frame.filename)
        if file.parent == _JOURNEYS and file.name not in _LANGUAGE:
            return f"journeys/{file.name} line {frame.lineno}"
    return None


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
