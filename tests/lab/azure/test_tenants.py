"""An application in further tenants: let in by the operator or by an administrator's consent, and thrown out again."""

from typing import Any

import aiohttp
import jwt
import pytest
from msgraph.generated.models.service_principal import ServicePrincipal
from msgraph.graph_service_client import GraphServiceClient

from azure_callers import MovableClock, only
from azure_clients import assertion_credential, graph_client
from blob_world import read
from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import (
    BILLING_APP,
    HOME_TENANT,
    OPERATOR_APP,
    PARTNER_PRINCIPAL,
    PARTNER_STORAGE_ACCOUNT,
    PARTNER_TENANT,
    READER_APP,
)
from graph_world import graph_as, refused
from lab_fixtures import CLUSTER_ISSUER, OPERATOR_SUBJECT, StartAzure
from sign_in_world import denial, sign_in, trust, workload

LOGIN = "https://login.microsoftonline.com"
GRAPH_SCOPE = "https%3A%2F%2Fgraph.microsoft.com%2F.default"
CONSENT = f"{LOGIN}/{PARTNER_TENANT}/v2.0/adminconsent?client_id={READER_APP}&scope={GRAPH_SCOPE}"


def in_partner(azure: SimulatedAzure) -> GraphServiceClient:
    """The operator of the seed, signed in to the partner's tenant with the token of its cluster."""
    token = azure.issue(issuer=CLUSTER_ISSUER, subject=OPERATOR_SUBJECT)
    return graph_client(azure, assertion_credential(azure, token, client_id=OPERATOR_APP, tenant_id=PARTNER_TENANT))


async def let_in(graph: GraphServiceClient) -> str | None:
    made = await graph.service_principals.post(ServicePrincipal(app_id=READER_APP))
    assert made is not None
    return made.id


async def consented(azure: SimulatedAzure, url: str, tenant: str | None = None, *, expect: int = 200) -> dict[str, Any]:
    """What becomes of an administrator who opens an address and accepts."""
    admin = azure.url(ServiceName.ADMIN)
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{admin}/consents", json={"url": url, "tenant": tenant}) as answer,
    ):
        document: dict[str, Any] = await answer.json()
        assert answer.status == expect, document
        return document


async def test_a_token_of_another_tenant_is_had_only_while_a_service_principal_is_there(
    simulated_azure: SimulatedAzure,
) -> None:
    trust(simulated_azure)
    partner = in_partner(simulated_azure)
    assert (await denial(workload(simulated_azure, tenant_id=PARTNER_TENANT))).code == 7000229
    object_id = await let_in(partner)
    token = await sign_in(workload(simulated_azure, tenant_id=PARTNER_TENANT))
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["tid"], claims["oid"], claims["appid"]) == (PARTNER_TENANT, object_id, READER_APP)
    await partner.service_principals_with_app_id(READER_APP).delete()
    assert (await denial(workload(simulated_azure, tenant_id=PARTNER_TENANT))).code == 7000229


async def test_rights_at_home_are_none_in_another_tenant(simulated_azure: SimulatedAzure) -> None:
    partner = in_partner(simulated_azure)
    simulated_azure.world.principal(PARTNER_PRINCIPAL).app_roles.clear()
    for call in (let_in(partner), partner.service_principals_with_app_id(READER_APP).get()):
        with refused(403, "Authorization_RequestDenied"):
            await call
    at_home = await graph_as(simulated_azure).service_principals_with_app_id(READER_APP).get()
    assert at_home is not None


