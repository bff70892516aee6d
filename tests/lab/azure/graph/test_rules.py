"""What Graph demands of a federated identity credential, and what it does not look at."""

from typing import Any

import pytest
from msgraph.generated.models.federated_identity_credential import FederatedIdentityCredential

from entrafed_lab.azure import SimulatedAzure, Variants
from entrafed_lab.azure.objects import LIMIT
from entrafed_lab.azure.seed import BILLING_OBJECT, GITHUB, HOME_TENANT, TERRAFORM
from entrafed_lab.azure.variants import GRAPH_LIMITS, Refusal
from graph_world import AUDIENCE, WRITE_ALL, Builder, credential, credentials_of, graph_as, names, refused
from lab_fixtures import StartAzure


@pytest.fixture
def credentials(simulated_azure: SimulatedAzure) -> Builder:
    """Those of an application that the caller owns."""
    return credentials_of(graph_as(simulated_azure))


@pytest.mark.parametrize("name", ["abc", "a" * 120, "0-1", "Mif-prod_1"])
async def test_names_of_3_to_120_letters_digits_hyphens_and_underscores(credentials: Builder, name: str) -> None:
    assert await credentials.post(credential(name)) is not None


@pytest.mark.parametrize("name", ["ab", "a" * 121, "-abc", "_abc", "a.bc", "a bc", "ümlaut", "abc\n", ""])
async def test_other_names_are_refused(credentials: Builder, name: str) -> None:
    with refused(400, "Request_BadRequest", "'name'"):
        await credentials.post(credential(name))


@pytest.mark.parametrize("missing", ["name", "issuer", "subject", "audiences"])
async def test_name_issuer_subject_and_audience_are_required(credentials: Builder, missing: str) -> None:
    incomplete = credential()
    setattr(incomplete, missing, None)
    with refused(400, "Request_BadRequest", missing):
        await credentials.post(incomplete)


@pytest.mark.parametrize("audiences", [[], [AUDIENCE, "api://other"]])
async def test_there_is_exactly_one_audience(credentials: Builder, audiences: list[str]) -> None:
    with refused(400, "Request_BadRequest", "audiences"):
        await credentials.post(credential(audiences=audiences))


@pytest.mark.parametrize("name", ["issuer", "subject", "description"])
async def test_texts_have_at_most_600_characters(credentials: Builder, name: str) -> None:
    assert await credentials.post(credential("fits", **{name: "x" * 600})) is not None
    with refused(400, "Request_BadRequest", name):
        await credentials.post(credential("too-long", **{name: "x" * 601}))


async def test_an_audience_has_at_most_600_characters(credentials: Builder) -> None:
    assert await credentials.post(credential("fits", audiences=["x" * 600])) is not None
    with refused(400, "Request_BadRequest", "audiences"):
        await credentials.post(credential("too-long", audiences=["x" * 601]))


@pytest.mark.parametrize("extra", [{"expires": "never"}, {"id": "chosen"}])
async def test_unknown_and_read_only_properties_are_refused(credentials: Builder, extra: dict[str, Any]) -> None:
    with refused(400, "Request_BadRequest", next(iter(extra))):
        await credentials.post(credential(additional_data=extra))


async def test_a_property_of_the_wrong_type_is_refused(credentials: Builder) -> None:
    for wrong in ({"issuer": 1}, {"audiences": AUDIENCE}):
        given = dict.fromkeys(wrong)
        with refused(400, "Request_BadRequest", next(iter(wrong))):
            await credentials.post(credential(**given, additional_data=dict(wrong)))


async def test_issuer_and_subject_are_unique_on_the_application(credentials: Builder) -> None:
    await credentials.post(credential("first", subject="job-17"))
    with refused(
        400,
        "InvalidFederatedIdentityCredentialValue",
        f"The combination of issuer and subject must be unique for the application. Issuer: {GITHUB} and "
        "Subject: job-17 already exist. paramName: FederatedIdentityCredential.Subject, paramValue: job-17",
    ):
        await credentials.post(credential("second", subject="job-17", audiences=["api://other"]))


