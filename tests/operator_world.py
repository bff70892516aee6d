"""The operator as a process, on a real API server with exactly the chart's rights, in front of a simulated Azure.

What its users do is done with kubectl; what they see is read with `kubectl get --watch`, every version of it.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest_asyncio

from entrafed.api.metadata import CONNECTIONS, FEDERATIONS, GROUP, RECONCILE_ANNOTATION
from entrafed_lab.azure import ServiceName, SimulatedAzure, default_seed
from entrafed_lab.azure.objects import CredentialHolder
from entrafed_lab.azure.seed import (
    HOME_TENANT,
    OPERATOR_APP,
    PARTNER_TENANT,
    READER_APP,
    STORAGE_ACCOUNT,
    WEB_IDENTITY,
    Seed,
)
from entrafed_lab.controlplane import Kubectl, KubectlError
from gitops import SAME, argo_health, flux_status
from kstatus import KStatus, kstatus
from kube_world import Cluster, watched
from lab_fixtures import OPERATOR_SUBJECT, StartAzure
from manifests import BLOB_READER, Manifest, federation
from operator_process import PATIENCE, POLL, Operator, release, until

ON_APPLICATION: Manifest = {"application": {"clientId": READER_APP}}
ON_IDENTITY: Manifest = {"managedIdentity": {"resourceId": WEB_IDENTITY}}
TARGETS = {"app": (READER_APP, ON_APPLICATION), "identity": (WEB_IDENTITY, ON_IDENTITY)}
"""One of each kind: what the simulated Azure knows it by, and how a spec names it."""
IDENTITIES = f"{WEB_IDENTITY.rpartition('/')[0]}/*"
RESOURCE_GROUP = WEB_IDENTITY.partition("/providers/")[0]


@dataclass(frozen=True, slots=True)
class Version:
    """One state of an object as a watch showed it. `held` are the subjects that Azure trusted at that moment."""

    change: str
    body: Manifest
    held: frozenset[str]


@dataclass
class World:
    """A namespace, a connection that allows it everything, and an Azure of its own; one operator for all worlds."""

    cluster: Cluster
    operator: Operator
    azure: SimulatedAzure
    tenant_id: str
    namespace: str
    partner_id: str = PARTNER_TENANT
    connections: list[str] = field(default_factory=list)
    applications: list[str] = field(default_factory=lambda: [READER_APP])
    """Those that its connection allows as targets."""
    versions: dict[str, list[Version]] = field(default_factory=dict)
    own_writes: int = 0
    """Requests of this test that change objects of our group."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _generations: dict[str, int] = field(default_factory=dict)

    @property
    def kubectl(self) -> Kubectl:
        return self.cluster.plane.kubectl

    # What users do

    def federation(self, *items: Manifest, name: str = "web", target: Manifest | None = None, **spec: Any) -> Manifest:
        """One of this namespace, through this world's connection unless `connectionRef` says otherwise."""
        spec = {"connectionRef": {"name": self.namespace}, **spec}
        made = federation(*items, name=name, target=target or ON_APPLICATION, **spec)
        made["metadata"]["namespace"] = self.namespace
        return made

    async def apply(self, *manifests: Manifest) -> None:
        """`kubectl apply --server-side`: one request for each."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        applied = json.loads(
            await self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", "-o", "json", stdin=text)
        )
        self.own_writes += sum(manifest["apiVersion"].startswith(GROUP) for manifest in manifests)
        for item in applied.get("items", [applied]):
            self._generations[item["metadata"]["name"]] = item["metadata"].get("generation", 0)

    @property
    def partner_connection(self) -> str:
        return f"{self.namespace}-partner"

    async def connect_partner(self) -> None:
        """An EntraConnection to the other tenant of this world's Azure, which lets in what the home tenant's allows."""
        await self.connect(self.partner_connection, tenant_id=self.partner_id)

    async def connect(self, name: str | None = None, *, tenant_id: str | None = None) -> None:
        """An EntraConnection to this world's Azure that allows the namespace everything."""
        urls = {service: self.azure.url(ServiceName(service)) for service in ("login", "graph", "arm")}
        if (name or self.namespace) not in self.connections:
            self.connections.append(name or self.namespace)
        await self.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}},
            {
                "apiVersion": "entrafed.io/v1beta1",
                "kind": "EntraConnection",
                "metadata": {"name": name or self.namespace},
                "spec": {
                    "tenantId": tenant_id or self.tenant_id,
                    "credential": {"workloadIdentity": {"clientId": OPERATOR_APP}},
                    "endpoints": urls,
                    "rules": [everything(self.namespace, self.applications, self.partner_id)],
                },
            },
        )

    def new_target(self, kind: str, name: str) -> tuple[str, Manifest]:
        """One more, which the operator may write to once `connect` has told it: what the simulated Azure knows it by,
        and how a spec names it."""
        azure = self.azure.world
        if kind == "identity":
            made = azure.create_identity(f"{IDENTITIES[:-1]}{name}")
            return made.resource_id, {"managedIdentity": {"resourceId": made.resource_id}}
        operator = azure.service_principal(self.tenant_id, OPERATOR_APP)
        assert operator
        app = azure.create_application(name, tenant_id=self.tenant_id, owners=(operator.object_id,))
        self.applications.append(app.app_id)
        return app.app_id, {"application": {"clientId": app.app_id}}

    async def annotate(self, name: str, annotation: str, value: str) -> None:
        await self.kubectl("annotate", FEDERATIONS, name, *self._there, "--overwrite", f"{annotation}={value}")
        self.own_writes += 1

    async def label(self, name: str, label: str, value: str) -> None:
        await self.kubectl("label", FEDERATIONS, name, *self._there, "--overwrite", f"{label}={value}")
        self.own_writes += 1

    async def delete(self, *names: str) -> None:
        """`kubectl delete --wait=false`."""
        await self.kubectl("delete", FEDERATIONS, *names, *self._there, "--wait=false")
        self.own_writes += len(names)

    async def second_pass(self, name: str) -> None:
        """Have the operator look again now, and wait until it has."""
        wish = f"wish-{time.monotonic_ns()}"
        await self.annotate(name, RECONCILE_ANNOTATION, wish)
        await self.until(lambda: self.status(name).get("lastHandledReconcileAt") == wish, f"a second pass of {name}")
        await self.until_ready(name)

    @property
    def _there(self) -> tuple[str, str]:
        return "--namespace", self.namespace

    # What users see

    async def until_connection(self, holds: Callable[[Manifest], object], wanted: str, name: str | None = None) -> None:
        """Wait until a connection, this world's own unless another is named, is as wanted: no watch shows these."""

        async def does_hold() -> bool:
            return bool(holds(await self.kubectl.get(CONNECTIONS, name or self.namespace)))

        await until(does_hold, f"the connection {wanted}")

    def seen(self, name: str = "web") -> Manifest:
        """The newest version of an object that the watch showed; empty before the first, and when it is gone."""
        versions = self.versions.get(name)
        return {} if not versions or versions[-1].change == "DELETED" else versions[-1].body

    def status(self, name: str = "web") -> Manifest:
        status: Manifest = self.seen(name).get("status", {})
        return status

    def condition(self, kind: str, name: str = "web") -> Manifest:
        return next((c for c in self.status(name).get("conditions", ()) if c["type"] == kind), {})

    def item(self, item: str, name: str = "web") -> Manifest:
        """The row of one item in the status."""
        return next((row for row in self.status(name).get("federatedCredentials", ()) if row["name"] == item), {})

    def is_ready(self, name: str = "web") -> bool:
        return self._is_observed(self.seen(name), name) and self.condition("Ready", name).get("status") == "True"

    def reason(self, name: str = "web") -> str:
        """Why it is, or is not, ready; empty until the spec that was applied last has been observed."""
        return self._reason_of(self.seen(name), name)

    def _reason_of(self, version: Manifest, name: str) -> str:
        conditions = version.get("status", {}).get("conditions", ()) if self._is_observed(version, name) else ()
        return next((str(c["reason"]) for c in conditions if c["type"] == "Ready"), "")

    def _is_observed(self, version: Manifest, name: str) -> bool:
        observed = version.get("status", {}).get("observedGeneration")
        return bool(version) and observed == version["metadata"]["generation"] >= self._generations.get(name, 0)

    async def until(self, holds: Callable[[], object], wanted: str, within: float = PATIENCE) -> None:
        """Wait for something that a change of an object, or time, makes hold."""
        try:
            async with asyncio.timeout(within):
                while not holds():
                    self._changed.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), POLL)
        except TimeoutError:
            states = {name: self.status(name).get("conditions", versions[-1].change)
                      for name, versions in self.versions.items()}  # fmt: skip
            raise AssertionError(f"not {wanted}: {json.dumps(states, indent=1)}") from None

    async def until_ready(self, *names: str, within: float = PATIENCE) -> None:
        for name in names or ("web",):
            await self.until(lambda name=name: self.is_ready(name), f"{name} ready", within)  # type: ignore[misc]

    async def until_reason(self, reason: str, name: str = "web", within: float = PATIENCE) -> None:
        await self.until(lambda: self.reason(name) == reason, f"{name} {reason}", within)

    async def until_shown(self, reason: str, name: str = "web") -> None:
        """Wait until some version of the spec that was applied last has had this reason, for however short a time."""

        def was_shown() -> bool:
            reasons = (self._reason_of(version.body, name) for version in self.versions.get(name, ()))
            return reason in reasons

        await self.until(was_shown, f"{name} {reason} for a while")

    async def until_gone(self, *names: str, within: float = PATIENCE) -> None:
        for name in names or ("web",):
            await self.until(lambda name=name: not self.seen(name), f"{name} gone", within)  # type: ignore[misc]

    def require_truth(self) -> None:
        """Of every version that anybody saw: conditions make sense together, tools agree on it, and what is current was
        in Azure."""
        for version in (one for versions in self.versions.values() for one in versions):
            status = version.body.get("status", {})
            conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", ())}
            assert not {"Reconciling", "Stalled"} <= conditions.keys(), status
            assert conditions.get("Ready") != "True" or not {"Reconciling", "Stalled"} & conditions.keys(), status
            assert flux_status(version.body) is kstatus(version.body), version.body
            assert argo_health(version.body)[0] in SAME[kstatus(version.body)], version.body
            if kstatus(version.body) is KStatus.CURRENT:
                rows = {row["name"]: row["credentials"] for row in status["federatedCredentials"]}
                assert rows.keys() == {item["name"] for item in version.body["spec"]["federatedCredentials"]}, status
                assert all(len(credentials) == 1 for credentials in rows.values()), status
                assert {one["subject"] for (one,) in rows.values()} <= version.held, (status, version.held)

    async def operator_writes(self) -> int:
        """Requests so far that changed objects of our group, as the API server counts them, less this test's own."""
        return await self.cluster.writes() - self.own_writes

    # What Azure holds

    def holder(self, key: str = READER_APP) -> CredentialHolder:
        return self.azure.world.holder(key)

    def ours(self, key: str = READER_APP) -> dict[str, str | None]:
        """The credentials with an operator's mark: name -> subject."""
        return {c.name: c.subject for c in self.holder(key).credentials if c.name.startswith("mif-")}

    def trusted(self) -> frozenset[str]:
        """All subjects that an application or identity trusts now."""
        holders = [*self.azure.world.applications.values(), *self.azure.world.identities.values()]
        return frozenset(str(credential.subject) for holder in holders for credential in holder.credentials)

    async def watch(self) -> None:
        """`kubectl get --watch` until cancelled."""
        async for event in watched(self.kubectl, FEDERATIONS, *self._there):
            self._note(event)

    def _note(self, event: Manifest) -> None:
        body = event["object"]
        version = Version(event["type"], body, self.trusted())
        self.versions.setdefault(body["metadata"]["name"], []).append(version)
        self._changed.set()


