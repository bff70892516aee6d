"""`ManagedIdentityFederation`: what a user asks for, as values."""

from enum import StrEnum

from pydantic.dataclasses import dataclass

from entrafed.api.metadata import CAMEL_CASE


class DeletionPolicy(StrEnum):
    """What deleting the object does to what it made."""

    DELETE = "Delete"
    RETAIN = "Retain"


class DriftPolicy(StrEnum):
    """What is done when somebody else changed a credential of ours."""

    REPAIR = "Repair"
    REPORT = "Report"


@dataclass(frozen=True, slots=True, kw_only=True, config=CAMEL_CASE)
class ApplicationTarget:
    """An app registration, named in exactly one of three ways."""

    client_id: str | None = None
    object_id: str | None = None
    unique_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=CAMEL_CASE)
class ManagedIdentityRef:
    """A user-assigned managed identity, by its ARM id."""

    resource_id: str


@dataclass(frozen=True, slots=True, kw_only=True, config=CAMEL_CASE)
class Target:
    """What carries the credentials: exactly one of the two."""

    application: ApplicationTarget | None = None
    managed_identity: ManagedIdentityRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=CAMEL_CASE)
class ServiceAccountRef:
    """A service account of the object's own namespace."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True, config=CAMEL_CASE)
class PullRequest:
    """Tokens of jobs that a pull request started. It has no fields."""


@dataclass(frozen=True, slots=True, kw_only=True, config=CAMEL_CASE)
class GitHubActions:
    """Jobs of one repository (`owner/name`), narrowed in exactly one of four ways."""

    repository: str
    environment: str | None = None
    branch: str | None = None
    tag: str | None = None
    pull_request: PullRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=CAMEL_CASE)
class Oidc:
    """Any OIDC issuer and one subject of it, compared exactly."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True, config=CAMEL_CASE)
class FederatedCredential:
    """One item: exactly one source, and optionally an audience other than the cloud's own."""

    name: str
    audience: str | None = None
    managed_identity: ManagedIdentityRef | None = None
    service_account: ServiceAccountRef | None = None
    github_actions: GitHubActions | None = None
    oidc: Oidc | None = None
