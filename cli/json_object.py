"""A JSON object as an option of a command, or in the column `data` of a file."""

from __future__ import annotations

from typing import Any

from activities.json_text import no_number, read_json
from errors import InputError


def data_option(text: str) -> dict[str, Any]:
    """What `--data` says. InputError if it is no JSON object."""
    try:
        value = read_json(text, parse_constant=no_number)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InputError('--data is not a JSON object: write it as \'{"amount": "1000.00"}\'')
    return value


def data_column(value: object) -> dict[str, Any]:
    """What the column `data` says: an object of JSON Lines, or its text in a CSV. InputError if it is none."""
    try:
        data = read_json(value) if isinstance(value, str) else value
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise InputError("data is not a JSON object: write {…}, or give each field of the event a column of its own")
    return data
