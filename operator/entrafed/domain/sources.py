"""From what the user knows to the issuer and subject that the tokens carry."""

from dataclasses import dataclass

from entrafed.api.federation import GITHUB_ISSUER, FederatedCredential, GitHubActions
from entrafed.domain.clouds import Cloud
from entrafed.domain.credentials import Pair, Trust


@dataclass(frozen=True, slots=True)
class Known:
    """What a source may need and cannot know itself."""

    cloud: Cloud
    tenant_id: str
    namespace: str
    cluster_issuer: str
    principal_id: str | None
    """Of the managed identity that the item names; None for the other sources."""


def trust_of(item: FederatedCredential, known: Known) -> Trust:
    """The trust that an item asks for.

    Raises ValueError when the item has no source, or names an identity whose principal id is not known.
    """
    return Trust(_pair_of(item, known), item.audience or known.cloud.exchange_audience)


def _pair_of(item: FederatedCredential, known: Known) -> Pair:
    if item.managed_identity:
        if known.principal_id is None:
            raise ValueError(
                f"federatedCredentials[{item.name}]: the principal id of the managed identity is not known"
            )
        return Pair(known.cloud.entra_issuer(known.tenant_id), known.principal_id)
    if item.service_account:
        return Pair(known.cluster_issuer, f"system:serviceaccount:{known.namespace}:{item.service_account.name}")
    if item.github_actions:
        return Pair(GITHUB_ISSUER, github_subject(item.github_actions))
    if item.oidc:
        return Pair(item.oidc.issuer, item.oidc.subject)
    sources = "`managedIdentity`, `serviceAccount`, `githubActions`, `oidc`"
    raise ValueError(f"federatedCredentials[{item.name}]: must have one of {sources}")


def github_subject(source: GitHubActions) -> str:
    """The `sub` claim of a job's token. Source: https://docs.github.com/actions/reference/security/oidc

    GitHub sends a colon in an environment's name as %3A. Raises ValueError when the source is not narrowed.
    """
    if source.environment is not None:
        narrowed = f"environment:{source.environment.replace(':', '%3A')}"
    elif source.branch is not None:
        narrowed = f"ref:refs/heads/{source.branch}"
    elif source.tag is not None:
        narrowed = f"ref:refs/tags/{source.tag}"
    elif source.pull_request is not None:
        narrowed = "pull_request"
    else:
        raise ValueError("githubActions: must have one of `environment`, `branch`, `tag`, `pullRequest`")
    return f"repo:{source.repository}:{narrowed}"
