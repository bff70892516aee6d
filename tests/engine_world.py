"""The engine over the real SDK adapters, in front of a simulated Azure, with Kubernetes in memory, in scaled time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import structlog

from entrafed.api.conditions import Condition, ConditionType
from entrafed.api.federation import Federation
from entrafed.api.states import OutputKind
from entrafed.api.status import OutputStatus
from entrafed.azure import BudgetSettings, CallTiming, MicrosoftCloud
from entrafed.domain.marks import cluster_mark
from entrafed.domain.outputs import Output
from entrafed.engine.engine import Engine
from entrafed.engine.ports import Azure, Clock
from entrafed.engine.timing import Timing
from entrafed.runtime.clock import SystemClock
from entrafed.runtime.metrics import Metrics
from entrafed.runtime.writes import WriteGate
from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import HOME_TENANT, OPERATOR_APP, READER_APP, WEB_IDENTITY
from memory_cluster import MemoryCluster

SCALE = 0.02
"""Of all durations of the engine: what takes five seconds takes a tenth."""
CLUSTER_ID = "0c1a7e5e-0000-4000-8000-000000000001"
CLUSTER = cluster_mark(CLUSTER_ID)
NAMESPACE = "payments"

Manifest = dict[str, Any]

APPLICATION: Manifest = {"application": {"clientId": READER_APP}}
IDENTITY: Manifest = {"managedIdentity": {"resourceId": WEB_IDENTITY}}
GROUP = WEB_IDENTITY.rpartition("/")[0]

EVERYTHING: Manifest = {
    "namespaces": {"names": [NAMESPACE]},
    "targets": {"applications": [READER_APP], "managedIdentities": [f"{GROUP}/*"]},
    "federatedCredentials": [
        {"issuer": "cluster", "subjects": ["system:serviceaccount:{namespace}:*"]},
        {"issuer": "https://token.actions.githubusercontent.com", "subjects": ["repo:contoso/**"]},
        {
            "issuer": "https://token.actions.githubusercontent.com",
            "claims": [
                {"claim": "sub", "values": ["repo:contoso/**"]},
                {"claim": "repository_owner_id", "values": ["123"]},
            ],
        },
        {"issuer": "https://issuer.example", "subjects": ["**"]},
        {"managedIdentities": [f"{GROUP}/*"]},
    ],
}
"""A rule that allows all that these tests ask for."""


def federation(
    *items: Manifest, name: str = "web", target: Manifest | None = None, namespace: str = NAMESPACE, **spec: Any
) -> Manifest:
    """A ManagedIdentityFederation with these items."""
    return {
        "apiVersion": "entrafed.io/v1beta1",
        "kind": "ManagedIdentityFederation",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "connectionRef": {"name": "default"},
            "target": target or APPLICATION,
            "federatedCredentials": list(items),
            **spec,
        },
    }


def connection(azure: SimulatedAzure, *rules: Manifest, name: str = "default", **spec: Any) -> Manifest:
    """An EntraConnection for a simulated Azure."""
    return {
        "apiVersion": "entrafed.io/v1beta1",
        "kind": "EntraConnection",
        "metadata": {"name": name},
        "spec": {
            "tenantId": HOME_TENANT,
            "cloud": "AzurePublic",
            "credential": {"workloadIdentity": {"clientId": OPERATOR_APP}},
            "endpoints": {
                "login": azure.url(ServiceName.LOGIN),
                "graph": azure.url(ServiceName.GRAPH),
                "arm": azure.url(ServiceName.ARM),
            },
            "rules": list(rules),
            **spec,
        },
    }


def oidc(name: str, subject: str | None = None, **more: Any) -> Manifest:
    """An item that trusts a subject of https://issuer.example."""
    return {"name": name, "oidc": {"issuer": "https://issuer.example", "subject": subject or f"job-{name}"}, **more}


