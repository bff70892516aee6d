"""Hosts, roles and tenants: scenarios that the operator may die in."""

from assignment_world import ALL_ASSIGNMENTS, assigned, partner, role, tenant
from crash.lives import Scenario, Step
from crash.steps import REVOCATION, applied, deleted, long_ago, look_again, together
from engine_world import IDENTITY, NAMESPACE, EngineWorld, Manifest, oidc
from entrafed_lab.azure.seed import (
    API_IDENTITY,
    API_NODES,
    API_VM,
    PARTNER_TENANT,
    READER_APP,
    STORAGE_ACCOUNT,
    WEB_IDENTITY,
    WEB_SITE,
    WEB_VM,
)

BLOB_CONTRIBUTOR = "Storage Blob Data Contributor"
CONDITION = (
    "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'})) OR "
    "(@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'reports'))"
)
ONE, TWO = {"name": "one"}, {"name": "two"}


def _with_hosts(*items: Manifest, **more: object) -> Step:
    return applied(target=IDENTITY, identityAssignments=list(items), **more)


def _with_roles(*items: Manifest, **more: object) -> Step:
    return applied(target=IDENTITY, roleAssignments=list(items), **more)


def _with_tenants(*items: Manifest, **more: object) -> Step:
    return applied(tenants=list(items), **more)


def _everything_allowed(world: EngineWorld) -> None:
    world.connect(ALL_ASSIGNMENTS)
    partner(world)


def _hosts_denied(world: EngineWorld) -> None:
    world.connect({**ALL_ASSIGNMENTS, "identityAssignments": []})


def _roles_denied(world: EngineWorld) -> None:
    world.connect({**ALL_ASSIGNMENTS, "roleAssignments": []})


def _tenants_denied(world: EngineWorld) -> None:
    world.connect({**ALL_ASSIGNMENTS, "tenants": []})


def _attached_by_others(world: EngineWorld) -> None:
    world.azure.world.attach(API_VM, API_IDENTITY)


def _taken_off_by_others(world: EngineWorld) -> None:
    world.azure.world.detach(API_VM, API_IDENTITY)
    look_again(world)


def _identity_made_again(world: EngineWorld) -> None:
    world.azure.world.recreate_identity(API_IDENTITY)
    look_again(world)


def _target_made_again(world: EngineWorld) -> None:
    world.azure.world.recreate_identity(WEB_IDENTITY)
    look_again(world)


def _machine_made_again(world: EngineWorld) -> None:
    world.azure.world.recreate_host(API_VM)
    look_again(world)


def _given_by_others(world: EngineWorld) -> None:
    world.azure.world.give_role("web", BLOB_CONTRIBUTOR, STORAGE_ACCOUNT)


def _role_taken_by_others(world: EngineWorld) -> None:
    principal = world.azure.world.identity(WEB_IDENTITY).principal_id
    found = [one for one in world.azure.world.roles.assignments.values() if one.principal_id == principal]
    for one in found:
        world.azure.world.roles.remove(one)
    look_again(world)


def _let_in_by_others(world: EngineWorld) -> None:
    world.azure.world.create_service_principal(PARTNER_TENANT, world.azure.world.application(READER_APP))


def _machine_deleted(world: EngineWorld) -> None:
    world.azure.world.delete_host(API_VM)
    world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")


def _scenario(name: str, *steps: Step, before: tuple[Step, ...] = (), asks_graph: bool = False) -> Scenario:
    return Scenario(name, steps, (Step(_everything_allowed), *before), asks_graph)


ON_MACHINE = assigned("web", API_VM)
BLOBS = role("blobs")
PARTNER = tenant(deletionPolicy="Delete")
SHARED_HOST = (_with_hosts(ON_MACHINE, **ONE), _with_hosts(ON_MACHINE, **TWO))
SHARED_ROLE = (_with_roles(BLOBS, **ONE), _with_roles(BLOBS, **TWO))

