"""The token endpoint: who asks, where, for what. Every refusal is the documented one, as azure-identity sees it."""

from dataclasses import replace
from typing import Any

import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ClientSecretCredential

from azure_clients import assertion_credential, plain_client
from entrafed_lab.azure import ServiceName, SimulatedAzure, default_seed
from entrafed_lab.azure.entra import ASSERTION_TYPE
from entrafed_lab.azure.seed import (
    BILLING_APP,
    HOME_TENANT,
    PARTNER_TENANT,
    READER_APP,
    ApplicationSeed,
    CloudName,
    ServicePrincipalSeed,
    TenantSeed,
)
from lab_fixtures import CLUSTER_ISSUER, StartAzure
from sign_in_world import STORAGE, WEB, denial, sign_in, trust, workload

READER_PRINCIPAL = "cccccccc-0001-4ccc-8ccc-cccccccccccc"
SECRET = "s3cret~of~the~reader"
GOVERNMENT_TENANT = "99999999-9999-4999-8999-999999999999"


def form(azure: SimulatedAzure, **changes: str | None) -> dict[str, str]:
    """A good token request of payments/web; None leaves a parameter out."""
    good = {
        "client_id": READER_APP,
        "scope": STORAGE,
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": azure.issue(issuer=CLUSTER_ISSUER, subject=WEB),
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


async def posted(
    azure: SimulatedAzure, fields: dict[str, str], tenant: str = HOME_TENANT
) -> tuple[int, dict[str, Any]]:
    """Status and document that a token request gets which no SDK would send."""
    url = f"{azure.url(ServiceName.LOGIN)}/{tenant}/oauth2/v2.0/token"
    async with plain_client(azure) as client, client.post(url, data=fields) as answer:
        return answer.status, await answer.json()


async def keys_of_tenant(azure: SimulatedAzure) -> jwt.PyJWKSet:
    """The keys that discovery leads to, as a resource finds them."""
    url = f"{azure.url(ServiceName.LOGIN)}/{HOME_TENANT}/v2.0/.well-known/openid-configuration"
    async with plain_client(azure) as client, client.get(url) as answer:
        document = await answer.json()
        assert document["issuer"] == f"https://login.microsoftonline.com/{HOME_TENANT}/v2.0"
        async with client.get(document["jwks_uri"]) as keys:
            return jwt.PyJWKSet.from_dict(await keys.json())


async def test_a_trusted_workload_gets_an_access_token_that_the_tenants_keys_verify(
    simulated_azure: SimulatedAzure,
) -> None:
    trust(simulated_azure)
    token = await sign_in(workload(simulated_azure))
    key = (await keys_of_tenant(simulated_azure))[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, ["RS256"], audience="https://storage.azure.com")
    assert {name: claims[name] for name in ("iss", "tid", "appid", "oid", "sub", "idtyp")} == {
        "iss": f"https://sts.windows.net/{HOME_TENANT}/",
        "tid": HOME_TENANT,
        "appid": READER_APP,
        "oid": READER_PRINCIPAL,
        "sub": READER_PRINCIPAL,
        "idtyp": "app",
    }
    assert claims["exp"] - claims["iat"] == 3599


async def test_an_answer_says_for_how_long_the_token_is_good(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    status, document = await posted(simulated_azure, form(simulated_azure))
    assert (status, document["token_type"]) == (200, "Bearer")
    assert (document["expires_in"], document["ext_expires_in"]) == (3599, 3599)


async def test_a_request_for_continuous_access_evaluation_is_served(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    assert await sign_in(workload(simulated_azure), enable_cae=True)


async def test_a_managed_identity_that_trusts_a_workload_signs_in_by_its_client_id(
    simulated_azure: SimulatedAzure,
) -> None:
    web = simulated_azure.world.identity("web")
    trust(simulated_azure, "web")
    claims = jwt.decode(
        await sign_in(workload(simulated_azure, client_id=web.client_id)), options={"verify_signature": False}
    )
    assert (claims["oid"], claims["xms_mirid"]) == (web.principal_id, web.resource_id)


async def test_an_error_has_the_documented_shape(simulated_azure: SimulatedAzure) -> None:
    told = (await denial(workload(simulated_azure, client_id=BILLING_APP))).document
    assert set(told) == {
        "error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id", "error_uri",
    }  # fmt: skip
    assert told["error_uri"] == "https://login.microsoftonline.com/error?code=70025"
    for part in ("AADSTS70025: ", " Trace ID: ", " Correlation ID: ", " Timestamp: "):
        assert part in told["error_description"]


async def test_an_unknown_tenant_is_90002(simulated_azure: SimulatedAzure) -> None:
    assert (await denial(workload(simulated_azure, tenant_id=GOVERNMENT_TENANT))).code == 90002


async def test_a_tenant_is_known_by_its_domain(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    assert await sign_in(workload(simulated_azure, tenant_id="contoso.onmicrosoft.com"))


async def test_an_unknown_client_is_700016(simulated_azure: SimulatedAzure) -> None:
    found = await denial(workload(simulated_azure, client_id="aaaaaaaa-dead-4aaa-8aaa-aaaaaaaaaaaa"))
    assert (found.code, found.status, found.error) == (700016, 400, "unauthorized_client")


async def test_a_single_tenant_application_is_700016_in_another_tenant(simulated_azure: SimulatedAzure) -> None:
    assert (await denial(workload(simulated_azure, client_id=BILLING_APP, tenant_id=PARTNER_TENANT))).code == 700016


async def test_a_multi_tenant_application_needs_a_service_principal_in_the_other_tenant(
    simulated_azure: SimulatedAzure,
) -> None:
    trust(simulated_azure)
    assert (await denial(workload(simulated_azure, tenant_id=PARTNER_TENANT))).code == 7000229
    simulated_azure.world.create_service_principal(PARTNER_TENANT, simulated_azure.world.application(READER_APP))
    token = await sign_in(workload(simulated_azure, tenant_id=PARTNER_TENANT))
    assert jwt.decode(token, options={"verify_signature": False})["tid"] == PARTNER_TENANT


async def test_an_application_whose_home_service_principal_is_gone_is_7000229(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    del simulated_azure.world.service_principals[HOME_TENANT, READER_APP]
    found = await denial(workload(simulated_azure))
    assert (found.code, found.status, found.error) == (7000229, 401, "invalid_client")


async def test_a_tenant_of_another_cloud_is_900382(start_azure: StartAzure) -> None:
    government = TenantSeed(GOVERNMENT_TENANT, "agency", cloud=CloudName.US_GOVERNMENT)
    seed = default_seed()
    azure = await start_azure(seed=replace(seed, tenants=(*seed.tenants, government)))
    assert (await denial(workload(azure, tenant_id=GOVERNMENT_TENANT))).code == 900382


async def test_an_application_without_credentials_is_70025(simulated_azure: SimulatedAzure) -> None:
    assert (await denial(workload(simulated_azure, client_id=BILLING_APP))).code == 70025


def seed_with_secret() -> Any:
    seed = default_seed()
    secretive = ApplicationSeed("contoso", "secretive", secrets=(SECRET,))
    return replace(
        seed,
        applications=(*seed.applications, secretive),
        service_principals=(*seed.service_principals, ServicePrincipalSeed("contoso", "secretive")),
    )


def secret_credential(azure: SimulatedAzure, secret: str) -> ClientSecretCredential:
    client_id = azure.world.application("secretive").app_id
    return ClientSecretCredential(
        HOME_TENANT, client_id, secret, authority=azure.url(ServiceName.LOGIN), connection_verify=str(azure.ca_file)
    )


async def test_a_client_secret_still_signs_in(start_azure: StartAzure) -> None:
    azure = await start_azure(seed=seed_with_secret())
    assert await sign_in(secret_credential(azure, SECRET))


async def test_a_wrong_client_secret_is_7000215_and_not_repeated(start_azure: StartAzure) -> None:
    azure = await start_azure(seed=seed_with_secret())
    found = await denial(secret_credential(azure, "planted-wrong-secret"))
    assert found.code == 7000215
    assert "planted-wrong-secret" not in found.document["error_description"]


@pytest.mark.parametrize("missing", ["grant_type", "client_id", "scope"])
async def test_a_missing_parameter_is_900144(simulated_azure: SimulatedAzure, missing: str) -> None:
    status, told = await posted(simulated_azure, form(simulated_azure, **{missing: None}))
    assert (status, told["error"], told["error_codes"]) == (400, "invalid_request", [900144])
    assert f"'{missing}'" in told["error_description"]


async def test_another_grant_is_70003(simulated_azure: SimulatedAzure) -> None:
    status, told = await posted(simulated_azure, form(simulated_azure, grant_type="password"))
    assert (status, told["error"], told["error_codes"]) == (400, "unsupported_grant_type", [70003])


async def test_a_scope_that_is_not_a_resources_default_is_70011(simulated_azure: SimulatedAzure) -> None:
    scope = "https://graph.microsoft.com/User.Read"
    status, told = await posted(simulated_azure, form(simulated_azure, scope=scope))
    assert (status, told["error"], told["error_codes"]) == (400, "invalid_scope", [70011])


async def test_an_unknown_resource_is_500011(simulated_azure: SimulatedAzure) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        await sign_in(workload(simulated_azure), "https://nothing.example/.default")


async def test_an_assertion_of_another_type_is_90013(simulated_azure: SimulatedAzure) -> None:
    saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
    status, told = await posted(simulated_azure, form(simulated_azure, client_assertion_type=saml))
    assert (status, told["error_codes"]) == (400, [90013])


async def test_a_request_that_proves_nothing_is_7000216(simulated_azure: SimulatedAzure) -> None:
    bare = form(simulated_azure, client_assertion=None, client_assertion_type=None)
    status, told = await posted(simulated_azure, bare)
    assert (status, told["error"], told["error_codes"]) == (401, "invalid_client", [7000216])


async def test_an_assertion_that_is_no_token_is_50027(simulated_azure: SimulatedAzure) -> None:
    assert (await denial(assertion_credential(simulated_azure, "rubbish", client_id=READER_APP))).code == 50027
