"""The expressions in a text: Jinja2 in a sandbox, without what fills in another text each time; and what they name."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import SandboxedEnvironment

BY_CHANCE = frozenset({"random", "lipsum", "cycler", "joiner"})
"""Filters and functions of Jinja2 that a text may not use: what was sent has to be told again word for word."""


def _shown(value: object) -> object:
    """What may stand in braces. Of anything else Python would write where it lies in memory."""
    if not isinstance(value, str | int | float | Decimal | jinja2.Undefined):
        raise TypeError("neither a text nor a number")
    return value


def _environment() -> SandboxedEnvironment:
    made = SandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False, finalize=_shown)
    for name in BY_CHANCE:
        made.filters.pop(name, None)
        made.globals.pop(name, None)
    return made


ENVIRONMENT = _environment()


def names_in(source: str) -> set[str]:
    """The variables that a text names, with their dots: `event.amount`. Raises Jinja's error if it is no template."""
    return {name for name, _ in _uses_in(source)}


def unguarded_in(source: str) -> set[str]:
    """The variables that a text uses somewhere without a default and without asking whether they are defined.

    Raises Jinja's error if it is no template.
    """
    return {name for name, guarded in _uses_in(source) if not guarded}


def by_chance_in(source: str) -> list[str]:
    """What a text uses of `BY_CHANCE`. Raises Jinja's error if it is no template."""
    tree = ENVIRONMENT.parse(source)
    named = {node.name for node in tree.find_all(nodes.Filter)} | {node.name for node in tree.find_all(nodes.Name)}
    return sorted(named & BY_CHANCE)


def _uses_in(source: str) -> Iterator[tuple[str, bool]]:
    tree = ENVIRONMENT.parse(source)
    return _uses(tree, frozenset(meta.find_undeclared_variables(tree) - BY_CHANCE), frozenset())


def _uses(node: nodes.Node, free: frozenset[str], asked: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """Each use of a variable, and whether its absence is provided for. `asked`: those found to be defined around it."""
    if (name := _name(node)) is not None:
        if name.partition(".")[0] in free:
            yield name, name in asked
        return
    asked |= _asked_by(node)
    for child in node.iter_child_nodes():
        yield from _uses(child, free, asked)


def _asked_by(node: nodes.Node) -> frozenset[str]:
    """The variables whose absence a part of a text provides for."""
    match node:
        case nodes.Filter(name="default" | "d", node=nodes.Node() as inner):
            return frozenset({_name(inner) or ""})
        case nodes.Test(name="defined" | "undefined", node=inner):
            return frozenset({_name(inner) or ""})
        case nodes.If(test=test) | nodes.CondExpr(test=test):
            return _defined_in(test)
        case nodes.And(left=left):
            return _defined_in(left)
        case _:
            return frozenset()


def _defined_in(test: nodes.Node) -> frozenset[str]:
    """The variables that a condition asks for being there."""
    found = [test, *test.find_all(nodes.Test)]
    asked = [one for one in found if isinstance(one, nodes.Test) and one.name in ("defined", "undefined")]
    return frozenset(name for one in asked if (name := _name(one.node)) is not None)


def _name(node: nodes.Node) -> str | None:
    """A variable as it is written: `points`, `event.amount`, `event["amount"]`; none for anything else."""
    match node:
        case nodes.Name(name=str() as name):
            return name
        case nodes.Getattr(node=nodes.Name(name=table), attr=part):
            return f"{table}.{part}"
        case nodes.Getitem(node=nodes.Name(name=table), arg=nodes.Const(value=str() as part)):
            return f"{table}.{part}"
        case _:
            return None