def everything(namespace: str, applications: Iterable[str], partner_id: str) -> Manifest:
    """A rule that allows a namespace all that these tests ask for."""
    return {
        "namespaces": {"names": [namespace]},
        "targets": {"applications": list(applications), "managedIdentities": [IDENTITIES]},
        "federatedCredentials": [
            {"issuer": "cluster", "subjects": ["system:serviceaccount:{namespace}:*"]},
            {"issuer": "https://issuer.example", "subjects": ["**"]},
            {"managedIdentities": [IDENTITIES]},
        ],
        "identityAssignments": [{"managedIdentities": [IDENTITIES], "resources": [f"{RESOURCE_GROUP}/**"]}],
        "roleAssignments": [{"roles": [BLOB_READER], "scopes": [STORAGE_ACCOUNT]}],
        "tenants": [partner_id],
    }


def in_tenant(home: str, partner: str = PARTNER_TENANT) -> Seed:
    """The default seed in tenants of its own: to the operator, what another Azure held there would be the same."""
    seed, ids = default_seed(), {HOME_TENANT: home, PARTNER_TENANT: partner}
    return replace(seed, tenants=tuple(replace(tenant, id=ids[tenant.id]) for tenant in seed.tenants))


NewWorld = Callable[..., Awaitable[World]]


