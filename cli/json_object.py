"""A JSON object as an option of a command, or in the column `data` of a file."""

from __future__ import annotations

import json
from typing import Any

from errors import InputError


def data_option(text: str) -> dict[str, Any]:
    """What `--data` says. InputError if it is no JSON object."""
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InputError('--data is not a JSON object: write it as \'{"amount": "1000.00"}\'')
    return value


def data_column(value: object) -> dict[str, Any]:
    """What the column `data` says: an object of JSON Lines, or its text in a CSV. InputError if it is none."""
    try:
        data = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise InputError("data is not a JSON object: write {…}, or give each field of the event a column of its own")
    return data


def _no_number(constant: str) -> object:
    raise ValueError(f"{constant} is not a number")
