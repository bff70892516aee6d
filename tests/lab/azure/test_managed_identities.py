"""A managed identity as an application's proof: the two-step exchange, and what Entra refuses of its own tokens."""

from dataclasses import replace

import jwt
import pytest

from azure_clients import assertion_credential
from entrafed_lab.azure import Seed, SimulatedAzure, Variants, default_seed
from entrafed_lab.azure.seed import HOME_TENANT, PARTNER_TENANT, READER_APP, TenantSeed
from entrafed_lab.azure.variants import ExchangeAudience
from host_world import VM, managed_identity, move_to, token_of
from lab_fixtures import CLUSTER_ISSUER, StartAzure
from sign_in_world import EXCHANGE, HOME_ISSUER, Denial, denial, sign_in, trust, workload

WEB_PRINCIPAL = "eeeeeeee-0001-4eee-8eee-eeeeeeeeeeee"
SERVICE_CONNECTION = "/eid1/c/pub/t/ERERERERQUGBERERERERERE/a/mYa-AQECqkqKqqqqqqqqqqo/sc/o/s"
BY_MACHINE = {"xms_mirid": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/u/web"}


def with_home(home: TenantSeed) -> Seed:
    """The default seed with another home tenant, and the tests' cluster."""
    seed = default_seed()
    return replace(seed, tenants=(home, *seed.tenants[1:]), issuers=(*seed.issuers, CLUSTER_ISSUER))


async def identity_token(azure: SimulatedAzure, environment: pytest.MonkeyPatch, resource: str = EXCHANGE) -> str:
    """What the machine's endpoint gives to the identity "web"."""
    move_to(VM, azure, environment)
    return await token_of(managed_identity(), resource)


async def exchange(azure: SimulatedAzure, environment: pytest.MonkeyPatch, resource: str = EXCHANGE) -> str:
    """The access token of the application for which the identity "web" vouches."""
    token = await identity_token(azure, environment, resource)
    return await sign_in(assertion_credential(azure, token, client_id=READER_APP))


async def refused_exchange(
    azure: SimulatedAzure, environment: pytest.MonkeyPatch, *, resource: str = EXCHANGE, client_id: str = READER_APP
) -> Denial:
    token = await identity_token(azure, environment, resource)
    return await denial(assertion_credential(azure, token, client_id=client_id))


@pytest.mark.parametrize("audience", list(ExchangeAudience))
async def test_an_application_signs_in_with_the_token_of_a_managed_identity_it_trusts(
    start_azure: StartAzure, monkeypatch: pytest.MonkeyPatch, audience: ExchangeAudience
) -> None:
    azure = await start_azure(variants=Variants(exchange_audience=audience))
    trust(azure, issuer=HOME_ISSUER, subject=WEB_PRINCIPAL)
    claims = jwt.decode(await exchange(azure, monkeypatch), options={"verify_signature": False})
    assert claims["appid"] == READER_APP


async def test_the_subject_is_the_principal_id_and_not_the_client_id(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(simulated_azure, issuer=HOME_ISSUER, subject=simulated_azure.world.identity("web").client_id)
    assert (await refused_exchange(simulated_azure, monkeypatch)).code == 700213


async def test_a_subject_in_capitals_is_7002138(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(simulated_azure, issuer=HOME_ISSUER, subject=WEB_PRINCIPAL.upper())
    assert (await refused_exchange(simulated_azure, monkeypatch)).code == 7002138


async def test_an_identity_made_again_is_another_subject(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(simulated_azure, issuer=HOME_ISSUER, subject=WEB_PRINCIPAL)
    simulated_azure.world.recreate_identity("web")
    simulated_azure.world.attach(VM, "web")
    assert (await refused_exchange(simulated_azure, monkeypatch)).code == 700213


async def test_a_token_outlives_its_identity(simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(simulated_azure, issuer=HOME_ISSUER, subject=WEB_PRINCIPAL)
    token = await identity_token(simulated_azure, monkeypatch)
    simulated_azure.world.delete_identity("web")
    assert await sign_in(assertion_credential(simulated_azure, token, client_id=READER_APP))


async def test_the_audience_of_another_cloud_is_7002121(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(simulated_azure, issuer=HOME_ISSUER, subject=WEB_PRINCIPAL, audience="api://AzureADTokenExchangeUSGov")
    assert (await refused_exchange(simulated_azure, monkeypatch)).code == 7002121


async def test_a_token_for_the_exchange_of_another_cloud_is_given_and_then_refused(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(simulated_azure, issuer=HOME_ISSUER, subject=WEB_PRINCIPAL, audience="api://AzureADTokenExchangeUSGov")
    found = await refused_exchange(simulated_azure, monkeypatch, resource="api://AzureADTokenExchangeUSGov")
    assert found.code == 7002121


async def test_a_token_for_anything_but_the_exchange_is_700227(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(simulated_azure, issuer=HOME_ISSUER, subject=WEB_PRINCIPAL)
    assert (await refused_exchange(simulated_azure, monkeypatch, resource="https://vault.azure.net")).code == 700227


async def test_the_older_issuer_of_a_tenant_is_700227(simulated_azure: SimulatedAzure) -> None:
    older = f"https://sts.windows.net/{HOME_TENANT}/"
    trust(simulated_azure, issuer=older, subject=WEB_PRINCIPAL)
    token = simulated_azure.keys.key(HOME_TENANT).sign(
        {"iss": older, "sub": WEB_PRINCIPAL, "aud": EXCHANGE, "exp": 2**31}
    )  # fmt: skip
    assert (await denial(assertion_credential(simulated_azure, token, client_id=READER_APP))).code == 700227


async def test_a_managed_identity_may_not_trust_another_one(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(simulated_azure, "api", issuer=HOME_ISSUER, subject=WEB_PRINCIPAL)
    client_id = simulated_azure.world.identity("api").client_id
    assert (await refused_exchange(simulated_azure, monkeypatch, client_id=client_id)).code == 700222


async def test_a_token_of_an_application_is_700226(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure, issuer=HOME_ISSUER, subject="cccccccc-0002-4ccc-8ccc-cccccccccccc")
    billing = simulated_azure.world.service_principal(HOME_TENANT, simulated_azure.world.application("billing").app_id)
    assert billing is not None
    issued = simulated_azure.tokens.for_application(billing, resource=EXCHANGE, federated=False, identity=None)
    assert (await denial(assertion_credential(simulated_azure, issued.token, client_id=READER_APP))).code == 700226


async def test_a_token_that_was_itself_got_by_federation_is_700231(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure, "web", issuer=CLUSTER_ISSUER)
    trust(simulated_azure, issuer=HOME_ISSUER, subject=WEB_PRINCIPAL)
    web = simulated_azure.world.identity("web")
    token = await sign_in(workload(simulated_azure, client_id=web.client_id), f"{EXCHANGE}/.default")
    assert (await denial(assertion_credential(simulated_azure, token, client_id=READER_APP))).code == 700231


async def test_an_identity_of_another_tenant_is_700236(simulated_azure: SimulatedAzure) -> None:
    partner = f"https://login.microsoftonline.com/{PARTNER_TENANT}/v2.0"
    trust(simulated_azure, issuer=partner, subject=WEB_PRINCIPAL)
    found = await denial(workload(simulated_azure, issuer=partner, subject=WEB_PRINCIPAL, claims=BY_MACHINE))
    assert found.code == 700236


async def test_a_tenant_may_forbid_federation(start_azure: StartAzure) -> None:
    home = TenantSeed(HOME_TENANT, "contoso", federation_disabled=True)
    azure = await start_azure(seed=with_home(home))
    trust(azure)
    assert (await denial(workload(azure))).code == 700223


async def test_a_tenant_may_forbid_an_issuer(start_azure: StartAzure) -> None:
    home = TenantSeed(HOME_TENANT, "contoso", allowed_issuers=("https://gitlab.com",))
    azure = await start_azure(seed=with_home(home))
    trust(azure)
    assert (await denial(workload(azure))).code == 700238


async def test_a_service_connection_of_azure_devops_signs_in_though_it_is_no_managed_identity(
    simulated_azure: SimulatedAzure,
) -> None:
    simulated_azure.world.application(READER_APP).multi_tenant = False
    trust(simulated_azure, issuer=HOME_ISSUER, subject=SERVICE_CONNECTION)
    assert await sign_in(workload(simulated_azure, issuer=HOME_ISSUER, subject=SERVICE_CONNECTION))


async def test_a_multi_tenant_application_with_a_service_connection_is_70052(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure, issuer=HOME_ISSUER, subject=SERVICE_CONNECTION)
    assert (await denial(workload(simulated_azure, issuer=HOME_ISSUER, subject=SERVICE_CONNECTION))).code == 70052


async def test_another_service_connection_is_7002137(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.world.application(READER_APP).multi_tenant = False
    trust(simulated_azure, issuer=HOME_ISSUER, subject=SERVICE_CONNECTION)
    found = await denial(workload(simulated_azure, issuer=HOME_ISSUER, subject=f"{SERVICE_CONNECTION}/x"))
    assert found.code == 7002137
