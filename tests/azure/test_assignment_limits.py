"""No 429 of our own making: hosts, roles and identities of one subscription stay within what Azure publishes."""

import asyncio
from pathlib import Path

import pytest

from arm_roles import BLOB_READER
from arm_world import IDENTITIES, ROOT
from assigner_world import assign, look
from cloud_world import Connected, connected
from crash.virtual_time import VirtualClock
from entrafed.azure import BudgetSettings
from entrafed.domain.assignments import Assignment, ObservedAssignment
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.roles import assignment_name, role_key
from entrafed_lab.azure import Delays, Rates, SimulatedAzure
from entrafed_lab.azure.seed import HOME_TENANT, STORAGE_ACCOUNT, WEB_IDENTITY
from lab_fixtures import StartAzure

AS_PUBLISHED = BudgetSettings()
MANY_AT_ONCE = BudgetSettings(slots=1_000)
"""So that the slots of a connection are no limit of their own."""

in_virtual_time = pytest.mark.looptime
"""With the published rates and real durations, without the waiting: a busy machine changes nothing."""


async def throttling(start_azure: StartAzure, clock: VirtualClock) -> SimulatedAzure:
    """An Azure with every limit in force, and changes that last."""
    return await start_azure(rates=Rates(), delays=Delays(operation=0.3, replica_lag=0.0), clock=clock.now)


def statuses(world: Connected) -> set[int | None]:
    return {record.status for record in world.requests()}


def machines(azure: SimulatedAzure, number: int) -> list[Parent]:
    ids = [f"{ROOT}/providers/Microsoft.Compute/virtualMachines/many-{one}" for one in range(number)]
    for resource_id in ids:
        azure.world.create_host(resource_id)
    return [Parent(ParentKind.HOST, HOME_TENANT, resource_id.lower()) for resource_id in ids]


@in_virtual_time
async def test_hosts_identities_and_roles_are_read_side_by_side_without_a_429(
    start_azure: StartAzure, operator_token: Path
) -> None:
    clock = VirtualClock()
    azure = await throttling(start_azure, clock)
    hosts = machines(azure, 250)
    identities = [azure.world.create_identity(f"{IDENTITIES}/many-{one}").resource_id for one in range(100)]
    account = Parent(ParentKind.SCOPE, HOME_TENANT, STORAGE_ACCOUNT.lower())
    async with connected(azure, operator_token, budgets=MANY_AT_ONCE, clock=clock) as world:
        await asyncio.gather(
            *(look(world, host) for host in hosts),
            *(world.cloud.managed_identity(world.sign_in, identity) for identity in identities),
            *(
                world.cloud.assignments(world.sign_in, account, frozenset({role_key(BLOB_READER, f"{one}")}))
                for one in range(50)
            ),
        )
        assert statuses(world) == {200}
        assert len(world.requests()) == 400


@in_virtual_time
async def test_an_identity_comes_to_a_hundred_machines_without_a_429_or_a_conflict(
    start_azure: StartAzure, operator_token: Path
) -> None:
    clock = VirtualClock()
    azure = await throttling(start_azure, clock)
    async with connected(azure, operator_token, budgets=AS_PUBLISHED, clock=clock) as world:

        async def bring(host: Parent) -> None:
            running = await assign(world, host, WEB_IDENTITY.lower())
            while running is not None:
                await asyncio.sleep(running.after)
                running = await world.cloud.follow(world.sign_in, host, running)

        hosts = machines(azure, 100)
        await asyncio.gather(*(bring(host) for host in hosts))
        assert statuses(world) == {200}
        assert not any(record.overlapping for record in world.requests())
        assert len([record for record in world.requests() if record.write]) == 100
        for host in hosts:
            assert WEB_IDENTITY.lower() in azure.world.host(host.id).attached


@in_virtual_time
async def test_roles_are_given_and_taken_back_faster_than_azure_takes_without_a_429(
    start_azure: StartAzure, operator_token: Path
) -> None:
    clock = VirtualClock()
    azure = await throttling(start_azure, clock)
    identities = [azure.world.create_identity(f"{IDENTITIES}/many-{one}") for one in range(250)]
    keys = [role_key(BLOB_READER, identity.principal_id) for identity in identities]
    account = Parent(ParentKind.SCOPE, HOME_TENANT, STORAGE_ACCOUNT.lower())
    async with connected(azure, operator_token, budgets=MANY_AT_ONCE, clock=clock) as world:
        await asyncio.sleep(30)  # the principals are old enough
        await asyncio.gather(
            *(world.cloud.assign(world.sign_in, account, (Assignment(key),), "For tests.") for key in keys)
        )
        assert statuses(world) == {201}
        names = [assignment_name("cluster", account.id, *key.split(" ")) for key in keys]
        await asyncio.gather(
            *(
                world.cloud.unassign(world.sign_in, account, (ObservedAssignment(key, "", id_=name),))
                for key, name in zip(keys, names, strict=True)
            )
        )
        assert statuses(world) == {201, 200}
        assert len(world.requests()) == 500
