"""From what the user knows to the issuer and subject that the tokens carry."""

from dataclasses import dataclass

from entrafed.api.claims import Claims
from entrafed.api.connection import CloudName
from entrafed.api.federation import FederatedCredential, Source
from entrafed.api.pairs import DEV_OPS_ISSUER, GITHUB_ISSUER, GITLAB_ISSUER, GOOGLE_ISSUER, TERRAFORM_ISSUER
from entrafed.api.pipelines import (
    CONTEXT,
    REPO,
    AzureDevOps,
    DevOpsIssuer,
    EntraIssuer,
    GitHubActions,
    GitLab,
    SubjectClaim,
    TerraformCloud,
)
from entrafed.api.sources import Aws, Google, ManagedIdentityRef, Oidc, ServiceAccountRef, Spiffe
from entrafed.domain.claims import Operator, Term, expression_of
from entrafed.domain.clouds import CLOUDS, Cloud
from entrafed.domain.credentials import Pair, Trust


@dataclass(frozen=True, slots=True)
class Known:
    """What a source may need and cannot know itself."""

    cloud: Cloud
    tenant_id: str
    namespace: str
    cluster_issuers: frozenset[str]
    principal_id: str | None
    """Of the managed identity that the item names; None for the other sources."""


def never_works(item: FederatedCredential, cloud: Cloud, *, multi_tenant: bool | None) -> str | None:
    """Why Entra never takes the tokens that an item speaks of; None where it may. `multi_tenant` is of an application
    that is the target, None where that is not known.

    Source: https://learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity and AADSTS70052
    """
    if item.azure_dev_ops is None or item.azure_dev_ops.entra_issuer is None:
        return None
    subject = item.azure_dev_ops.entra_issuer.subject
    if subject.startswith("/eid1/c/pub/") and cloud != CLOUDS[CloudName.AZURE_PUBLIC]:
        return (
            "the Entra of the public cloud issues the tokens of this service connection, and that of the connection's "
            "cloud does not take them; use a service connection with `devOpsIssuer`"
        )
    if multi_tenant:
        return (
            "Entra takes service connections with `entraIssuer` at applications of a single tenant only, and this one "
            "is multi-tenant (AADSTS70052); use a service connection with `devOpsIssuer`, or set the application's "
            "signInAudience to AzureADMyOrg"
        )
    return None


def trust_of(item: FederatedCredential, known: Known) -> Trust:
    """The one trust that an item asks for. Raises ValueError when it asks for several, and as `trusts_of`."""
    trusts = trusts_of(item, known)
    if len(trusts) != 1:
        raise ValueError(f"federatedCredentials[{item.name}]: asks for {len(trusts)} credentials, not one")
    return trusts[0]


def trusts_of(item: FederatedCredential, known: Known) -> tuple[Trust, ...]:
    """The trusts that an item asks for, at least one.

    Raises ValueError when the item names an identity whose principal id is not known.
    """
    audience = item.audience or known.cloud.exchange_audience
    return tuple(Trust(pair, audience) for pair in _pairs(item.source, known))


def _pairs(source: Source, known: Known) -> tuple[Pair, ...]:
    pairs: tuple[Pair, ...]
    match source:
        case ManagedIdentityRef():
            pairs = (_managed_identity(known),)
        case ServiceAccountRef(name=name):
            subject = account_subject(known.namespace, name)
            pairs = tuple(Pair(issuer, subject) for issuer in sorted(known.cluster_issuers))
        case GitHubActions():
            pairs = (Pair(_github_issuer(source), _github_subject(source)),)
        case GitLab():
            pairs = (_gitlab(source),)
        case TerraformCloud():
            pairs = _terraform_cloud(source)
        case AzureDevOps():
            pairs = (_azure_devops(source, known),)
        case Google():
            pairs = (Pair(GOOGLE_ISSUER, source.service_account_unique_id),)
        case Aws():
            pairs = (Pair(source.issuer, source.role_arn),)
        case Spiffe():
            pairs = (Pair(source.issuer, source.id),)
        case Oidc():
            pairs = (Pair(source.issuer, source.subject),)
        case Claims():
            pairs = (Pair(source.issuer, expression=_expression(source)),)
    return pairs


