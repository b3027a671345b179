"""`starter.py payload-key`: a fresh key for SOJOURN_PAYLOAD_KEYS."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from payload_keys import fresh_key


@click.command("payload-key")
def payload_key() -> None:
    """Print a fresh key as SOJOURN_PAYLOAD_KEYS takes it.

    Keep it where your secrets are: whoever has it can read what Temporal keeps, and without it nobody can.
    """
    click.echo(fresh_key(datetime.now(UTC).date()))
