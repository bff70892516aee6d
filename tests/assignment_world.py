"""Hosts, roles and tenants asked for by an object, in virtual time: what a test of them writes, and what it looks at.

For tests marked `looptime`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import trustme

from engine_world import APPLICATION, EVERYTHING, GROUP, IDENTITY, NAMESPACE, EngineWorld, Manifest, federation
from entrafed.api.assignment_status import IdentityAssignmentStatus, RoleAssignmentStatus, TenantStatus
from entrafed_lab.azure import Delays, KeyRing, Rates, Variants
from entrafed_lab.azure.roles import RoleAssignment
from entrafed_lab.azure.seed import (
    API_IDENTITY,
    PARTNER_TENANT,
    READER_APP,
    STORAGE_ACCOUNT,
    SUBSCRIPTION,
    WEB_IDENTITY,
)
from virtual_world import until, virtual_world

BLOB_CONTRIBUTOR = "Storage Blob Data Contributor"
QUEUE_READER = "Storage Queue Data Reader"
A_WHILE = 300.0  # seconds; more than any creation or deletion here takes
LONG = 4000.0  # seconds; more than the time from one comparison with Azure to the next

ALL_ASSIGNMENTS: Manifest = {
    **EVERYTHING,
    "identityAssignments": [
        {"managedIdentities": [f"{GROUP}/*"], "resources": [f"/subscriptions/{SUBSCRIPTION}/resourceGroups/**"]}
    ],
    "roleAssignments": [
        {"roles": [BLOB_CONTRIBUTOR, QUEUE_READER], "scopes": [f"/subscriptions/{SUBSCRIPTION}/resourceGroups/**"]}
    ],
    "tenants": [PARTNER_TENANT],
}
"""A rule that allows all that these tests ask for."""

OpenWorld = Callable[..., AbstractAsyncContextManager[EngineWorld]]


def assigned(name: str, *hosts: str, identity: str | None = API_IDENTITY) -> Manifest:
    """An item that gives an identity to hosts; without an identity it is the target itself."""
    named = {"managedIdentity": {"resourceId": identity}} if identity else {}
    return {"name": name, "resources": list(hosts), **named}


def role(name: str, what: str = BLOB_CONTRIBUTOR, *, scope: str = STORAGE_ACCOUNT, **more: Any) -> Manifest:
    """An item that gives the target a role."""
    return {"name": name, "role": what, "scope": scope, **more}


def tenant(connection: str | None = "partner", *, tenant_id: str = PARTNER_TENANT, **more: Any) -> Manifest:
    """An item that lets the target into another tenant."""
    named = {"connectionRef": {"name": connection}} if connection else {}
    return {"tenantId": tenant_id, **named, **more}


def with_hosts(*items: Manifest, target: Manifest = IDENTITY, **more: Any) -> Manifest:
    """An object that asks for identities at hosts."""
    return federation(target=target, identityAssignments=list(items), **more)


def with_roles(*items: Manifest, target: Manifest = IDENTITY, **more: Any) -> Manifest:
    """An object that asks for roles."""
    return federation(target=target, roleAssignments=list(items), **more)


def with_tenants(*items: Manifest, **more: Any) -> Manifest:
    """An object that asks for its application in other tenants."""
    return federation(target=APPLICATION, tenants=list(items), **more)


def partner(world: EngineWorld, *rules: Manifest, name: str = "partner") -> None:
    """The connection of the partner's tenant; without rules one that lets the target in."""
    default: Manifest = {
        "namespaces": {"names": [NAMESPACE]},
        "targets": {"applications": [READER_APP]},
        "tenants": [PARTNER_TENANT],
    }
    world.connect(*(rules or (default,)), name=name, tenantId=PARTNER_TENANT)


@asynccontextmanager
async def assignment_world(
    directory: Path,
    *,
    ca: trustme.CA,
    keys: KeyRing,
    delays: Delays | None = None,
    rates: Rates | None = None,
    variants: Variants | None = None,
) -> AsyncIterator[EngineWorld]:
    """A world in which everything is allowed, with the delays of hosts, and nothing attached that was not seeded."""
    async with virtual_world(
        directory, ca=ca, keys=keys, delays=delays or Delays(replica_lag=0.0), rates=rates, variants=variants
    ) as world:
        world.connect(ALL_ASSIGNMENTS)
        partner(world)
        yield world


async def ready(world: EngineWorld, *names: str, within: float = A_WHILE) -> None:
    """Wait until objects are as asked for."""
    await until(lambda: all(world.is_ready(name) for name in names or ("web",)), within)


async def because(world: EngineWorld, reason: str, name: str = "web", within: float = A_WHILE) -> None:
    """Wait until an object is Ready, or not, for this reason."""
    await until(lambda: world.reason(name) == reason, within)


async def gone(world: EngineWorld, *names: str, within: float = A_WHILE) -> None:
    """Wait until objects are not there any more."""
    await until(lambda: all(world.cluster.federation(NAMESPACE, name) is None for name in names or ("web",)), within)


async def quiet(world: EngineWorld, within: float = A_WHILE) -> None:
    """Wait until the engine has nothing to do, now or soon."""
    engine = world.engine
    assert engine is not None
    await asyncio.sleep(1.0)
    await until(lambda: engine.is_idle(world.timing.quiet * 1.2), within)


def deleted(world: EngineWorld, *names: str) -> None:
    for name in names or ("web",):
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, name)


def look_again(world: EngineWorld, name: str = "web", text: str = "please") -> None:
    """Ask for a comparison with Azure now."""
    world.cluster.request_reconcile(NAMESPACE, name, text)


def at(world: EngineWorld, host: str) -> set[str]:
    """Names of the identities that a host has."""
    return {key.rpartition("/")[2] for key in world.azure.world.host(host).attached}


def roles_of(world: EngineWorld, identity: str = WEB_IDENTITY) -> list[RoleAssignment]:
    """The roles that an identity has, by whomever."""
    principal = world.azure.world.identity(identity).principal_id
    found = world.azure.world.roles.assignments.values()
    return sorted((one for one in found if one.principal_id == principal), key=lambda one: one.name)


def is_in(world: EngineWorld, tenant_id: str = PARTNER_TENANT, app: str = READER_APP) -> bool:
    """Whether an application has a service principal in a tenant."""
    return world.azure.world.service_principal(tenant_id, app) is not None


def identity_item(world: EngineWorld, name: str = "web", item: str = "web") -> IdentityAssignmentStatus:
    return next(one for one in world.seen(name).status.identity_assignments if one.name == item)


def role_item(world: EngineWorld, name: str = "web", item: str = "blobs") -> RoleAssignmentStatus:
    return next(one for one in world.seen(name).status.role_assignments if one.name == item)


def tenant_item(world: EngineWorld, name: str = "web", tenant_id: str = PARTNER_TENANT) -> TenantStatus:
    return next(one for one in world.seen(name).status.tenants if one.tenant_id == tenant_id)


def requests(world: EngineWorld, operation: str, parent: str = "") -> int:
    """How often Azure was asked for an operation, such as `hosts.update`, at one parent or anywhere."""
    found = world.azure.log.named(operation)
    return sum(1 for one in found if parent.lower() in one.path.lower())
