"""Which workers ship the journeys of this release: they say so in their identity."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from activities.contracts import TASK_QUEUE
from journeys.published import release


async def workers_of_other_releases(client: Client) -> Sequence[str]:
    """The workers that asked for tasks in the last minutes and ship other journeys than this process."""
    description = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=TASK_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    here = release()
    return sorted({one.identity for one in description.pollers if one.identity.rpartition(" ")[2] != here})
