"""How applications are found, and who may see and change them."""

import pytest
from msgraph.graph_service_client import GraphServiceClient

from azure_callers import MovableClock, PrincipalCredential
from azure_clients import graph_client, plain_client
from entrafed_lab.azure import ServiceName, SimulatedAzure, Variants
from entrafed_lab.azure.seed import (
    BILLING_OBJECT,
    HOME_TENANT,
    OPERATOR_APP,
    PARTNER_TENANT,
    READER_APP,
    READER_OBJECT,
)
from entrafed_lab.azure.variants import OwnedByReads
from graph_world import READ_ALL, WRITE_ALL, credential, credentials_of, graph_as, names, refused
from lab_fixtures import StartAzure

SEEDED = ["terraform-production"]


@pytest.fixture
def graph(simulated_azure: SimulatedAzure) -> GraphServiceClient:
    return graph_as(simulated_azure)


async def test_an_application_is_found_by_object_id_app_id_and_unique_name(graph: GraphServiceClient) -> None:
    by_id = await graph.applications.by_application_id(READER_OBJECT).get()
    by_app_id = await graph.applications_with_app_id(READER_APP).get()
    by_unique_name = await graph.applications_with_unique_name("storage-reader").get()
    for found in (by_id, by_app_id, by_unique_name):
        assert found is not None
        assert (found.id, found.app_id, found.unique_name) == (READER_OBJECT, READER_APP, "storage-reader")


async def test_an_application_tells_whether_it_is_multi_tenant(graph: GraphServiceClient) -> None:
    reader = await graph.applications.by_application_id(READER_OBJECT).get()
    assert reader is not None
    assert reader.sign_in_audience == "AzureADMultipleOrgs"


@pytest.mark.parametrize("key", [READER_OBJECT, f"(appId='{READER_APP}')", "(uniqueName='storage-reader')"])
async def test_credentials_are_reached_through_every_key_of_their_application(
    simulated_azure: SimulatedAzure, graph: GraphServiceClient, key: str
) -> None:
    separator = "" if key.startswith("(") else "/"
    url = f"{simulated_azure.url(ServiceName.GRAPH)}/v1.0/applications{separator}{key}/federatedIdentityCredentials"
    credentials = credentials_of(graph).with_url(url)
    await credentials.post(credential("deploy"))
    assert await names(credentials) == [*SEEDED, "deploy"]


async def test_two_slashes_count_as_one(simulated_azure: SimulatedAzure, graph: GraphServiceClient) -> None:
    base = f"{simulated_azure.url(ServiceName.GRAPH)}/v1.0//applications"
    found = await graph.applications.by_application_id("any").with_url(f"{base}/{READER_OBJECT}").get()
    assert found is not None
    assert found.id == READER_OBJECT


async def test_an_application_does_not_show_its_credentials(graph: GraphServiceClient) -> None:
    found = await graph.applications.by_application_id(READER_OBJECT).get()
    assert found is not None
    assert found.federated_identity_credentials is None


async def test_an_unknown_application_is_not_found(graph: GraphServiceClient) -> None:
    unknown = "99999999-9999-4999-8999-999999999999"
    with refused(404, "Request_ResourceNotFound", f"Resource '{unknown}' does not exist"):
        await graph.applications.by_application_id(unknown).get()
    with refused(404, "Request_ResourceNotFound"):
        await graph.applications_with_app_id(unknown).get()
    with refused(404, "Request_ResourceNotFound"):
        await graph.applications_with_unique_name("nobody").get()
    with refused(404, "Request_ResourceNotFound"):
        await credentials_of(graph, unknown).get()


async def test_an_application_of_another_tenant_is_not_found(simulated_azure: SimulatedAzure) -> None:
    reader = simulated_azure.world.application("storage-reader")
    simulated_azure.world.create_service_principal(PARTNER_TENANT, reader)
    partner = graph_as(simulated_azure, WRITE_ALL, app_id=READER_APP, tenant_id=PARTNER_TENANT)
    with refused(404, "Request_ResourceNotFound"):
        await partner.applications.by_application_id(READER_OBJECT).get()


