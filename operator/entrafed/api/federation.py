"""`ManagedIdentityFederation`: what a user asks for, as values. The docstrings are what `kubectl explain` shows."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from entrafed.api.formats import (
    MAX_VALUE,
    NO_BLANKS_AROUND,
    NO_WILDCARD,
    Audience,
    DnsLabel,
    DnsSubdomain,
    Guid,
    Issuer,
    ManagedIdentityId,
    Subject,
)
from entrafed.api.metadata import Metadata
from entrafed.api.parsing import parse
from entrafed.api.schema import IMMUTABLE, Must, camel_case, exactly_one_of, like, list_keyed_by, unlike
from entrafed.api.status import FederationStatus

MAX_CREDENTIALS = 20
"""Items of one object: as many as one application or identity can carry.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"


class DeletionPolicy(StrEnum):
    """What deleting the object does to what it made."""

    DELETE = "Delete"
    RETAIN = "Retain"


class DriftPolicy(StrEnum):
    """What is done when somebody else changed a credential of ours."""

    REPAIR = "Repair"
    REPORT = "Report"


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class ConnectionRef:
    """An EntraConnection, by name."""

    name: DnsSubdomain
    """Name of the EntraConnection, like `default`. It decides the tenant, and whose rules apply."""


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


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class ManagedIdentityRef:
    """A user-assigned managed identity, by its resource id."""

    resource_id: ManagedIdentityId
    """Resource id of the user-assigned managed identity, as `az identity show --query id` prints it: it begins with
    `/subscriptions/` and ends with `/userAssignedIdentities/<name>`. Upper and lower case are the same."""


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


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class ServiceAccountRef:
    """A service account of the object's own namespace."""

    name: DnsSubdomain
    """Name of the service account. It is always of the namespace of this object, and need not exist yet. The issuer is
    found from the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class PullRequest:
    """Jobs that a pull request started, whatever its branch. It has no fields: write `pullRequest: {}`."""


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
    config=camel_case(
        exactly_one_of("environment", "branch", "tag", "pullRequest"),
        Must(
            "!has(self.environment) || (self.repository + self.environment.replace(':', '%3A')).size()"
            f" <= {MAX_VALUE - len('repo::environment:')}",
            f"must give a subject of at most {MAX_VALUE} characters, each `:` of `environment` counted as three",
        ),
    ),
)
class GitHubActions:
    """Jobs of one GitHub repository, narrowed in exactly one of four ways."""

    repository: Annotated[
        str,
        Field(max_length=140),
        like(r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+", "must be `owner/name`, like `contoso/web`"),
    ]
    """The repository as `owner/name`, like `contoso/web`, in exactly the upper and lower case that GitHub shows."""
    environment: Annotated[str, Field(max_length=255), NO_BLANKS_AROUND, NO_WILDCARD] | None = None
    """Jobs that name this deployment environment, like `prod`. GitHub names the environment in the token whenever a job
    has one, so such a job matches neither `branch`, `tag` nor `pullRequest`."""
    branch: (
        Annotated[
            str,
            Field(max_length=255),
            NO_BLANKS_AROUND,
            NO_WILDCARD,
            unlike(r"refs/heads/.*", "must be the name of the branch alone, without `refs/heads/`"),
        ]
        | None
    ) = None
    """Jobs that run for this branch, like `main`, without an environment."""
    tag: (
        Annotated[
            str,
            Field(max_length=255),
            NO_BLANKS_AROUND,
            NO_WILDCARD,
            unlike(r"refs/tags/.*", "must be the name of the tag alone, without `refs/tags/`"),
        ]
        | None
    ) = None
    """Jobs that run for this tag, like `v1.0.0`, without an environment."""
    pull_request: PullRequest | None = None
    """Jobs that a pull request started, without an environment: `pullRequest: {}`."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Oidc:
    """Any OpenID Connect issuer and one subject of it, both compared exactly."""

    issuer: Issuer
    """The `iss` claim of the tokens, character by character: a slash at the end matters. Entra must be able to read
    `<issuer>/.well-known/openid-configuration` from the internet. Example: `https://gitlab.com`."""
    subject: Subject
    """The `sub` claim of the tokens, character by character: upper and lower case matter, and there are no wildcards.
    Example: `project_path:contoso/web:ref_type:branch:ref:main`."""


SOURCES = ("managedIdentity", "serviceAccount", "githubActions", "oidc")


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case(exactly_one_of(*SOURCES)))
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
    Entra does not accept its own tokens at a managed identity."""
    service_account: ServiceAccountRef | None = None
    """Pods that run as this service account, in the namespace of this object and in this cluster."""
    github_actions: GitHubActions | None = None
    """GitHub Actions jobs of one repository on github.com."""
    oidc: Oidc | None = None
    """Tokens of any other OpenID Connect issuer, by issuer and subject."""


def _no_two(source: str, same: str) -> Must:
    """No two items have the same source; `same` is CEL that compares `item` and `other`."""
    return Must(
        f"self.all(item, !has(item.{source}) || self.exists_one(other, has(other.{source}) && {same}))",
        f"must have a different `{source}` in each item: Entra has one credential for each issuer and subject",
    )


_SAME_JOBS = " && ".join(
    f"(has({{one}}.{field}) ? has({{two}}.{field}) && {{one}}.{field} == {{two}}.{field} : !has({{two}}.{field}))"
    for field in ("environment", "branch", "tag")
)

# The subject as `entrafed.domain.sources` derives it.
_GITHUB_SUBJECT = (
    "'repo:' + item.githubActions.repository + ':' + ("
    "has(item.githubActions.environment) ? 'environment:' + item.githubActions.environment.replace(':', '%3A') : "
    "has(item.githubActions.branch) ? 'ref:refs/heads/' + item.githubActions.branch : "
    "has(item.githubActions.tag) ? 'ref:refs/tags/' + item.githubActions.tag : 'pull_request')"
)

FederatedCredentials = Annotated[
    tuple[FederatedCredential, ...],
    Field(max_length=MAX_CREDENTIALS),
    list_keyed_by("name"),
    _no_two("serviceAccount", "item.serviceAccount.name == other.serviceAccount.name"),
    _no_two(
        "managedIdentity",
        "item.managedIdentity.resourceId.lowerAscii() == other.managedIdentity.resourceId.lowerAscii()",
    ),
    _no_two(
        "githubActions",
        "item.githubActions.repository == other.githubActions.repository && "
        + _SAME_JOBS.format(one="item.githubActions", two="other.githubActions"),
    ),
    _no_two("oidc", "item.oidc.issuer == other.oidc.issuer && item.oidc.subject == other.oidc.subject"),
    Must(
        f"self.all(item, !has(item.githubActions) || !self.exists(other, has(other.oidc)"
        f" && other.oidc.issuer == '{GITHUB_ISSUER}' && other.oidc.subject == {_GITHUB_SUBJECT}))",
        "may not have an `oidc` with the same issuer and subject as a `githubActions` of another item",
    ),
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
            " accepts its own tokens at applications only (AADSTS700222)",
        )
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
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """What deleting this object does to the credentials that were made for it. `Delete` removes them from the target;
    `Retain` leaves them there, and nobody looks after them any more."""
    drift_policy: DriftPolicy = DriftPolicy.REPAIR
    """What is done when somebody else changed or removed a credential that was made for this object. `Repair` brings it
    back; `Report` only tells, in status and by an event."""
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
