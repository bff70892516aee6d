"""`ManagedIdentityFederation`: what a user asks for, as values. The docstrings are what `kubectl explain` shows."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from entrafed.api.assignments import IdentityAssignments, RoleAssignments, Tenants
from entrafed.api.choices import ConnectionRef, DeletionPolicy, DriftPolicy
from entrafed.api.claims import Claims
from entrafed.api.formats import NO_BLANKS_AROUND, Audience, DnsLabel, Guid
from entrafed.api.metadata import Metadata
from entrafed.api.outputs import OutputSpec
from entrafed.api.pairs import DIFFERENT_PAIRS
from entrafed.api.parsing import parse
from entrafed.api.pipelines import AzureDevOps, GitHubActions, GitLab, TerraformCloud
from entrafed.api.schema import IMMUTABLE, Must, camel_case, exactly_one_of, list_keyed_by, quoted
from entrafed.api.sources import Aws, Google, ManagedIdentityRef, Oidc, ServiceAccountRef, Spiffe
from entrafed.api.status import FederationStatus

MAX_CREDENTIALS = 20
"""Items of one object: as many as one application or identity can carry.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""


@dataclass(
    frozen=True, slots=True, kw_only=True, config=camel_case(exactly_one_of("clientId", "objectId", "uniqueName"))
)
class ApplicationTarget:
    """An app registration, named in exactly one of three ways."""

    client_id: Guid | None = None
    """Application (client) id of the app registration, like `11111111-2222-3333-4444-555555555555`."""
    object_id: Guid | None = None
    """Object id of the app registration. Not the object id of its enterprise application (service principal)."""
    unique_name: Annotated[str, Field(max_length=256), NO_BLANKS_AROUND] | None = None
    """The `uniqueName` of the app registration, which whoever made it may have set in Microsoft Graph; not its display
    name. The same name in another tenant, or after the app is made again, is another app."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case(exactly_one_of("application", "managedIdentity")))
class Target:
    """What carries the federated identity credentials: exactly one of the two."""

    application: ApplicationTarget | None = None
    """An app registration of the connection's tenant: workloads sign in as this app."""
    managed_identity: ManagedIdentityRef | None = None
    """A user-assigned managed identity of the connection's tenant: workloads sign in as this identity."""

    def __post_init__(self) -> None:
        if (self.application is None) is (self.managed_identity is None):
            raise ValueError("must have exactly one of `application`, `managedIdentity`")


Pipeline = GitHubActions | GitLab | TerraformCloud | AzureDevOps
Source = ManagedIdentityRef | ServiceAccountRef | Pipeline | Google | Aws | Spiffe | Oidc | Claims
"""Where tokens come from."""

SOURCES = (
    "managedIdentity",
    "serviceAccount",
    "githubActions",
    "gitlab",
    "terraformCloud",
    "azureDevOps",
    "google",
    "aws",
    "spiffe",
    "oidc",
    "claims",
)


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
    config=camel_case(
        exactly_one_of(*SOURCES),
        Must(
            "!has(self.audience) || !(has(self.managedIdentity)"
            " || (has(self.azureDevOps) && has(self.azureDevOps.entraIssuer)))",
            "may not have an `audience` with `managedIdentity` or `azureDevOps.entraIssuer`: Entra issues those tokens,"
            " always for the audience of the cloud",
        ),
    ),
)
class FederatedCredential:
    """One trust: tokens of exactly one source are accepted in place of a secret of the target."""

    name: DnsLabel
    """A name of your choice, unique in this object, by which status speaks of the item. Renaming an item changes
    nothing in Azure."""
    audience: Audience | None = None
    """The `aud` claim that the tokens must have. Omitted, it is the one of the connection's cloud, which all common
    tools use: `api://AzureADTokenExchange` in the public cloud."""
    managed_identity: ManagedIdentityRef | None = None
    """Workloads that run as this user-assigned managed identity, which must be of the same tenant as the target. When
    the identity is made again under the same name, the credential follows. Only for a target that is an application:
    Entra does not accept the tokens of one managed identity at another."""
    service_account: ServiceAccountRef | None = None
    """Pods that run as this service account, in the namespace of this object and in this cluster."""
    github_actions: GitHubActions | None = None
    """GitHub Actions jobs of one repository, or of one customised subject."""
    gitlab: GitLab | None = None
    """GitLab CI/CD jobs of one project, for one branch or tag."""
    terraform_cloud: TerraformCloud | None = None
    """Runs of one workspace of HCP Terraform or Terraform Enterprise: two credentials, for plans and for applies."""
    azure_dev_ops: AzureDevOps | None = None
    """Azure DevOps pipelines that use one service connection."""
    google: Google | None = None
    """Workloads that run as one service account of Google Cloud."""
    aws: Aws | None = None
    """Workloads that run as one IAM role of AWS."""
    spiffe: Spiffe | None = None
    """Workloads with one SPIFFE ID."""
    oidc: Oidc | None = None
    """Tokens of any other OpenID Connect issuer, by issuer and subject."""
    claims: Claims | None = None
    """Tokens of GitHub, GitLab or HCP Terraform whose claims fit patterns, such as all branches of a repository. In
    preview at Microsoft, which may change it. Only for a target that is an application."""

    def __post_init__(self) -> None:
        if len(self._sources()) != 1:
            raise ValueError(f"must have exactly one of {quoted(SOURCES)}")

    @property
    def source(self) -> Source:
        """The one source that the item has."""
        return self._sources()[0]

    def _sources(self) -> tuple[Source, ...]:
        sources = (
            self.managed_identity,
            self.service_account,
            self.github_actions,
            self.gitlab,
            self.terraform_cloud,
            self.azure_dev_ops,
            self.google,
            self.aws,
            self.spiffe,
            self.oidc,
            self.claims,
        )
        return tuple(source for source in sources if source is not None)


