"""Faults on demand, as the real SDKs meet them."""

import asyncio
import time

import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from kiota_abstractions.api_error import APIError
from msgraph.generated.models.o_data_errors.o_data_error import ODataError

from azure_callers import MEANWHILE, until
from azure_clients import graph_client, operator_credential
from entrafed_lab.azure import Delays, Fault, ServiceName, SimulatedAzure
from entrafed_lab.azure.exchange import Call
from entrafed_lab.azure.seed import READER_OBJECT
from graph_world import credential, credentials_of, graph_as, names
from sign_in_world import denial, sign_in, trust, workload

GRAPH = (ServiceName.GRAPH,)
LOGIN = (ServiceName.LOGIN,)
THE_SDK_GAVE_UP = (ServiceRequestError, ServiceResponseError)


async def test_a_status_is_answered_in_the_services_own_words(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.faults.add(Fault(GRAPH, status=503))
    with pytest.raises(ODataError) as refused:
        await credentials_of(graph_as(simulated_azure)).get()
    assert refused.value.response_status_code == 503
    assert refused.value.error is not None
    assert refused.value.error.code == "ServiceUnavailable"


async def test_a_fault_of_the_token_endpoint_has_its_code(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.faults.add(Fault(LOGIN, status=400, code="AADSTS90033", message="A transient error has occurred."))
    found = await denial(workload(simulated_azure))
    assert (found.code, found.status) == (90033, 400)


async def test_the_sdk_waits_as_long_as_it_is_told_and_tries_again(simulated_azure: SimulatedAzure) -> None:
    fault = simulated_azure.faults.add(Fault(GRAPH, ("GET",), status=429, retry_after=1, times=1))
    async with operator_credential(simulated_azure) as signed_in:
        graph = graph_client(simulated_azure, signed_in, retry=True)
        started = time.monotonic()
        assert await names(credentials_of(graph)) == ["terraform-production"]
    assert time.monotonic() - started > 1
    assert fault.hits == 1
    assert [record.status for record in simulated_azure.log.named("credentials.list")] == [429, 200]


async def test_a_fault_hits_what_matches_and_nothing_else(simulated_azure: SimulatedAzure) -> None:
    graph = graph_as(simulated_azure)
    simulated_azure.faults.add(Fault(GRAPH, ("POST",), f"/{READER_OBJECT}/federated", status=500))
    assert await names(credentials_of(graph)) == ["terraform-production"]
    with pytest.raises(ODataError):
        await credentials_of(graph).post(credential())
    assert await names(credentials_of(graph)) == ["terraform-production"]


async def test_a_fault_can_spare_the_first_and_end_by_itself(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.faults.add(Fault(GRAPH, status=503, skip=1, times=2))
    graph, statuses = graph_as(simulated_azure), []
    for _ in range(4):
        try:
            await credentials_of(graph).get()
            statuses.append(200)
        except ODataError as refused:
            statuses.append(refused.response_status_code or 0)
    assert statuses == [200, 503, 503, 200]


async def test_a_body_that_is_not_json_is_met_by_the_sdk_as_such(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.faults.add(Fault(GRAPH, status=502, body="<html>Bad Gateway</html>"))
    with pytest.raises(APIError) as refused:
        await credentials_of(graph_as(simulated_azure)).get()
    assert refused.value.response_status_code == 502


async def test_a_lost_answer_leaves_what_was_written(simulated_azure: SimulatedAzure) -> None:
    told: list[Call] = []
    simulated_azure.faults.add(Fault(GRAPH, ("POST",), lose_answer=True), notify=told.append)
    with pytest.raises(Exception, match=r"disconnect"):
        await credentials_of(graph_as(simulated_azure)).post(credential("lost"))
    assert simulated_azure.world.application(READER_OBJECT).credential("lost") is not None
    assert [call.method for call in told] == ["POST"]
    record = simulated_azure.log.named("credentials.create")[0]
    assert (record.status, record.answered) == (201, False)


async def test_a_refused_request_writes_nothing(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.faults.add(Fault(GRAPH, ("POST",), refuse=True))
    with pytest.raises(Exception, match=r"disconnect"):
        await credentials_of(graph_as(simulated_azure)).post(credential("lost"))
    assert simulated_azure.world.application(READER_OBJECT).credential("lost") is None
    assert simulated_azure.log.named("credentials.create")[0].status is None


async def test_somebody_can_be_told_before_a_request_is_handled(simulated_azure: SimulatedAzure) -> None:
    reader = simulated_azure.world.application(READER_OBJECT)
    before: list[bool] = []
    simulated_azure.faults.add(
        Fault(GRAPH, ("POST",)), notify=lambda _: before.append(reader.credential("deploy") is None)
    )
    await credentials_of(graph_as(simulated_azure)).post(credential("deploy"))
    assert before == [True]
    assert reader.credential("deploy") is not None


async def test_latency_delays_and_does_no_harm(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.faults.add(Fault(GRAPH, latency=0.3))
    graph = graph_as(simulated_azure)
    started = time.monotonic()
    assert await names(credentials_of(graph)) == ["terraform-production"]
    assert time.monotonic() - started >= 0.3


async def test_what_hangs_ends_when_the_fault_is_removed(simulated_azure: SimulatedAzure) -> None:
    fault = simulated_azure.faults.add(Fault(LOGIN, hang=True))
    trust(simulated_azure)
    waiting = asyncio.create_task(sign_in(workload(simulated_azure)))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    fault.remove()
    with pytest.raises(THE_SDK_GAVE_UP):
        await waiting
    assert await sign_in(workload(simulated_azure))


async def test_what_is_held_is_done_later_though_nobody_waits_for_it_any_more(simulated_azure: SimulatedAzure) -> None:
    reader = simulated_azure.world.application(READER_OBJECT)
    fault = simulated_azure.faults.add(Fault(GRAPH, ("POST",), hold=True))
    posting = asyncio.create_task(credentials_of(graph_as(simulated_azure)).post(credential("late")))
    await until(lambda: fault.hits == 1)
    posting.cancel()
    await asyncio.wait({posting})
    assert reader.credential("late") is None
    fault.remove()
    await until(lambda: reader.credential("late") is not None)


async def test_what_hangs_does_not_hold_the_end() -> None:
    async with SimulatedAzure(delays=Delays.none()) as azure:
        fault = azure.faults.add(Fault(LOGIN, hang=True))
        waiting = asyncio.create_task(sign_in(workload(azure)))
        await until(lambda: fault.hits == 1)
        ending = time.monotonic()
    assert time.monotonic() - ending < 1
    with pytest.raises(THE_SDK_GAVE_UP):
        await waiting


async def test_a_stopped_service_refuses_connections_until_it_is_resumed(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    address = simulated_azure.url(ServiceName.LOGIN)
    await simulated_azure.stop(ServiceName.LOGIN)
    with pytest.raises(ServiceRequestError, match=r"Cannot connect"):
        await sign_in(workload(simulated_azure))
    await simulated_azure.resume(ServiceName.LOGIN)
    assert simulated_azure.url(ServiceName.LOGIN) == address
    assert await sign_in(workload(simulated_azure))


async def test_a_stopped_service_cuts_the_connections_that_are_open(simulated_azure: SimulatedAzure) -> None:
    graph = graph_as(simulated_azure)
    assert await names(credentials_of(graph)) == ["terraform-production"]
    await simulated_azure.stop(ServiceName.GRAPH)
    with pytest.raises(Exception, match=r"(?i)connect"):
        await names(credentials_of(graph))


async def test_overlapping_writes_to_one_application_are_seen_in_the_log(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.faults.add(Fault(GRAPH, ("POST",), latency=MEANWHILE))
    graph = credentials_of(graph_as(simulated_azure))
    await asyncio.gather(graph.post(credential("one")), graph.post(credential("two")), return_exceptions=True)
    assert [record.overlapping for record in simulated_azure.log.writes()] == [True, True]
