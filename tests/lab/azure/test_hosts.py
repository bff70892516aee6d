"""The token endpoints of hosts: IMDS of machines and the one of App Service, through azure-identity."""

from typing import Any

import jwt
import pytest
from azure.identity import CredentialUnavailableError
from azure.identity import ManagedIdentityCredential as SyncManagedIdentityCredential

from arm_hosts import block, hosts_as, planted_host
from azure_callers import MovableClock, only
from azure_clients import plain_client
from entrafed_lab.azure import Rates, ServiceName, SimulatedAzure, Variants
from entrafed_lab.azure.host_types import HostKind
from entrafed_lab.azure.seed import API_IDENTITY, WEB_IDENTITY, WEB_VM
from entrafed_lab.azure.variants import ExchangeAudience, UnknownParameter
from host_world import SITE, VM, managed_identity, move_to, refusal_of, token_of, variables
from lab_fixtures import StartAzure
from sign_in_world import EXCHANGE, HOME_ISSUER

VAULT = "https://vault.azure.net"
WEB_CLIENT = "dddddddd-0001-4ddd-8ddd-dddddddddddd"
WEB_PRINCIPAL = "eeeeeeee-0001-4eee-8eee-eeeeeeeeeeee"
API_CLIENT = "dddddddd-0002-4ddd-8ddd-dddddddddddd"
IMDS_PATH = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net"
NOT_FOUND = {"status": 400, "error": "invalid_request", "error_description": "Identity not found"}

APP_SERVICE_KINDS = (
    HostKind.SITE, HostKind.SLOT, HostKind.CONTAINER_APP, HostKind.JOB, HostKind.AUTOMATION_ACCOUNT,
)  # fmt: skip

on_both = pytest.mark.parametrize("host", [VM, SITE])


def claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


