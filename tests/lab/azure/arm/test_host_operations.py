"""Updates of hosts that take their time: how each provider tells how they end, and what is seen meanwhile."""

import asyncio

import pytest
from azure.core.exceptions import AzureError, HttpResponseError

from arm_hosts import PATCHED, HostCalls, block, hosts_as, planted_host
from arm_world import header, refused, send
from azure_callers import MEANWHILE, MovableClock, only, until
from entrafed_lab.azure import Fault, ServiceName, SimulatedAzure, Variants
from entrafed_lab.azure.host_types import HostKind
from entrafed_lab.azure.hosts import Failure, throttled_behind_the_host
from entrafed_lab.azure.seed import API_IDENTITY, API_VM, WEB_IDENTITY, WEB_VM
from entrafed_lab.azure.variants import HostModel, SiteUpdate
from lab_fixtures import StartAzure

COMPUTE = [HostKind.VIRTUAL_MACHINE, HostKind.SCALE_SET]
APPS = [HostKind.CONTAINER_APP, HostKind.JOB]
AT_ONCE = [HostKind.SITE, HostKind.SLOT, HostKind.AUTOMATION_ACCOUNT]
BUSY = {
    **dict.fromkeys(COMPUTE, "OperationNotAllowed"),
    **dict.fromkeys(APPS, "AnotherOperationInProgress"),
    **dict.fromkeys(AT_ONCE, "Conflict"),
}
LASTS = only(host_operation=30)


def path_of(address: str) -> str:
    """What follows the address of Resource Manager."""
    return "/" + address.partition("://")[2].partition("/")[2]


@pytest.mark.parametrize("kind", COMPUTE)
async def test_compute_answers_200_and_says_where_the_operation_is(start_azure: StartAzure, kind: HostKind) -> None:
    clock = MovableClock()
    azure = await start_azure(delays=LASTS, clock=clock)
    host = planted_host(azure, kind)
    async with hosts_as(azure) as hosts:
        answered = (await hosts.begin(host, block(WEB_IDENTITY))).http_response
        assert (answered.status_code, answered.headers["Retry-After"]) == (200, "10")
        assert answered.json()["properties"]["provisioningState"] == "Updating"
        operation = path_of(answered.headers["Azure-AsyncOperation"])
        clock.forward(27)
        running = await send(azure, "GET", operation)
        assert (running.status, running.document["status"], running.headers["Retry-After"]) == (200, "InProgress", "3")
        assert (await hosts.get(host))["properties"]["provisioningState"] == "Updating"
        clock.forward(3)
        over = await send(azure, "GET", operation)
        assert (over.status, over.document["status"]) == (200, "Succeeded")
        assert over.document["endTime"] > over.document["startTime"]
        assert (await hosts.get(host))["properties"]["provisioningState"] == "Succeeded"
        assert await hosts.assigned(host) == {"web"}


@pytest.mark.parametrize("kind", APPS)
async def test_container_apps_answers_202_and_says_where_the_result_is(start_azure: StartAzure, kind: HostKind) -> None:
    clock = MovableClock()
    azure = await start_azure(delays=LASTS, clock=clock)
    host = planted_host(azure, kind)
    async with hosts_as(azure) as hosts:
        answered = (await hosts.begin(host, block(WEB_IDENTITY))).http_response
        assert (answered.status_code, answered.headers["Retry-After"]) == (202, "10")
        assert "Azure-AsyncOperation" not in answered.headers
        result = path_of(answered.headers["Location"])
        assert (await send(azure, "GET", result)).status == 202
        assert (await hosts.get(host))["properties"]["provisioningState"] == "InProgress"
        clock.forward(30)
        over = await send(azure, "GET", result)
        assert (over.status, over.document["properties"]["provisioningState"]) == (200, "Succeeded")
        assert await hosts.assigned(host) == {"web"}


@pytest.mark.parametrize(("variant", "status"), [(SiteUpdate.OK, 200), (SiteUpdate.ACCEPTED, 202)])
async def test_app_service_is_done_when_it_answers(start_azure: StartAzure, variant: SiteUpdate, status: int) -> None:
    azure = await start_azure(delays=LASTS, variants=Variants(site_update=variant))
    for kind in (HostKind.SITE, HostKind.SLOT):
        host = planted_host(azure, kind)
        async with hosts_as(azure) as hosts:
            answered = (await hosts.begin(host, block(WEB_IDENTITY))).http_response
            assert answered.status_code == status
            assert not {"Location", "Azure-AsyncOperation", "Retry-After"} & set(answered.headers)
            assert answered.json()["identity"] == await hosts.identity(host)
            assert await hosts.assigned(host) == {"web"}


async def test_automation_is_done_when_it_answers(start_azure: StartAzure) -> None:
    azure = await start_azure(delays=LASTS)
    host = planted_host(azure, HostKind.AUTOMATION_ACCOUNT)
    async with hosts_as(azure) as hosts:
        assert (await hosts.begin(host, block(WEB_IDENTITY))).http_response.status_code == 200
        assert await hosts.assigned(host) == {"web"}


@pytest.mark.parametrize("kind", PATCHED)
async def test_the_poller_of_the_sdk_waits_for_the_end(start_azure: StartAzure, kind: HostKind) -> None:
    azure = await start_azure(delays=only(host_operation=0.05, operation=0.01))
    host = planted_host(azure, kind)
    async with hosts_as(azure) as hosts:
        result = await hosts.patch(host, block(WEB_IDENTITY))
        assert len(result["identity"]["userAssignedIdentities"]) == 1
        assert azure.world.host(host).running is None


