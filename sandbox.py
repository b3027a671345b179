"""The SDK's sandbox, asked less often.

Several times for each payload the SDK asks a workflow's sandbox in which context it is encoded and stored. Nothing of
ours looks at a context (converter, codec; payloads are stored nowhere else), and each question enters the sandbox anew:
it took a quarter of a worker's processor time. So it is answered outside.
"""

from __future__ import annotations

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info, _Definition

_NOWHERE = StorageDriverStoreContext(target=None)
_prepared: set[type] = set()


class Sandbox(SandboxedWorkflowRunner):
    """A runner whose workflows have no context of serialization: not for converters that look at one."""

    def prepare_workflow(self, defn: _Definition) -> None:
        """See once in a process that a workflow can be imported, not for each worker."""
        if defn.cls not in _prepared:
            super().prepare_workflow(defn)
            _prepared.add(defn.cls)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """The SDK's instance, with the questions answered."""
        return _WithoutContexts(super().create_instance(det))


class _WithoutContexts(WorkflowInstance):
    """An instance that answers what the SDK asks about contexts, and leaves the rest to the one in the sandbox."""

    def __init__(self, sandboxed: WorkflowInstance) -> None:
        self._sandboxed = sandboxed

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return self._sandboxed.activate(act)

    def get_serialization_context(self, command_info: object) -> SerializationContext | None:
        return None

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:
        return _NOWHERE

    def get_info(self) -> Info:
        return self._sandboxed.get_info()

    def get_thread_id(self) -> int | None:
        return self._sandboxed.get_thread_id()
