"""Managed identities at hosts, through the real SDKs, in a simulated Azure."""

import asyncio

import pytest

from assignment_world import (
    A_WHILE,
    LONG,
    OpenWorld,
    assigned,
    at,
    because,
    deleted,
    gone,
    identity_item,
    look_again,
    quiet,
    ready,
    requests,
    with_hosts,
)
from engine_world import GROUP, EngineWorld
from entrafed.api.assignment_status import AssignmentState
from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, Origin
from entrafed.domain.errors import KubeProblem
from entrafed_lab.azure import Fault
from entrafed_lab.azure.seed import API_APP, API_IDENTITY, API_NODES, API_VM, WEB_IDENTITY, WEB_SITE, WEB_VM
from virtual_world import until

pytestmark = pytest.mark.looptime


async def test_an_identity_is_recorded_then_attached_then_detached(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        await quiet(world)
        written: list[tuple[str, int, list[AssignmentState]]] = []

        def note(name: str) -> None:
            rows = [row.state for item in world.seen().status.identity_assignments for row in item.resources]
            if name.endswith(" web"):
                written.append((name, requests(world, "hosts.update"), rows))

        world.cluster.after = note
        world.cluster.apply(with_hosts(assigned("web", WEB_VM)))
        await ready(world)
        await quiet(world)
        assert written == [
            ("finalizer+ web", 0, []),
            ("status web", 0, [AssignmentState.ASSIGNING]),
            ("status web", 1, [AssignmentState.ASSIGNED]),
        ]
        assert at(world, WEB_VM) == {"web", "api"}
        (recorded,) = identity_item(world).resources
        assert recorded.origin is Origin.OPERATOR
        assert recorded.principal_id == world.azure.world.identity(API_IDENTITY).principal_id
        assert recorded.instance_id == world.azure.world.host(WEB_VM).unique_id
        assert identity_item(world).state is ItemState.SYNCED
        condition = world.condition(ConditionType.IDENTITIES_ASSIGNED)
        assert condition is not None
        assert condition.status is ConditionStatus.TRUE
        world.cluster.after = lambda _: None
        deleted(world)
        await gone(world)
        assert at(world, WEB_VM) == {"web"}
        assert requests(world, "hosts.update") == 2


@pytest.mark.parametrize("host", [API_VM, WEB_VM, API_NODES, WEB_SITE, API_APP])
async def test_every_kind_of_host_gets_the_identity_and_keeps_what_it_had(open_world: OpenWorld, host: str) -> None:
    async with open_world() as world, world.operator():
        before, system = at(world, host), world.azure.world.host(host).identity.system
        world.cluster.apply(with_hosts(assigned("web", host)))
        await ready(world)
        assert at(world, host) == before | {"api"}
        deleted(world)
        await gone(world)
        assert at(world, host) == before
        assert world.azure.world.host(host).identity.system == system


async def test_without_an_identity_the_item_means_the_target_itself(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM, identity=None)))
        await ready(world)
        assert at(world, API_VM) == {"web"}


