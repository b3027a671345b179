"""A JSON object as an option of a command."""

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


def _no_number(constant: str) -> object:
    raise ValueError(f"{constant} is not a number")
