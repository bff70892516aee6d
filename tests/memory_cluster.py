"""Kubernetes behind the engine's port, in memory: versions, generations and finalizers as the API server keeps them.

For tests that need thousands of runs. What is true of the real API server is tested on a real one.
"""

import copy
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import memory_outputs
from entrafed.api.connection import Connection, ConnectionStatus, dump_connection_status, parse_connection
from entrafed.api.federation import Federation, parse_federation
from entrafed.api.metadata import FINALIZER, RECONCILE_ANNOTATION, Metadata
from entrafed.api.states import OutputKind
from entrafed.api.status import FederationStatus, dump_status
from entrafed.domain.errors import KubeConflict, KubeForbidden, KubeGone
from entrafed.domain.events import Event
from entrafed.domain.output_plan import Remove, Write
from entrafed.domain.outputs import ObservedOutput, Output
from entrafed.domain.times import to_text
from entrafed.runtime.watching import Feed, Watcher

ISSUER = "https://oidc.example/cluster"

Body = dict[str, Any]
Key = tuple[str, str, str]
Around = Callable[[str], None]
"""Called with the name of a write, before and after it; may raise."""


def _silent(_: str) -> None:
    pass


@dataclass
class MemoryCluster:
    """One cluster. `writes` are those of the operator, by name; `before` and `after` stand around each of them."""

    now: Callable[[], float]
    writes: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    before: Around = _silent
    after: Around = _silent
    announces: Callable[[], str] = lambda: ISSUER
    """The issuer that the API server which is asked announces."""
    forbidden: frozenset[OutputKind] = frozenset()
    """What the operator has no right to read or write."""

    def __post_init__(self) -> None:
        self._bodies: dict[Key, Body] = {}
        self._versions = itertools.count(1)
        self._uids = itertools.count(1)
        self._feed: Feed | None = None

    # What users and the API server do

    def watch(self, watcher: Watcher) -> frozenset[str]:
        """Tell a watcher of all that is there, and from now on of what changes; the uids of the federations."""
        self._feed = Feed(watcher)
        for body in self._bodies.values():
            self._show(None, body)
        return frozenset(
            b["metadata"]["uid"] for b in self._bodies.values() if b["kind"] == "ManagedIdentityFederation"
        )

    def uids(self) -> frozenset[str]:
        return frozenset(
            b["metadata"]["uid"] for b in self._bodies.values() if b["kind"] == "ManagedIdentityFederation"
        )

    def unwatch(self) -> None:
        self._feed = None

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Create or change an object as `kubectl apply` does."""
        manifest = copy.deepcopy(dict(manifest))
        key = _key(manifest)
        body = self._bodies.get(key)
        if body is None:
            body = {**manifest, "metadata": {**manifest["metadata"], **self._new_metadata()}}
            if body["apiVersion"] != "v1":
                body["status"] = {"observedGeneration": -1}
            self._bodies[key] = body
            self._show("ADDED", body)
            return
        if body.get("spec") != manifest.get("spec"):
            body["metadata"]["generation"] += 1
        if "spec" in manifest:
            body["spec"] = manifest["spec"]
        body["metadata"] |= {k: v for k, v in manifest["metadata"].items() if k in ("labels", "annotations")}
        self._changed(body)

    def request_reconcile(self, namespace: str, name: str, text: str) -> None:
        body = self._bodies["ManagedIdentityFederation", namespace, name]
        body["metadata"].setdefault("annotations", {})[RECONCILE_ANNOTATION] = text
        self._changed(body)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object as `kubectl delete --wait=false` does."""
        key = (kind, namespace, name)
        body = self._bodies[key]
        if body["metadata"].get("finalizers"):
            if "deletionTimestamp" not in body["metadata"]:
                body["metadata"]["deletionTimestamp"] = to_text(self.now())
                body["metadata"]["generation"] += 1
                self._changed(body)
        else:
            self._remove(key)

    def vanish(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object whatever finalizers it has, as one does who removes those by hand."""
        self._remove((kind, namespace, name))

    def set_value(self, output: Output, namespace: str, key: str, value: str | None, manager: str = "kubectl") -> None:
        """Set, or remove, an annotation of a service account or an entry of a ConfigMap, as `kubectl edit` does."""
        body = self._bodies[output.kind, namespace, output.name]
        memory_outputs.update(body, key, value, manager)
        self._changed(body)

    def values(self, output: Output, namespace: str) -> dict[str, str] | None:
        """The annotations of a service account or the entries of a ConfigMap; None where there is none."""
        body = self._bodies.get((output.kind, namespace, output.name))
        return None if body is None else dict(memory_outputs.values_of(body))

    def federation(self, namespace: str, name: str) -> Federation | None:
        body = self._bodies.get(("ManagedIdentityFederation", namespace, name))
        return None if body is None else parse_federation(body)

    def has(self, kind: str, namespace: str, name: str) -> bool:
        return (kind, namespace, name) in self._bodies

    def names(self, kind: str) -> list[tuple[str, str]]:
        """Namespaces and names of the objects of a kind."""
        return [(key[1], key[2]) for key in self._bodies if key[0] == kind]

    def bodies(self) -> list[Body]:
        """Everything that is there, as JSON."""
        return copy.deepcopy(list(self._bodies.values()))

    def connection(self, name: str) -> Connection:
        return parse_connection(self._bodies["EntraConnection", "", name])

    # The engine's port

    async def add_finalizer(self, federation: Federation) -> Federation:
        metadata = federation.metadata
        return self._write_federation(
            f"finalizer+ {metadata.name}",
            metadata,
            lambda body: _set_finalizers(body, (*metadata.finalizers, FINALIZER)),
        )

    async def remove_finalizer(self, federation: Federation) -> Federation | None:
        metadata = federation.metadata
        left = tuple(f for f in metadata.finalizers if f != FINALIZER)
        written = self._write_federation(
            f"finalizer- {metadata.name}", metadata, lambda body: _set_finalizers(body, left)
        )
        return None if written.metadata.deletion_timestamp and not left else written

    async def write_status(self, federation: Federation, status: FederationStatus) -> Federation:
        return self._write_federation(
            f"status {federation.metadata.name}",
            federation.metadata,
            lambda body: body.__setitem__("status", dump_status(status)),
        )

    async def write_connection_status(self, metadata: Metadata, status: ConnectionStatus) -> Connection:
        body = self._write(
            f"connection status {metadata.name}",
            ("EntraConnection", "", metadata.name),
            metadata,
            lambda body: body.__setitem__("status", dump_connection_status(status)),
        )
        return parse_connection(body)

    async def set_connection_finalizer(self, metadata: Metadata, finalizers: tuple[str, ...]) -> Connection:
        body = self._write(
            f"connection finalizer {metadata.name}",
            ("EntraConnection", "", metadata.name),
            metadata,
            lambda body: _set_finalizers(body, finalizers),
        )
        return parse_connection(body)

    async def output(self, federation: Metadata, output: Output) -> ObservedOutput | None:
        self._require_right(output)
        body = self._bodies.get((output.kind, federation.namespace or "", output.name))
        return None if body is None else memory_outputs.observed(body, federation)

    async def change_output(
        self, federation: Metadata, output: Output, observed: ObservedOutput | None, step: Write | Remove
    ) -> None:
        self._require_right(output)
        key, name = (output.kind, federation.namespace or "", output.name), f"{output} of {federation.name}"
        self.before(name)
        body = self._bodies.get(key)
        if (body and body["metadata"]["resourceVersion"]) != (observed and observed.resource_version):
            raise KubeConflict(f"{output} has changed")
        self.writes.append(name)
        if body is not None and isinstance(step, Remove) and output.kind is OutputKind.CONFIG_MAP:
            self._remove(key)
        else:
            if body is None:
                body = self._bodies[key] = memory_outputs.new_config_map(federation, output.name)
                body["metadata"] |= self._new_metadata()
            memory_outputs.change(body, federation, step)
            self._changed(body)
        self.after(name)

    def _require_right(self, output: Output) -> None:
        if output.kind in self.forbidden:
            raise KubeForbidden(f"{output}: the operator may not")

    async def event(self, event: Event) -> None:
        self.events.append(event)

    async def cluster_issuer(self) -> str:
        return self.announces()

    def _write_federation(self, name: str, metadata: Metadata, change: Callable[[Body], None]) -> Federation:
        key = ("ManagedIdentityFederation", metadata.namespace or "", metadata.name)
        return parse_federation(self._write(name, key, metadata, change))

    def _write(self, name: str, key: Key, metadata: Metadata, change: Callable[[Body], None]) -> Body:
        self.before(name)
        body = self._bodies.get(key)
        if body is None or body["metadata"]["uid"] != metadata.uid:
            raise KubeGone(f"{key} is gone")
        if body["metadata"]["resourceVersion"] != metadata.resource_version:
            raise KubeConflict(f"{key} has changed")
        self.writes.append(name)
        changed = copy.deepcopy(body)
        change(changed)
        if changed != body:
            self._bodies[key] = changed
            self._changed(changed)
        answer = copy.deepcopy(changed)
        self.after(name)
        return answer

    def _changed(self, body: Body) -> None:
        body["metadata"]["resourceVersion"] = str(next(self._versions))
        if "deletionTimestamp" in body["metadata"] and not body["metadata"].get("finalizers"):
            self._remove(_key(body))
        else:
            self._show("MODIFIED", body)

    def _remove(self, key: Key) -> None:
        body = self._bodies.pop(key)
        self._show("DELETED", body)
        owned = [k for k, b in self._bodies.items() if b["metadata"].get("owner") == body["metadata"]["uid"]]
        for dependent in owned:
            self._remove(dependent)

    def _show(self, change: str | None, body: Body) -> None:
        if self._feed is None:
            return
        seen = copy.deepcopy(body)
        match body["kind"]:
            case "ManagedIdentityFederation":
                self._feed.federation(change, seen)
            case "EntraConnection":
                self._feed.connection(change, seen)
            case "Namespace":
                self._feed.namespace(change, seen)

    def _new_metadata(self) -> Body:
        return {
            "uid": f"00000000-0000-4000-8000-{next(self._uids):012d}",
            "resourceVersion": str(next(self._versions)),
            "generation": 1,
            "creationTimestamp": to_text(self.now()),
        }


def _key(body: Mapping[str, Any]) -> Key:
    return body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]


def _set_finalizers(body: Body, finalizers: tuple[str, ...]) -> None:
    body["metadata"]["finalizers"] = list(finalizers)