async def test_an_identity_that_is_attached_already_is_left_alone(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", WEB_VM, identity=WEB_IDENTITY)))
        await ready(world)
        (row,) = identity_item(world).resources
        assert (row.origin, row.state) == (Origin.PRE_EXISTING, AssignmentState.ASSIGNED)
        deleted(world)
        await gone(world)
        assert at(world, WEB_VM) == {"web"}
        assert requests(world, "hosts.update") == 0


async def test_of_what_is_attached_already_no_record_is_needed(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", WEB_VM, identity=WEB_IDENTITY)))
        await ready(world)
        await quiet(world)
        assert [write for write in world.cluster.writes if write.endswith(" web")] == ["finalizer+ web", "status web"]


async def test_an_edit_that_needs_no_record_costs_one_write_to_kubernetes(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", WEB_SITE, API_VM)))
        await ready(world)
        await quiet(world)
        del world.cluster.writes[:]
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        assert world.cluster.writes == ["status web"]
        assert (at(world, WEB_SITE), at(world, API_VM)) == ({"web"}, {"api"})


async def test_one_resource_taken_from_an_item_is_detached_and_the_others_stay(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", WEB_VM, API_VM, API_NODES)))
        await ready(world)
        world.cluster.apply(with_hosts(assigned("web", WEB_VM, API_NODES)))
        await ready(world)
        await quiet(world)
        assert (at(world, WEB_VM), at(world, API_VM), at(world, API_NODES)) == ({"web", "api"}, set(), {"api"})
        assert len(identity_item(world).resources) == 2


async def test_a_removed_item_is_taken_back_even_with_retain(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM), assigned("nodes", API_NODES), deletionPolicy="Retain"))
        await ready(world)
        world.cluster.apply(with_hosts(assigned("web", API_VM), deletionPolicy="Retain"))
        await ready(world)
        await quiet(world)
        assert (at(world, API_VM), at(world, API_NODES)) == ({"api"}, set())
        assert [item.name for item in world.seen().status.identity_assignments] == ["web"]


async def test_an_item_that_is_renamed_writes_nothing_to_azure(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        world.azure.log.clear()
        world.cluster.apply(with_hosts(assigned("machine", API_VM)))
        await ready(world)
        await quiet(world)
        assert world.azure.log.writes() == []
        (item,) = world.seen().status.identity_assignments
        assert item.name == "machine"
        assert [row.origin for row in item.resources] == [Origin.OPERATOR]
        deleted(world)
        await gone(world)
        assert at(world, API_VM) == set()


async def test_retain_leaves_what_was_attached(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM), deletionPolicy="Retain"))
        await ready(world)
        deleted(world)
        await gone(world)
        assert at(world, API_VM) == {"api"}


async def test_an_identity_that_two_ask_for_goes_with_the_last(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM), name="one"))
        await ready(world, "one")
        world.cluster.apply(with_hosts(assigned("web", API_VM), name="two"))
        await ready(world, "two")
        assert [row.origin for row in identity_item(world, "two").resources] == [Origin.OPERATOR]
        deleted(world, "one")
        await gone(world, "one")
        await quiet(world)
        assert at(world, API_VM) == {"api"}
        assert requests(world, "hosts.update") == 1, "it was never off in between"
        assert world.is_ready("two")
        deleted(world, "two")
        await gone(world, "two")
        assert at(world, API_VM) == set()


async def test_one_that_leaves_hands_its_record_to_one_who_began_to_ask_in_the_same_moment(
    open_world: OpenWorld,
) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM), name="one"))
        await ready(world, "one")
        world.cluster.apply(with_hosts(assigned("web", API_VM), name="two"))
        deleted(world, "one")
        await gone(world, "one")
        await ready(world, "two")
        assert [row.origin for row in identity_item(world, "two").resources] == [Origin.OPERATOR]
        deleted(world, "two")
        await gone(world, "two")
        assert at(world, API_VM) == set()


@pytest.mark.parametrize("how", ["deleted", "edited"])
async def test_a_record_is_kept_until_another_object_has_it(open_world: OpenWorld, how: str) -> None:
    """Forgotten before, the identity would be taken for one that others attached, and stay for ever."""

    def fails(name: str) -> None:
        if name == "status two":
            raise KubeProblem("the API server is not well")

    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM), name="one"))
        await ready(world, "one")
        world.cluster.before = fails
        world.cluster.apply(with_hosts(assigned("web", API_VM), name="two"))
        if how == "deleted":
            deleted(world, "one")
        else:
            world.cluster.apply(with_hosts(assigned("other", API_NODES), name="one"))
        await asyncio.sleep(A_WHILE)
        rows = [row.resource_id for item in world.seen("one").status.identity_assignments for row in item.resources]
        assert API_VM.lower() in rows
        world.cluster.before = lambda _: None
        await (gone(world, "one", within=600.0) if how == "deleted" else ready(world, "one", within=600.0))
        await ready(world, "two")
        assert [row.origin for row in identity_item(world, "two").resources] == [Origin.OPERATOR]
        deleted(world, "two")
        await gone(world, "two")
        assert at(world, API_VM) == set()


@pytest.mark.parametrize("last", ["Delete", "Retain"])
async def test_of_two_that_leave_the_last_decides(open_world: OpenWorld, last: str) -> None:
    first = "Retain" if last == "Delete" else "Delete"
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM), name="one", deletionPolicy=first))
        world.cluster.apply(with_hosts(assigned("web", API_VM), name="two", deletionPolicy=last))
        await ready(world, "one", "two")
        deleted(world, "one")
        await gone(world, "one")
        deleted(world, "two")
        await gone(world, "two")
        assert at(world, API_VM) == (set() if last == "Delete" else {"api"})


