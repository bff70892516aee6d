"""The things that exist in the simulated Azure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from entrafed_lab.azure.clouds import Cloud
from entrafed_lab.azure.history import ALWAYS, History
from entrafed_lab.azure.seed import CredentialSeed, stable_id
from entrafed_lab.azure.timing import Clock

LIMIT = 20
"""Federated identity credentials per application and per user-assigned identity."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A federated identity credential. A flexible one has an `expression` and no `subject`."""

    id: str
    name: str
    issuer: str
    subject: str | None
    audiences: tuple[str, ...]
    description: str | None = None
    expression: str | None = None

    @property
    def pair(self) -> tuple[str, str | None]:
        return self.issuer, self.subject


class CredentialHolder:
    """An application or a user-assigned identity: what carries federated identity credentials, by name."""

    def __init__(self, scope: str, seeds: Iterable[CredentialSeed], *, clock: Clock) -> None:
        self._scope = scope
        self._made = 0
        by_name = {seed.name: self._from_seed(seed) for seed in seeds}
        self.history: History[dict[str, Credential]] = History(by_name, clock=clock)
        self.writes_in_flight = 0

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """All credentials in the order they were made."""
        return tuple(self.history.current.values())

    def credential(self, key: str) -> Credential | None:
        """The credential with this name or id."""
        return find(self.history.current.values(), key)

    def new_id(self, name: str) -> str:
        """The id of the next credential: another one for each that is made, also under the same name."""
        self._made += 1
        return stable_id("credential", self._scope, name, str(self._made))

    def put(self, credential: Credential) -> None:
        """Add a credential, or replace the one with this name."""
        self.history.write({**self.history.current, credential.name: credential})

    def remove(self, name: str) -> None:
        self.history.write({key: value for key, value in self.history.current.items() if key != name})

    def add_foreign_credential(
        self,
        *,
        name: str,
        issuer: str,
        subject: str | None = None,
        audiences: Sequence[str] = ("api://AzureADTokenExchange",),
        description: str | None = None,
        expression: str | None = None,
    ) -> Credential:
        """What somebody else does in the portal; none of Azure's rules are checked."""
        seed = CredentialSeed(name, issuer, subject, tuple(audiences), description, expression)
        credential = self._from_seed(seed)
        self.put(credential)
        return credential

    def change_credential(
        self,
        name: str,
        *,
        issuer: str | None = None,
        subject: str | None = None,
        audiences: Sequence[str] | None = None,
        description: str | None = None,
        expression: str | None = None,
    ) -> Credential:
        """Change the content of a credential behind everybody's back; what is not given stays, but that a subject and
        an expression take each other's place. KeyError if absent."""
        old = self.history.current[name]
        new = replace(
            old,
            issuer=issuer or old.issuer,
            subject=None if expression else subject or old.subject,
            expression=None if subject else expression or old.expression,
            audiences=tuple(audiences or old.audiences),
            description=description or old.description,
        )
        self.put(new)
        return new

    def _from_seed(self, seed: CredentialSeed) -> Credential:
        return Credential(
            self.new_id(seed.name), seed.name, seed.issuer, seed.subject, seed.audiences, seed.description,
            seed.expression,
        )  # fmt: skip


def find(credentials: Iterable[Credential], key: str) -> Credential | None:
    """The credential with this name or id among those given."""
    return next((item for item in credentials if key in (item.name, item.id)), None)


@dataclass(slots=True)
class Tenant:
    id: str
    name: str
    domain: str
    cloud: Cloud
    federation_disabled: bool
    allowed_issuers: tuple[str, ...]

    @property
    def issuer(self) -> str:
        """The issuer of v2.0 tokens of this tenant, under its real name."""
        return f"{self.cloud.login}/{self.id}/v2.0"


class Application(CredentialHolder):
    """An app registration."""

    def __init__(
        self,
        *,
        tenant_id: str,
        name: str,
        app_id: str,
        object_id: str,
        clock: Clock,
        unique_name: str | None = None,
        multi_tenant: bool = False,
        owners: Iterable[str] = (),
        secrets: Iterable[str] = (),
        credentials: Iterable[CredentialSeed] = (),
        created: float = ALWAYS,
    ) -> None:
        super().__init__(object_id, credentials, clock=clock)
        self.tenant_id = tenant_id
        self.name = name
        self.app_id = app_id
        self.object_id = object_id
        self.unique_name = unique_name
        self.multi_tenant = multi_tenant
        self.owners = set(owners)
        """Object ids of service principals."""
        self.secrets = set(secrets)
        self.created = created

    @property
    def sign_in_audience(self) -> str:
        """Who can sign in to it, as Graph says it."""
        return "AzureADMultipleOrgs" if self.multi_tenant else "AzureADMyOrg"


@dataclass(slots=True)
class ServicePrincipal:
    """An application or a managed identity in one tenant."""

    tenant_id: str
    object_id: str
    app_id: str
    name: str
    app_roles: set[str] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)
    managed_identity: bool = False
    created: float = ALWAYS


class Identity(CredentialHolder):
    """A user-assigned managed identity."""

    def __init__(
        self,
        *,
        resource_id: str,
        tenant_id: str,
        client_id: str,
        principal_id: str,
        location: str,
        clock: Clock,
        credentials: Iterable[CredentialSeed] = (),
        created: float = ALWAYS,
    ) -> None:
        super().__init__(principal_id, credentials, clock=clock)
        parts = resource_id.split("/")
        self.resource_id = resource_id
        self.subscription_id = parts[2]
        self.resource_group = parts[4]
        self.name = parts[8]
        self.tenant_id = tenant_id
        self.client_id = client_id
        self.principal_id = principal_id
        self.location = location
        self.tags: dict[str, str] = {}
        self.created = created
        self.assignable_to: frozenset[str] | None = None
        """Namespaces of the providers whose resources may have it, in lower case; None: all of them."""


@dataclass(slots=True)
class Subscription:
    id: str
    tenant_id: str
    resource_groups: dict[str, str]
    """Location by name."""
    registered: bool

    def resource_group(self, name: str) -> str | None:
        """The group's name as it was created, found without regard to case."""
        return next((own for own in self.resource_groups if own.lower() == name.lower()), None)


@dataclass(slots=True)
class Access:
    """What a principal may do at a scope (lower-case) and below."""

    principal_id: str
    scope: str
    actions: tuple[str, ...]


@dataclass(slots=True)
class Lock:
    """A management lock: "CanNotDelete" or "ReadOnly"."""

    scope: str
    level: str


@dataclass(slots=True)
class StorageAccount:
    name: str
    resource_id: str
    tenant_id: str


@dataclass(slots=True)
class Blob:
    account: StorageAccount
    container: str
    name: str
    content: bytes