FederatedCredentials = Annotated[
    tuple[FederatedCredential, ...], Field(max_length=MAX_CREDENTIALS), list_keyed_by("name"), DIFFERENT_PAIRS
]


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
    config=camel_case(
        Must(
            "!has(self.target.managedIdentity) || !has(self.federatedCredentials)"
            " || self.federatedCredentials.all(item, !has(item.managedIdentity))",
            "may not have a `managedIdentity` in `federatedCredentials` when `target` is a managed identity: Entra"
            " accepts tokens of managed identities at applications only (AADSTS700222)",
        ),
        Must(
            "!has(self.target.managedIdentity) || !has(self.federatedCredentials)"
            " || self.federatedCredentials.all(item, !has(item.claims))",
            "may not have `claims` in `federatedCredentials` when `target` is a managed identity: such credentials are"
            " written with Microsoft Graph, which has them for applications only; use an application, or a source with"
            " an exact subject",
        ),
        Must(
            "has(self.target.managedIdentity) || !has(self.identityAssignments)"
            " || self.identityAssignments.all(item, has(item.managedIdentity))",
            "must have a `managedIdentity` in each of `identityAssignments` when `target` is an application",
        ),
        Must(
            "!has(self.target.managedIdentity) || !has(self.tenants)",
            "may not have `tenants` when `target` is a managed identity: it exists in its own tenant only",
        ),
    ),
)
class FederationSpec:
    """What is asked for."""

    connection_ref: Annotated[ConnectionRef, IMMUTABLE]
    """The EntraConnection that says how to sign in to the tenant, and whose rules must allow everything asked for here.
    It may not be changed."""
    target: Annotated[Target, IMMUTABLE]
    """What carries the federated identity credentials: an app registration or a user-assigned managed identity. It may
    not be changed."""
    federated_credentials: FederatedCredentials = ()
    """Whose tokens the target accepts: one item for each source of tokens, at most 20. Removing an item removes the
    credential that was made for it, whatever `deletionPolicy` says. Credentials that others made are never changed."""
    identity_assignments: IdentityAssignments = ()
    """Which Azure resources are given which managed identity, so that what runs there can sign in as it: at most 16
    items. Identities that others assigned are never taken back."""
    role_assignments: RoleAssignments = ()
    """Which Azure roles the target's service principal is given, and where: at most 16 items. Assignments that others
    made are never changed or taken back."""
    tenants: Tenants = ()
    """Other tenants in which the target application, which must be multi-tenant, gets a service principal: at most 16
    items. In its own tenant it gets one in any case."""
    output: OutputSpec | None = None
    """What is written into the namespace of this object once a rule allows the target. Omitted, nothing is; annotations
    of service accounts are asked for at their items."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """What deleting this object does to what was made for it: credentials, assignments of identities and roles,
    annotations and the ConfigMap. `Delete` removes them; `Retain` leaves what the connection's rules still allow, and
    nobody looks after it any more. Items of `tenants` have a policy of their own."""
    drift_policy: DriftPolicy = DriftPolicy.REPAIR
    """What is done when somebody else changed or removed what was made for this object. `Repair` brings it back;
    `Report` only tells, in status and by an event."""
    suspend: bool = False
    """While true nothing is read from or written to Azure for this object, and its Ready condition is Unknown. Deleting
    the object still cleans up, and withdrawn permissions still take effect."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Federation:
    """Federated identity credentials on one target, kept true by the operator."""

    metadata: Metadata
    spec: FederationSpec
    status: FederationStatus = FederationStatus()


_FEDERATION = TypeAdapter(Federation)


def parse_federation(body: Mapping[str, Any]) -> Federation:
    """A `ManagedIdentityFederation` as the API server gives it. Raises InvalidObject."""
    return parse(_FEDERATION, body)
