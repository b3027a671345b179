"""`starter.py set-customer`: change what is known of one customer, with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from pydantic import ValidationError

from activities.customer_change import change_customer, source_of
from activities.customers import CustomerUpdate
from activities.problems import problems_of
from cli.actor import actor_option, reason_option
from cli.customer_rows import COLUMNS, column_of, nested
from cli.database import open_database
from cli.edge import run_async
from cli.imports import time_context
from errors import InputError
from journeys.names import Channel
from settings import Settings, load_settings

Command = Callable[..., Any]

HELP: Mapping[str, str] = {
    "zone": "An IANA time zone, as Asia/Shanghai.",
    "language": "zh-CN or en.",
    "risk_class": "C1 to C5, with --assessed-at.",
    "lowest_class": "yes: the lowest sub-class of C1.",
    "professional": "yes or no: a professional investor.",
    "assessed_at": "When the assessment was made.",
    "assessed_until": "Until when it holds.",
    "longest_term": "How long to invest at most: 90d, or ISO 8601.",
    "personalised": "no: wants nothing personalised.",
    "product_types": "The kinds of product wanted; - for no wish.",
    "tags": "In place of the tags there are; - for none.",
    **{f"reachable_{channel}": f"yes or no, by {channel}." for channel in Channel},
    "address_app_push": "JPush registration ids, in place of those there are; - for none.",
    "address_wechat": "The openid, in place of the one there is; - for none.",
    "consent": "What was agreed to: class and channel, as marketing:inbox.",
    "consent_withdrawn": "The same, withdrawn.",
    "consent_source": "Where that was said.  [default: this command]",
    "consent_text_version": "To which text; needed with a consent.",
    "consent_at": "When that was said.  [default: now]",
    "opt_out": "What was refused: marketing, all, or a channel.",
    "opt_out_lifted": "The same, taken back.",
    "opt_out_source": "Where that was said.  [default: this command]",
    "opt_out_at": "When that was said.  [default: now]",
    "suppression": "Why nothing at all is sent: complaint, deceased, closed, legal.",
    "suppression_lifted": "The same, over.",
    "suppression_source": "Who said so.  [default: this command]",
    "suppression_at": "Since when.  [default: now]",
}
"""An option for each column of a file of customers (docs/files.md)."""

_EVIDENCE = re.compile(r"(consent|opt_out|suppression)_(source|at|text_version)|assessed_(at|until)")
_COLUMN_WITH_A_GAP = re.compile("|".join(sorted((name for name in COLUMNS if "_" in name), key=len, reverse=True)))


def _option(column: str) -> str:
    return f"--{column.replace('_', '-')}" if column in COLUMNS else column


def _field_options(command: Command) -> Command:
    for column, help in reversed([*HELP.items()]):
        short = ("--suppress",) if column == "suppression" else ()
        command = click.option(*short, _option(column), column, default="", help=help)(command)
    return command


@click.command("set-customer")
@click.argument("customer_id", metavar="CUSTOMER")
@_field_options
@reason_option
@actor_option
def set_customer(customer_id: str, reason: str, actor: str, **cells: str) -> None:
    """Change what is known of CUSTOMER; what is not given stays as it is.

    The options are the columns of a file of customers (docs/files.md); lists are separated by semicolons, times are
    ISO 8601 with the offset. Who did it, why, and which fields stands in the audit.
    """
    fields = [column for column in HELP if cells[column] and not _EVIDENCE.fullmatch(column)]
    if not fields:
        raise InputError("nothing is said: give at least one option, as --opt-out marketing")
    settings = load_settings()
    update = _update({"customer_id": customer_id, **_with_evidence(cells, actor)}, settings)
    if run_async(_change(settings, update, fields, actor=actor, reason=reason)):
        click.echo(f"{customer_id}: changed {', '.join(fields)}.")
    else:
        click.echo(f"{customer_id}: nothing to change, the books say so already.")


async def _change(
    settings: Settings, update: CustomerUpdate, fields: Sequence[str], *, actor: str, reason: str
) -> bool:
    async with open_database(settings) as connection:
        return await change_customer(connection, update, fields, actor=actor, reason=reason)


def _with_evidence(cells: Mapping[str, str], actor: str) -> dict[str, str]:
    """What a person says counts from now, and the command is the evidence. An assessment was made by somebody else."""
    if cells["risk_class"] and not cells["assessed_at"]:
        raise InputError("--risk-class needs --assessed-at: say when the assessment was made")
    defaults = {"source": source_of(actor), "at": datetime.now(UTC).isoformat()}
    told = (
        (f"{what}_{name}", value) for what in ("consent", "opt_out", "suppression") for name, value in defaults.items()
    )
    return {**cells, **{column: value for column, value in told if not cells[column]}}


def _update(cells: Mapping[str, str], settings: Settings) -> CustomerUpdate:
    """The options as a row of a file. InputError, in the words of the options, if they make none."""
    try:
        return CustomerUpdate.model_validate(nested(cells), context=time_context(settings))
    except ValidationError as error:
        raise InputError(problems_of(error, lambda place: _option(column_of(place)))) from error
    except InputError as error:
        raise InputError(_COLUMN_WITH_A_GAP.sub(lambda found: _option(found[0]), str(error))) from error