def flexible(
    name: str = "branches",
    pattern: str = "repo:contoso/web:ref:refs/heads/*",
    *,
    issuer: str = "https://token.actions.githubusercontent.com",
    **more: Any,
) -> Manifest:
    """An item that trusts jobs of GitHub by a pattern."""
    match = [{"claim": "repository_owner_id", "eq": "123"}, {"claim": "sub", "matches": pattern}]
    return {"name": name, "claims": {"issuer": issuer, "match": match}, **more}


def account(name: str) -> Manifest:
    """An item that trusts a service account."""
    return {"name": name, "serviceAccount": {"name": name}}


def annotated(name: str) -> Manifest:
    """An item that trusts a service account, and has it annotated."""
    return {"name": name, "serviceAccount": {"name": name, "annotationPolicy": "Write"}}


def config_map(name: str) -> Manifest:
    """The spec's wish for a ConfigMap."""
    return {"configMap": {"name": name}}


Between = Callable[[Azure, int], Azure]
"""What stands between the engine and Azure in a life of the operator, by the life's number."""


def straight(azure: Azure, _life: int) -> Azure:
    """Nothing."""
    return azure


@dataclass
class EngineWorld:
    """A cluster, an Azure, and the operator between them, which may be killed and started again."""

    cluster: MemoryCluster
    azure: SimulatedAzure
    token_file: Path
    timing: Timing
    budgets: BudgetSettings
    calls: CallTiming
    seed: int = 0
    clock: Clock = field(default_factory=SystemClock)
    gate: WriteGate = field(default_factory=WriteGate)
    engine: Engine | None = None
    between: Between = straight
    lives: int = 0
    mark: str = CLUSTER
    """Of the cluster."""
    metrics: Metrics = field(default_factory=lambda: Metrics(time.monotonic))

    def connect(self, *rules: Manifest, name: str = "default", **spec: Any) -> None:
        """An EntraConnection for the simulated Azure with these rules; further words go into its spec."""
        self.cluster.apply(connection(self.azure, *rules, name=name, **spec))

    def with_timing(self, **seconds: float) -> Timing:
        """The timing of this world with some durations, in real seconds."""
        return replace(self.timing, **seconds)

    def report_late(self) -> None:
        """Report what moves after five real seconds: a test that counts writes wants no progress told, and on a busy
        machine a tenth of that is soon over."""
        self.timing = self.with_timing(report_after=Timing().report_after)

    def never_look_by_itself(self) -> None:
        """Look at what somebody else holds only when woken: what goes on all the same was woken."""
        self.timing = self.with_timing(conflict=1000.0, forbidden=1000.0, resync=10_000.0)

    def namespace(self, name: str = NAMESPACE, labels: Mapping[str, str] | None = None) -> None:
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}}
        )

    def service_account(self, name: str = "web", annotations: Mapping[str, str] | None = None) -> None:
        """A service account as somebody else makes it."""
        there = Output(OutputKind.SERVICE_ACCOUNT, name)
        self.cluster.apply({"apiVersion": "v1", "kind": there.kind, "metadata": {"name": name, "namespace": NAMESPACE}})
        for key, value in (annotations or {}).items():
            self.cluster.set_value(there, NAMESPACE, key, value)

    def annotations(self, account: str = "web") -> dict[str, str]:
        found = self.cluster.values(Output(OutputKind.SERVICE_ACCOUNT, account), NAMESPACE)
        assert found is not None, f"there is no service account {account}"
        return found

    def variables(self, name: str = "web-entra") -> dict[str, str] | None:
        """What a ConfigMap holds; None where there is none."""
        return self.cluster.values(Output(OutputKind.CONFIG_MAP, name), NAMESPACE)

    def output(self, output: str, name: str = "web") -> OutputStatus | None:
        """The row of a status about an output, like `kind/name`."""
        rows = (row for row in self.seen(name).status.outputs if f"{row.kind}/{row.name}" == output)
        return next(rows, None)

    def seen(self, name: str = "web", namespace: str = NAMESPACE) -> Federation:
        found = self.cluster.federation(namespace, name)
        assert found is not None, f"{name} is gone"
        return found

    def condition(self, kind: ConditionType, name: str = "web") -> Condition | None:
        return next((c for c in self.seen(name).status.conditions if c.type is kind), None)

    def is_ready(self, name: str = "web") -> bool:
        found = self.cluster.federation(NAMESPACE, name)
        if found is None or found.status.observed_generation != found.metadata.generation:
            return False
        ready = next((c for c in found.status.conditions if c.type is ConditionType.READY), None)
        return ready is not None and ready.status == "True"

    def reason(self, name: str = "web") -> str:
        ready = self.condition(ConditionType.READY, name)
        return ready.reason if ready else ""

    def credentials(self, holder: str = READER_APP) -> dict[str, tuple[str, str | None, tuple[str, ...]]]:
        """What Azure holds: name -> issuer, subject, audiences."""
        held = self.azure.world.holder(holder).history.current
        return {c.name: (c.issuer, c.subject, tuple(c.audiences)) for c in held.values()}

    def ours(self, holder: str = READER_APP) -> dict[str, tuple[str, str | None, tuple[str, ...]]]:
        return {name: content for name, content in self.credentials(holder).items() if name.startswith("mif-")}

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Engine]:
        """One life of the operator."""
        self.lives += 1
        gate = self.gate = WriteGate()
        cloud = MicrosoftCloud(
            clusters=(self.mark,),
            token_file=self.token_file,
            clock=self.clock,
            may_write=gate.pass_through,
            seen=self.metrics.azure_request,
            log=structlog.stdlib.get_logger("test"),
            timing=self.calls,
            budgets=self.budgets,
            ca_file=self.azure.ca_file,
        )
        async with cloud:
            engine = Engine(
                azure=self.between(cloud, self.lives),
                assignments=cloud,
                kube=self.cluster,
                clock=self.clock,
                measure=self.metrics,
                timing=self.timing,
                clusters=(self.mark,),
                allow_endpoints=True,
                random=Random(self.seed),
            )
            self.engine = engine
            engine.listed(self.cluster.uids())
            running = asyncio.create_task(engine.run())
            self.cluster.watch(engine)
            try:
                yield engine
            finally:
                self.cluster.unwatch()
                gate.close()
                await engine.stop()
                running.cancel()
                await asyncio.wait([running])

    async def until(self, holds: Callable[[], object], within: float = 30.0) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + within
        while not holds():
            assert time.monotonic() < deadline, f"did not come to hold; {self._told()}"
            await asyncio.sleep(0.005)

    def _told(self) -> str:
        """What the statuses say, for a test that waits in vain."""
        names = sorted(self.cluster.names("ManagedIdentityFederation"))
        found = ((name, self.cluster.federation(namespace, name)) for namespace, name in names)
        return "; ".join(f"{name}: {one.status.conditions}" for name, one in found if one)

    async def until_quiet(self, within: float = 30.0) -> None:
        """Wait until the engine has nothing to do, now or soon."""
        engine = self.engine
        assert engine is not None
        await self.until(lambda: engine.is_idle(max(self.timing.quiet, self.timing.lag_limit) * 1.2), within)


async def new_world(
    azure: SimulatedAzure,
    token_file: Path,
    *,
    scale: float = SCALE,
    budgets: BudgetSettings | None = None,
    clock: Clock | None = None,
) -> EngineWorld:
    """A world with a namespace and a connection that allows everything."""
    clock = clock or SystemClock()
    world = EngineWorld(
        cluster=MemoryCluster(now=clock.now),
        azure=azure,
        token_file=token_file,
        timing=Timing().scaled(scale),
        budgets=budgets or BudgetSettings(rate_scale=1000.0),
        calls=CallTiming(request_timeout=30.0 * scale),
        clock=clock,
    )
    world.namespace()
    world.connect(EVERYTHING)
    return world
