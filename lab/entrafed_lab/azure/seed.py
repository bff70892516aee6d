"""What exists in the simulated Azure when it starts: frozen values, from a file, from a test, or the default."""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from uuid import UUID, uuid5

import yaml

from entrafed_lab.azure.builtin_roles import PRIVILEGED_ROLES
from entrafed_lab.azure.documents import InvalidDocument, parse
from entrafed_lab.azure.host_types import HostKind, host_kind

NAMESPACE = UUID("5c1a3f0e-5b0a-4c55-9d0e-0a5e1d5eed00")


def stable_id(*parts: str) -> str:
    """A GUID that is the same on every machine for the same parts."""
    return str(uuid5(NAMESPACE, "\0".join(parts)))


IDENTITY_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[^/]+",
    re.IGNORECASE,
)


def require_identity_id(resource_id: str) -> None:
    """Raise `InvalidDocument` for what names no user-assigned managed identity."""
    if IDENTITY_ID.fullmatch(resource_id) is None:
        raise InvalidDocument(
            f"{resource_id} is not the resource id of a user-assigned identity: /subscriptions/<id>/resourceGroups/"
            "<name>/providers/Microsoft.ManagedIdentity/userAssignedIdentities/<name>"
        )


def require_host_id(resource_id: str) -> HostKind:
    """The kind of host that a resource id names; raises `InvalidDocument`."""
    kind = host_kind(resource_id)
    if kind is None:
        raise InvalidDocument(f"{resource_id} is not the resource id of a host; possible are {', '.join(HostKind)}")
    return kind


class CloudName(StrEnum):
    """Which of Microsoft's clouds a tenant lives in."""

    PUBLIC = "AzurePublic"
    US_GOVERNMENT = "AzureUSGovernment"
    CHINA = "AzureChina"


@dataclass(frozen=True, slots=True)
class CredentialSeed:
    """A federated identity credential made by others. `expression` makes it a flexible one, without subject."""

    name: str
    issuer: str
    subject: str | None = None
    audiences: tuple[str, ...] = ("api://AzureADTokenExchange",)
    description: str | None = None
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class TenantSeed:
    id: str
    name: str
    domain: str = ""
    cloud: CloudName = CloudName.PUBLIC
    federation_disabled: bool = False
    """Tenant policy: no workload identity federation at all (AADSTS700223)."""
    allowed_issuers: tuple[str, ...] = ()
    """Tenant policy: only these issuers may be trusted (AADSTS700238); empty allows all."""


@dataclass(frozen=True, slots=True)
class ApplicationSeed:
    """An app registration. `owners` are display names of service principals of its tenant."""

    tenant: str
    name: str
    app_id: str = ""
    object_id: str = ""
    unique_name: str | None = None
    multi_tenant: bool = False
    owners: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    credentials: tuple[CredentialSeed, ...] = ()


@dataclass(frozen=True, slots=True)
class ServicePrincipalSeed:
    """A service principal of `application` (its name) in `tenant`. `app_roles` are granted Graph permissions."""

    tenant: str
    application: str
    object_id: str = ""
    app_roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceGroupSeed:
    name: str
    location: str = "westeurope"


@dataclass(frozen=True, slots=True)
class SubscriptionSeed:
    id: str
    tenant: str
    resource_groups: tuple[ResourceGroupSeed, ...] = ()
    registered: bool = True
    """Whether the resource provider Microsoft.ManagedIdentity is registered."""


@dataclass(frozen=True, slots=True)
class IdentitySeed:
    """A user-assigned managed identity."""

    resource_id: str
    client_id: str = ""
    principal_id: str = ""
    location: str = "westeurope"
    credentials: tuple[CredentialSeed, ...] = ()

    def __post_init__(self) -> None:
        require_identity_id(self.resource_id)


@dataclass(frozen=True, slots=True)
class HostSeed:
    """A machine or an app with user-assigned identities attached; `id` names it in the lab, and its token endpoint."""

    id: str
    resource_id: str
    identities: tuple[str, ...] = ()
    location: str = "westeurope"
    system_assigned: bool = False

    def __post_init__(self) -> None:
        require_host_id(self.resource_id)


@dataclass(frozen=True, slots=True)
class AccessSeed:
    """What a service principal (its object id or display name) may do at an ARM scope and below."""

    principal: str
    scope: str
    actions: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class PolicySeed:
    """An Azure Policy: at this scope, credentials may name only issuers that match one of these patterns."""

    scope: str
    name: str
    allowed_issuers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoleAssignmentSeed:
    """A role, by its name, that a principal (its object id or display name) has at an ARM scope and below."""

    principal: str
    role: str
    scope: str
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class StorageAccountSeed:
    resource_id: str


