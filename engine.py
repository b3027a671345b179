"""The one place that builds what speaks to Temporal: client, data converter, codec, sandbox and plugin.

Worker, starter, tests and replayer all take it from here, so that none forgets the converter, the encryption or the
pass-through list.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
)
from temporalio.envconfig import ClientConfig
from temporalio.plugin import SimplePlugin
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import ReplayerConfig, WorkerConfig, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxRestrictions

from errors import EngineError, SettingsError
from journeys.published import release
from payload_codec import EncryptingCodec
from payload_keys import PayloadKeys
from sandbox import Sandbox
from workflows.attributes import SEARCH_ATTRIBUTES
from workflows.customer import CustomerLifecycle

USUAL_ADDRESS = "localhost:7233"
NO_KEYS = PayloadKeys()
WORKFLOWS = (CustomerLifecycle,)
"""Every workflow there is."""
PASSED_THROUGH = (
    "journeys",
    "rules",
    "activities",
    "errors",
    *(
        f"workflows.{name}"
        for name in ("attributes", "commands", "inbox", "outcomes", "sends", "steady", "steps", "timer")
    ),
)
"""Frozen values, pure functions and the helpers of the workflow: importing them anew for every customer would cost
30 ms each. Import contracts and tests/workflows/test_determinism.py see to it that they stay harmless."""


_json = PydanticJSONPlainPayloadConverter()


class PayloadConverter(CompositePayloadConverter):
    """The SDK's Pydantic converter with one cache of type adapters for the process.

    The SDK makes a converter for each workflow, and each would build the adapters anew: 20 ms a customer.
    """

    def __init__(self) -> None:
        """Take the SDK's default converters, with Pydantic for JSON."""
        super().__init__(
            *(
                _json if isinstance(one, JSONPlainPayloadConverter) else one
                for one in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


class _Plugin(SimplePlugin):
    """Says which code this is, rather than let the SDK read every module of the process to find out."""

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """The SDK's."""
        return {**super().configure_worker(config), "build_id": release()}

    def configure_replayer(self, config: ReplayerConfig) -> ReplayerConfig:
        """The SDK's."""
        return {**super().configure_replayer(config), "build_id": release()}


def plugin(keys: PayloadKeys = NO_KEYS) -> SimplePlugin:
    """Data converter, sandbox and build id, for clients, workers and replayers alike.

    Who runs lives names `WORKFLOWS`, too: the workers of the channels run none.
    """
    return _Plugin("sojourn", data_converter=data_converter(keys), workflow_runner=_sandboxed)


def data_converter(keys: PayloadKeys) -> DataConverter:
    """How values become payloads. With keys all are encrypted, the messages of failures included."""
    return DataConverter(
        payload_converter_class=PayloadConverter,
        # Without keys, too: it lets everything through, and says of what is encrypted that it lacks the key.
        payload_codec=EncryptingCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes if keys else DefaultFailureConverter,
    )


async def connect(overrides: Mapping[str, Any] | None = None, *, keys: PayloadKeys = NO_KEYS) -> Client:
    """Connect as `temporalio.envconfig` says (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TLS, API key, profiles).

    Raises `EngineError` if the configuration cannot be used or the server cannot be reached, and `SettingsError`
    without keys for a server on another machine: the embedded stack is on this one.
    """
    config = {"target_host": USUAL_ADDRESS, **_configured(), **(overrides or {})}
    try:
        client = await Client.connect(**config, plugins=[plugin(keys)])
    except (RuntimeError, ValueError, RPCError) as error:
        raise EngineError(
            f"Temporal does not answer at {config['target_host']}: set TEMPORAL_ADDRESS"
            " (host:port), or run `starter.py up` for a local one."
        ) from error
    if not keys and not _is_loopback(config["target_host"]):
        raise SettingsError(
            f"Temporal at {config['target_host']} is not the embedded stack, and would keep everything readable: set"
            " SOJOURN_PAYLOAD_KEYS (`starter.py payload-key` prints a key)."
        )
    return client


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def ensure_namespace(client: Client) -> None:
    """EngineError if the server does not know the client's namespace, or does not let it in."""
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        raise refusal(error) from error


async def ensure_search_attributes(client: Client) -> None:
    """EngineError if the client's namespace lacks a search attribute that every customer's workflow writes."""
    try:
        found = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        if error.status in (RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED):
            return  # not everybody who may run workflows may list them
        raise refusal(error) from error
    lacking = [
        key for key in SEARCH_ATTRIBUTES if found.custom_attributes.get(key.name) != key.indexed_value_type.value
    ]
    if lacking:
        raise EngineError(
            f"Temporal's namespace {client.namespace} lacks search attributes: run `temporal operator search-attribute"
            f" create --namespace {client.namespace} {' '.join(map(_option, lacking))}` first."
        )


def _option(key: SearchAttributeKey[Any]) -> str:
    """As Temporal's command wants it: KEYWORD_LIST is a KeywordList there."""
    kind = "".join(word.capitalize() for word in key.indexed_value_type.name.split("_"))
    return f"--name {key.name} --type {kind}"


def refusal(error: RPCError) -> EngineError:
    """What to do about a server that is there and refuses everything."""
    return EngineError(
        f"Temporal refuses ({error.message.rstrip('.')}): correct TEMPORAL_NAMESPACE, TEMPORAL_API_KEY or the"
        " certificates."
    )


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
    return Sandbox(restrictions=restrictions)
