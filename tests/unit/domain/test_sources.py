"""From what users write to the issuer, subject and audience of the tokens, as their issuers document them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from entrafed.api.connection import CloudName
from entrafed.api.federation import FederatedCredential
from entrafed.domain.claims import Operator, Term, terms_of
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.credentials import Pair
from entrafed.domain.sources import Known, never_works, trust_of, trusts_of
from golden_sources import ALL, ENTRA_SUBJECT, FLEXIBLE, PLAIN, Golden, azure_devops
from manifests import TENANT, Manifest, from_github, from_identity, from_oidc, from_service_account

CLUSTER = "https://region.oic.example/tenant/cluster/"
ITEM = TypeAdapter(FederatedCredential)

AUDIENCES = {
    CloudName.AZURE_PUBLIC: "api://AzureADTokenExchange",
    CloudName.AZURE_US_GOVERNMENT: "api://AzureADTokenExchangeUSGov",
    CloudName.AZURE_CHINA: "api://AzureADTokenExchangeChina",
}
ENTRA = {
    CloudName.AZURE_PUBLIC: f"https://login.microsoftonline.com/{TENANT}/v2.0",
    CloudName.AZURE_US_GOVERNMENT: f"https://login.microsoftonline.us/{TENANT}/v2.0",
    CloudName.AZURE_CHINA: f"https://login.partner.microsoftonline.cn/{TENANT}/v2.0",
}
PUBLIC = CLOUDS[CloudName.AZURE_PUBLIC]
clouds = pytest.mark.parametrize("cloud", CloudName)


def read(manifest: Manifest) -> FederatedCredential:
    return ITEM.validate_python({**manifest, "name": "item"})


def known(cloud: CloudName = CloudName.AZURE_PUBLIC, principal_id: str | None = None) -> Known:
    return Known(CLOUDS[cloud], TENANT, "payments", frozenset({CLUSTER}), principal_id)


EVERY = {**ALL, **FLEXIBLE}


@pytest.mark.parametrize("golden", EVERY.values(), ids=list(EVERY))
def test_issuer_and_subject_are_those_of_the_tokens(golden: Golden) -> None:
    assert trust_of(read(golden.source), known()).pair == Pair(golden.issuer, golden.subject, golden.expression)


def test_a_service_account_is_always_of_the_objects_own_namespace() -> None:
    trust = trust_of(read(from_service_account()), known())
    assert trust.pair == Pair(CLUSTER, "system:serviceaccount:payments:web")


@clouds
def test_a_managed_identity_is_trusted_by_its_principal_id_in_every_cloud(cloud: CloudName) -> None:
    trust = trust_of(read(from_identity()), known(cloud, "principal"))
    assert (trust.pair, trust.audience) == (Pair(ENTRA[cloud], "principal"), AUDIENCES[cloud])


@clouds
def test_a_service_connection_of_entra_is_trusted_as_issued_by_the_clouds_own_entra(cloud: CloudName) -> None:
    trust = trust_of(read({"azureDevOps": {"entraIssuer": {"subject": ENTRA_SUBJECT}}}), known(cloud))
    assert (trust.pair, trust.audience) == (Pair(ENTRA[cloud], ENTRA_SUBJECT), AUDIENCES[cloud])


@clouds
@pytest.mark.parametrize("golden", EVERY.values(), ids=list(EVERY))
def test_the_audience_is_that_of_the_cloud_unless_the_item_has_one(golden: Golden, cloud: CloudName) -> None:
    assert trust_of(read(golden.source), known(cloud)).audience == AUDIENCES[cloud]
    assert trust_of(read({**golden.source, "audience": "api://own"}), known(cloud)).audience == "api://own"


SERVICE_CONNECTION: Manifest = {"azureDevOps": {"entraIssuer": {"subject": ENTRA_SUBJECT}}}


@pytest.mark.parametrize("multi_tenant", [False, None])
def test_a_service_connection_of_entra_may_work_at_what_is_of_one_tenant(multi_tenant: bool | None) -> None:
    assert never_works(read(SERVICE_CONNECTION), PUBLIC, multi_tenant=multi_tenant) is None


def test_it_never_works_at_an_application_of_several_tenants() -> None:
    assert "AADSTS70052" in (never_works(read(SERVICE_CONNECTION), PUBLIC, multi_tenant=True) or "")


@pytest.mark.parametrize("cloud", [CloudName.AZURE_US_GOVERNMENT, CloudName.AZURE_CHINA])
def test_that_of_the_public_cloud_never_works_in_another(cloud: CloudName) -> None:
    assert "public cloud" in (never_works(read(SERVICE_CONNECTION), CLOUDS[cloud], multi_tenant=None) or "")


@clouds
@pytest.mark.parametrize("golden", PLAIN.values(), ids=list(PLAIN))
def test_any_other_source_may_work_everywhere(golden: Golden, cloud: CloudName) -> None:
    assert never_works(read(golden.source), CLOUDS[cloud], multi_tenant=True) is None


def test_the_id_of_an_organization_is_in_lower_case_as_azure_devops_writes_it() -> None:
    golden = azure_devops("payments", "prod")
    assert golden.source["azureDevOps"]["devOpsIssuer"]["organizationId"] != golden.issuer.rpartition("/")[2]
    assert trust_of(read(golden.source), known()).pair.issuer == golden.issuer


TERRAFORM = {"organization": "contoso", "project": "Default Project", "workspace": "web_prod"}


@pytest.mark.parametrize(
    ("host", "issuer"),
    [
        ({}, "https://app.terraform.io"),
        ({"host": "app.eu.terraform.io"}, "https://app.eu.terraform.io"),
        ({"host": "tfe.contoso.com"}, "https://tfe.contoso.com"),
    ],
)
def test_a_workspace_asks_for_one_trust_for_plans_and_one_for_applies(host: Manifest, issuer: str) -> None:
    trusts = trusts_of(read({"terraformCloud": {**TERRAFORM, **host}}), known())
    workspace = "organization:contoso:project:Default Project:workspace:web_prod"
    assert [trust.pair for trust in trusts] == [
        Pair(issuer, f"{workspace}:run_phase:plan"),
        Pair(issuer, f"{workspace}:run_phase:apply"),
    ]
    assert {trust.audience for trust in trusts} == {"api://AzureADTokenExchange"}


def test_a_workspace_is_not_one_trust() -> None:
    with pytest.raises(ValueError, match=r"federatedCredentials\[item\]: asks for 2 credentials"):
        trust_of(read({"terraformCloud": TERRAFORM}), known())


def test_an_unknown_principal_id_is_an_error() -> None:
    with pytest.raises(ValueError, match="the principal id of the managed identity is not known"):
        trust_of(read(from_identity()), known())


GITHUB = {"repository": "contoso/web"}


def matching(*match: Manifest) -> Manifest:
    return {"claims": {"issuer": "https://gitlab.com", "match": list(match)}}


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({}, "must have exactly one of `managedIdentity`, `serviceAccount`, `githubActions`"),
        ({**from_oidc(), **from_service_account()}, "must have exactly one of `managedIdentity`"),
        ({"githubActions": GITHUB}, "must have exactly one of `environment`, `branch`, `tag`, `pullRequest`"),
        (from_github(branch="main", tag="v1"), "must have exactly one of `environment`, `branch`"),
        ({"githubActions": {"environment": "prod"}}, "must have `repository`"),
        ({"githubActions": {**GITHUB, "subjectClaims": [{"claim": "actor"}]}}, "must have `value`"),
        ({"githubActions": {**GITHUB, "subjectClaims": [{"claim": "repo", "value": "x"}]}}, "must have `value`"),
        ({"gitlab": {"project": "g/p"}}, "must have exactly one of `branch`, `tag`"),
        ({"gitlab": {"branch": "main"}}, "must have exactly one of `project`, `projectId`"),
        ({"azureDevOps": {}}, "must have exactly one of `entraIssuer`, `devOpsIssuer`"),
        (matching({"claim": "sub"}), "must have exactly one of `eq`, `matches`"),
        (matching({"claim": "sub", "eq": "x", "matches": "x*"}), "must have exactly one of `eq`, `matches`"),
        (matching({"claim": "sub", "eq": "x' and claims['a'] eq 'y"}), "may not contain `'`"),
        (matching({"claim": "sub", "matches": "x\\*"}), "may not contain `'`"),
        (matching({"claim": "actor", "eq": "x"}), "'sub', 'job_workflow_ref'"),
        (matching(), "at least 1 item"),
    ],
)
def test_an_item_that_says_too_little_or_too_much_is_not_read(item: Manifest, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        read(item)


names = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=40)


@given(environment=names, claim=names)
def test_a_value_never_adds_a_part_to_a_github_subject(environment: str, claim: str) -> None:
    fields: dict[str, Any] = {**GITHUB, "environment": environment}
    fields["subjectClaims"] = [{"claim": "repo"}, {"claim": "context"}, {"claim": "actor", "value": claim}]
    subject = trust_of(read({"githubActions": fields}), known()).pair.subject
    parts = subject.split(":")
    assert parts[::2] == ["repo", "environment", "actor"]
    assert [parts[3].replace("%3A", ":"), parts[5].replace("%3A", ":")] == [
        environment.replace("%3A", ":"),
        claim.replace("%3A", ":"),
    ]


quotable = st.text(
    st.characters(exclude_characters="'\\*?\x7f", exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=40
)


@given(pattern=quotable, id_=st.integers(1, 10**18))
def test_a_value_never_adds_a_term_to_an_expression(pattern: str, id_: int) -> None:
    match = [{"claim": "project_id", "eq": str(id_)}, {"claim": "sub", "matches": f"{pattern}*"}]
    expression = trust_of(read({"claims": {"issuer": "https://gitlab.com", "match": match}}), known()).pair.expression
    assert terms_of(expression) == (
        Term("sub", Operator.MATCHES, f"{pattern}*"),
        Term("project_id", Operator.EQ, str(id_)),
    )
