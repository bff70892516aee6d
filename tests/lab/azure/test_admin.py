"""The admin API: what another process sees of the simulation, and how it changes it."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from azure.core.exceptions import HttpResponseError
from msgraph.generated.models.o_data_errors.o_data_error import ODataError

from arm_hosts import block, hosts_as
from azure_clients import assertion_credential
from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import (
    API_IDENTITY,
    GITHUB,
    HOME_TENANT,
    OPERATOR_PRINCIPAL,
    READER_APP,
    READER_OBJECT,
    SUBSCRIPTION,
    WEB_IDENTITY,
    WEB_VM,
)
from graph_world import OWNED_BY, credentials_of, graph_as, names
from host_world import VM
from lab_fixtures import CLUSTER_ISSUER
from sign_in_world import EXCHANGE, WEB, denial, sign_in, trust, workload

CREDENTIAL = {"name": "trusted", "issuer": CLUSTER_ISSUER, "subject": WEB}


class AdminClient:
    """JSON over HTTP, as any process would."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def __call__(self, method: str, path: str, body: object = None, *, expect: int = 200) -> Mapping[str, Any]:
        """The document of an answer with that status; empty when it has none."""
        async with self._session.request(method, self._url + path, json=body) as answer:
            document: Mapping[str, Any] = await answer.json() if answer.content_length else {}
            assert answer.status == expect, document
            return document


@pytest_asyncio.fixture
async def admin(simulated_azure: SimulatedAzure) -> AsyncIterator[AdminClient]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield AdminClient(session, simulated_azure.url(ServiceName.ADMIN))


def named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in items if item["name"] == name)


async def test_a_snapshot_holds_everything(admin: AdminClient) -> None:
    told = await admin("GET", "/snapshot")
    reader = named(told["applications"], "storage-reader")
    assert (reader["clientId"], reader["objectId"], reader["uniqueName"]) == (
        READER_APP,
        READER_OBJECT,
        "storage-reader",
    )
    assert [item["name"] for item in reader["federatedCredentials"]] == ["terraform-production"]
    assert {item["resourceId"] for item in told["identities"]} == {WEB_IDENTITY, API_IDENTITY}
    assert {item["name"] for item in told["tenants"]} == {"contoso", "fabrikam"}
    assert {item["id"] for item in told["hosts"]} == {"web-vm", "web-site", "api-vm", "api-nodes", "api-app"}
    assert GITHUB in told["issuers"]


async def test_the_request_log_tells_who_did_what(simulated_azure: SimulatedAzure, admin: AdminClient) -> None:
    graph = credentials_of(graph_as(simulated_azure))
    await names(graph)
    await names(graph)
    listed = (await admin("GET", "/requests?operation=credentials.list"))["requests"]
    assert [record["status"] for record in listed] == [200, 200]
    assert listed[0]["principal"] == "cccccccc-0009-4ccc-8ccc-cccccccccccc"
    assert listed[0]["parent"] == READER_OBJECT
    assert (await admin("GET", f"/requests?after={listed[0]['number']}"))["requests"] == listed[1:]
    await admin("DELETE", "/requests", expect=204)
    assert (await admin("GET", "/requests"))["requests"] == []


async def test_a_fault_is_added_counted_and_removed(simulated_azure: SimulatedAzure, admin: AdminClient) -> None:
    wish = {"services": ["login"], "status": 503, "retryAfter": 7, "body": "not json", "times": 2}
    added = await admin("POST", "/faults", wish, expect=201)
    token_url = f"{simulated_azure.url(ServiceName.LOGIN)}/{HOME_TENANT}/oauth2/v2.0/token"
    async with aiohttp.ClientSession() as session, session.post(token_url, ssl=False) as answer:
        assert (answer.status, answer.headers["Retry-After"], await answer.text()) == (503, "7", "not json")
    (shown,) = (await admin("GET", "/faults"))["faults"]
    assert (shown["id"], shown["hits"], shown["services"]) == (added["id"], 1, ["login"])
    await admin("DELETE", f"/faults/{added['id']}", expect=204)
    assert (await admin("GET", "/faults"))["faults"] == []
    await admin("DELETE", f"/faults/{added['id']}", expect=404)


async def test_all_faults_are_removed_at_once(simulated_azure: SimulatedAzure, admin: AdminClient) -> None:
    for service in ("graph", "arm"):
        await admin("POST", "/faults", {"services": [service], "hang": True}, expect=201)
    await admin("DELETE", "/faults", expect=204)
    assert list(simulated_azure.faults) == []


async def test_a_service_is_stopped_and_resumed(simulated_azure: SimulatedAzure, admin: AdminClient) -> None:
    graph = credentials_of(graph_as(simulated_azure))
    await admin("PUT", "/services/graph", {"state": "stopped"}, expect=204)
    with pytest.raises(Exception, match=r"(?i)connect"):
        await names(graph)
    await admin("PUT", "/services/graph", {"state": "running"}, expect=204)
    assert await names(graph) == ["terraform-production"]


