"""Turning a seed into a world."""

from random import Random

from entrafed_lab.azure.clouds import CLOUDS
from entrafed_lab.azure.documents import InvalidDocument
from entrafed_lab.azure.history import ALWAYS
from entrafed_lab.azure.objects import (
    Access,
    Application,
    Blob,
    Identity,
    ServicePrincipal,
    StorageAccount,
    Subscription,
    Tenant,
)
from entrafed_lab.azure.seed import Seed, stable_id
from entrafed_lab.azure.timing import Clock, Delays
from entrafed_lab.azure.world import NoSuchObject, World


def planted(seed: Seed, *, clock: Clock, delays: Delays, random: Random) -> World:
    """A world that holds what the seed says. `delays` are effective ones. Raises `InvalidDocument`."""
    world = World(clock=clock, delays=delays, random=random)
    world.policies.extend(seed.policies)
    world.issuers.update(seed.issuers)
    world.regions_without_credentials.update(region.lower() for region in seed.regions_without_credentials)
    try:
        _Planter(world, seed).plant()
    except NoSuchObject as missing:
        raise InvalidDocument(f"the seed does not have {missing.args[0]}, which it names") from None
    return world


class _Planter:
    """Turns a seed into the world's objects."""

    def __init__(self, world: World, seed: Seed) -> None:
        self._world = world
        self._seed = seed
        self._by_name: dict[str, Application] = {}
        self._principals: dict[str, str] = {}

    def plant(self) -> None:
        self._tenants()
        self._applications()
        self._service_principals()
        self._subscriptions()
        self._hosts_and_blobs()
        self._role_assignments()

    def _tenant_id(self, name: str) -> str:
        tenant = self._world.tenant(name)
        if tenant is None:
            raise NoSuchObject(f"tenant {name}")
        return tenant.id

    def _tenants(self) -> None:
        for item in self._seed.tenants:
            self._world.tenants[item.id.lower()] = Tenant(
                item.id.lower(), item.name, item.domain, CLOUDS[item.cloud], item.federation_disabled,
                item.allowed_issuers,
            )  # fmt: skip

    def _applications(self) -> None:
        for item in self._seed.applications:
            application = Application(
                tenant_id=self._tenant_id(item.tenant),
                name=item.name,
                app_id=item.app_id.lower() or stable_id("appId", item.name),
                object_id=item.object_id.lower() or stable_id("objectId", item.name),
                unique_name=item.unique_name,
                multi_tenant=item.multi_tenant,
                secrets=item.secrets,
                credentials=item.credentials,
                clock=self._world.clock,
            )
            self._world.applications[application.object_id] = self._by_name[item.name] = application
        if self._seed.operator is not None:
            self._world.operator = self._application(self._seed.operator)

    def _service_principals(self) -> None:
        for item in self._seed.service_principals:
            application = self._application(item.application)
            tenant_id = self._tenant_id(item.tenant)
            principal = ServicePrincipal(
                tenant_id,
                item.object_id.lower() or stable_id("servicePrincipal", item.tenant, item.application),
                application.app_id,
                application.name,
                set(item.app_roles),
            )
            self._world.service_principals[tenant_id, application.app_id] = principal
            self._principals[principal.object_id] = principal.object_id
            self._principals.setdefault(principal.name, principal.object_id)
        for seeded in self._seed.applications:
            self._by_name[seeded.name].owners = {self._principal_id(owner) for owner in seeded.owners}

    def _application(self, name: str) -> Application:
        if name in self._by_name:
            return self._by_name[name]
        raise NoSuchObject(f"application {name}")

    def _principal_id(self, key: str) -> str:
        if key in self._principals:
            return self._principals[key]
        raise NoSuchObject(f"principal {key}")

    def _subscriptions(self) -> None:
        for item in self._seed.subscriptions:
            groups = {group.name: group.location for group in item.resource_groups}
            self._world.subscriptions[item.id.lower()] = Subscription(
                item.id.lower(), self._tenant_id(item.tenant), groups, item.registered
            )
        for seeded in self._seed.identities:
            identity = Identity(
                resource_id=seeded.resource_id,
                tenant_id=self._world.subscription_of(seeded.resource_id).tenant_id,
                client_id=seeded.client_id.lower() or stable_id("clientId", seeded.resource_id),
                principal_id=seeded.principal_id.lower() or stable_id("principalId", seeded.resource_id),
                location=seeded.location,
                credentials=seeded.credentials,
                clock=self._world.clock,
            )
            self._world.keep_identity(identity)
            self._principals[identity.principal_id] = self._principals[identity.name] = identity.principal_id
        for access in self._seed.access:
            self._world.access.append(
                Access(self._principal_id(access.principal), access.scope.lower(), access.actions)
            )

    def _hosts_and_blobs(self) -> None:
        for host in self._seed.hosts:
            self._world.create_host(
                host.resource_id,
                host_id=host.id,
                identities=host.identities,
                location=host.location,
                system_assigned=host.system_assigned,
                created=ALWAYS,
            )
        for account in self._seed.storage_accounts:
            name = account.resource_id.rpartition("/")[2]
            tenant_id = self._world.subscription_of(account.resource_id).tenant_id
            self._world.storage_accounts[name] = StorageAccount(name, account.resource_id, tenant_id)
        for blob in self._seed.blobs:
            if blob.account not in self._world.storage_accounts:
                raise NoSuchObject(f"storage account {blob.account}")
            holder = self._world.storage_accounts[blob.account]
            self._world.blobs.append(Blob(holder, blob.container, blob.name, blob.content.encode()))

    def _role_assignments(self) -> None:
        for item in self._seed.role_assignments:
            self._world.give_role(
                self._principal_id(item.principal), item.role, item.scope, condition=item.condition, created=ALWAYS
            )