async def test_an_operator_that_is_not_in_a_tenant_does_not_sign_in_there(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.world.delete_service_principal(PARTNER_TENANT, OPERATOR_APP)
    token = simulated_azure.issue(issuer=CLUSTER_ISSUER, subject=OPERATOR_SUBJECT)
    credential = assertion_credential(simulated_azure, token, client_id=OPERATOR_APP, tenant_id=PARTNER_TENANT)
    assert (await denial(credential)).code == 7000229


@pytest.mark.parametrize("tenant", [PARTNER_TENANT, "fabrikam.onmicrosoft.com"])
@pytest.mark.parametrize("form", ["v2.0/adminconsent?scope=" + GRAPH_SCOPE + "&", "adminconsent?"])
async def test_an_administrator_lets_an_application_in_by_consent(
    simulated_azure: SimulatedAzure, tenant: str, form: str
) -> None:
    trust(simulated_azure)
    told = await consented(simulated_azure, f"{LOGIN}/{tenant}/{form}client_id={READER_APP}")
    assert (told["tenantId"], told["clientId"], told["redirect"]) == (PARTNER_TENANT, READER_APP, None)
    assert await sign_in(workload(simulated_azure, tenant_id=PARTNER_TENANT))
    found = await in_partner(simulated_azure).service_principals_with_app_id(READER_APP).get()
    assert found is not None
    assert found.id == told["objectId"]


async def test_consent_leads_back_to_the_address_that_was_given(simulated_azure: SimulatedAzure) -> None:
    told = await consented(simulated_azure, f"{CONSENT}&redirect_uri=https%3A%2F%2Fcontoso.example%2Fdone&state=17")
    assert told["redirect"] == (
        f"https://contoso.example/done?admin_consent=True&tenant={PARTNER_TENANT}&scope={GRAPH_SCOPE}&state=17"
    )


async def test_consent_given_twice_changes_nothing(simulated_azure: SimulatedAzure) -> None:
    first, second = [await consented(simulated_azure, CONSENT) for _ in range(2)]
    assert first == second


async def test_an_address_for_any_tenant_is_for_that_of_who_signs_in(simulated_azure: SimulatedAzure) -> None:
    anywhere = CONSENT.replace(PARTNER_TENANT, "organizations")
    assert (await consented(simulated_azure, anywhere, "fabrikam"))["tenantId"] == PARTNER_TENANT
    await consented(simulated_azure, anywhere, expect=404)


async def test_a_single_tenant_application_is_let_in_nowhere(simulated_azure: SimulatedAzure) -> None:
    told = await consented(simulated_azure, CONSENT.replace(READER_APP, BILLING_APP), expect=400)
    assert "for its own tenant only" in told["error"]
    assert simulated_azure.world.service_principal(PARTNER_TENANT, BILLING_APP) is None


@pytest.mark.parametrize(
    ("url", "status"),
    [
        (CONSENT.replace("https", "http", 1), 400),
        (CONSENT.replace("adminconsent", "authorize"), 400),
        (CONSENT.replace("client_id", "client"), 400),
        (CONSENT.replace("scope=", "scopes="), 400),
        (CONSENT.replace(PARTNER_TENANT, "nowhere"), 404),
        (CONSENT.replace(READER_APP, HOME_TENANT), 404),
    ],
)
async def test_an_address_that_entra_would_not_understand_is_refused(
    simulated_azure: SimulatedAzure, url: str, status: int
) -> None:
    await consented(simulated_azure, url, expect=status)


async def test_an_application_that_becomes_single_tenant_is_known_nowhere_else(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    await let_in(in_partner(simulated_azure))
    admin = simulated_azure.url(ServiceName.ADMIN)
    async with (
        aiohttp.ClientSession() as http,
        http.patch(f"{admin}/applications/storage-reader", json={"multiTenant": False}) as answer,
    ):
        assert (await answer.json())["signInAudience"] == "AzureADMyOrg"
    shown = await graph_as(simulated_azure).applications_with_app_id(READER_APP).get()
    assert shown is not None
    assert shown.sign_in_audience == "AzureADMyOrg"
    assert (await denial(workload(simulated_azure, tenant_id=PARTNER_TENANT))).code == 700016


async def test_an_administrator_throws_an_application_out(simulated_azure: SimulatedAzure) -> None:
    object_id = await let_in(in_partner(simulated_azure))
    admin = simulated_azure.url(ServiceName.ADMIN)
    async with aiohttp.ClientSession() as http, http.delete(f"{admin}/principals/{object_id}") as answer:
        assert answer.status == 204
    with refused(404, "Request_ResourceNotFound"):
        await in_partner(simulated_azure).service_principals_with_app_id(READER_APP).get()


async def test_one_that_was_just_let_in_is_unknown_to_the_token_endpoint_for_a_while(start_azure: StartAzure) -> None:
    clock = MovableClock()
    azure = await start_azure(clock=clock, delays=only(propagation=60))
    azure.world.create_service_principal(PARTNER_TENANT, azure.world.application(READER_APP))
    trust(azure)
    assert (await denial(workload(azure, tenant_id=PARTNER_TENANT))).code == 7000229
    clock.forward(60)
    assert await sign_in(workload(azure, tenant_id=PARTNER_TENANT))


async def test_one_that_is_gone_is_shown_by_a_lagging_replica_for_a_while(start_azure: StartAzure) -> None:
    clock = MovableClock()
    azure = await start_azure(clock=clock, delays=only(replica_lag=60))
    azure.world.create_service_principal(PARTNER_TENANT, azure.world.application(READER_APP))
    clock.forward(61)
    azure.world.delete_service_principal(PARTNER_TENANT, READER_APP)
    partner = in_partner(azure)

    async def shown() -> set[bool]:
        found = [await partner.service_principals.get() for _ in range(20)]
        return {READER_APP in {item.app_id for item in page.value or []} for page in found if page is not None}

    clock.forward(1)
    assert await shown() == {True, False}
    clock.forward(60)
    assert await shown() == {False}


async def test_a_role_in_the_other_tenant_reads_a_blob_there(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    object_id = await let_in(in_partner(simulated_azure))
    token = await sign_in(workload(simulated_azure, tenant_id=PARTNER_TENANT))
    blob = "fabrikamdata/shared/hello.txt"
    assert (await read(simulated_azure, token, blob))[0] == 403
    simulated_azure.world.give_role(str(object_id), "Storage Blob Data Reader", PARTNER_STORAGE_ACCOUNT)
    assert await read(simulated_azure, token, blob) == (200, "", "Hello from the partner's storage.\n")
