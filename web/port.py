"""The port that `python -m web` listens on."""

from __future__ import annotations

from collections.abc import MutableMapping

from errors import SettingsError

VARIABLE = "SOJOURN_WEB_PORT"
USUAL = 8480


def take_port(environment: MutableMapping[str, str]) -> int:
    """The port named by SOJOURN_WEB_PORT, else 8480. It is taken out: only this program knows the variable."""
    text = environment.pop(VARIABLE, "") or str(USUAL)
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise SettingsError(f"{VARIABLE} cannot be used: it is a number from 0 (any free port) to 65535. Correct it.")
    return int(text)
