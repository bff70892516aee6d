"""What the port for hosts, roles and tenants is asked in tests, in a few words."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from arm_hosts import IDS, planted_host
from cloud_world import Connected, connected
from entrafed.api.reasons import Reason
from entrafed.domain.assignments import Assignment, ObservedAssignment, ObservedParent, Running
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AzureProblem, ProblemKind
from entrafed_lab.azure.host_types import HostKind
from entrafed_lab.azure.seed import HOME_TENANT
from lab_fixtures import StartAzure


def host(kind: HostKind) -> Parent:
    return Parent(ParentKind.HOST, HOME_TENANT, IDS[kind].lower())


async def look(world: Connected, parent: Parent) -> ObservedParent:
    return await world.cloud.assignments(world.sign_in, parent, frozenset())


async def shown(world: Connected, parent: Parent) -> set[str]:
    """Names of the identities that a look shows."""
    return {one.key.rpartition("/")[2] for one in (await look(world, parent)).assignments}


async def assign(world: Connected, parent: Parent, *identities: str) -> Running | None:
    wanted = tuple(Assignment(identity) for identity in identities)
    return await world.cloud.assign(world.sign_in, parent, wanted, "for tests")


async def unassign(world: Connected, parent: Parent, *identities: str) -> Running | None:
    gone = tuple(ObservedAssignment(identity, "principal") for identity in identities)
    return await world.cloud.unassign(world.sign_in, parent, gone)


async def done(world: Connected, parent: Parent, running: Running | None) -> None:
    """Follow a change to its end."""
    for _ in range(100):
        if running is None:
            return
        running = await world.cloud.follow(world.sign_in, parent, running)
    raise AssertionError("it does not end")


async def problem_of(call: Awaitable[object]) -> AzureProblem:
    with pytest.raises(AzureProblem) as raised:
        await call
    return raised.value


def operations(world: Connected) -> list[str]:
    return [record.operation for record in world.requests()]


@asynccontextmanager
async def planted(
    start_azure: StartAzure, token: Path, kind: HostKind, *keys: str, **wishes: Any
) -> AsyncIterator[Connected]:
    """The adapter in front of an Azure with one host of this kind, which has these identities."""
    azure = await start_azure(**wishes)
    planted_host(azure, kind, *keys)
    async with connected(azure, token) as world:
        yield world


def means(raised: AzureProblem, kind: ProblemKind, reason: Reason) -> bool:
    """Whether a failure says who must act, and why; it was answered, so a write surely did not happen."""
    return (raised.problem.kind, raised.problem.reason, raised.answered) == (kind, reason, True)
