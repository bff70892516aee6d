"""A ground on which everything is as in earnest, only faster: `entrafed run`, a real API server, the chart's rights."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from engine_world import Manifest, connection
from entrafed.api.federation import Federation, parse_federation
from entrafed.api.metadata import CONNECTIONS, FEDERATIONS, RECONCILE_ANNOTATION
from entrafed.domain.marks import cluster_mark
from entrafed.runtime.clock import SystemClock
from entrafed_lab.azure import SimulatedAzure
from entrafed_lab.controlplane import Kubectl, KubectlError
from kube_passage import Passage
from kube_world import Cluster, watched
from operator_process import PATIENCE, Operator, until
from sequences.cast import CONNECTIONS as NAMES
from sequences.cast import Slot
from sequences.ground import Gone

OURS = re.compile(rf"/apis/entrafed\.io/.*/({FEDERATIONS}|{CONNECTIONS})/(?P<name>[^/]+)(?P<status>/status)?$")
"""Paths of what the operator writes to, besides events."""
SCALE = 0.02
"""Of all durations of the operator and of Azure, and of what sequences wait."""
REVOCATION_DELAY = 60.0  # of the operator's seconds
SETTINGS = {
    "time_scale": SCALE,
    "azure_rate_scale": 1 / SCALE,
    "resync_seconds": 600.0,
    "revocation_delay_seconds": REVOCATION_DELAY,
}
"""The operator's. Everything is looked at, and what is denied removed, sooner than in earnest."""

Watcher = Callable[[Slot, Manifest], None]


def _unwatched(_slot: Slot, _body: Manifest) -> None:
    pass


class OnApiServer:
    """The operator runs already when this is made, and is reached by users with kubectl."""

    scale = SCALE
    revocation_delay = REVOCATION_DELAY * SCALE

    def __init__(self, cluster: Cluster, cluster_id: str, way: Passage, operator: Operator, azure: SimulatedAzure):
        self.azure = azure
        self.operator = operator
        self.clock = SystemClock()
        self.cluster = cluster_mark(cluster_id)
        self.issuer = cluster.plane.url
        self.kube_writes: list[str] = []
        self.refused: list[str] = []
        """What the API server does not let the operator do."""
        self.watcher: Watcher = _unwatched
        self._kubectl = cluster.plane.kubectl
        self._bodies: dict[Slot, Manifest] = {}
        self._newest = 0
        self._is_dead = False
        way.seen = self._seen

    # What users do and see

    def found(self, slot: Slot) -> Federation | None:
        body = self._bodies.get(slot)
        return None if body is None else parse_federation(body)

    async def apply(self, manifest: Manifest) -> None:
        slot = Slot(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        known = self._bodies.get(slot)
        meant = {} if known is None else {"uid": known["metadata"]["uid"]}
        try:
            applied = await self._apply({**manifest, "metadata": {**manifest["metadata"], **meant}})
        except KubectlError as refusal:
            if known is None or "uid" not in refusal.detail:
                raise
            await self._until(lambda: self._bodies.get(slot) is not known, f"{slot} gone")
            raise Gone from refusal
        await self._until_seen(applied)

    async def refusal(self, manifest: Manifest) -> str:
        with pytest.raises(KubectlError) as refusal:
            await self._apply(manifest)
        return refusal.value.detail

    async def connect(self, name: str, rules: list[Manifest]) -> None:
        await self._apply(connection(self.azure, *rules, name=name))

    async def label(self, namespace: str, labels: dict[str, str]) -> None:
        await self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})

    async def request_reconcile(self, slot: Slot, text: str) -> None:
        wish = f"{RECONCILE_ANNOTATION}={text}"
        there = (FEDERATIONS, slot.name, "--namespace", slot.namespace)
        await self._until_seen(
            json.loads(await self._kubectl("annotate", *there, "--overwrite", wish, "--output=json"))
        )

    async def delete(self, slot: Slot) -> None:
        known = self._bodies[slot]
        await self._kubectl("delete", FEDERATIONS, slot.name, "--namespace", slot.namespace, "--wait=false")
        await self._until(lambda: self._is_leaving(slot, known), f"{slot} on its way")

    async def leave(self) -> None:
        """Remove the connections, which no object uses any more."""
        await self._kubectl("delete", CONNECTIONS, *NAMES, f"--timeout={PATIENCE:.0f}s")

    # What the operator does

    async def begin(self) -> None:
        self._is_dead = False
        self.operator.start()

    async def end(self) -> None:
        await self.until_at_work()
        if not self._is_dead:
            code, _ = await self.operator.end()
            assert code == 0 or self._is_dead, f"the operator ended with code {code}"

    def kill(self) -> None:
        self._is_dead = True
        self.operator.kill()

    async def until_at_work(self) -> None:
        async def is_dead_or_ready() -> bool:
            return self._is_dead or await self.operator.is_ready()

        await until(is_dead_or_ready, "the operator ready")

    def _seen(self, method: str, path: str, status: int) -> None:
        if status == 403:
            self.refused.append(f"{method} {path}")
        if method != "GET" and (ours := OURS.search(path)):
            self.kube_writes.append(f"{'status' if ours['status'] else 'finalizer'} {ours['name']}")

    # Seeing

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """See what becomes of the objects."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def _watch(self) -> None:
        async for event in watched(self._kubectl, FEDERATIONS, "--all-namespaces"):
            body = event["object"]
            metadata = body["metadata"]
            slot = Slot(metadata["namespace"], metadata["name"])
            self._newest = max(self._newest, int(metadata["resourceVersion"]))
            if event["type"] == "DELETED":
                del self._bodies[slot]
                continue
            self._bodies[slot] = body
            self.watcher(slot, body)

    async def _apply(self, manifest: Manifest) -> Manifest:
        applied: Manifest = json.loads(
            await self._kubectl(
                *("apply", "--server-side", "--force-conflicts", "--filename=-", "--output=json"),
                stdin=json.dumps(manifest),
            )
        )
        return applied

    async def _until_seen(self, body: Manifest) -> None:
        """Wait until the watch has come to this version of an object."""
        version = int(body["metadata"]["resourceVersion"])
        await self._until(lambda: self._newest >= version, f"seen {body['metadata']['name']}")

    def _is_leaving(self, slot: Slot, known: Manifest) -> bool:
        now = self._bodies.get(slot)
        if now is None or now["metadata"]["uid"] != known["metadata"]["uid"]:
            return True
        return "deletionTimestamp" in now["metadata"]

    async def _until(self, holds: Callable[[], bool], wanted: str) -> None:
        async def does_hold() -> bool:
            return holds()

        await until(does_hold, wanted)


async def cluster_id(kubectl: Kubectl) -> str:
    found = await kubectl.get("namespace", "kube-system")
    uid: str = found["metadata"]["uid"]
    return uid