async def test_the_admin_api_itself_cannot_be_stopped(admin: AdminClient) -> None:
    await admin("PUT", "/services/admin", {"state": "stopped"}, expect=404)


async def test_delays_are_changed_while_it_runs(simulated_azure: SimulatedAzure, admin: AdminClient) -> None:
    told = await admin("PUT", "/delays", {"propagation": 60, "negativeCache": 0})
    assert told == await admin("GET", "/delays")
    assert (told["propagation"], told["replicaLag"]) == (60, 5)
    trust(simulated_azure)
    assert (await denial(workload(simulated_azure))).code == 700211
    await admin("PUT", "/delays", {"scale": 0})
    assert await sign_in(workload(simulated_azure))


async def test_a_token_of_an_issuer_that_is_held_here_can_be_had(
    simulated_azure: SimulatedAzure, admin: AdminClient
) -> None:
    subject = "repo:contoso/web:environment:prod"
    trust(simulated_azure, issuer=GITHUB, subject=subject)
    wish = {"issuer": GITHUB, "subject": subject, "audience": EXCHANGE, "claims": {"environment": "prod"}}
    token = (await admin("POST", "/tokens", wish, expect=201))["token"]
    assert await sign_in(assertion_credential(simulated_azure, token, client_id=READER_APP))


@pytest.mark.parametrize(
    "issuer", ["https://elsewhere.example", f"https://login.microsoftonline.com/{HOME_TENANT}/v2.0"]
)
async def test_no_token_of_another_issuer_can_be_had(admin: AdminClient, issuer: str) -> None:
    told = await admin("POST", "/tokens", {"issuer": issuer, "subject": "s"}, expect=404)
    assert issuer in told["error"]


@pytest.mark.parametrize("holder", ["applications/storage-reader", f"applications/{READER_OBJECT}", "identities/web"])
async def test_somebody_else_makes_changes_and_removes_a_credential(
    simulated_azure: SimulatedAzure, admin: AdminClient, holder: str
) -> None:
    held = simulated_azure.world.holder(holder.partition("/")[2])
    await admin("POST", f"/{holder}/credentials", CREDENTIAL, expect=201)
    changed = await admin("PATCH", f"/{holder}/credentials/trusted", {"subject": "somebody"})
    assert (changed["issuer"], changed["subject"]) == (CLUSTER_ISSUER, "somebody")
    assert [item.subject for item in held.credentials if item.name == "trusted"] == ["somebody"]
    await admin("DELETE", f"/{holder}/credentials/trusted", expect=204)
    assert held.credential("trusted") is None
    await admin("DELETE", f"/{holder}/credentials/trusted", expect=404)


async def test_somebody_else_makes_and_deletes_an_application(
    simulated_azure: SimulatedAzure, admin: AdminClient
) -> None:
    wish = {"name": "new", "tenantId": HOME_TENANT, "uniqueName": "new"}
    made = await admin("POST", "/applications", wish, expect=201)
    trust(simulated_azure, "new")
    assert await sign_in(workload(simulated_azure, client_id=made["clientId"]))
    await admin("DELETE", "/applications/new", expect=204)
    assert (await denial(workload(simulated_azure, client_id=made["clientId"]))).code == 700016


async def test_somebody_else_makes_recreates_and_deletes_an_identity(admin: AdminClient) -> None:
    provider = "Microsoft.ManagedIdentity/userAssignedIdentities"
    resource_id = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/payments/providers/{provider}/new"
    made = await admin("POST", "/identities", {"resourceId": resource_id}, expect=201)
    again = await admin("POST", "/identities/new/recreate")
    assert again["resourceId"] == resource_id
    assert (again["clientId"], again["principalId"]) != (made["clientId"], made["principalId"])
    await admin("DELETE", "/identities/new", expect=204)
    await admin("DELETE", "/identities/new", expect=404)


async def test_an_identity_is_assigned_to_a_host_and_taken_off(
    simulated_azure: SimulatedAzure, admin: AdminClient
) -> None:
    host = simulated_azure.world.hosts[VM]
    await admin("PUT", f"/hosts/{VM}/identities/api", expect=204)
    assert API_IDENTITY.lower() in host.attached
    await admin("DELETE", f"/hosts/{VM}/identities/api", expect=204)
    assert API_IDENTITY.lower() not in host.attached


async def test_somebody_else_makes_recreates_and_deletes_a_host(
    simulated_azure: SimulatedAzure, admin: AdminClient
) -> None:
    machine = WEB_VM.replace("web-1", "web-2")
    wish = {"id": "second", "resourceId": machine, "identities": ["web"]}
    made = await admin("POST", "/hosts", wish, expect=201)
    assert (made["resourceId"], made["identities"]) == (machine, [WEB_IDENTITY.lower()])
    again = await admin("POST", "/hosts/second/recreate")
    assert again["identities"] == []
    assert again["uniqueId"] != made["uniqueId"]
    await admin("DELETE", "/hosts/second", expect=204)
    assert "second" not in simulated_azure.world.hosts