async def test_a_patch_cannot_make_a_pair_twice(credentials: Builder) -> None:
    await credentials.post(credential("first", subject="job-17"))
    await credentials.post(credential("second", subject="job-18"))
    second = credentials.by_federated_identity_credential_id("second")
    with refused(400, "InvalidFederatedIdentityCredentialValue"):
        await second.patch(FederatedIdentityCredential(subject="job-17"))
    await second.patch(FederatedIdentityCredential(subject="job-18", description="its own pair is no obstacle"))


async def test_subjects_that_differ_in_case_are_two(credentials: Builder) -> None:
    await credentials.post(credential("first", subject="job-a"))
    assert await credentials.post(credential("second", subject="job-A")) is not None


async def test_issuers_that_differ_in_a_slash_are_two(credentials: Builder) -> None:
    await credentials.post(credential("first", issuer="https://oidc.example", subject="job"))
    assert await credentials.post(credential("second", issuer="https://oidc.example/", subject="job")) is not None


async def test_another_application_may_have_the_same_pair(simulated_azure: SimulatedAzure) -> None:
    graph = graph_as(simulated_azure, WRITE_ALL)
    await credentials_of(graph).post(credential())
    assert await credentials_of(graph, BILLING_OBJECT).post(credential()) is not None


async def test_a_name_is_unique_on_the_application(credentials: Builder) -> None:
    await credentials.post(credential("deploy", subject="one"))
    with refused(
        409,
        "Request_MultipleObjectsWithSameKeyValue",
        "FederatedIdentityCredential with name deploy already exists.",
    ):
        await credentials.post(credential("deploy", subject="two"))


@pytest.mark.parametrize("limit", GRAPH_LIMITS, ids=lambda limit: f"{limit.status}-{limit.code}")
async def test_the_21st_is_refused_in_one_of_several_ways(start_azure: StartAzure, limit: Refusal) -> None:
    """Uncertain: no document tells status and code."""
    azure = await start_azure(variants=Variants(graph_limit=limit))
    application = azure.world.application("storage-reader")
    for number in range(1, LIMIT):
        application.add_foreign_credential(name=f"foreign-{number}", issuer=GITHUB, subject=f"job-{number}")
    credentials = credentials_of(graph_as(azure))
    assert len(await names(credentials)) == 20
    with refused(limit.status, limit.code):
        await credentials.post(credential())
    await credentials.by_federated_identity_credential_id("foreign-1").delete()
    assert await credentials.post(credential()) is not None


@pytest.mark.parametrize(
    "senseless",
    [
        {"issuer": " https://oidc.example "},
        {"issuer": "http://not-reachable.internal"},
        {"issuer": f"https://login.microsoftonline.com/{HOME_TENANT}/v2.0", "subject": "nobody"},
        {"audiences": ["api://AzureADTokenExchangeChina"]},
        {"subject": "*"},
    ],
)
async def test_what_can_never_work_is_accepted_in_silence(credentials: Builder, senseless: dict[str, Any]) -> None:
    made = await credentials.post(credential(**senseless))
    assert made is not None
    assert {name: getattr(made, name) for name in senseless} == senseless


async def test_a_tenant_policy_may_forbid_an_issuer(simulated_azure: SimulatedAzure) -> None:
    tenant = simulated_azure.world.tenants[HOME_TENANT]
    tenant.allowed_issuers = (TERRAFORM,)
    credentials = credentials_of(graph_as(simulated_azure))
    with refused(400, "InvalidFederatedIdentityCredentialValue", "not allowed as per assigned policy"):
        await credentials.post(credential(issuer=GITHUB))
    assert await credentials.post(credential(issuer=TERRAFORM)) is not None