async def asked(
    azure: SimulatedAzure, host: str, query: str, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Status and document of a request that no SDK would send. `query` is what follows the endpoint's address."""
    environment = variables(azure, host)
    endpoint = environment.get("IDENTITY_ENDPOINT") or environment["AZURE_POD_IDENTITY_AUTHORITY_HOST"]
    async with plain_client(azure) as client, client.get(endpoint + query, headers=headers) as answer:
        return answer.status, await answer.json()


@on_both
async def test_an_assigned_identity_gets_a_token_of_its_tenant(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    move_to(host, simulated_azure, monkeypatch)
    found = claims(await token_of(managed_identity(client_id=WEB_CLIENT), EXCHANGE))
    assert {name: found[name] for name in ("iss", "sub", "oid", "xms_mirid")} == {
        "iss": HOME_ISSUER,
        "sub": WEB_PRINCIPAL,
        "oid": WEB_PRINCIPAL,
        "xms_mirid": WEB_IDENTITY,
    }
    assert found["exp"] - found["iat"] == 86399


@on_both
async def test_the_synchronous_credential_gets_one_too(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    move_to(host, simulated_azure, monkeypatch)
    credential = SyncManagedIdentityCredential(client_id=WEB_CLIENT, retry_total=0)
    assert claims(await token_of(credential, EXCHANGE))["sub"] == WEB_PRINCIPAL


@pytest.mark.parametrize(
    ("audience", "expected"),
    [(ExchangeAudience.GUID, "fb60f99c-7a34-4190-8149-302f77469936"), (ExchangeAudience.URI, EXCHANGE)],
)
async def test_a_token_for_the_exchange_names_it_by_its_application_id_or_uri(
    start_azure: StartAzure, monkeypatch: pytest.MonkeyPatch, audience: ExchangeAudience, expected: str
) -> None:
    move_to(VM, await start_azure(variants=Variants(exchange_audience=audience)), monkeypatch)
    assert claims(await token_of(managed_identity(client_id=WEB_CLIENT), EXCHANGE))["aud"] == expected


@on_both
@pytest.mark.parametrize("resource", [WEB_IDENTITY, WEB_IDENTITY.upper()])
async def test_an_identity_may_be_named_by_its_resource_id(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch, host: str, resource: str
) -> None:
    move_to(host, simulated_azure, monkeypatch)
    credential = SyncManagedIdentityCredential(identity_config={"resource_id": resource}, retry_total=0)
    assert claims(await token_of(credential, VAULT))["sub"] == WEB_PRINCIPAL


@on_both
async def test_an_identity_may_be_named_by_its_principal_id(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    move_to(host, simulated_azure, monkeypatch)
    credential = SyncManagedIdentityCredential(identity_config={"object_id": WEB_PRINCIPAL}, retry_total=0)
    assert claims(await token_of(credential, VAULT))["sub"] == WEB_PRINCIPAL


async def test_the_only_identity_of_a_machine_need_not_be_named(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to(VM, simulated_azure, monkeypatch)
    assert claims(await token_of(managed_identity(), VAULT))["sub"] == WEB_PRINCIPAL


async def test_one_of_two_identities_of_a_machine_has_to_be_named(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated_azure.world.attach(VM, "api")
    move_to(VM, simulated_azure, monkeypatch)
    told = await refusal_of(managed_identity(), VAULT)
    assert (told["status"], told["error"]) == (400, "invalid_request")
    assert told["error_description"].startswith("Multiple user assigned identities exist")


async def test_app_service_takes_no_name_for_the_system_assigned_identity(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to(SITE, simulated_azure, monkeypatch)
    told = await refusal_of(managed_identity(), VAULT)
    assert (told["status"], told["statusCode"]) == (400, 400)


async def test_an_identity_that_is_not_assigned_is_not_found_on_a_machine(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to(VM, simulated_azure, monkeypatch)
    assert await refusal_of(managed_identity(client_id=API_CLIENT), VAULT) == NOT_FOUND


async def test_an_identity_that_is_not_assigned_is_not_found_in_app_service(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to(SITE, simulated_azure, monkeypatch)
    told = await refusal_of(managed_identity(client_id=API_CLIENT), VAULT)
    expected = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
    assert (told["status"], told["statusCode"], told["message"]) == (400, 400, expected)
    assert told["correlationId"]


async def test_an_identity_made_again_is_another_one_than_the_assigned(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = simulated_azure.world.recreate_identity("web")
    move_to(VM, simulated_azure, monkeypatch)
    assert await refusal_of(managed_identity(client_id=new.client_id), VAULT) == NOT_FOUND


@pytest.mark.parametrize(
    ("variant", "host_refuses"), [(UnknownParameter.IGNORED, False), (UnknownParameter.REFUSED, True)]
)
async def test_a_parameter_that_imds_does_not_know_is_ignored_or_refused(
    start_azure: StartAzure, monkeypatch: pytest.MonkeyPatch, variant: UnknownParameter, host_refuses: bool
) -> None:
    """The asynchronous credential sends `resource_id`, which is none of IMDS."""
    move_to(VM, await start_azure(variants=Variants(imds_parameters=variant)), monkeypatch)
    credential = managed_identity(identity_config={"resource_id": API_IDENTITY})
    if host_refuses:
        assert (await refusal_of(credential, VAULT))["status"] == 400
    else:
        assert claims(await token_of(credential, VAULT))["sub"] == WEB_PRINCIPAL


async def test_an_unknown_resource_is_aadsts50001_on_a_machine(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to(VM, simulated_azure, monkeypatch)
    told = await refusal_of(managed_identity(client_id=WEB_CLIENT), "https://nothing.example")
    assert (told["status"], told["error"]) == (400, "invalid_resource")
    assert told["error_description"].startswith("AADSTS50001: ")


@on_both
async def test_the_same_token_is_given_again_for_most_of_a_day(
    start_azure: StartAzure, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    clock = MovableClock()
    move_to(host, await start_azure(clock=clock), monkeypatch)
    first = await token_of(managed_identity(client_id=WEB_CLIENT), VAULT)
    clock.forward(22 * 3600)
    assert await token_of(managed_identity(client_id=WEB_CLIENT), VAULT) == first
    clock.forward(2 * 3600)
    assert await token_of(managed_identity(client_id=WEB_CLIENT), VAULT) != first


async def test_imds_answers_numbers_as_strings(simulated_azure: SimulatedAzure) -> None:
    status, document = await asked(simulated_azure, VM, IMDS_PATH, {"Metadata": "true"})
    assert status == 200
    assert {name: type(value) for name, value in document.items()} == dict.fromkeys(
        ("access_token", "refresh_token", "client_id", "expires_in", "expires_on", "ext_expires_in", "not_before",
         "resource", "token_type"),
        str,
    )  # fmt: skip
    assert document["expires_in"] == "86399"


async def test_imds_needs_its_header(simulated_azure: SimulatedAzure) -> None:
    assert await asked(simulated_azure, VM, IMDS_PATH) == (
        400,
        {"error": "bad_request_102", "error_description": "Required metadata header not specified"},
    )


@pytest.mark.parametrize("query", ["?resource=https://vault.azure.net", "?api-version=2018-02-01"])
async def test_imds_needs_a_version_and_a_resource(simulated_azure: SimulatedAzure, query: str) -> None:
    path = f"/metadata/identity/oauth2/token{query}"
    status, document = await asked(simulated_azure, VM, path, {"Metadata": "true"})
    assert (status, document["error"]) == (400, "invalid_request")


async def test_imds_takes_twenty_requests_per_second(start_azure: StartAzure) -> None:
    azure = await start_azure(rates=Rates(), clock=MovableClock())
    statuses = [(await asked(azure, VM, IMDS_PATH, {"Metadata": "true"}))[0] for _ in range(21)]
    assert statuses == [200] * 20 + [429]


@pytest.mark.parametrize("headers", [{}, {"X-IDENTITY-HEADER": "guessed"}])
async def test_app_service_needs_the_header_that_it_gave(
    simulated_azure: SimulatedAzure, headers: dict[str, str]
) -> None:
    query = f"?api-version=2019-08-01&resource={VAULT}&client_id={WEB_CLIENT}"
    assert (await asked(simulated_azure, SITE, query, headers))[0] == 401


async def test_app_service_takes_one_selector_only(simulated_azure: SimulatedAzure) -> None:
    header = {"X-IDENTITY-HEADER": variables(simulated_azure, SITE)["IDENTITY_HEADER"]}
    query = f"?api-version=2019-08-01&resource={VAULT}&client_id={WEB_CLIENT}&principal_id={WEB_PRINCIPAL}"
    status, document = await asked(simulated_azure, SITE, query, header)
    assert (status, document["statusCode"]) == (400, 400)


async def test_an_app_has_no_machines_endpoint(simulated_azure: SimulatedAzure) -> None:
    machine = variables(simulated_azure, VM)["AZURE_POD_IDENTITY_AUTHORITY_HOST"]
    url = machine.replace(VM, SITE) + IMDS_PATH
    async with plain_client(simulated_azure) as client, client.get(url, headers={"Metadata": "true"}) as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    "kind", [HostKind.VIRTUAL_MACHINE, HostKind.SCALE_SET, HostKind.CONTAINER_GROUP, *APP_SERVICE_KINDS]
)
async def test_every_kind_of_host_gives_tokens_of_the_identities_that_it_has_and_no_others(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch, kind: HostKind
) -> None:
    host = simulated_azure.world.host(planted_host(simulated_azure, kind, "web"))
    move_to(host.id, simulated_azure, monkeypatch)
    assert claims(await token_of(managed_identity(client_id=WEB_CLIENT), EXCHANGE))["sub"] == WEB_PRINCIPAL
    assert (await refusal_of(managed_identity(client_id=API_CLIENT), EXCHANGE))["status"] == 400
    simulated_azure.world.detach(host.id, "web")
    simulated_azure.world.attach(host.id, "api")
    assert (await refusal_of(managed_identity(client_id=WEB_CLIENT), EXCHANGE))["status"] == 400
    assert claims(await token_of(managed_identity(client_id=API_CLIENT), EXCHANGE))["xms_mirid"] == API_IDENTITY


@pytest.mark.parametrize("kind", [HostKind.CLUSTER, HostKind.WORKFLOW])
async def test_what_runs_no_code_of_its_owner_has_no_endpoint(simulated_azure: SimulatedAzure, kind: HostKind) -> None:
    host = simulated_azure.world.host(planted_host(simulated_azure, kind, "web"))
    assert variables(simulated_azure, host.id) == {}
    for service, path in ((ServiceName.IMDS, IMDS_PATH), (ServiceName.APP_SERVICE, "/msi/token")):
        url = f"{simulated_azure.url(service)}/{host.id}{path}"
        async with plain_client(simulated_azure) as client, client.get(url, headers={"Metadata": "true"}) as answer:
            assert answer.status == 404


@pytest.mark.parametrize("kind", [HostKind.VIRTUAL_MACHINE, HostKind.SITE])
async def test_an_identity_that_was_just_assigned_is_not_known_for_a_while(
    start_azure: StartAzure, monkeypatch: pytest.MonkeyPatch, kind: HostKind
) -> None:
    clock = MovableClock()
    azure = await start_azure(clock=clock, delays=only(attachment=60))
    host = azure.world.host(planted_host(azure, kind))
    move_to(host.id, azure, monkeypatch)
    azure.world.attach(host.id, "web")
    clock.forward(59)
    assert (await refusal_of(managed_identity(client_id=WEB_CLIENT), VAULT))["status"] == 400
    clock.forward(1)
    assert claims(await token_of(managed_identity(client_id=WEB_CLIENT), VAULT))["sub"] == WEB_PRINCIPAL


async def test_a_machine_gives_no_token_before_its_update_is_over(
    start_azure: StartAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovableClock()
    azure = await start_azure(clock=clock, delays=only(host_operation=30, attachment=10))
    move_to(VM, azure, monkeypatch)
    async with hosts_as(azure) as calls:
        await calls.begin(WEB_VM, block(API_IDENTITY))
    for seconds in (29, 10):
        clock.forward(seconds)
        assert (await refusal_of(managed_identity(client_id=API_CLIENT), VAULT))["status"] == 400
    clock.forward(1)
    assert claims(await token_of(managed_identity(client_id=API_CLIENT), VAULT))["xms_mirid"] == API_IDENTITY


@pytest.mark.parametrize("kind", [HostKind.VIRTUAL_MACHINE, HostKind.SITE])
async def test_without_a_name_the_system_assigned_identity_is_meant(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind, "web", "api")
    async with hosts_as(simulated_azure) as calls:
        both = block(WEB_IDENTITY, API_IDENTITY, kind="SystemAssigned, UserAssigned")
        principal = (await calls.patch(host, both))["identity"]["principalId"]
    move_to(simulated_azure.world.host(host).id, simulated_azure, monkeypatch)
    found = claims(await token_of(managed_identity(), VAULT))
    assert (found["sub"], found["xms_mirid"]) == (principal, host)


async def test_a_refused_identity_is_an_unavailable_credential(
    simulated_azure: SimulatedAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a chain of credentials goes by."""
    move_to(VM, simulated_azure, monkeypatch)
    with pytest.raises(CredentialUnavailableError):
        await token_of(SyncManagedIdentityCredential(client_id=API_CLIENT, retry_total=0), VAULT)
