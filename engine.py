"""The one place that builds what speaks to Temporal: client, data converter, sandbox and plugin.

Worker, starter, tests and replayer all take it from here, so that none forgets the converter or the pass-through
list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.plugin import SimplePlugin
from temporalio.service import RPCError
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from errors import EngineError
from workflows.customer import CustomerLifecycle

PASSED_THROUGH = ("journeys", "rules", "activities", "errors")
"""Frozen values and pure functions: importing them anew for every workflow would cost 30 ms each."""


def plugin() -> SimplePlugin:
    """Data converter, sandbox and workflows, for clients, workers and replayers alike."""
    return SimplePlugin(
        "sojourn",
        data_converter=pydantic_data_converter,
        workflow_runner=_sandboxed,
        workflows=[CustomerLifecycle],
    )


async def connect(overrides: Mapping[str, Any] | None = None) -> Client:
    """Connect as `temporalio.envconfig` says (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TLS, API key, profiles).

    Raises `EngineError` if the configuration cannot be used or the server cannot be reached.
    """
    config = {**_configured(), **(overrides or {})}
    try:
        return await Client.connect(**config, plugins=[plugin()])
    except (RuntimeError, ValueError, RPCError) as error:
        raise EngineError(
            f"Temporal does not answer at {config.get('target_host', 'localhost:7233')}: set TEMPORAL_ADDRESS"
            " (host:port), or run `starter.py up` for a local one."
        ) from error


def _configured() -> Mapping[str, Any]:
    try:
        return ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError) as error:
        # The first line only: those after it show the file, which may hold a key.
        what = str(error).partition("\n")[0]
        raise EngineError(
            f"Temporal's configuration cannot be used ({what}): correct the TEMPORAL_ variables."
        ) from error


def _sandboxed(existing: WorkflowRunner | None) -> WorkflowRunner:
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    if isinstance(existing, SandboxedWorkflowRunner):
        return replace(existing, restrictions=restrictions)
    return SandboxedWorkflowRunner(restrictions=restrictions)
