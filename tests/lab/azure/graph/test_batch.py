"""$batch. The SDK's own classes for it need a package that it does not declare: plain HTTP here."""

from collections.abc import Sequence

import pytest

from azure_clients import plain_client
from entrafed_lab.azure import Fault, ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import GITHUB, READER_OBJECT
from graph_world import CREDENTIALS, Http, Member, creation, member

SEEDED = "terraform-production"


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


async def test_of_a_list_that_breaks_off_a_member_gets_the_error(simulated_azure: SimulatedAzure, http: Http) -> None:
    holder = simulated_azure.world.application(READER_OBJECT)
    holder.add_foreign_credential(name="flexible", issuer=GITHUB, expression="claims['sub'] eq 'x'")
    status, answers = await http.batch(member(1), member(2, url="/applications(appId='nobody')"))
    assert status == 200
    assert {name: answer["status"] for name, answer in answers.items()} == {"1": 500, "2": 404}
    assert "'subject[Nullable=False]'" in answers["1"]["body"]["error"]["message"]
