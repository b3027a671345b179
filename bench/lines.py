"""How large the engine is: lines of code, and how many of them each word of the language needs in the walk."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import get_args

from journeys.words import AnyStep

ROOT = Path(__file__).parents[1]
LANGUAGE = ("words", "language", "conditions", "soundness")
RULES = ("walk", "life", "plan", "entry", "conditions", "commands")
MODULES = (*(f"journeys/{name}.py" for name in LANGUAGE), *(f"rules/{name}.py" for name in RULES))
WALK = "rules/walk.py"
ALL = "every word"

WORDS = tuple(word.__name__ for word in get_args(AnyStep))

SERVES: Mapping[str, str] = {
    "ask_to_send": "Send",
    "touched": "Send",
    "_overtaken_by": "Send",
    "_begin_to_wait_for": "WaitFor",
    "_name_of": "WaitFor",
    "_remember": "WaitFor",
    "_check": "WaitFor",
    "satisfied": "WaitFor",
    "overdue": "WaitFor",
    "_satisfies": "WaitFor",
    "_looked_for_since": "WaitFor",
    "_came": "WaitFor",
    "wait_until": "WaitUntil",
    "_ask_conditions": "When",
    "_assign_arm": "Split",
    "_award": "AwardPoints",
    "_change_tag": "ChangeTag",
    "_begin_turn": "Repeat",
    "_take_turn": "Repeat",
    "_leave_repeat": "Repeat",
    "occurrence": "Repeat",
}
"""The functions of the walk that are there for one word, mostly or alone; the others serve every word."""

_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def lines_of_code(module: str) -> int:
    """The lines of a module, without blank ones, comments and docstrings."""
    return len(_code((ROOT / module).read_text()))


def lines_of_each_word() -> Counter[str]:
    """The lines of the walk by the word that they serve: its functions, and its cases in the functions of all."""
    source = (ROOT / WALK).read_text()
    owners = dict.fromkeys(_code(source), ALL)
    unknown = {*SERVES}
    for function in ast.parse(source).body:
        if isinstance(function, ast.FunctionDef):
            unknown.discard(function.name)
            _own(owners, function, SERVES.get(function.name, ALL))
            for block, word in _blocks(function):
                _own(owners, block, word)
    assert not unknown, f"{WALK} has no function {', '.join(sorted(unknown))}: correct SERVES"
    return Counter(owners.values())


def _own(owners: dict[int, str], block: ast.stmt | ast.match_case, word: str) -> None:
    first = block.pattern.lineno if isinstance(block, ast.match_case) else block.lineno
    last = block.body[-1].end_lineno if isinstance(block, ast.match_case) else block.end_lineno
    owners.update({line: word for line in range(first, (last or first) + 1) if line in owners})


def _blocks(function: ast.FunctionDef) -> Iterator[tuple[ast.stmt | ast.match_case, str]]:
    """The parts of a function that are one word's: `case Send():` and `if isinstance(step, Send):`."""
    for node in ast.walk(function):
        match node:
            case ast.match_case(pattern=ast.MatchClass(cls=ast.Name(id=name))) if name in WORDS:
                yield node, name
            case ast.match_case(pattern=ast.MatchAs(pattern=ast.MatchClass(cls=ast.Name(id=name)))) if name in WORDS:
                yield node, name
            case ast.If(test=ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id=name)])) if name in WORDS:
                yield node, name
            case _:
                pass


def _code(source: str) -> set[int]:
    """The numbers of the lines with code on them."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {line for one in tokens if one.type not in _NO_CODE for line in range(one.start[0], one.end[0] + 1)}
    return code - set(_docstrings(ast.walk(ast.parse(source))))


def _docstrings(nodes: Iterable[ast.AST]) -> Iterator[int]:
    """The lines of texts that stand by themselves: docstrings, also those below a value."""
    for node in nodes:
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
            case _:
                pass
