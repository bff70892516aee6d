"""Each thing that a sequence of hosts, roles and tenants is judged by sees it when it is broken."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import looptime
import pytest

from assignment_world import assignment_world
from entrafed_lab.azure.seed import API_IDENTITY, API_NODES, API_VM, PARTNER_TENANT, READER_APP
from entrafed_lab.azure.world import World
from sequences.assigning import RESYNC, Performance
from sequences.assignment_acts import (
    Act,
    Apply,
    IdentityMadeAgain,
    OthersAssign,
    OthersGive,
)
from sequences.stage import Stage

ASKED = [Apply("one", (0,), (0,)), Apply("three", enters=True)]
"""The identity `api` at the machine `api-1`, a role, and the application in the other tenant."""
MADE_BY_OTHERS = [OthersAssign(0), OthersGive(0)]
Sabotage = Callable[[Performance], None]


def detach(performance: Performance) -> None:
    azure_of(performance).detach(API_VM, API_IDENTITY)


def take_roles(performance: Performance) -> None:
    roles = azure_of(performance).roles
    for one in list(roles.assignments.values()):
        roles.remove(one)


def expel(performance: Performance) -> None:
    azure_of(performance).delete_service_principal(PARTNER_TENANT, READER_APP)


def leave_an_identity_over(performance: Performance) -> None:
    azure_of(performance).attach(API_NODES, API_IDENTITY)


def leave_a_role_over(performance: Performance) -> None:
    roles = azure_of(performance).roles
    ours = next(one for one in roles.assignments.values() if (one.description or "").startswith("entrafed"))
    roles.put(replace(ours, name="nobody-s"))


def forbid_it_behind_its_back(performance: Performance) -> None:
    performance.allowed = False


def forbid_it_there_behind_its_back(performance: Performance) -> None:
    performance.partner_allows = False


def azure_of(performance: Performance) -> World:
    return performance.world.azure.world


@pytest.mark.parametrize(
    ("acts", "sabotage", "told"),
    [
        (ASKED, detach, "is wanted, and not there"),
        (ASKED, take_roles, "is wanted, and not given"),
        (ASKED, expel, "is wanted, and not there"),
        (ASKED, leave_an_identity_over, "is left over"),
        (ASKED, leave_a_role_over, "is left over"),
        (MADE_BY_OTHERS, detach, "was somebody else's, and is gone"),
        (MADE_BY_OTHERS, take_roles, "was somebody else's, and is gone"),
        ([*MADE_BY_OTHERS, IdentityMadeAgain(0)], detach, "and its dead entry is gone"),
        (ASKED, forbid_it_behind_its_back, "nothing is allowed, and there is"),
        (ASKED, forbid_it_there_behind_its_back, "the partner lets nobody in, and there is"),
    ],
)
def test_what_is_broken_is_told(stage: Stage, acts: Sequence[Act], sabotage: Sabotage, told: str) -> None:
    with asyncio.Runner(loop_factory=partial(looptime.new_event_loop, noop_cycles=2)) as runner:
        found = runner.run(after(stage, acts, sabotage))
    assert any(told in one for one in found), found


async def after(stage: Stage, acts: Sequence[Act], sabotage: Sabotage) -> list[str]:
    """What is told when something is broken after a rest in which all was right."""
    async with assignment_world(stage.directory, ca=stage.ca, keys=stage.keys) as world:
        world.timing = replace(world.timing, resync=RESYNC)
        performance = Performance(world)
        await performance.life.begin()
        try:
            for act in acts:
                await performance.perform(act)
            assert await performance.judge() == []
            sabotage(performance)
            return list(performance.untruths())
        finally:
            await performance.life.end()
