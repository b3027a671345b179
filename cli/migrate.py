"""`starter.py migrate`: bring the database schema up to date."""

from __future__ import annotations

import click

from activities import migrations
from cli.database import database_url
from cli.edge import run_async
from settings import load_settings


@click.command()
def migrate() -> None:
    """Apply the migrations that the database lacks, in order. Run again, it changes nothing."""
    applied = run_async(migrations.migrate(database_url(load_settings())))
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("The schema is up to date.")
