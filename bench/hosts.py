"""Many objects that give their identities to few hosts, then leave: how many changes that takes on each host.

As in `bench.sharing` all is real but Azure, Kubernetes and time.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.sharing import GROUP, PATIENCE
from engine_world import NAMESPACE, EngineWorld, federation
from entrafed_lab.azure import Delays, Rates
from virtual_world import until, virtual_world

MACHINES = GROUP.replace("Microsoft.ManagedIdentity/userAssignedIdentities", "Microsoft.Compute/virtualMachines")


@dataclass(frozen=True, slots=True)
class Crowd:
    """Each object gives an identity of its own to `hosts_per_object` of the hosts, in turn."""

    objects: int = 200
    hosts: int = 10
    hosts_per_object: int = 1

    def hosts_of(self, nth: int) -> list[str]:
        return [host_name((nth + k) % self.hosts) for k in range(self.hosts_per_object)]


@dataclass(frozen=True, slots=True)
class HostFigures:
    """What it took. Seconds are virtual, but for `machine_seconds`; conflicts are answers with 409."""

    objects: int
    hosts: int
    assignments: int
    patches_per_host_to_assign: float
    most_patches_of_a_host_to_assign: int
    patches_per_host_to_take_back: float
    most_patches_of_a_host_to_take_back: int
    reads_per_host: float
    conflicts: int
    throttled: int
    overlapping_writes: int
    last_ready_seconds: float
    last_gone_seconds: float
    kubernetes_writes_per_object: float
    left_behind: int
    machine_seconds: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def host_name(nth: int) -> str:
    return f"bench-{nth}"


async def measure_hosts(crowd: Crowd) -> HostFigures:
    """Create everything at once, wait until all is Ready, delete everything. Raises `TimeoutError`."""
    with TemporaryDirectory() as directory:
        async with virtual_world(Path(directory), delays=Delays(), rates=Rates()) as world:
            _prepare(world, crowd)
            return await _come_and_go(world, crowd)


def _prepare(world: EngineWorld, crowd: Crowd) -> None:
    for nth in range(crowd.objects):
        world.azure.world.create_identity(f"{GROUP}/bench-{nth}")
    for nth in range(crowd.hosts):
        world.azure.world.create_host(f"{MACHINES}/{host_name(nth)}")
    identities = f"{GROUP}/bench-*"
    world.connect(
        {
            "namespaces": {"names": [NAMESPACE]},
            "targets": {"managedIdentities": [identities]},
            "identityAssignments": [{"managedIdentities": [identities], "resources": [f"{MACHINES}/bench-*"]}],
        }
    )


async def _come_and_go(world: EngineWorld, crowd: Crowd) -> HostFigures:
    names = [f"mif-{nth}" for nth in range(crowd.objects)]
    for nth, name in enumerate(names):
        item = {"name": "hosts", "resources": [f"{MACHINES}/{host}" for host in crowd.hosts_of(nth)]}
        target = {"managedIdentity": {"resourceId": f"{GROUP}/bench-{nth}"}}
        world.cluster.apply(federation(name=name, target=target, identityAssignments=[item]))
    machine_began = time.monotonic()
    async with world.operator():
        ready_seconds = await _wait(world, lambda: all(world.is_ready(name) for name in names))
        writes = len([write for write in world.cluster.writes if not write.startswith("connection")])
        assigning = _patches(world)
        for name in names:
            world.cluster.delete("ManagedIdentityFederation", NAMESPACE, name)
        gone_seconds = await _wait(
            world, lambda: all(world.cluster.federation(NAMESPACE, name) is None for name in names)
        )
    taking_back = _patches(world) - assigning
    records = list(world.azure.log)
    hosts = [world.azure.world.host(host_name(nth)) for nth in range(crowd.hosts)]
    return HostFigures(
        objects=crowd.objects,
        hosts=crowd.hosts,
        assignments=crowd.objects * crowd.hosts_per_object,
        patches_per_host_to_assign=round(assigning.total() / crowd.hosts, 2),
        most_patches_of_a_host_to_assign=max(assigning.values()),
        patches_per_host_to_take_back=round(taking_back.total() / crowd.hosts, 2),
        most_patches_of_a_host_to_take_back=max(taking_back.values()),
        reads_per_host=round(sum(1 for record in records if record.operation == "hosts.get") / crowd.hosts, 2),
        conflicts=sum(1 for record in records if record.status == 409),
        throttled=sum(1 for record in records if record.status == 429),
        overlapping_writes=sum(1 for record in records if record.overlapping),
        last_ready_seconds=round(ready_seconds),
        last_gone_seconds=round(gone_seconds),
        kubernetes_writes_per_object=round(writes / crowd.objects, 2),
        left_behind=sum(len(host.attached) for host in hosts),
        machine_seconds=round(time.monotonic() - machine_began, 1),
    )


async def _wait(world: EngineWorld, holds: Callable[[], bool]) -> float:
    """The virtual seconds until something held."""
    began = world.clock.monotonic()
    await until(holds, PATIENCE)
    return world.clock.monotonic() - began


def _patches(world: EngineWorld) -> Counter[str]:
    """Changes of hosts so far, by host."""
    return Counter(record.path.lower() for record in world.azure.log if record.operation == "hosts.update")
