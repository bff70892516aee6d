"""What requests to Graph cost, and when it says that it is too much."""

from collections.abc import Mapping
from typing import Any

import pytest

from azure_callers import MovableClock
from azure_clients import plain_client
from entrafed_lab.azure import Rates, ServiceName
from entrafed_lab.azure.exchange import Call, Caller
from entrafed_lab.azure.graph.budgets import charges
from graph_world import APPLICATION, CREDENTIALS, Http, credentials_of, graph_as, member, names, refused
from lab_fixtures import StartAzure

SEEDED = "terraform-production"


@pytest.mark.parametrize(
    ("method", "path", "units"),
    [
        ("GET", APPLICATION, 2),
        ("GET", f"{APPLICATION}?$select=id", 1),
        ("GET", f"{APPLICATION}?$expand=owners", 3),
        ("GET", "/applications?$top=5", 1),
        ("GET", "/applications?$top=50", 2),
        ("GET", CREDENTIALS, 1),
        ("GET", f"{CREDENTIALS}?$select=id", 1),
        ("GET", f"{CREDENTIALS}/{SEEDED}", 1),
        ("GET", "/servicePrincipals", 1),
        ("DELETE", f"{CREDENTIALS}/{SEEDED}", 1),
    ],
)
async def test_requests_cost_resource_units(http: Http, method: str, path: str, units: int) -> None:
    assert (await http.send(method, path)).headers["x-ms-resource-unit"] == str(units)


async def spend(http: Http, units: int) -> Mapping[str, Mapping[str, Any]]:
    """Spend at least that many resource units; the answers of the last batch."""
    answers: Mapping[str, Mapping[str, Any]] = {}
    for _ in range(-(-units // 60)):
        _, answers = await http.batch(*[member(number, url=f"{APPLICATION}?$expand=owners") for number in range(20)])
    return answers


async def test_an_application_has_3500_units_per_10_seconds_in_a_tenant(start_azure: StartAzure) -> None:
    clock = MovableClock()
    azure = await start_azure(rates=Rates(), clock=clock)
    graph = graph_as(azure)
    async with plain_client(azure) as session:
        http = Http(azure, session)
        before = await http.send("GET", CREDENTIALS)
        assert "x-ms-throttle-limit-percentage" not in before.headers
        await spend(http, 2880)
        warned = await http.send("GET", CREDENTIALS)
        assert float(warned.headers["x-ms-throttle-limit-percentage"]) >= 0.8
        last = await spend(http, 3500 - 2880)
        assert {answer["status"] for answer in last.values()} == {200, 429}
        for _ in range(3):
            await http.send("GET", CREDENTIALS)
        with refused(429, "TooManyRequests") as caught:
            await credentials_of(graph).get()
        headers = caught.value.response_headers
        assert int(headers["Retry-After"]) == 1  # type: ignore[index]
        assert "x-ms-throttle-scope" in headers  # type: ignore[operator]
        assert "x-ms-throttle-information" in headers  # type: ignore[operator]
        clock.forward(1)
        assert await names(credentials_of(graph)) == [SEEDED]


async def test_another_application_is_not_throttled_with_it(start_azure: StartAzure) -> None:
    azure = await start_azure(rates=Rates(), clock=MovableClock())
    reader = azure.world.application("storage-reader")
    async with plain_client(azure) as session:
        await spend(Http(azure, session), 3600)
    other = graph_as(azure, "Application.Read.All", app_id=reader.app_id)
    assert await names(credentials_of(other)) == [SEEDED]


async def test_an_application_has_3000_writes_per_150_seconds_in_a_tenant(start_azure: StartAzure) -> None:
    clock = MovableClock()
    azure = await start_azure(rates=Rates(), clock=clock)
    absent = credentials_of(graph_as(azure)).by_federated_identity_credential_id("nobody")
    async with plain_client(azure) as session:
        http = Http(azure, session)
        for _ in range(150):
            await http.batch(*[member(number, "DELETE", "/servicePrincipals/nobody") for number in range(20)])
    with refused(429, "TooManyRequests"):
        await absent.delete()
    assert await names(credentials_of(graph_as(azure))) == [SEEDED]
    clock.forward(0.1)
    with refused(404, "Request_ResourceNotFound"):
        await absent.delete()


def test_what_no_single_application_reaches_is_counted_too() -> None:
    caller = Caller("tenant", "principal", "app", "https://graph.microsoft.com", frozenset())
    write = charges(Call(ServiceName.GRAPH, "DELETE", f"/v1.0{CREDENTIALS}/x"), caller)
    assert {(charge.limit.capacity, round(charge.limit.capacity / charge.limit.rate)) for charge in write} == {
        (3500, 10),
        (150_000, 20),
        (3000, 150),
        (70_000, 300),
        (18_000, 300),
    }
    assert len({charge.budget for charge in write}) == 5
