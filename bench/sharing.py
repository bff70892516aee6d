"""Many objects that share targets: applications and identities filled to the last credential, throttling on.

The engine, the adapters and their SDKs are the real ones, Azure is simulated with its published rates and our guesses
of its delays, Kubernetes is in memory, and time is virtual: it passes only while everything waits, so that the figures
in seconds are those of an operator whose own work takes no time.
"""

import asyncio
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engine_world import NAMESPACE, EngineWorld, federation, oidc
from entrafed.azure import BudgetSettings
from entrafed_lab.azure import Delays, Rates
from entrafed_lab.azure.seed import HOME_TENANT, OPERATOR_APP, WEB_IDENTITY
from virtual_world import virtual_world

GROUP = WEB_IDENTITY.rpartition("/")[0]
ISSUER = "https://issuer.example"
POLL = 1.0  # seconds
PATIENCE = 7200.0  # seconds
SETTLED_FOR = 30.0  # seconds after which a new identity can carry credentials


@dataclass(frozen=True, slots=True)
class Size:
    """`per_target` credentials on each target, asked for by `objects_per_target` objects in equal shares."""

    applications: int = 50
    identities: int = 50
    per_target: int = 20
    objects_per_target: int = 5

    @property
    def objects(self) -> int:
        return (self.applications + self.identities) * self.objects_per_target

    @property
    def credentials(self) -> int:
        return (self.applications + self.identities) * self.per_target


@dataclass(frozen=True, slots=True)
class Figures:
    """What it took. Seconds are virtual, but for `machine_seconds`; `calls` are by operation, each member of a batch is
    one; `http_requests` are what went over the wire."""

    objects: int
    credentials: int
    first_ready_seconds: float
    median_ready_seconds: float
    last_ready_seconds: float
    last_ready_on_applications_seconds: float
    last_ready_on_identities_seconds: float
    statuses: dict[str, int]
    conflicts: int
    throttled: int
    overlapping_writes: int
    calls: dict[str, int]
    calls_per_credential: float
    http_requests: int
    http_requests_per_credential: float
    kubernetes_writes_per_object: float
    machine_seconds: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def measure(size: Size, *, share: float = BudgetSettings().share) -> Figures:
    """Create everything at once and wait until all is Ready. Raises `TimeoutError` when that never comes."""
    with TemporaryDirectory() as directory:
        delays, rates, budgets = Delays(), Rates(), BudgetSettings(share=share)
        async with virtual_world(Path(directory), delays=delays, rates=rates, budgets=budgets) as world:
            targets = _targets(world, size)
            await asyncio.sleep(SETTLED_FOR)
            return await _fill(world, size, targets)


def _targets(world: EngineWorld, size: Size) -> dict[str, dict[str, Any]]:
    """Targets by name, and a rule that allows them."""
    principal = world.azure.world.service_principal(HOME_TENANT, OPERATOR_APP)
    assert principal is not None
    owners = (principal.object_id,)
    apps = {
        f"app-{n}": world.azure.world.create_application(f"app-{n}", tenant_id=HOME_TENANT, owners=owners).app_id
        for n in range(size.applications)
    }
    ids = {f"id-{n}": f"{GROUP}/bench-{n}" for n in range(size.identities)}
    for resource_id in ids.values():
        world.azure.world.create_identity(resource_id)
    world.connect(
        {
            "namespaces": {"names": [NAMESPACE]},
            "targets": {"applications": list(apps.values()), "managedIdentities": [f"{GROUP}/bench-*"]},
            "federatedCredentials": [{"issuer": ISSUER, "subjects": ["**"]}],
        }
    )
    return {name: {"application": {"clientId": app}} for name, app in apps.items()} | {
        name: {"managedIdentity": {"resourceId": resource_id}} for name, resource_id in ids.items()
    }


async def _fill(world: EngineWorld, size: Size, targets: dict[str, dict[str, Any]]) -> Figures:
    each = size.per_target // size.objects_per_target
    for name, target in targets.items():
        for nth in range(size.objects_per_target):
            owner = f"{name}-{nth}"
            items = (oidc(f"item-{k}", f"{owner}-{k}") for k in range(each))
            world.cluster.apply(federation(*items, name=owner, target=target))
    began, machine_began = world.clock.monotonic(), time.monotonic()
    ready: dict[str, float] = {}
    async with asyncio.timeout(PATIENCE), world.operator():
        waiting = [f"{name}-{nth}" for name in targets for nth in range(size.objects_per_target)]
        while waiting:
            await asyncio.sleep(POLL)
            came = [name for name in waiting if world.is_ready(name)]
            ready |= dict.fromkeys(came, world.clock.monotonic() - began)
            waiting = [name for name in waiting if name not in ready]
        writes = len([write for write in world.cluster.writes if not write.startswith("connection")])
    return _figures(world, size, ready, writes, time.monotonic() - machine_began)


def _figures(
    world: EngineWorld, size: Size, ready: dict[str, float], kubernetes_writes: int, machine_seconds: float
) -> Figures:
    records = list(world.azure.log)
    calls = Counter(record.operation for record in records if record.operation != "batch")
    times = sorted(ready.values())
    wire = sum(1 for record in records if not record.in_batch)
    total = sum(calls.values())
    return Figures(
        objects=size.objects,
        credentials=size.credentials,
        first_ready_seconds=round(times[0]),
        median_ready_seconds=round(times[len(times) // 2]),
        last_ready_seconds=round(times[-1]),
        last_ready_on_applications_seconds=round(max((t for n, t in ready.items() if n.startswith("app-")), default=0)),
        last_ready_on_identities_seconds=round(max((t for n, t in ready.items() if n.startswith("id-")), default=0)),
        statuses={str(status): count for status, count in Counter(record.status for record in records).items()},
        conflicts=sum(1 for record in records if record.status == 409),
        throttled=sum(1 for record in records if record.status == 429),
        overlapping_writes=sum(1 for record in records if record.overlapping),
        calls=dict(sorted(calls.items())),
        calls_per_credential=round(total / size.credentials, 3),
        http_requests=wire,
        http_requests_per_credential=round(wire / size.credentials, 3),
        kubernetes_writes_per_object=round(kubernetes_writes / size.objects, 3),
        machine_seconds=round(machine_seconds, 1),
    )
