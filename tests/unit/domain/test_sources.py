import pytest

from entrafed.api.connection import CloudName
from entrafed.api.federation import (
    FederatedCredential,
    GitHubActions,
    ManagedIdentityRef,
    Oidc,
    PullRequest,
    ServiceAccountRef,
)
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.credentials import Pair
from entrafed.domain.sources import Known, github_subject, trust_of

TENANT = "11111111-1111-4111-8111-111111111111"
ISSUER = "https://region.oic.example/tenant/cluster/"
IDENTITY = ManagedIdentityRef(
    resource_id=f"/subscriptions/{TENANT}/resourceGroups/web/providers/Microsoft.ManagedIdentity/userAssignedIdentities/web"
)


def known(cloud: CloudName = CloudName.AZURE_PUBLIC, principal_id: str | None = None) -> Known:
    return Known(CLOUDS[cloud], TENANT, "payments", ISSUER, principal_id)


def test_a_service_account_is_always_of_the_objects_own_namespace() -> None:
    trust = trust_of(FederatedCredential(name="pods", service_account=ServiceAccountRef(name="web")), known())
    assert trust.pair == Pair(ISSUER, "system:serviceaccount:payments:web")


@pytest.mark.parametrize(
    ("cloud", "issuer", "audience"),
    [
        (CloudName.AZURE_PUBLIC, "https://login.microsoftonline.com", "api://AzureADTokenExchange"),
        (CloudName.AZURE_US_GOVERNMENT, "https://login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
        (CloudName.AZURE_CHINA, "https://login.partner.microsoftonline.cn", "api://AzureADTokenExchangeChina"),
    ],
)
def test_a_managed_identity_is_trusted_by_its_principal_id_in_every_cloud(
    cloud: CloudName, issuer: str, audience: str
) -> None:
    item = FederatedCredential(name="vm", managed_identity=IDENTITY)
    trust = trust_of(item, known(cloud, "principal"))
    assert (trust.pair, trust.audience) == (Pair(f"{issuer}/{TENANT}/v2.0", "principal"), audience)


def test_an_unknown_principal_id_is_an_error_that_names_the_item() -> None:
    item = FederatedCredential(name="vm", managed_identity=IDENTITY)
    with pytest.raises(ValueError, match=r"federatedCredentials\[vm\]"):
        trust_of(item, known())


def test_an_item_without_a_source_says_what_it_must_have() -> None:
    with pytest.raises(ValueError, match="must have one of"):
        trust_of(FederatedCredential(name="x"), known())


def test_issuer_subject_and_audience_are_taken_as_they_are_written() -> None:
    item = FederatedCredential(name="x", audience="api://own", oidc=Oidc(issuer="https://i.example/", subject="Job"))
    trust = trust_of(item, known())
    assert (trust.pair, trust.audience) == (Pair("https://i.example/", "Job"), "api://own")


@pytest.mark.parametrize(
    ("source", "subject"),
    [
        (GitHubActions(repository="contoso/web", environment="prod"), "repo:contoso/web:environment:prod"),
        (GitHubActions(repository="contoso/web", environment="eu:prod"), "repo:contoso/web:environment:eu%3Aprod"),
        (GitHubActions(repository="contoso/web", branch="main"), "repo:contoso/web:ref:refs/heads/main"),
        (GitHubActions(repository="contoso/web", tag="v1"), "repo:contoso/web:ref:refs/tags/v1"),
        (GitHubActions(repository="contoso/web", pull_request=PullRequest()), "repo:contoso/web:pull_request"),
    ],
)
def test_github_subjects_are_those_that_github_sends(source: GitHubActions, subject: str) -> None:
    assert github_subject(source) == subject


def test_a_repository_that_is_not_narrowed_is_refused() -> None:
    with pytest.raises(ValueError, match="must have one of `environment`"):
        github_subject(GitHubActions(repository="contoso/web"))
