"""`starter.py schemas`: the JSON Schemas of the events in docs/events/, for teams that write no Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from activities.incoming import Envelope
from cli.edge import some_rejected
from journeys.events import EVENTS, TIME, EventData, EventType

FOLDER = Path(__file__).parent.parent / "docs" / "events"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if a file is not what the models say.")
def schemas(check: bool) -> None:
    """Write docs/events/NAME.schema.json for every event, from the models in journeys/events.py."""
    stale = stale_files(FOLDER)
    for path in stale:
        click.echo(f"{'stale' if check else 'written'}: {path.name}")
    if check and stale:
        click.echo("Run `starter.py schemas` and commit docs/events/.")
        some_rejected()
    if not check:
        write_files(FOLDER)
    click.echo(f"{len(EVENTS)} events, {len(stale)} of their files {'to be written' if check else 'written'}.")


def stale_files(folder: Path) -> list[Path]:
    """The files that are missing, differ from what the models say, or belong to no event any more."""
    wanted = contents(folder)
    found = {path: path.read_text(encoding="utf-8") for path in folder.glob("*.schema.json")}
    return sorted(path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))


def write_files(folder: Path) -> None:
    """Bring the folder to what the models say."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = contents(folder)
    for path in stale_files(folder):
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()


def contents(folder: Path) -> Mapping[Path, str]:
    """Every file that should be there, with its content."""
    return {
        folder / f"{name}.schema.json": json.dumps(schema_of(event), indent=2, ensure_ascii=False) + "\n"
        for name, event in EVENTS.items()
    }


def schema_of(event: EventType) -> dict[str, Any]:
    """The schema of the one argument of `record_event` for one kind of event."""
    envelope = Envelope.model_json_schema()
    properties = {name: _untitled(schema) for name, schema in envelope["properties"].items()}
    data = _data_schema(event.data)
    return {
        "$schema": DIALECT,
        "$id": f"{event}.schema.json",
        "title": str(event),
        "description": data["description"],
        "type": "object",
        "properties": {
            "event_id": properties["event_id"],
            "name": {"const": str(event), "description": properties["name"]["description"]},
            "occurred_at": {**properties["occurred_at"], "pattern": f"^{TIME.pattern}$"},
            "data": {**data, "description": properties["data"]["description"]},
        },
        "required": [*envelope["required"], *(["data"] if data.get("required") else [])],
        "additionalProperties": True,
    }


def _data_schema(model: type[EventData]) -> dict[str, Any]:
    schema = _untitled(model.model_json_schema())
    schema["properties"] = {name: _untitled(field) for name, field in schema["properties"].items()}
    return schema


def _untitled(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Without the title that is only the name again."""
    return {key: value for key, value in schema.items() if key != "title"}