async def test_a_caller_without_permission_sees_nothing(simulated_azure: SimulatedAzure) -> None:
    nobody = graph_as(simulated_azure, "User.Read.All")
    for request in (nobody.applications.get, credentials_of(nobody).get):
        with refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."):
            await request()


async def test_owned_by_lets_an_owner_write(graph: GraphServiceClient) -> None:
    assert await credentials_of(graph).post(credential("deploy")) is not None


async def test_owned_by_without_ownership_may_not_write(graph: GraphServiceClient) -> None:
    with refused(403, "Authorization_RequestDenied"):
        await credentials_of(graph, BILLING_OBJECT).post(credential("deploy"))


@pytest.mark.parametrize("reads", list(OwnedByReads))
async def test_owned_by_reads_what_it_owns_and_uncertainly_the_rest(
    start_azure: StartAzure, reads: OwnedByReads
) -> None:
    graph = graph_as(await start_azure(variants=Variants(owned_by_reads=reads)))
    assert await names(credentials_of(graph)) == SEEDED
    listed = await graph.applications.get()
    assert listed is not None
    listed_ids = {item.id for item in listed.value or []}
    assert READER_OBJECT in listed_ids
    if reads is OwnedByReads.ALL:
        assert await names(credentials_of(graph, BILLING_OBJECT)) == []
        assert BILLING_OBJECT in listed_ids
    else:
        with refused(403, "Authorization_RequestDenied"):
            await credentials_of(graph, BILLING_OBJECT).get()
        assert BILLING_OBJECT not in listed_ids


async def test_an_owner_without_owned_by_may_not_write(simulated_azure: SimulatedAzure) -> None:
    reader = graph_as(simulated_azure, READ_ALL)
    assert await names(credentials_of(reader)) == SEEDED
    with refused(403, "Authorization_RequestDenied"):
        await credentials_of(reader).post(credential("deploy"))


async def test_write_all_writes_to_applications_of_others(simulated_azure: SimulatedAzure) -> None:
    writer = graph_as(simulated_azure, WRITE_ALL)
    assert await credentials_of(writer, BILLING_OBJECT).post(credential("deploy")) is not None


async def test_ownership_can_be_given_at_any_time(simulated_azure: SimulatedAzure, graph: GraphServiceClient) -> None:
    operator = simulated_azure.world.service_principals[HOME_TENANT, OPERATOR_APP]
    simulated_azure.world.application("billing").owners.add(operator.object_id)
    assert await credentials_of(graph, BILLING_OBJECT).post(credential("deploy")) is not None


async def test_an_expired_token_is_refused(start_azure: StartAzure) -> None:
    clock = MovableClock()
    graph = graph_as(await start_azure(clock=clock))
    await credentials_of(graph).get()
    clock.forward(3600)
    with refused(401, "InvalidAuthenticationToken", "expired"):
        await credentials_of(graph).get()


async def test_a_token_for_another_service_is_refused(simulated_azure: SimulatedAzure) -> None:
    class ForArm(PrincipalCredential):
        async def get_token(self, *scopes: str, **options: object):  # type: ignore[no-untyped-def]
            return await super().get_token("https://management.azure.com/.default")

    principal = simulated_azure.world.service_principals[HOME_TENANT, OPERATOR_APP]
    graph = graph_client(simulated_azure, ForArm(simulated_azure, principal))
    with refused(401, "InvalidAuthenticationToken", "audience"):
        await graph.applications.get()


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic Zm9v"}])
async def test_no_token_or_a_broken_one_is_refused_with_a_challenge(
    simulated_azure: SimulatedAzure, headers: dict[str, str]
) -> None:
    url = f"{simulated_azure.url(ServiceName.GRAPH)}/v1.0/applications"
    async with plain_client(simulated_azure) as http, http.get(url, headers=headers) as answer:
        assert answer.status == 401
        assert (await answer.json())["error"]["code"] == "InvalidAuthenticationToken"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_error_carries_date_and_request_ids(graph: GraphServiceClient) -> None:
    with refused(404, "Request_ResourceNotFound") as caught:
        await graph.applications.by_application_id("nobody").get()
    inner = caught.value.error.inner_error if caught.value.error else None
    assert inner is not None
    assert inner.date is not None
    assert inner.request_id
    assert inner.client_request_id