async def test_updates_of_a_host_fail_on_demand(simulated_azure: SimulatedAzure, admin: AdminClient) -> None:
    await admin("POST", f"/hosts/{VM}/failures", {"code": "Oops", "message": "It did not work."}, expect=204)
    async with hosts_as(simulated_azure) as hosts:
        with pytest.raises(HttpResponseError, match="Oops"):
            await hosts.patch(WEB_VM, block(API_IDENTITY))
        await hosts.patch(WEB_VM, block(API_IDENTITY))


async def test_somebody_else_locks_and_unlocks_a_scope(simulated_azure: SimulatedAzure, admin: AdminClient) -> None:
    await admin("POST", "/locks", {"scope": WEB_VM, "level": "CanNotDelete"}, expect=204)
    assert [(lock.scope, lock.level) for lock in simulated_azure.world.locks] == [(WEB_VM.lower(), "CanNotDelete")]
    await admin("DELETE", f"/locks?scope={WEB_VM}", expect=204)
    assert simulated_azure.world.locks == []
    await admin("DELETE", f"/locks?scope={WEB_VM}", expect=404)


async def test_somebody_else_gives_and_takes_roles(simulated_azure: SimulatedAzure, admin: AdminClient) -> None:
    wish = {"principal": "billing", "role": "Reader", "scope": WEB_VM}
    made = await admin("POST", "/roleAssignments", wish, expect=201)
    assert (made["role"], made["scope"]) == ("Reader", WEB_VM)
    assert made in (await admin("GET", "/snapshot"))["roleAssignments"]
    await admin("DELETE", f"/roleAssignments/{made['name']}", expect=204)
    await admin("DELETE", f"/roleAssignments/{made['name']}", expect=404)


async def test_the_operator_loses_one_right_or_all(simulated_azure: SimulatedAzure, admin: AdminClient) -> None:
    async with hosts_as(simulated_azure) as hosts:
        await admin("DELETE", "/principals/entrafed-operator/rights?role=Managed Identity Operator", expect=204)
        with pytest.raises(HttpResponseError, match="LinkedAuthorizationFailed"):
            await hosts.patch(WEB_VM, block(API_IDENTITY))
        await admin("DELETE", f"/principals/{OPERATOR_PRINCIPAL}/rights", expect=204)
        with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
            await hosts.get(WEB_VM)


async def test_permissions_for_graph_are_exchanged(simulated_azure: SimulatedAzure, admin: AdminClient) -> None:
    await admin("PUT", "/principals/entrafed-operator/appRoles", {"appRoles": []}, expect=204)
    with pytest.raises(ODataError, match="Insufficient privileges"):
        await names(credentials_of(graph_as(simulated_azure)))
    await admin("PUT", "/principals/entrafed-operator/appRoles", {"appRoles": [OWNED_BY]}, expect=204)
    assert await names(credentials_of(graph_as(simulated_azure))) == ["terraform-production"]


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "/faults", {"service": "graph"}, "unknown service; possible are"),
        ("POST", "/faults", {"services": ["grap"]}, "possible are login, graph"),
        ("POST", "/faults", {"pathRegex": "("}, "missing )"),
        ("POST", "/faults", None, "expected a mapping"),
        ("PUT", "/delays", {"propagation": "long"}, "expected float, found str"),
        ("PUT", "/services/graph", {"state": "asleep"}, "possible are running, stopped"),
        ("POST", "/identities", {"resourceId": "web"}, "not the resource id of a user-assigned identity"),
        ("POST", "/hosts", {"id": "x", "resourceId": "web"}, "web is not the resource id of a host"),
        ("POST", "/locks", {"scope": WEB_VM, "level": "Strict"}, "possible are ReadOnly, CanNotDelete"),
        ("GET", "/requests?after=yesterday", None, "a number"),
    ],
)
async def test_a_wrong_wish_is_told_with_what_is_possible(
    admin: AdminClient, method: str, path: str, body: object, words: str
) -> None:
    assert words in (await admin(method, path, body, expect=400))["error"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/nothing", None),
        ("POST", "/applications/nobody/credentials", CREDENTIAL),
        ("POST", "/applications", {"name": "x", "tenantId": "nowhere"}),
        ("PUT", "/hosts/nowhere/identities/web", None),
        ("PUT", f"/hosts/{VM}/identities/nobody", None),
        ("DELETE", "/hosts/nowhere", None),
        ("DELETE", "/principals/nobody/rights", None),
        ("DELETE", "/principals/billing/rights?role=Nothing", None),
        ("POST", "/roleAssignments", {"principal": "billing", "role": "Nothing", "scope": WEB_VM}),
    ],
)
async def test_what_does_not_exist_is_404(admin: AdminClient, method: str, path: str, body: object) -> None:
    assert (await admin(method, path, body, expect=404))["error"].startswith("There is no ")