@pytest.mark.parametrize(("kind", "variant"), [(kind, variant) for kind in COMPUTE + APPS for variant in HostModel])
async def test_what_is_under_way_may_be_shown_at_once_or_afterwards(
    start_azure: StartAzure, kind: HostKind, variant: HostModel
) -> None:
    clock = MovableClock()
    azure = await start_azure(delays=LASTS, clock=clock, variants=Variants(host_model=variant))
    host = planted_host(azure, kind)
    async with hosts_as(azure) as hosts:
        await hosts.begin(host, block(WEB_IDENTITY))
        assert await hosts.assigned(host) == ({"web"} if variant is HostModel.AT_ONCE else set())
        assert azure.world.host(host).attached == {}
        clock.forward(30)
        assert await hosts.assigned(host) == {"web"}


@pytest.mark.parametrize("kind", PATCHED)
async def test_a_second_update_of_a_busy_host_is_a_conflict(start_azure: StartAzure, kind: HostKind) -> None:
    azure = await start_azure(delays=only(operation=MEANWHILE, host_operation=MEANWHILE))
    host = planted_host(azure, kind)
    async with hosts_as(azure) as hosts:
        first = asyncio.create_task(hosts.patch(host, block(WEB_IDENTITY)))
        await until(lambda: azure.world.host(host).running)
        with refused(409, BUSY[kind], "another operation"):
            await hosts.begin(host, block(WEB_IDENTITY, API_IDENTITY))
        await first
        await hosts.patch(host, block(WEB_IDENTITY, API_IDENTITY))
        assert await hosts.assigned(host) == {"web", "api"}


@pytest.mark.parametrize("kind", PATCHED)
async def test_two_hosts_are_updated_at_the_same_time(start_azure: StartAzure, kind: HostKind) -> None:
    azure = await start_azure(delays=only(operation=0.05, host_operation=0.1))
    host = planted_host(azure, kind)
    async with hosts_as(azure) as hosts:
        await asyncio.gather(hosts.patch(host, block(WEB_IDENTITY)), hosts.begin(API_VM, {"tags": {"a": "b"}}))
        assert await hosts.assigned(host) == {"web"}


@pytest.mark.parametrize("kind", COMPUTE)
async def test_an_operation_that_fails_reports_a_hidden_429_and_leaves_the_host_as_it_was(
    start_azure: StartAzure, kind: HostKind
) -> None:
    clock = MovableClock()
    azure = await start_azure(delays=LASTS, clock=clock)
    host = planted_host(azure, kind, "api")
    azure.world.host(host).failures.append(throttled_behind_the_host(host))
    async with hosts_as(azure) as hosts:
        answered = (await hosts.begin(host, block(WEB_IDENTITY))).http_response
        assert answered.status_code == 200
        clock.forward(30)
        over = await send(azure, "GET", path_of(answered.headers["Azure-AsyncOperation"]))
        assert (over.status, over.document["status"]) == (200, "Failed")
        assert over.document["error"]["code"] == "FailedIdentityOperation"
        assert "TooManyRequests" in over.document["error"]["message"]
        assert (await hosts.get(host))["properties"]["provisioningState"] == "Failed"
        assert await hosts.assigned(host) == {"api"}
        await hosts.begin(host, block(WEB_IDENTITY))
        clock.forward(30)
        assert await hosts.assigned(host) == {"api", "web"}
        assert (await hosts.get(host))["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize("kind", PATCHED)
async def test_the_sdk_raises_what_an_update_failed_of(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind)
    simulated_azure.world.host(host).failures.append(Failure("FailedIdentityOperation", "It did not work."))
    with pytest.raises(HttpResponseError) as caught:
        await hosts.patch(host, block(WEB_IDENTITY))
    assert caught.value.error is not None
    assert caught.value.error.code == "FailedIdentityOperation"
    assert await hosts.assigned(host) == set()


async def test_what_others_do_meanwhile_stays(start_azure: StartAzure) -> None:
    clock = MovableClock()
    azure = await start_azure(delays=LASTS, clock=clock)
    host = planted_host(azure, HostKind.VIRTUAL_MACHINE)
    async with hosts_as(azure) as hosts:
        await hosts.begin(host, block(WEB_IDENTITY))
        azure.world.attach(host, "api")
        clock.forward(30)
        assert await hosts.assigned(host) == {"web", "api"}


async def test_an_update_whose_answer_is_lost_is_found_again_on_the_host(start_azure: StartAzure) -> None:
    clock = MovableClock()
    azure = await start_azure(delays=LASTS, clock=clock)
    azure.faults.add(Fault((ServiceName.ARM,), ("PATCH",), lose_answer=True, times=1))
    async with hosts_as(azure) as hosts:
        with pytest.raises(AzureError):
            await hosts.begin(WEB_VM, block(API_IDENTITY))
        assert (await hosts.get(WEB_VM))["properties"]["provisioningState"] == "Updating"
        with refused(409, "OperationNotAllowed") as caught:
            await hosts.begin(WEB_VM, block(API_IDENTITY))
        assert header(caught, "Retry-After") is None
        clock.forward(30)
        assert await hosts.assigned(WEB_VM) == {"web", "api"}
        assert [record.answered for record in azure.log.named("hosts.update")] == [False, True]


@pytest.mark.parametrize("gone", [True, False])
async def test_an_operation_that_nobody_knows_is_not_found(simulated_azure: SimulatedAzure, gone: bool) -> None:
    async with hosts_as(simulated_azure) as hosts:
        answered = (await hosts.begin(WEB_VM, block(API_IDENTITY))).http_response
    operation = path_of(answered.headers["Azure-AsyncOperation"])
    if gone:
        simulated_azure.world.delete_host("web-vm")
    else:
        operation = operation.replace("/operations/", "/operations/0")
    answer = await send(simulated_azure, "GET", operation)
    assert (answer.status, answer.code) == (404, "NotFound")