@pytest_asyncio.fixture
async def new_world(operator: Operator, cluster: Cluster, start_azure: StartAzure) -> AsyncIterator[NewWorld]:
    """`world = await new_world(rates=...)`: the wishes are those of the simulated Azure. `operator` is the module's."""
    made: list[World] = []
    watching: list[asyncio.Task[None]] = []

    async def make(**wishes: Any) -> World:
        plane, tenant_id, partner_id = cluster.plane, str(uuid4()), str(uuid4())
        seed = in_tenant(tenant_id, partner_id).trusting_operator(issuer=plane.url, subject=OPERATOR_SUBJECT)
        azure = await start_azure(**{"seed": seed, "trusted_issuer_cas": (plane.ca_path,), **wishes})
        world = World(cluster, operator, azure, tenant_id, f"test-{tenant_id[:8]}", partner_id)
        made.append(world)
        await world.connect()
        watching.append(asyncio.create_task(world.watch()))
        await operator.until_ready()
        return world

    yield make
    for world in made:
        world.azure.faults.clear()
        await _leave(world)
    for watch in watching:
        watch.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    for world in made:
        world.require_truth()


async def _leave(world: World) -> None:
    """Let the operator clean up while its Azure is there; what it cannot is taken out of its sight. Then nothing of
    this world is written to any more: the next test may count."""
    await world.kubectl("delete", FEDERATIONS, "--all", "--namespace", world.namespace, "--wait=false")
    with contextlib.suppress(AssertionError):
        await world.until_gone(*world.versions, within=3)
    for name in world.versions:
        if world.seen(name):
            await release(world.kubectl, FEDERATIONS, world.seen(name)["metadata"])
    connections = [f"{CONNECTIONS}/{name}" for name in world.connections]
    await world.kubectl("delete", f"namespace/{world.namespace}", *connections, "--wait=false", "--ignore-not-found")
    try:
        await world.kubectl("wait", "--for=delete", *connections, "--timeout=10s")
    except KubectlError:  # the operator does not run
        for name in world.connections:
            await release(world.kubectl, CONNECTIONS, {"name": name})


@pytest_asyncio.fixture
async def world(new_world: NewWorld) -> World:
    """A world whose Azure has the default seed, no delays and no throttling."""
    return await new_world()
