"""Who gives a command, for the audit."""

from __future__ import annotations

import os
import pwd

import click

from errors import InputError


def _operating_system_user() -> str:
    """The user's name, or their number where the system has no name for it, as in some containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def _not_empty(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise InputError(f"--{parameter.name} is empty: the audit needs it")
    return value.strip()


actor_option = click.option(
    "--actor",
    default=_operating_system_user,
    show_default="the user of this machine",
    callback=_not_empty,
    help="Who gives the command.",
)
reason_option = click.option("--reason", required=True, callback=_not_empty, help="Why, for the audit.")
