"""Service principals: an application in a tenant."""

import pytest
from msgraph.generated.models.service_principal import ServicePrincipal
from msgraph.graph_service_client import GraphServiceClient

from entrafed_lab.azure import SimulatedAzure
from entrafed_lab.azure.seed import (
    BILLING_APP,
    HOME_TENANT,
    OPERATOR_APP,
    OPERATOR_PRINCIPAL,
    PARTNER_TENANT,
    READER_APP,
    WEB_IDENTITY,
)
from graph_world import OWNED_BY, READ_ALL, WRITE_ALL, graph_as, refused

PARTNER_APP = "aaaaaaaa-0077-4aaa-8aaa-aaaaaaaaaaaa"


@pytest.fixture
def graph(simulated_azure: SimulatedAzure) -> GraphServiceClient:
    return graph_as(simulated_azure)


@pytest.fixture
def partner(simulated_azure: SimulatedAzure) -> GraphServiceClient:
    """Somebody with rights in the other tenant."""
    world = simulated_azure.world
    made = world.create_application("partner-operator", tenant_id=PARTNER_TENANT)
    world.create_service_principal(PARTNER_TENANT, made)
    return graph_as(simulated_azure, OWNED_BY, app_id=made.app_id, tenant_id=PARTNER_TENANT)


async def test_one_is_found_by_object_id_and_by_app_id(graph: GraphServiceClient) -> None:
    by_id = await graph.service_principals.by_service_principal_id(OPERATOR_PRINCIPAL).get()
    by_app_id = await graph.service_principals_with_app_id(OPERATOR_APP).get()
    for found in (by_id, by_app_id):
        assert found is not None
        assert (found.id, found.app_id) == (OPERATOR_PRINCIPAL, OPERATOR_APP)
        assert found.service_principal_type == "Application"


async def test_a_managed_identity_has_one_in_its_tenant(
    simulated_azure: SimulatedAzure, graph: GraphServiceClient
) -> None:
    web = simulated_azure.world.identity(WEB_IDENTITY)
    found = await graph.service_principals_with_app_id(web.client_id).get()
    assert found is not None
    assert (found.id, found.service_principal_type) == (web.principal_id, "ManagedIdentity")


async def test_a_list_holds_those_of_the_tenant(graph: GraphServiceClient, partner: GraphServiceClient) -> None:
    at_home, elsewhere = await graph.service_principals.get(), await partner.service_principals.get()
    assert at_home is not None
    assert elsewhere is not None
    assert OPERATOR_APP in {item.app_id for item in at_home.value or []}
    assert [item.display_name for item in elsewhere.value or []] == ["entrafed-operator", "partner-operator"]


async def test_a_multi_tenant_application_gets_one_in_another_tenant(partner: GraphServiceClient) -> None:
    with refused(404, "Request_ResourceNotFound"):
        await partner.service_principals_with_app_id(READER_APP).get()
    made = await partner.service_principals.post(ServicePrincipal(app_id=READER_APP))
    assert made is not None
    found = await partner.service_principals_with_app_id(READER_APP).get()
    assert found is not None
    assert found.id == made.id


async def test_a_second_one_is_refused(graph: GraphServiceClient) -> None:
    with refused(409, "Request_MultipleObjectsWithSameKeyValue"):
        await graph.service_principals.post(ServicePrincipal(app_id=READER_APP))


async def test_a_single_tenant_application_stays_at_home(partner: GraphServiceClient) -> None:
    with refused(400, "Request_BadRequest"):
        await partner.service_principals.post(ServicePrincipal(app_id=BILLING_APP))


async def test_an_application_that_does_not_exist_gets_none(graph: GraphServiceClient) -> None:
    with refused(400, "Request_BadRequest", "does not reference a valid application"):
        await graph.service_principals.post(ServicePrincipal(app_id=PARTNER_APP))


async def test_the_owner_deletes_its_own(partner: GraphServiceClient) -> None:
    await partner.service_principals.post(ServicePrincipal(app_id=READER_APP))
    await partner.service_principals_with_app_id(READER_APP).delete()
    with refused(404, "Request_ResourceNotFound"):
        await partner.service_principals_with_app_id(READER_APP).get()


async def test_those_of_others_are_deleted_with_write_all_only(
    simulated_azure: SimulatedAzure, graph: GraphServiceClient
) -> None:
    with refused(403, "Authorization_RequestDenied"):
        await graph.service_principals_with_app_id(BILLING_APP).delete()
    await graph_as(simulated_azure, WRITE_ALL).service_principals_with_app_id(BILLING_APP).delete()
    assert simulated_azure.world.service_principal(HOME_TENANT, BILLING_APP) is None


async def test_readers_make_none_and_strangers_see_none(simulated_azure: SimulatedAzure) -> None:
    with refused(403, "Authorization_RequestDenied"):
        await graph_as(simulated_azure, READ_ALL).service_principals.post(ServicePrincipal(app_id=READER_APP))
    with refused(403, "Authorization_RequestDenied"):
        await graph_as(simulated_azure, "User.Read.All").service_principals.get()
