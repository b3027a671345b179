"""Customers as a spreadsheet has them: one row a customer, flat columns (docs/files.md).

An empty cell leaves things as they are. JSON Lines have the nested shape of `CustomerUpdate` itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from errors import InputError
from journeys.channels import ADDRESSED
from journeys.names import Channel

REACHABLE = {f"reachable_{channel}": channel for channel in Channel}
ADDRESSES = {f"address_{channel}": channel for channel in ADDRESSED}
CLEAR = "-"
"""In the cell for tags, product types or addresses: the customer has none from now on."""

COLUMNS = (
    "customer_id",
    "zone",
    "language",
    "risk_class",
    "lowest_class",
    "professional",
    "assessed_at",
    "assessed_until",
    "longest_term",
    "personalised",
    "product_types",
    "tags",
    *REACHABLE,
    *ADDRESSES,
    "consent",
    "consent_withdrawn",
    "consent_source",
    "consent_text_version",
    "consent_at",
    "opt_out",
    "opt_out_lifted",
    "opt_out_source",
    "opt_out_at",
    "suppression",
    "suppression_lifted",
    "suppression_source",
    "suppression_at",
)
PLAIN = COLUMNS.index("product_types")
"""Up to here a column is a field as it stands."""


def nested(cells: Mapping[str, str]) -> dict[str, Any]:
    """The row of a CSV in the shape of `CustomerUpdate`. Raises `InputError` for evidence that is missing."""
    row: dict[str, Any] = {name: cells[name] for name in COLUMNS[:PLAIN] if cells.get(name)}
    for name in ("product_types", "tags"):
        if cell := cells.get(name):
            row[name] = _list_or_none(cell)
    row["addresses"] = {channel: _list_or_none(cells[name]) for name, channel in ADDRESSES.items() if cells.get(name)}
    row["reachable"] = {channel: cells[name] for name, channel in REACHABLE.items() if cells.get(name)}
    row["consents"] = [*_consents(cells, "consent", given=True), *_consents(cells, "consent_withdrawn", given=False)]
    row["opt_outs"] = [*_opt_outs(cells, "opt_out", active=True), *_opt_outs(cells, "opt_out_lifted", active=False)]
    row["suppressions"] = [
        *_suppressions(cells, "suppression", active=True),
        *_suppressions(cells, "suppression_lifted", active=False),
    ]
    return row


def column_of(place: Sequence[int | str]) -> str:
    """The column that a field of `CustomerUpdate` was read from."""
    match place:
        case ("consents", _, "source" | "text_version" | "at" as field, *_):
            return f"consent_{field}"
        case ("consents", *_):
            return "consent"
        case ("opt_outs", _, "source" | "at" as field, *_):
            return f"opt_out_{field}"
        case ("opt_outs", *_):
            return "opt_out"
        case ("suppressions", _, "source" | "at" as field, *_):
            return f"suppression_{field}"
        case ("suppressions", *_):
            return "suppression"
        case ("reachable", channel, *_):
            return f"reachable_{channel}"
        case ("addresses", channel, *_):
            return f"address_{channel}"
        case _:
            return str(place[0]) if place else "the row"


def _consents(cells: Mapping[str, str], column: str, *, given: bool) -> Iterator[dict[str, Any]]:
    for each in _list(cells.get(column, "")):
        message_class, colon, channel = each.partition(":")
        if not colon:
            raise InputError(f"{column} is {each!r}: write the class and the channel, as in marketing:inbox")
        yield {
            "class": message_class.strip(),
            "channel": channel.strip(),
            "given": given,
            "source": _evidence(cells, column, "consent_source"),
            "text_version": _evidence(cells, column, "consent_text_version"),
            "at": _evidence(cells, column, "consent_at"),
        }


def _opt_outs(cells: Mapping[str, str], column: str, *, active: bool) -> Iterator[dict[str, Any]]:
    for scope in _list(cells.get(column, "")):
        yield {
            "scope": scope,
            "active": active,
            "source": _evidence(cells, column, "opt_out_source"),
            "at": _evidence(cells, column, "opt_out_at"),
        }


def _suppressions(cells: Mapping[str, str], column: str, *, active: bool) -> Iterator[dict[str, Any]]:
    for reason in _list(cells.get(column, "")):
        yield {
            "reason": reason,
            "active": active,
            "source": _evidence(cells, column, "suppression_source"),
            "at": _evidence(cells, column, "suppression_at"),
        }


def _evidence(cells: Mapping[str, str], column: str, needed: str) -> str:
    if not (cell := cells.get(needed, "")):
        raise InputError(f"{column} is given without {needed}: it counts only with its evidence")
    return cell


def _list_or_none(cell: str) -> list[str]:
    return [] if cell == CLEAR else _list(cell)


def _list(cell: str) -> list[str]:
    """The parts of a cell between semicolons; a Chinese keyboard's are taken, too."""
    return [part.strip() for part in cell.replace("；", ";").split(";") if part.strip()]