async def test_many_objects_that_wait_for_one_host_share_one_request(open_world: OpenWorld) -> None:
    async with open_world() as world:
        names = [f"web-{number}" for number in range(10)]
        identities = [f"{GROUP}/id-{number}" for number in range(10)]
        for identity in identities:
            world.azure.world.create_identity(identity)
        for name, identity in zip(names, identities, strict=True):
            world.cluster.apply(with_hosts(assigned("web", API_VM, identity=identity), name=name))
        async with world.operator():
            await ready(world, *names)
            assert len(at(world, API_VM)) == 10
            assert requests(world, "hosts.update") <= 3
            assert not any(record.overlapping for record in world.azure.log.writes())


async def test_what_somebody_took_off_is_attached_again(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        world.azure.world.detach(API_VM, API_IDENTITY)
        await until(lambda: at(world, API_VM) == {"api"}, LONG * 2)
        await ready(world)
        await quiet(world)
        assert [event.reason for event in world.cluster.events].count(Reason.DRIFT_REPAIRED) == 1


async def test_what_somebody_took_off_is_only_told_when_drift_is_to_be_reported(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM), driftPolicy="Report"))
        await ready(world)
        await quiet(world)
        world.azure.world.detach(API_VM, API_IDENTITY)
        look_again(world)
        await because(world, "Drifted")
        await quiet(world)
        assert f"managed identity api at {API_VM.lower()} was taken back" in identity_item(world).message
        assert at(world, API_VM) == set()
        world.azure.world.attach(API_VM, API_IDENTITY)
        look_again(world, text="again")
        await ready(world)
        deleted(world)
        await gone(world)
        assert at(world, API_VM) == set()


async def test_an_identity_that_is_made_again_takes_its_place(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        new = world.azure.world.recreate_identity(API_IDENTITY)
        look_again(world)
        await is_ours_until_it_goes(world, new.principal_id)


async def is_ours_until_it_goes(world: EngineWorld, principal_id: str) -> None:
    """Wait until an identity is assigned and recorded as the operator's, and is taken back with the object."""

    def stands() -> bool:
        entries = world.azure.world.host(API_VM).attached.values()
        return [entry.principal_id for entry in entries] == [principal_id]

    def is_recorded() -> bool:
        rows = identity_item(world).resources
        return [(row.principal_id, row.origin) for row in rows] == [(principal_id, Origin.OPERATOR)]

    await until(lambda: stands() and is_recorded(), LONG)
    await ready(world)
    await quiet(world)
    assert stands()
    assert is_recorded()
    deleted(world)
    await gone(world)
    assert at(world, API_VM) == set()


async def another_comes_and_goes(world: EngineWorld) -> None:
    """Let another object have the host looked at, and changed."""
    world.cluster.apply(with_hosts(assigned("other", API_VM, identity=WEB_IDENTITY), name="other"))
    await ready(world, "other")
    deleted(world, "other")
    await gone(world, "other")


async def test_an_identity_that_was_made_again_stays_ours_when_another_object_has_its_host_looked_at(
    open_world: OpenWorld,
) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        new = world.azure.world.recreate_identity(API_IDENTITY)
        await another_comes_and_goes(world)
        await is_ours_until_it_goes(world, new.principal_id)


async def test_an_identity_that_was_made_again_and_taken_back_by_others_is_assigned_again_as_ours(
    open_world: OpenWorld,
) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        new = world.azure.world.recreate_identity(API_IDENTITY)
        world.azure.world.detach(API_VM, API_IDENTITY)
        await another_comes_and_goes(world)
        await is_ours_until_it_goes(world, new.principal_id)


async def test_an_identity_that_was_made_again_before_it_could_be_assigned_is_ours(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        outage = world.azure.faults.add(Fault(methods=("PATCH",), status=503))
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await until(lambda: outage.hits > 1, A_WHILE)
        new = world.azure.world.recreate_identity(API_IDENTITY)
        outage.remove()
        await is_ours_until_it_goes(world, new.principal_id)


async def test_a_machine_that_is_made_again_gets_the_identity_again(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        new = world.azure.world.recreate_host(API_VM)
        look_again(world)
        await until(lambda: at(world, API_VM) == {"api"}, A_WHILE)
        await ready(world)
        assert [row.instance_id for row in identity_item(world).resources] == [new.unique_id]


async def test_what_others_attached_to_a_machine_that_was_made_again_is_theirs(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        world.azure.world.recreate_host(API_VM)
        world.azure.world.attach(API_VM, API_IDENTITY)
        look_again(world)
        await until(lambda: [row.origin for row in identity_item(world).resources] == [Origin.PRE_EXISTING], A_WHILE)
        await ready(world)
        deleted(world)
        await gone(world)
        assert at(world, API_VM) == {"api"}
