"""Hosts, scopes and tenants alike: what is assigned there, made and taken back. One connection's view of each."""

from dataclasses import dataclass
from typing import Protocol

from entrafed.azure.clock import Clock
from entrafed.azure.graph import Graph
from entrafed.azure.hosts import Hosts
from entrafed.azure.roles import Roles
from entrafed.domain.assignments import Assignment, ObservedAssignment, ObservedParent, Running
from entrafed.domain.credentials import Parent
from entrafed.domain.errors import NotFound
from entrafed.domain.hosts import Host, HostPath, Merging, Provisioning
from entrafed.domain.roles import RoleAssignment, assignment_name, role_and_principal


class Assigner(Protocol):
    """One kind of parent. Every method raises `AzureProblem`."""

    async def look(self, parent: Parent, keys: frozenset[str]) -> ObservedParent:
        """What is assigned; of much only what these keys are about."""
        ...

    async def assign(self, parent: Parent, assignments: tuple[Assignment, ...], description: str) -> Running | None:
        """Make these; None when it is done."""
        ...

    async def unassign(self, parent: Parent, gone: tuple[ObservedAssignment, ...]) -> Running | None:
        """Take these back; None when it is done."""
        ...

    async def follow(self, parent: Parent, running: Running) -> Running | None:
        """How a change goes; None when it is done."""
        ...


@dataclass(slots=True)
class _Seen:
    host: Host
    at: float


class HostAssigner:
    """Identities at hosts. A change needs what the host is like. The look before it serves, once, when it is `fresh`,
    in seconds; not where those that are to stay are sent along: what others took back since would be assigned again."""

    def __init__(self, hosts: Hosts, clock: Clock, fresh: float) -> None:
        self._hosts = hosts
        self._clock = clock
        self._fresh = fresh
        self._seen: dict[str, _Seen] = {}

    async def look(self, parent: Parent, keys: frozenset[str]) -> ObservedParent:
        host = await self._look(HostPath.parse(parent.id))
        observed = host.observed()
        return ObservedParent(observed.assignments, observed.instance, host.provisioning is Provisioning.CHANGING)

    async def assign(self, parent: Parent, assignments: tuple[Assignment, ...], description: str) -> Running | None:
        host = await self._fresh_host(parent)
        return await self._hosts.change(host, add=tuple(one.key for one in assignments))

    async def unassign(self, parent: Parent, gone: tuple[ObservedAssignment, ...]) -> Running | None:
        host = await self._fresh_host(parent)
        return await self._hosts.change(host, remove=tuple(one.key for one in gone))

    async def follow(self, parent: Parent, running: Running) -> Running | None:
        return await self._hosts.follow(HostPath.parse(parent.id), running)

    async def _look(self, path: HostPath) -> Host:
        host = await self._hosts.look(path)
        self._seen = {key: seen for key, seen in self._seen.items() if self._is_fresh(seen)}
        if path.type.merging is Merging.MERGES:
            self._seen[path.key] = _Seen(host, self._clock.monotonic())
        return host

    async def _fresh_host(self, parent: Parent) -> Host:
        path = HostPath.parse(parent.id)
        seen = self._seen.pop(path.key, None)
        return seen.host if seen is not None and self._is_fresh(seen) else await self._hosts.look(path)

    def _is_fresh(self, seen: _Seen) -> bool:
        return self._clock.monotonic() - seen.at <= self._fresh


class RoleAssigner:
    """Roles at scopes, one at a time. `clusters` are the marks that count as ours, the present cluster's first."""

    def __init__(self, roles: Roles, clusters: tuple[str, ...]) -> None:
        self._roles = roles
        self._clusters = clusters

    async def look(self, parent: Parent, keys: frozenset[str]) -> ObservedParent:
        found: list[ObservedAssignment] = []
        for principal_id in sorted({role_and_principal(key)[1] for key in keys}):
            listed = await self._roles.assignments(parent.id, principal_id)
            found += [one.observed(self._clusters) for one in listed]
        return ObservedParent(tuple(found))

    async def assign(self, parent: Parent, assignments: tuple[Assignment, ...], description: str) -> Running | None:
        (one,) = assignments
        role_id, principal_id = role_and_principal(one.key)
        name = assignment_name(self._clusters[0], parent.id, role_id, principal_id)
        await self._roles.assign(RoleAssignment(name, parent.id, role_id, principal_id, one.value), description)
        return None

    async def unassign(self, parent: Parent, gone: tuple[ObservedAssignment, ...]) -> Running | None:
        (one,) = gone
        await self._roles.take_back(parent.id, one.id_ or "")
        return None

    async def follow(self, parent: Parent, running: Running) -> Running | None:
        return None


class TenantAssigner:
    """Applications in the connection's tenant."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def look(self, parent: Parent, keys: frozenset[str]) -> ObservedParent:
        try:
            found = await self._graph.service_principal(parent.id)
        except NotFound:
            return ObservedParent(())
        return ObservedParent((ObservedAssignment(parent.id, "", id_=found.object_id),))

    async def assign(self, parent: Parent, assignments: tuple[Assignment, ...], description: str) -> Running | None:
        await self._graph.create_service_principal(parent.id)
        return None

    async def unassign(self, parent: Parent, gone: tuple[ObservedAssignment, ...]) -> Running | None:
        (one,) = gone
        await self._graph.delete_service_principal(one.id_ or "")
        return None

    async def follow(self, parent: Parent, running: Running) -> Running | None:
        return None