ASSIGNMENTS = (
    _scenario("identity attached and detached", _with_hosts(ON_MACHINE), deleted("web")),
    _scenario(
        "identities at hosts of several kinds",
        _with_hosts(assigned("api", API_NODES, WEB_SITE), assigned("web", API_VM, identity=WEB_IDENTITY)),
        deleted("web"),
    ),
    _scenario(
        "identity with credentials",
        applied(oidc("a"), identityAssignments=[ON_MACHINE]),
        deleted("web"),
        asks_graph=True,
    ),
    _scenario(
        "one resource removed from an item",
        _with_hosts(assigned("web", WEB_VM)),
        before=(_with_hosts(assigned("web", WEB_VM, API_VM)),),
    ),
    _scenario("item of identities renamed", _with_hosts(assigned("other", API_VM)), before=(_with_hosts(ON_MACHINE),)),
    _scenario(
        "identity attached by others before",
        _with_hosts(ON_MACHINE),
        deleted("web"),
        before=(Step(_attached_by_others),),
    ),
    _scenario("one shared host, both leave", deleted("one"), deleted("two"), before=SHARED_HOST),
    _scenario("two at one host at once", together(*SHARED_HOST), together(deleted("one"), deleted("two"))),
    _scenario(
        "one joins at a host while the other leaves",
        together(_with_hosts(ON_MACHINE, **TWO), deleted("one")),
        deleted("two"),
        before=(_with_hosts(ON_MACHINE, **ONE),),
    ),
    _scenario(
        "one joins at a host from which the other's item goes",
        together(_with_hosts(ON_MACHINE, **TWO), _with_hosts(assigned("web", API_NODES), **ONE)),
        deleted("two"),
        before=(_with_hosts(ON_MACHINE, **ONE),),
    ),
    _scenario(
        "shared host, the first deletes, the last retains",
        deleted("one"),
        deleted("two"),
        before=(_with_hosts(ON_MACHINE, **ONE), _with_hosts(ON_MACHINE, **TWO, deletionPolicy="Retain")),
    ),
    _scenario(
        "identity made again at its host",
        Step(_identity_made_again),
        deleted("web"),
        before=(long_ago(_with_hosts(ON_MACHINE)),),
    ),
    _scenario(
        "identity made again while another joins at its host",
        together(_with_hosts(assigned("web", API_VM, identity=WEB_IDENTITY), **TWO), Step(_identity_made_again)),
        together(deleted("web"), deleted("two")),
        before=(long_ago(_with_hosts(ON_MACHINE)),),
    ),
    _scenario(
        "machine made again",
        Step(_machine_made_again),
        deleted("web"),
        before=(long_ago(_with_hosts(ON_MACHINE)),),
    ),
    _scenario(
        "identity taken off by others",
        Step(_taken_off_by_others),
        before=(long_ago(_with_hosts(ON_MACHINE)),),
    ),
    _scenario(
        "identity taken off by others, only reported",
        Step(_taken_off_by_others),
        _with_hosts(ON_MACHINE),
        before=(long_ago(_with_hosts(ON_MACHINE, driftPolicy="Report")),),
    ),
    _scenario(
        "rule of hosts withdrawn and given back",
        Step(_hosts_denied, later=REVOCATION),
        Step(_everything_allowed),
        before=(_with_hosts(ON_MACHINE),),
    ),
    _scenario("machine deleted, then the object", Step(_machine_deleted), before=(long_ago(_with_hosts(ON_MACHINE)),)),
    _scenario("identity asked for and deleted at once", together(_with_hosts(ON_MACHINE), deleted("web"))),
    _scenario("role given and taken back", _with_roles(BLOBS), deleted("web")),
    _scenario(
        "condition of a role edited", _with_roles({**BLOBS, "condition": CONDITION}), before=(_with_roles(BLOBS),)
    ),
    _scenario("role given by others before", _with_roles(BLOBS), deleted("web"), before=(Step(_given_by_others),)),
    _scenario("one shared role, both leave", deleted("one"), deleted("two"), before=SHARED_ROLE),
    _scenario(
        "principal of a role made again",
        Step(_target_made_again),
        deleted("web"),
        before=(long_ago(_with_roles(BLOBS)),),
    ),
    _scenario(
        "role taken back by others",
        Step(_role_taken_by_others),
        before=(long_ago(_with_roles(BLOBS)),),
    ),
    _scenario(
        "rule of roles withdrawn and given back",
        Step(_roles_denied, later=REVOCATION),
        Step(_everything_allowed),
        before=(_with_roles(BLOBS),),
    ),
    _scenario("application let into a tenant and out", _with_tenants(PARTNER), deleted("web"), asks_graph=True),
    _scenario("application let into a tenant to stay", _with_tenants(tenant()), deleted("web"), asks_graph=True),
    _scenario("tenant removed from the spec", _with_tenants(), before=(_with_tenants(PARTNER),), asks_graph=True),
    _scenario(
        "application let in by others before",
        _with_tenants(PARTNER),
        deleted("web"),
        before=(Step(_let_in_by_others),),
        asks_graph=True,
    ),
    _scenario(
        "rule of tenants withdrawn and given back",
        Step(_tenants_denied, later=REVOCATION),
        Step(_everything_allowed),
        before=(_with_tenants(PARTNER),),
        asks_graph=True,
    ),
    _scenario(
        "one tenant, both leave",
        deleted("one"),
        deleted("two"),
        before=(_with_tenants(PARTNER, **ONE), _with_tenants(PARTNER, **TWO)),
        asks_graph=True,
    ),
    _scenario(
        "everything at once",
        applied(oidc("a"), identityAssignments=[ON_MACHINE], roleAssignments=[BLOBS], tenants=[PARTNER]),
        deleted("web"),
        asks_graph=True,
    ),
)
