"""Within Microsoft's limits: the simulated Azure throttles as published."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from cloud_world import APPLICATION, IDENTITY, PARENTS, THE_IDENTITY, Connected, connected, new_credential
from crash.virtual_time import VirtualClock
from entrafed.api.reasons import Reason
from entrafed.azure import BudgetSettings
from entrafed.azure.budgets import SHARE
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AzureProblem, ProblemKind
from entrafed_lab.azure import Delays, Fault, Rates, ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import API_IDENTITY, HOME_TENANT, WEB_IDENTITY
from lab_fixtures import StartAzure

PUBLISHED = 4.0  # seconds between two writes to one identity

each_parent = pytest.mark.parametrize("parent", PARENTS, ids=lambda parent: parent.kind.name.lower())
AS_PUBLISHED = BudgetSettings()
in_virtual_time = pytest.mark.looptime
"""With the published rates and real durations, without the waiting: a busy machine changes nothing."""


async def throttling(start_azure: StartAzure, clock: VirtualClock) -> SimulatedAzure:
    """An Azure with every limit in force, and writes that last."""
    return await start_azure(rates=Rates(), delays=Delays(operation=0.3, replica_lag=0.0), clock=clock.now)


def statuses(world: Connected) -> set[int | None]:
    return {record.status for record in world.requests()}


@in_virtual_time
async def test_twenty_credentials_asked_for_at_once_on_one_identity_take_what_the_published_rate_allows(
    start_azure: StartAzure, operator_token: Path
) -> None:
    clock = VirtualClock()
    azure = await throttling(start_azure, clock)
    async with connected(azure, operator_token, budgets=AS_PUBLISHED, clock=clock) as world:
        await asyncio.sleep(30)  # the identity is old enough
        started = clock.monotonic()
        await asyncio.gather(
            *(
                world.cloud.create(world.sign_in, IDENTITY, new_credential(f"mif-{n}", subject=f"{n}"))
                for n in range(20)
            )
        )
        seconds = clock.monotonic() - started
        assert statuses(world) <= {200, 201}
        assert len(azure.world.identity("web").credentials) == 20
        writes = [record for record in world.requests() if record.write]
        assert len(writes) == 20
        assert not any(record.overlapping for record in writes)
        assert 19 * PUBLISHED < seconds < 19 * (PUBLISHED / SHARE + 0.3) + 10


@each_parent
@in_virtual_time
async def test_a_target_with_20_credentials_costs_two_calls_each_at_most(
    start_azure: StartAzure, operator_token: Path, parent: Parent
) -> None:
    clock = VirtualClock()
    azure = await throttling(start_azure, clock)
    for name in [item.name for item in azure.world.holder(parent.id).credentials]:
        azure.world.holder(parent.id).remove(name)
    async with connected(azure, operator_token, budgets=AS_PUBLISHED, clock=clock) as world:
        await asyncio.sleep(30)  # the identity is old enough
        await world.cloud.credentials(world.sign_in, parent)
        for number in range(20):
            await world.cloud.create(world.sign_in, parent, new_credential(f"mif-{number}", subject=f"{number}"))
        await world.cloud.credentials(world.sign_in, parent)
        assert len(world.requests()) <= 2 * 20
        assert statuses(world) <= {200, 201}


@in_virtual_time
async def test_thirty_identities_of_one_subscription_share_its_budget_without_a_429(
    start_azure: StartAzure, operator_token: Path
) -> None:
    clock = VirtualClock()
    azure = await throttling(start_azure, clock)
    identities = [azure.world.create_identity(f"{WEB_IDENTITY}-{number}") for number in range(30)]
    async with connected(azure, operator_token, budgets=AS_PUBLISHED, clock=clock) as world:
        await asyncio.sleep(30)  # they are old enough
        await asyncio.gather(
            *(
                world.cloud.create(
                    world.sign_in,
                    Parent(ParentKind.MANAGED_IDENTITY, HOME_TENANT, identity.resource_id.lower()),
                    new_credential(),
                )
                for identity in identities
            )
        )
        assert statuses(world) <= {200, 201}


@in_virtual_time
async def test_reads_of_one_identity_by_many_are_spaced_too(start_azure: StartAzure, operator_token: Path) -> None:
    clock = VirtualClock()
    azure = await throttling(start_azure, clock)
    async with connected(azure, operator_token, budgets=AS_PUBLISHED, clock=clock) as world:
        await asyncio.gather(*(world.cloud.target(world.sign_in, THE_IDENTITY) for _ in range(10)))
        await asyncio.gather(*(world.cloud.credentials(world.sign_in, IDENTITY) for _ in range(10)))
        assert statuses(world) == {200}


@each_parent
async def test_a_retry_after_holds_everybody_who_shares_the_budget(world: Connected, parent: Parent) -> None:
    service = ServiceName.GRAPH if parent is APPLICATION else ServiceName.ARM
    await world.cloud.credentials(world.sign_in, parent)
    fault = Fault(services=(service,), status=429, code="TooManyRequests", retry_after=0.5, times=1)
    world.azure.faults.add(fault)
    with pytest.raises(AzureProblem) as raised:
        await world.cloud.credentials(world.sign_in, parent)
    assert raised.value.problem.kind is ProblemKind.THROTTLED
    assert raised.value.problem.reason is Reason.THROTTLED
    assert raised.value.problem.after == 0.5
    throttled = world.requests()[-1]
    world.azure.log.clear()
    await asyncio.gather(*(world.cloud.credentials(world.sign_in, parent) for _ in range(5)))
    assert min(record.started for record in world.requests()) - throttled.finished > 0.4
    assert len([record for record in world.requests() if record.operation != "batch"]) == 5


async def test_a_throttled_identity_holds_no_other(world: Connected) -> None:
    await world.cloud.credentials(world.sign_in, IDENTITY)
    world.azure.faults.add(Fault(services=(ServiceName.ARM,), status=429, retry_after=20, times=1))
    with pytest.raises(AzureProblem):
        await world.cloud.credentials(world.sign_in, IDENTITY)
    async with asyncio.timeout(15):
        await world.cloud.credentials(
            world.sign_in, Parent(ParentKind.MANAGED_IDENTITY, HOME_TENANT, API_IDENTITY.lower())
        )


async def test_a_throttled_subscription_holds_every_identity_in_it(world: Connected) -> None:
    fault = Fault(
        services=(ServiceName.ARM,), status=429, code="SubscriptionRequestsThrottled", retry_after=60, times=1
    )
    world.azure.faults.add(fault)
    with pytest.raises(AzureProblem):
        await world.cloud.credentials(world.sign_in, IDENTITY)
    with pytest.raises(AzureProblem) as raised:
        await world.cloud.credentials(
            world.sign_in, Parent(ParentKind.MANAGED_IDENTITY, HOME_TENANT, API_IDENTITY.lower())
        )
    assert raised.value.problem.kind is ProblemKind.THROTTLED
    assert len(world.requests()) == 1


async def test_a_long_retry_after_is_not_waited_out_inside_a_call(world: Connected) -> None:
    await world.cloud.credentials(world.sign_in, APPLICATION)
    world.azure.faults.add(Fault(services=(ServiceName.GRAPH,), status=503, retry_after=120, times=1))
    with pytest.raises(AzureProblem):
        await world.cloud.credentials(world.sign_in, APPLICATION)
    world.azure.log.clear()
    with pytest.raises(AzureProblem) as raised:
        await world.cloud.create(world.sign_in, APPLICATION, new_credential())
    assert raised.value.problem.kind is ProblemKind.THROTTLED
    assert raised.value.problem.after == pytest.approx(120, abs=5)
    assert raised.value.answered
    assert not world.requests()


@in_virtual_time
async def test_writes_to_one_application_come_as_fast_as_they_are_asked_for(
    start_azure: StartAzure, operator_token: Path
) -> None:
    clock = VirtualClock()
    azure = await throttling(start_azure, clock)
    async with connected(azure, operator_token, budgets=AS_PUBLISHED, clock=clock) as world:
        for number in range(19):
            await world.cloud.create(world.sign_in, APPLICATION, new_credential(f"mif-{number}", subject=f"{number}"))
        starts = [record.started for record in world.requests()]
        assert len(starts) == 19
        assert max(later - earlier for earlier, later in pairwise(starts)) < 1
