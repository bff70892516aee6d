"""$batch and throttling. The SDK's own batch classes need a package that it does not declare: plain HTTP here."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from azure_callers import MovableClock, PrincipalCredential
from azure_clients import plain_client
from entrafed_lab.azure import Fault, Rates, ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import GITHUB, HOME_TENANT, OPERATOR_APP, READER_OBJECT
from graph_world import AUDIENCE, credentials_of, graph_as, names, refused
from lab_fixtures import StartAzure

APPLICATION = f"/applications/{READER_OBJECT}"
CREDENTIALS = f"{APPLICATION}/federatedIdentityCredentials"
SEEDED = "terraform-production"

Member = Mapping[str, Any]


class Http:
    """Plain requests to Graph, signed in as the operator."""

    def __init__(self, azure: SimulatedAzure, session: aiohttp.ClientSession) -> None:
        principal = azure.world.service_principals[HOME_TENANT, OPERATOR_APP]
        self._credential = PrincipalCredential(azure, principal)
        self._session = session
        self._base = f"{azure.url(ServiceName.GRAPH)}/v1.0"

    async def send(self, method: str, path: str, body: object = None) -> aiohttp.ClientResponse:
        token = await self._credential.get_token("https://graph.microsoft.com/.default")
        headers = {"Authorization": f"Bearer {token.token}"}
        async with self._session.request(method, self._base + path, json=body, headers=headers) as answer:
            await answer.read()
            return answer

    async def batch(self, *members: Member) -> tuple[int, Mapping[str, Mapping[str, Any]]]:
        """Status of the whole, and the answers by id."""
        answer = await self.send("POST", "/$batch", {"requests": members})
        document = await answer.json()
        return answer.status, {item["id"]: item for item in document.get("responses", ())}


@pytest_asyncio.fixture
async def http(simulated_azure: SimulatedAzure) -> AsyncIterator[Http]:
    async with plain_client(simulated_azure) as session:
        yield Http(simulated_azure, session)


def member(number: int, method: str = "GET", url: str = CREDENTIALS, **extra: Any) -> Member:
    return {"id": str(number), "method": method, "url": url, **extra}


def creation(number: int, name: str, **extra: Any) -> Member:
    body = {"name": name, "issuer": GITHUB, "subject": name, "audiences": [AUDIENCE]}
    return member(number, "POST", body=body, headers={"Content-Type": "application/json"}, **extra)


async def test_each_member_has_an_answer_of_its_own(http: Http) -> None:
    status, answers = await http.batch(
        member(1), creation(2, "deploy"), member(3, url=f"{CREDENTIALS}/nobody"), member(4, url="/nowhere")
    )
    assert status == 200
    assert {name: answer["status"] for name, answer in answers.items()} == {"1": 200, "2": 201, "3": 404, "4": 400}
    assert answers["2"]["body"]["name"] == "deploy"
    assert answers["3"]["body"]["error"]["code"] == "Request_ResourceNotFound"


async def test_a_member_waits_for_those_it_depends_on(http: Http) -> None:
    _, answers = await http.batch(
        creation(1, "first"), creation(2, "second", dependsOn=["1"]), member(3, dependsOn=["2"])
    )
    assert [item["name"] for item in answers["3"]["body"]["value"]] == [SEEDED, "first", "second"]


async def test_what_depends_on_a_failure_fails(http: Http) -> None:
    _, answers = await http.batch(
        member(1, "DELETE", f"{CREDENTIALS}/nobody"), creation(2, "deploy", dependsOn=["1"]), member(3)
    )
    assert [answers[name]["status"] for name in ("1", "2", "3")] == [404, 424, 200]
    assert [item["name"] for item in answers["3"]["body"]["value"]] == [SEEDED]


@pytest.mark.parametrize(
    "members",
    [[], [member(number) for number in range(21)], [member(1), member(1)], [{"id": "1", "method": "GET"}]],
    ids=["none", "21", "one id twice", "no url"],
)
async def test_a_batch_of_the_wrong_form_is_refused_as_a_whole(http: Http, members: Sequence[Member]) -> None:
    status, answers = await http.batch(*members)
    assert (status, answers) == (400, {})


async def test_twenty_members_are_taken(http: Http) -> None:
    status, answers = await http.batch(*[member(number) for number in range(20)])
    assert (status, len(answers)) == (200, 20)


async def test_a_batch_needs_a_token(simulated_azure: SimulatedAzure) -> None:
    url = f"{simulated_azure.url(ServiceName.GRAPH)}/v1.0/$batch"
    async with plain_client(simulated_azure) as session, session.post(url, json={"requests": [member(1)]}) as answer:
        assert answer.status == 401


async def test_one_member_can_be_throttled_alone(simulated_azure: SimulatedAzure, http: Http) -> None:
    simulated_azure.faults.add(
        Fault((ServiceName.GRAPH,), ("GET",), "nobody", status=429, code="TooManyRequests", retry_after=7)
    )
    status, answers = await http.batch(member(1), member(2, url=f"{CREDENTIALS}/nobody"))
    assert status == 200
    assert (answers["1"]["status"], answers["2"]["status"]) == (200, 429)
    assert answers["2"]["headers"]["Retry-After"] == "7"


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
