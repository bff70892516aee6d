"""The API server, as far as the engine writes to it: `entrafed.engine.ports.Kube`."""

from typing import Protocol

from entrafed.api.connection import Connection, ConnectionStatus, dump_connection_status, parse_connection
from entrafed.api.federation import Federation, parse_federation
from entrafed.api.metadata import (
    CONNECTION_KIND,
    CONNECTIONS,
    FEDERATION_KIND,
    FEDERATIONS,
    FINALIZER,
    GROUP,
    VERSION,
    Metadata,
)
from entrafed.api.parsing import InvalidObject
from entrafed.api.status import FederationStatus, dump_status
from entrafed.domain.errors import KubeGone, KubeProblem
from entrafed.domain.events import Event
from entrafed.domain.output_plan import Remove, Write
from entrafed.domain.outputs import ObservedOutput, Output
from entrafed.kube import finalizers
from entrafed.kube.client import Body, Client, Json, path_of
from entrafed.kube.cluster import cluster_issuer
from entrafed.kube.events import Recorder
from entrafed.kube.outputs import Outputs


class Clock(Protocol):
    """`now` is seconds since the epoch, `monotonic` seconds that never go back."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


FIELD_MANAGER = "entrafed"
APPLY = {"fieldManager": FIELD_MANAGER, "force": "true"}
"""Status has one owner: whoever else wrote into it loses the field."""
PATCH = {"fieldManager": FIELD_MANAGER}


class ApiServer:
    """Writes finalizers, status, outputs and events; one call is one request, and nothing is retried here.

    Every write carries the resourceVersion that was read. The answer of a write is the object as it is now, so that the
    engine need not wait for the event of its own write.
    """

    def __init__(self, client: Client, recorder: Recorder) -> None:
        self._client = client
        self._recorder = recorder
        self._outputs = Outputs(client)

    @classmethod
    def over(cls, client: Client, clock: Clock, *, instance: str) -> "ApiServer":
        """All of it over one client. `instance` names this process in events."""
        return cls(client, Recorder(client, now=clock.now, instance=instance))

    async def add_finalizer(self, federation: Federation) -> Federation:
        """Add our finalizer; an object that has it is left alone."""
        if FINALIZER in federation.metadata.finalizers:
            return federation
        return await self._patch_federation(federation.metadata, finalizers.adding(federation.metadata, FINALIZER))

    async def remove_finalizer(self, federation: Federation) -> Federation | None:
        """Remove our finalizer; None when the object is gone, by this or already."""
        if FINALIZER not in federation.metadata.finalizers:
            return federation
        patch = finalizers.removing(federation.metadata, FINALIZER)
        try:
            left = await self._patch_federation(federation.metadata, patch)
        except KubeGone:
            return None
        gone = left.metadata.deletion_timestamp is not None and not left.metadata.finalizers
        return None if gone else left

    async def write_status(self, federation: Federation, status: FederationStatus) -> Federation:
        """Apply the whole status. What is equal to what stands changes nothing, not even the resourceVersion."""
        path = _path(FEDERATIONS, federation.metadata) + "/status"
        body = _applied(FEDERATION_KIND, federation.metadata, dump_status(status))
        return _federation(await self._client.patch(path, APPLY, Body.APPLY, body))

    async def write_connection_status(self, metadata: Metadata, status: ConnectionStatus) -> Connection:
        """Apply the whole status of an EntraConnection."""
        path = _path(CONNECTIONS, metadata) + "/status"
        body = _applied(CONNECTION_KIND, metadata, dump_connection_status(status))
        return _connection(await self._client.patch(path, APPLY, Body.APPLY, body))

    async def set_connection_finalizer(self, metadata: Metadata, wanted: tuple[str, ...]) -> Connection:
        """Replace the finalizers of an EntraConnection."""
        patch = finalizers.replacing(metadata, wanted)
        return _connection(await self._client.patch(_path(CONNECTIONS, metadata), PATCH, Body.JSON_PATCH, patch))

    async def output(self, federation: Metadata, output: Output) -> ObservedOutput | None:
        """Read a service account or ConfigMap of the federation's namespace; None when there is none."""
        return await self._outputs.read(federation, output)

    async def change_output(
        self, federation: Metadata, output: Output, observed: ObservedOutput | None, step: Write | Remove
    ) -> None:
        """Take one step at an output that is still as it was observed."""
        await self._outputs.change(federation, output, observed, step)

    async def event(self, event: Event) -> None:
        """Record an event; an event that is lost is lost."""
        await self._recorder.record(event)

    async def cluster_issuer(self) -> str:
        """The issuer of this cluster's service account tokens."""
        return await cluster_issuer(self._client)

    async def _patch_federation(self, metadata: Metadata, patch: finalizers.Patch) -> Federation:
        return _federation(await self._client.patch(_path(FEDERATIONS, metadata), PATCH, Body.JSON_PATCH, patch))


def _path(plural: str, metadata: Metadata) -> str:
    scope = ("namespaces", metadata.namespace) if metadata.namespace else ()
    return path_of("apis", GROUP, VERSION, *scope, plural, metadata.name)


def _applied(kind: str, metadata: Metadata, status: Json) -> Json:
    """The body of a server-side apply.

    Without the resourceVersion the status of a deleted object would land on a new one of the same name: the API server
    compares a uid only where it is a precondition, and in a status it is none.
    """
    named = {"name": metadata.name, "resourceVersion": metadata.resource_version}
    if metadata.namespace:
        named["namespace"] = metadata.namespace
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": named, "status": status}


def _federation(body: Json) -> Federation:
    try:
        return parse_federation(body)
    except InvalidObject as error:
        raise KubeProblem(f"cannot read the ManagedIdentityFederation that the API server answered: {error}") from error


def _connection(body: Json) -> Connection:
    try:
        return parse_connection(body)
    except InvalidObject as error:
        raise KubeProblem(f"cannot read the EntraConnection that the API server answered: {error}") from error
