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
_NONE: frozenset[str] = frozenset()


def names_in(source: str) -> set[str]:
    """The variables that a text names, with their dots: `event.amount`. Raises Jinja's error if it is no template."""
    return {name for name, _ in _uses_in(source)}


def unguarded_in(source: str) -> set[str]:
    """The variables that a text uses somewhere without a default, and where it does not know that they are defined.

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


def _uses(node: nodes.Node, free: frozenset[str], there: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """Each use of a variable, and whether its absence is provided for. `there`: those that are so around it."""
    if (name := _name(node)) is not None:
        if name.partition(".")[0] in free:
            yield name, name in there
        return
    for part, found in _parts(node):
        yield from _uses(part, free, there | found)


def _parts(node: nodes.Node) -> Iterator[tuple[nodes.Node, frozenset[str]]]:
    """The parts of a node, each with the variables whose absence the node provides for there."""
    match node:
        case nodes.If():
            yield from _branches(node)
        case nodes.CondExpr(test=test, expr1=one, expr2=other):
            yield test, _NONE
            yield one, _there_if(test, holds=True)
            if other is not None:
                yield other, _there_if(test, holds=False)
        case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
            yield left, _NONE
            yield right, _there_if(left, holds=isinstance(node, nodes.And))
        case (
            nodes.Filter(name="default" | "d", node=nodes.Node() as asked)
            | nodes.Test(name="defined" | "undefined", node=asked)
        ):
            yield asked, frozenset({_name(asked) or ""})
            # What stands in its place has to be there itself.
            yield from ((part, _NONE) for part in node.iter_child_nodes(exclude=("node",)))
        case _:
            yield from ((part, _NONE) for part in node.iter_child_nodes())


def _branches(node: nodes.If) -> Iterator[tuple[nodes.Node, frozenset[str]]]:
    """Each branch with the variables that are there when it is taken: the conditions before it did not hold."""
    there = _NONE
    for branch in (node, *node.elif_):
        yield branch.test, there
        yield from ((part, there | _there_if(branch.test, holds=True)) for part in branch.body)
        there |= _there_if(branch.test, holds=False)
    yield from ((part, there) for part in node.else_)


def _there_if(test: nodes.Node, *, holds: bool) -> frozenset[str]:
    """The variables that are surely there if a condition holds, or does not."""
    match test:
        case nodes.Test(name="defined" | "undefined" as name, node=asked):
            return frozenset({_name(asked) or ""}) if holds is (name == "defined") else _NONE
        case nodes.Not(node=inner):
            return _there_if(inner, holds=not holds)
        case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
            one, other = _there_if(left, holds=holds), _there_if(right, holds=holds)
            return one | other if holds is isinstance(test, nodes.And) else one & other
        case _:
            return _NONE


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
