"""The variables of a text: which values a touch gives it, and how each is written in a language.

What is recorded on the touch are the values, as they stood in the books; they are written anew whenever the text is
shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, assert_never

from errors import TemplateError
from journeys.names import Language
from journeys.templates import Template
from journeys.variables import POINTS, PRODUCT, VariableType, event_field

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_CENT = Decimal("0.01")


def values_of(
    template: Template, *, points: int, product: Mapping[str, Any] | None, event: Mapping[str, Any] | None
) -> dict[str, object]:
    """The values of the variables that a template names, as they are recorded; what there is not is left out."""
    found = {name: _value(name, points, product or {}, event or {}) for name in template.variables}
    return {name: value for name, value in found.items() if value is not None}


def written(template: Template, language: Language, variables: Mapping[str, object]) -> dict[str, object]:
    """The values as a text shows them, in tables where their names have dots.

    Raises `TemplateError` for a value that is not of its type; its message holds no value.
    """
    # A table is there though nothing of it is: so a text can ask whether `event.product` is defined.
    shown: dict[str, Any] = {name.partition(".")[0]: {} for name in template.variables if "." in name}
    for name, value in variables.items():
        kind = template.variables.get(name)
        words = value if kind is None else _checked(template, name, value, kind, language)
        table, dot, part = name.partition(".")
        if dot:
            shown.setdefault(table, {})[part] = words
        else:
            shown[name] = words
    return shown


def _value(name: str, points: int, product: Mapping[str, Any], event: Mapping[str, Any]) -> object:
    """Only single values reach a text, never a list or a table."""
    if name == POINTS:
        return points
    value = product.get(PRODUCT[name]) if name in PRODUCT else event.get(event_field(name) or "")
    return value if isinstance(value, str | int | float) else None


def _checked(template: Template, name: str, value: object, kind: VariableType, language: Language) -> str:
    try:
        return write(value, kind, language)
    except (ValueError, ArithmeticError):
        # Not chained: the original quotes the value.
        raise TemplateError(
            f"template {template.name!r}: the value for {name} is no {kind}: correct its type in the template, or what"
            " the event says"
        ) from None


def write(value: object, kind: VariableType, language: Language) -> str:
    """One value in words. Raises `ValueError` or `ArithmeticError` if it is not of the type."""
    match kind:
        case VariableType.TEXT:
            return str(value)
        case VariableType.NUMBER:
            return f"{_whole(Decimal(str(value))):,}"
        case VariableType.MONEY:
            return _money(Decimal(str(value)))
        case VariableType.DATE:
            return _date(datetime.fromisoformat(str(value)).date(), language)
        case _:
            assert_never(kind)


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise ValueError("not a whole number")
    return int(number)


def _money(amount: Decimal) -> str:
    """With two places, and with more only if they say something: nothing is rounded."""
    if not amount.is_finite():
        raise ValueError("not an amount")
    cents = amount.quantize(_CENT)
    return f"{cents if cents == amount else amount:,}"


def _date(day: date, language: Language) -> str:
    match language:
        case Language.CHINESE:
            return f"{day.year}年{day.month}月{day.day}日"
        case Language.ENGLISH:
            return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
        case _:
            assert_never(language)
