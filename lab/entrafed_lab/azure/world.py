"""The state of the simulated Azure: synchronous, typed, and open to what others do behind the operator's back."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from entrafed_lab.azure.history import KEPT, Replicas
from entrafed_lab.azure.hosts import Attachment, Host, HostIdentity, SystemIdentity
from entrafed_lab.azure.objects import (
    Access,
    Application,
    Blob,
    CredentialHolder,
    Identity,
    Lock,
    ServicePrincipal,
    StorageAccount,
    Subscription,
    Tenant,
)
from entrafed_lab.azure.roles import RoleAssignment, Roles
from entrafed_lab.azure.seed import PolicySeed, require_host_id, stable_id
from entrafed_lab.azure.timing import Clock, Delays


class NoSuchObject(KeyError):
    """The world holds nothing under this name."""


class World:
    """Everything that exists in all tenants and subscriptions."""

    def __init__(self, *, clock: Clock, delays: Delays, random: Random) -> None:
        self.clock = clock
        self.delays = delays
        """Effective ones; may be replaced while requests are served."""
        self.replicas = Replicas(delays=lambda: self.delays, clock=clock, random=random)
        self.tenants: dict[str, Tenant] = {}
        self.applications: dict[str, Application] = {}
        self.service_principals: dict[tuple[str, str], ServicePrincipal] = {}
        self.departed: list[tuple[ServicePrincipal, float]] = []
        """Those that are gone, and since when: a replica that lags behind still knows them."""
        self.subscriptions: dict[str, Subscription] = {}
        self.identities: dict[str, Identity] = {}
        self.hosts: dict[str, Host] = {}
        self.access: list[Access] = []
        self.locks: list[Lock] = []
        self.policies: list[PolicySeed] = []
        self.roles = Roles(clock=clock, delays=lambda: self.delays)
        self.storage_accounts: dict[str, StorageAccount] = {}
        self.blobs: list[Blob] = []
        self.issuers: set[str] = set()
        self.regions_without_credentials: set[str] = set()
        self.operator: Application | None = None
        self._made = 0

    # Looking things up

    def tenant(self, key: str) -> Tenant | None:
        """The tenant with this id, domain or name."""
        key = key.lower()
        return next((t for t in self.tenants.values() if key in (t.id, t.domain.lower(), t.name.lower())), None)

    def application(self, key: str) -> Application:
        """The application with this object id, app id, unique name or display name; raises `NoSuchObject`."""
        found = self.applications.get(key.lower())
        if found is not None:
            return found
        for item in self.applications.values():
            if key.lower() == item.app_id or key in (item.unique_name, item.name):
                return item
        raise NoSuchObject(key)

    def identity(self, key: str) -> Identity:
        """The identity with this resource id, client id, principal id or name; raises `NoSuchObject`."""
        found = self.identities.get(key.lower())
        if found is not None:
            return found
        for item in self.identities.values():
            if key in (item.client_id, item.principal_id, item.name):
                return item
        raise NoSuchObject(key)

    def holder(self, key: str) -> CredentialHolder:
        """The application or identity under any of its names; raises `NoSuchObject`."""
        try:
            return self.application(key)
        except NoSuchObject:
            return self.identity(key)

    def host(self, key: str) -> Host:
        """The host with this id in the lab or this resource id; raises `NoSuchObject`."""
        found = self.hosts.get(key)
        if found is None:
            found = next((item for item in self.hosts.values() if item.resource_id.lower() == key.lower()), None)
        if found is None:
            raise NoSuchObject(f"host {key}")
        return found

    def subscription_of(self, resource_id: str) -> Subscription:
        """The subscription that a resource id names; raises `NoSuchObject`."""
        name = resource_id.split("/")[2].lower()
        if name not in self.subscriptions:
            raise NoSuchObject(f"subscription {name}")
        return self.subscriptions[name]

    def principal(self, key: str) -> ServicePrincipal:
        """The service principal with this object id or, in whatever tenant is first, name; raises `NoSuchObject`."""
        for item in self.service_principals.values():
            if key in (item.object_id, item.name):
                return item
        raise NoSuchObject(f"principal {key}")

    def service_principal(self, tenant_id: str, app_id: str) -> ServicePrincipal | None:
        return self.service_principals.get((tenant_id, app_id.lower()))

    # What others do

    def new_id(self, *parts: str) -> str:
        """A GUID that no other object has; the same in every run of the same steps."""
        self._made += 1
        return stable_id(*parts, str(self._made))

    def create_application(
        self, name: str, *, tenant_id: str, owners: Sequence[str] = (), unique_name: str | None = None
    ) -> Application:
        """Register an application; `owners` are object ids of service principals."""
        application = Application(
            tenant_id=tenant_id,
            name=name,
            app_id=self.new_id("appId", name),
            object_id=self.new_id("objectId", name),
            unique_name=unique_name,
            owners=owners,
            clock=self.clock,
            created=self.clock(),
        )
        self.applications[application.object_id] = application
        return application

    def delete_application(self, key: str) -> Application:
        """Remove an application and its service principals everywhere."""
        application = self.applications.pop(self.application(key).object_id)
        for tenant_id, app_id in [place for place in self.service_principals if place[1] == application.app_id]:
            self.delete_service_principal(tenant_id, app_id)
        return application

    def create_service_principal(self, tenant_id: str, application: Application) -> ServicePrincipal:
        principal = ServicePrincipal(
            tenant_id,
            self.new_id("servicePrincipal", tenant_id, application.app_id),
            application.app_id,
            application.name,
            created=self.clock(),
        )
        self.service_principals[tenant_id, application.app_id] = principal
        return principal

    def delete_service_principal(self, tenant_id: str, app_id: str) -> None:
        """Remove an application or managed identity from a tenant; nothing happens when it is not there."""
        found = self.service_principals.pop((tenant_id, app_id), None)
        self.departed = [(item, when) for item, when in self.departed if when > self.clock() - KEPT]
        if found is not None:
            self.departed.append((found, self.clock()))

    def create_identity(self, resource_id: str, *, location: str = "westeurope") -> Identity:
        """Make a user-assigned identity; its client id and principal id are new each time."""
        subscription = self.subscription_of(resource_id)
        identity = Identity(
            resource_id=resource_id,
            tenant_id=subscription.tenant_id,
            client_id=self.new_id("clientId", resource_id.lower()),
            principal_id=self.new_id("principalId", resource_id.lower()),
            location=location,
            clock=self.clock,
            created=self.clock(),
        )
        self.keep_identity(identity)
        return identity

    def keep_identity(self, identity: Identity) -> None:
        """Put an identity and the service principal that it has in its tenant into the world."""
        self.identities[identity.resource_id.lower()] = identity
        self.service_principals[identity.tenant_id, identity.client_id] = ServicePrincipal(
            identity.tenant_id, identity.principal_id, identity.client_id, identity.name, managed_identity=True,
            created=identity.created,
        )  # fmt: skip

    def delete_identity(self, key: str) -> Identity:
        """Remove an identity with its credentials. Hosts keep it attached, as a dead reference."""
        identity = self.identities.pop(self.identity(key).resource_id.lower())
        self.delete_service_principal(identity.tenant_id, identity.client_id)
        self.roles.remove_at(identity.resource_id)
        return identity

    def recreate_identity(self, key: str) -> Identity:
        """Delete an identity and make it again under the same name: another client id, another principal id."""
        old = self.delete_identity(key)
        return self.create_identity(old.resource_id, location=old.location)

    def create_host(
        self,
        resource_id: str,
        *,
        host_id: str = "",
        identities: Sequence[str] = (),
        location: str = "westeurope",
        system_assigned: bool = False,
        created: float | None = None,
    ) -> Host:
        """Make a machine or an app, known in the lab by `host_id` (its name, when none is given)."""
        host_id = host_id or resource_id.rpartition("/")[2]
        host = Host(
            host_id=host_id,
            kind=require_host_id(resource_id),
            resource_id=resource_id,
            tenant_id=self.subscription_of(resource_id).tenant_id,
            location=location,
            clock=self.clock,
            unique_id=self.new_id("host", resource_id.lower()),
            identity=HostIdentity(),
            created=self.clock() if created is None else created,
        )
        self.hosts[host_id] = host
        for key in identities:
            self.attach(host_id, key, since=host.created)
        if system_assigned:
            system = self.new_system_identity(host)
            self.exchange_system_identity(host, None, system)
            host.change(lambda identity: replace(identity, system=system))
        return host

    def delete_host(self, key: str) -> Host:
        """Remove a host, and its system-assigned identity with it."""
        host = self.hosts.pop(self.host(key).id)
        self.exchange_system_identity(host, host.identity.system, None)
        self.roles.remove_at(host.resource_id)
        return host

    def recreate_host(self, key: str) -> Host:
        """Delete a host and make it again under the same name: without identities, and with another vmId."""
        old = self.delete_host(key)
        return self.create_host(old.resource_id, host_id=old.id, location=old.location)

    def attach(self, host: str, key: str, *, since: float | None = None) -> None:
        """Assign an identity to a host."""
        identity = self.identity(key)
        attachment = Attachment(
            identity.resource_id, identity.principal_id, identity.client_id, self.clock() if since is None else since
        )
        self.host(host).change(lambda found: found.with_attached(attachment))

    def detach(self, host: str, key: str) -> None:
        """Take an identity off a host; nothing happens when it was not there."""
        resource_id = self.identity(key).resource_id
        self.host(host).change(lambda found: found.without(resource_id))

    def new_system_identity(self, host: Host) -> SystemIdentity:
        """Ids for a system-assigned identity: others each time it is switched on."""
        return SystemIdentity(self.new_id("systemPrincipal", host.id), self.new_id("systemClient", host.id))

    def exchange_system_identity(self, host: Host, old: SystemIdentity | None, new: SystemIdentity | None) -> None:
        """Remove the service principal of one system-assigned identity of a host, and make that of another."""
        if old is not None:
            self.delete_service_principal(host.tenant_id, old.client_id)
        if new is not None:
            self.service_principals[host.tenant_id, new.client_id] = ServicePrincipal(
                host.tenant_id, new.principal_id, new.client_id, host.id, managed_identity=True, created=self.clock()
            )

    def give_role(
        self, principal: str, role: str, scope: str, *, condition: str | None = None, created: float | None = None
    ) -> RoleAssignment:
        """Give a role, by its name or id, to a principal, by its object id or name."""
        found, definition = self.principal(principal), self.roles.definition(role)
        if definition is None:
            raise NoSuchObject(f"role {role}")
        return self.roles.put(
            RoleAssignment(
                self.new_id("roleAssignment", scope, found.object_id, definition.id),
                found.tenant_id,
                scope,
                found.object_id,
                definition.id,
                condition=condition,
                created=self.clock() if created is None else created,
            )
        )

    def take_rights(self, principal: str, *, role: str | None = None, scope: str | None = None) -> None:
        """Take roles and other rights from a principal: one role or all, those given at one scope or everywhere."""
        found, definition = self.principal(principal), None if role is None else self.roles.definition(role)
        if role is not None and definition is None:
            raise NoSuchObject(f"role {role}")
        for item in list(self.roles.assignments.values()):
            same_role = definition is None or item.role_id == definition.id
            same_scope = scope is None or item.scope.lower() == scope.lower()
            if item.principal_id == found.object_id and same_role and same_scope:
                self.roles.remove(item)
        if definition is None:
            self.access = [
                item
                for item in self.access
                if item.principal_id != found.object_id or (scope is not None and item.scope != scope.lower())
            ]

    def lock(self, scope: str, level: str = "ReadOnly") -> Lock:
        """Put a management lock on a scope; remove it with `world.locks.remove`."""
        lock = Lock(scope.lower(), level)
        self.locks.append(lock)
        return lock
