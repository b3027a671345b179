"""Mistakes in a product owner's file: one sentence each, with the place, and what was probably meant."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from pathlib import Path

from errors import JourneyError

MISTAKES = (JourneyError, SyntaxError, NameError, TypeError, AttributeError, ImportError, ValueError)
"""What a file of a journey may raise when it is read."""

_JOURNEYS = Path(__file__).resolve().parents[1] / "journeys"
_LANGUAGE = ("__init__.py", "conditions.py", "events.py", "language.py", "soundness.py", "word.py", "words.py")
_UNKNOWN_KEYWORD = re.compile(r"(\w+)\(\) got an unexpected keyword argument '(\w+)'")
_NOT_THERE = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
_MISSING = re.compile(r"(\w+)\(\) missing \d+ required .*?: (.*)")


def told(error: BaseException) -> str | None:
    """The sentence for a mistake, with file and line; none if it was not made in a file of journeys."""
    place = _place(error)
    return None if place is None else " ".join(f"{place}: {_sentence(error)}".split())


def _place(error: BaseException) -> str | None:
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).parent == _JOURNEYS:
        return f"journeys/{Path(error.filename).name}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.parent == _JOURNEYS and file.name not in _LANGUAGE:
            return f"journeys/{file.name}:{frame.lineno}"
    return None


def _sentence(error: BaseException) -> str:
    match error:
        case SyntaxError():
            return f"this cannot be read ({error.msg}): look for a bracket, a comma or a quote"
        case ImportError():
            return _import(str(error))
        case NameError(name=str(name)):
            known = {*_names_in("journeys.language"), *_names_in("journeys.events")}
            return f"{name!r} is not defined{_meant(name, known) or ': import it, or mend the name'}"
        case AttributeError(name=str(name), obj=owner):
            return f"{getattr(owner, '__name__', type(owner).__name__)} has no {name!r}{_meant(name, dir(owner))}"
        case TypeError():
            return _call(str(error))
        case _:
            return str(error)


def _import(said: str) -> str:
    """A name that is not where it was looked for."""
    if match := _NOT_THERE.search(said):
        return f"{match[2]} has no {match[1]!r}{_meant(match[1], _names_in(match[2]))}"
    return said


def _call(said: str) -> str:
    """A word that was called with what it does not take."""
    if match := _UNKNOWN_KEYWORD.search(said):
        known = _keywords(match[1])
        return f"{match[1]}(…) has no {match[2]}={_meant(match[2], known) or ': it takes ' + ', '.join(known)}"
    if match := _MISSING.search(said):
        return f"{match[1]}(…) needs {match[2].replace(chr(39), '')}"
    return said


def _meant(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, [one for one in known if not one.startswith("_")], n=1)
    return f": did you mean {close[0]}?" if close else ""


def _names_in(module: str) -> list[str]:
    from importlib import import_module

    try:
        return dir(import_module(module))
    except MISTAKES:  # it is the very file that has the mistake
        return []


def _keywords(word: str) -> list[str]:
    """What a word of the language takes by name."""
    from inspect import signature

    from journeys import language

    function = getattr(language, word, None)
    return list(signature(function).parameters) if callable(function) else []