@dataclass(frozen=True, slots=True)
class BlobSeed:
    """A blob in one of the storage accounts, which is named by its name."""

    account: str
    container: str
    name: str
    content: str


@dataclass(frozen=True, slots=True)
class Seed:
    """The whole world at its beginning. Tenants are referred to by name, identities by resource id."""

    tenants: tuple[TenantSeed, ...] = ()
    applications: tuple[ApplicationSeed, ...] = ()
    service_principals: tuple[ServicePrincipalSeed, ...] = ()
    subscriptions: tuple[SubscriptionSeed, ...] = ()
    identities: tuple[IdentitySeed, ...] = ()
    hosts: tuple[HostSeed, ...] = ()
    access: tuple[AccessSeed, ...] = ()
    policies: tuple[PolicySeed, ...] = ()
    role_assignments: tuple[RoleAssignmentSeed, ...] = ()
    storage_accounts: tuple[StorageAccountSeed, ...] = ()
    blobs: tuple[BlobSeed, ...] = ()
    issuers: tuple[str, ...] = ()
    """External OIDC issuers whose keys the lab holds, under their real names."""
    regions_without_credentials: tuple[str, ...] = ()
    operator: str | None = field(default=None)
    """Name of the application that the operator signs in as."""

    @classmethod
    def load(cls, path: Path | None = None) -> "Seed":
        """The seed of a YAML or JSON file; without a file the default one. Raises `InvalidDocument`."""
        if path is None:
            return default_seed()
        try:
            document = yaml.safe_load(path.read_text())
        except yaml.YAMLError as error:
            raise InvalidDocument(f"{path}: {error}") from None
        return parse(cls, document, str(path))

    def trusting_operator(self, *, issuer: str, subject: str, held: bool = False) -> "Seed":
        """The same seed, in which the operator's application trusts a service account of the operator's cluster.

        `held`: the lab has the issuer's keys, and signs in its name.
        """
        trust = CredentialSeed("operator", issuer, subject, description="The operator's own sign-in.")
        applications = tuple(
            replace(item, credentials=(*item.credentials, trust)) if item.name == self.operator else item
            for item in self.applications
        )
        return replace(self, applications=applications, issuers=(*self.issuers, issuer) if held else self.issuers)


HOME_TENANT = "11111111-1111-4111-8111-111111111111"
PARTNER_TENANT = "22222222-2222-4222-8222-222222222222"
SUBSCRIPTION = "33333333-3333-4333-8333-333333333333"
PARTNER_SUBSCRIPTION = "66666666-6666-4666-8666-666666666666"
READER_APP = "aaaaaaaa-0001-4aaa-8aaa-aaaaaaaaaaaa"
READER_OBJECT = "bbbbbbbb-0001-4bbb-8bbb-bbbbbbbbbbbb"
BILLING_APP = "aaaaaaaa-0002-4aaa-8aaa-aaaaaaaaaaaa"
BILLING_OBJECT = "bbbbbbbb-0002-4bbb-8bbb-bbbbbbbbbbbb"
OPERATOR_APP = "aaaaaaaa-0009-4aaa-8aaa-aaaaaaaaaaaa"
OPERATOR_OBJECT = "bbbbbbbb-0009-4bbb-8bbb-bbbbbbbbbbbb"
OPERATOR_PRINCIPAL = "cccccccc-0009-4ccc-8ccc-cccccccccccc"
PARTNER_PRINCIPAL = "cccccccc-0099-4ccc-8ccc-cccccccccccc"
"""The operator in the partner's tenant."""

_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/payments"
WEB_IDENTITY = f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/web"
API_IDENTITY = f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/api"

WEB_VM = f"{_GROUP}/providers/Microsoft.Compute/virtualMachines/web-1"
WEB_SITE = f"{_GROUP}/providers/Microsoft.Web/sites/web"
API_VM = f"{_GROUP}/providers/Microsoft.Compute/virtualMachines/api-1"
API_NODES = f"{_GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/api-nodes"
API_APP = f"{_GROUP}/providers/Microsoft.App/containerApps/api"

STORAGE_ACCOUNT = f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/contosodata"
PARTNER_STORAGE_ACCOUNT = (
    f"/subscriptions/{PARTNER_SUBSCRIPTION}/resourceGroups/shared/providers/Microsoft.Storage/storageAccounts"
    "/fabrikamdata"
)

OPERATOR_ROLES = (
    "Managed Identity Contributor",
    "Managed Identity Operator",
    "Virtual Machine Contributor",
    "Website Contributor",
    "Container Apps Contributor",
    "Container Apps Jobs Contributor",
    "Automation Contributor",
)
"""What the operator has at its subscription; besides, it may give roles, though none that give roles themselves."""