def account_subject(namespace: str, name: str) -> str:
    """Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens"""
    return f"system:serviceaccount:{namespace}:{name}"


def _managed_identity(known: Known) -> Pair:
    if known.principal_id is None:
        raise ValueError("the principal id of the managed identity is not known")
    return Pair(known.cloud.entra_issuer(known.tenant_id), known.principal_id)


def _github_issuer(source: GitHubActions) -> str:
    """Source: https://docs.github.com/enterprise-cloud@latest/actions/reference/security/oidc, and on a server
    https://docs.github.com/enterprise-server@latest/actions/reference/security/oidc"""
    path = "" if source.enterprise is None else f"/{source.enterprise}"
    if source.host is None:
        return GITHUB_ISSUER + path
    if source.host.endswith(".ghe.com"):
        return f"https://token.actions.{source.host}{path}"
    return f"https://{source.host}/_services/token"


def _github_subject(source: GitHubActions) -> str:
    """The `sub` claim of a job's token: claims in the order that the owner chose, every colon within a value as %3A.

    Source: https://docs.github.com/actions/reference/security/oidc
    """
    claims = source.subject_claims or (SubjectClaim(claim=REPO), SubjectClaim(claim=CONTEXT))
    return ":".join(_github_claim(source, claim) for claim in claims)


def _github_claim(source: GitHubActions, claim: SubjectClaim) -> str:
    if claim.claim == REPO:
        return f"repo:{_github_repository(source)}"
    if claim.claim == CONTEXT:
        return _github_context(source)
    return f"{claim.claim}:{_escaped(claim.value)}"


def _github_repository(source: GitHubActions) -> str:
    """Owner and name, with their ids in the immutable form."""
    if source.repository is None or source.owner_id is None:
        return source.repository or ""
    owner, name = source.repository.split("/")
    return f"{owner}@{source.owner_id}/{name}@{source.repository_id}"


def _github_context(source: GitHubActions) -> str:
    if source.environment is not None:
        return f"environment:{_escaped(source.environment)}"
    if source.branch is not None:
        return f"ref:refs/heads/{source.branch}"
    if source.tag is not None:
        return f"ref:refs/tags/{source.tag}"
    return "pull_request"


def _escaped(value: str | None) -> str:
    return (value or "").replace(":", "%3A")


def _gitlab(source: GitLab) -> Pair:
    """Source: https://docs.gitlab.com/ci/secrets/id_token_authentication/"""
    project = f"project_path:{source.project}" if source.project is not None else f"project_id:{source.project_id}"
    ref = f"branch:ref:{source.branch}" if source.branch is not None else f"tag:ref:{source.tag}"
    return Pair(source.url or GITLAB_ISSUER, f"{project}:ref_type:{ref}")


def _terraform_cloud(source: TerraformCloud) -> tuple[Pair, ...]:
    """Plan and apply have a subject each.

    Source: https://developer.hashicorp.com/terraform/cloud-docs/workspaces/dynamic-provider-credentials/azure-configuration
    """
    issuer = TERRAFORM_ISSUER if source.host is None else f"https://{source.host}"
    workspace = f"organization:{source.organization}:project:{source.project}:workspace:{source.workspace}"
    return tuple(Pair(issuer, f"{workspace}:run_phase:{phase}") for phase in ("plan", "apply"))


def _azure_devops(source: AzureDevOps, known: Known) -> Pair:
    """Source: https://learn.microsoft.com/azure/devops/pipelines/release/configure-workload-identity"""
    match source.issuer:
        case EntraIssuer(subject=subject):
            return Pair(known.cloud.entra_issuer(known.tenant_id), subject)
        case DevOpsIssuer() as own:
            subject = f"sc://{own.organization}/{own.project}/{own.service_connection}"
            return Pair(f"{DEV_OPS_ISSUER}/{own.organization_id.lower()}", subject)


def _expression(source: Claims) -> str:
    return expression_of(
        Term(one.claim, Operator.MATCHES, one.matches) if one.matches else Term(one.claim, Operator.EQ, one.eq or "")
        for one in source.match
    )
