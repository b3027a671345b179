"""The commands for people and batch jobs. `python starter.py --help` lists them.

A command is imported when it is called, so that help answers at once: to add one, add a line to `COMMANDS`.
"""

import difflib
from importlib import import_module
from typing import NamedTuple

import click

from cli.edge import run


class Lazy(NamedTuple):
    """Where a command is (`module:attribute`), and what it does in one line."""

    target: str
    help: str


COMMANDS = {
    "demo": Lazy("cli.play:demo", "Show what it does: play real purchases on an embedded stack."),
    "up": Lazy("cli.up:up", "Run the embedded stack and a worker until Ctrl-C."),
    "migrate": Lazy("cli.migrate:migrate", "Bring the database schema up to date."),
    "customers": Lazy("cli.imports:customers", "Load reachability, consent, language and tags from a file."),
    "set-customer": Lazy("cli.set_customer:set_customer", "Change what is known of one customer, with a reason."),
    "facts": Lazy("cli.imports:facts", "Load what the broker's own books say from a file."),
    "products": Lazy("cli.imports:products", "Load products and their risk levels from a file."),
    "event": Lazy("cli.events:event", "Tell one customer's workflow that something happened."),
    "events": Lazy("cli.events:events", "Send the events of a file."),
    "receipts": Lazy("cli.receipts:receipts", "Load what became of messages from a file."),
    "customer": Lazy("cli.customer:customer", "Show where a customer stands."),
    "why": Lazy("cli.why:why", "Show what a customer was sent, what not, and why."),
    "rejected": Lazy("cli.rejected:rejected", "List, correct and send again what could not be taken."),
    "brake": Lazy("cli.brake:brake", "Stop touches, or let them go on."),
    "recall": Lazy("cli.recall:recall", "Recall a text: no run sends it any more."),
    "recalls": Lazy("cli.recall:recalls", "Show which texts were recalled."),
    "new-journey": Lazy("cli.new_journey:new_journey", "Begin a journey: a draft, its texts and its story."),
    "enter": Lazy("cli.enter:enter", "Let a customer, or many, enter a journey."),
    "pause": Lazy("cli.commands:pause", "Let a customer's run stand still."),
    "resume": Lazy("cli.commands:resume", "Let a paused run go on."),
    "skip": Lazy("cli.commands:skip", "End the present wait of a run now."),
    "end": Lazy("cli.commands:end", "End a customer's run."),
    "versions": Lazy("cli.versions:versions", "Show who is in which version of a journey, at which step."),
    "migrate-runs": Lazy("cli.versions:migrate_runs", "Move the customers in a journey to another version."),
    "check": Lazy("cli.journeys:check", "Check every journey and template."),
    "preview": Lazy("cli.preview:preview", "Show what a journey does: steps, every path with its calendar, a page."),
    "schemas": Lazy("cli.schemas:schemas", "Write the JSON Schemas of the events into docs/events/."),
    "publish": Lazy("cli.journeys:publish", "Publish a version of a journey."),
    "payload-key": Lazy("cli.payload_key:payload_key", "Print a fresh key for the encryption of payloads."),
    "rehearse": Lazy("cli.rehearse:rehearse", "Let the journeys run over a file of events on paper."),
    "play": Lazy("cli.play:play", "Let the journeys run over a file of events on the real engine, sped up."),
}


class LazyGroup(click.Group):
    """A group that imports a command when it is called, not when it is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (lazy := COMMANDS.get(cmd_name)) is None:
            return None
        module, _, attribute = lazy.target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            ctx.fail(f"there is no command {args[0]!r}: {meant}`starter.py --help` lists them all.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def starter() -> None:
    """Sojourn: durable customer journeys.

    Exit codes: 0 done, 1 some rows were rejected (or problems found), 2 could not run.
    """


if __name__ == "__main__":
    run(starter)
