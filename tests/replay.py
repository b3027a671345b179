"""`python -m tests.replay`: replay the corpus with the code as it stands; exit code 1 if a history breaks."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from engine import WORKFLOWS, plugin
from tests.corpus_journeys import stored

CORPUS = Path(__file__).parent / "histories"


def histories() -> list[WorkflowHistory]:
    """The corpus, each under the name of its file."""
    return [_read(file) for file in sorted(CORPUS.glob("*.json"))]


def _read(file: Path) -> WorkflowHistory:
    """Under the id that it was recorded with: arms and control groups are told by the customer's id."""
    text = file.read_text(encoding="utf-8")
    started = json.loads(text)["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], text)


async def main() -> int:
    """Replay all; say of each that breaks why."""
    broken = 0
    stored()
    for history in histories():
        result = await Replayer(workflows=WORKFLOWS, plugins=[plugin()]).replay_workflow(
            history, raise_on_replay_failure=False
        )
        if result.replay_failure is not None:
            broken += 1
            sys.stderr.write(f"{history.workflow_id}: {result.replay_failure}\n")
    sys.stdout.write(f"{len(histories())} histories, {broken} broken\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