NO_PRIVILEGED_ROLES = " AND ".join(
    f"((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/{action}'}})) OR "
    f"(@{source}[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAllValues:GuidNotEquals "
    f"{{{', '.join(PRIVILEGED_ROLES)}}}))"
    for action, source in (("write", "Request"), ("delete", "Resource"))
)
"""Source: https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples"""

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"
TERRAFORM = "https://app.terraform.io"


def default_seed() -> Seed:
    """Contoso, at home with an operator, two applications, two identities and hosts of several kinds; and Fabrikam, a
    partner, where the operator may let applications in."""
    return Seed(
        tenants=(
            TenantSeed(HOME_TENANT, "contoso", "contoso.onmicrosoft.com"),
            TenantSeed(PARTNER_TENANT, "fabrikam", "fabrikam.onmicrosoft.com"),
        ),
        applications=_applications(),
        service_principals=(
            ServicePrincipalSeed("contoso", "storage-reader", "cccccccc-0001-4ccc-8ccc-cccccccccccc"),
            ServicePrincipalSeed("contoso", "billing", "cccccccc-0002-4ccc-8ccc-cccccccccccc"),
            ServicePrincipalSeed(
                "contoso", "entrafed-operator", OPERATOR_PRINCIPAL, app_roles=("Application.ReadWrite.OwnedBy",)
            ),
            ServicePrincipalSeed(
                "fabrikam", "entrafed-operator", PARTNER_PRINCIPAL, app_roles=("Application.ReadWrite.OwnedBy",)
            ),
        ),
        subscriptions=(
            SubscriptionSeed(SUBSCRIPTION, "contoso", (ResourceGroupSeed("payments"), ResourceGroupSeed("platform"))),
            SubscriptionSeed(PARTNER_SUBSCRIPTION, "fabrikam", (ResourceGroupSeed("shared"),)),
        ),
        identities=(
            IdentitySeed(WEB_IDENTITY, "dddddddd-0001-4ddd-8ddd-dddddddddddd", "eeeeeeee-0001-4eee-8eee-eeeeeeeeeeee"),
            IdentitySeed(API_IDENTITY, "dddddddd-0002-4ddd-8ddd-dddddddddddd", "eeeeeeee-0002-4eee-8eee-eeeeeeeeeeee"),
        ),
        hosts=(
            HostSeed("web-vm", WEB_VM, (WEB_IDENTITY,)),
            HostSeed("web-site", WEB_SITE, (WEB_IDENTITY,)),
            HostSeed("api-vm", API_VM, system_assigned=True),
            HostSeed("api-nodes", API_NODES),
            HostSeed("api-app", API_APP),
        ),
        role_assignments=(
            *(
                RoleAssignmentSeed("entrafed-operator", role, f"/subscriptions/{SUBSCRIPTION}")
                for role in OPERATOR_ROLES
            ),
            RoleAssignmentSeed(
                "entrafed-operator",
                "Role Based Access Control Administrator",
                f"/subscriptions/{SUBSCRIPTION}",
                NO_PRIVILEGED_ROLES,
            ),
            RoleAssignmentSeed("storage-reader", "Storage Blob Data Reader", STORAGE_ACCOUNT),
        ),
        storage_accounts=(StorageAccountSeed(STORAGE_ACCOUNT), StorageAccountSeed(PARTNER_STORAGE_ACCOUNT)),
        blobs=(
            BlobSeed("contosodata", "reports", "hello.txt", "Hello from the simulated storage.\n"),
            BlobSeed("fabrikamdata", "shared", "hello.txt", "Hello from the partner's storage.\n"),
        ),
        issuers=(GITHUB, GITLAB, TERRAFORM),
        operator="entrafed-operator",
    )


def _applications() -> tuple[ApplicationSeed, ...]:
    foreign = CredentialSeed(
        "terraform-production",
        TERRAFORM,
        "organization:contoso:project:payments:workspace:production:run_phase:apply",
        description="Made by the Terraform team.",
    )
    return (
        ApplicationSeed(
            "contoso",
            "storage-reader",
            READER_APP,
            READER_OBJECT,
            unique_name="storage-reader",
            multi_tenant=True,
            owners=("entrafed-operator",),
            credentials=(foreign,),
        ),
        ApplicationSeed("contoso", "billing", BILLING_APP, BILLING_OBJECT, unique_name="billing"),
        ApplicationSeed("contoso", "entrafed-operator", OPERATOR_APP, OPERATOR_OBJECT, multi_tenant=True),
    )
