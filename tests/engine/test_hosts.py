"""Managed identities at hosts, through the real SDKs, in a simulated Azure."""

import asyncio

import pytest

from assignment_world import (
    A_WHILE,
    ALL_ASSIGNMENTS,
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
from engine_world import APPLICATION, GROUP, EngineWorld, Manifest, oidc
from entrafed.api.assignment_status import AssignmentState
from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, Origin
from entrafed_lab.azure import Fault, ServiceName
from entrafed_lab.azure.hosts import Failure
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

        def is_followed() -> bool:
            entries = world.azure.world.host(API_VM).attached.values()
            return [entry.principal_id for entry in entries] == [new.principal_id]

        await until(is_followed, A_WHILE)
        await ready(world)
        await quiet(world)
        assert [row.principal_id for row in identity_item(world).resources] == [new.principal_id]
        deleted(world)
        await gone(world)
        assert at(world, API_VM) == set()


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


async def test_a_host_that_is_missing_is_named_and_waited_for(open_world: OpenWorld) -> None:
    later = API_VM.replace("api-1", "later")
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", later, API_VM)))
        await because(world, "HostNotFound")
        await until(lambda: at(world, API_VM) == {"api"}, A_WHILE)
        await until(lambda: world.condition(ConditionType.STALLED) is not None, A_WHILE)
        assert "later" in identity_item(world).message
        world.azure.world.create_host(later, host_id="later")
        await ready(world, within=LONG)
        assert at(world, later) == {"api"}


async def test_a_host_that_is_gone_keeps_no_object(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        world.azure.world.delete_host(API_VM)
        deleted(world)
        await gone(world)


async def test_a_host_that_fails_keeps_no_other_thing_from_being_cleaned_up(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        item = assigned("web", API_VM, API_NODES)
        world.cluster.apply(with_hosts(item, target=APPLICATION, federatedCredentials=[oidc("ci")]))
        await ready(world)
        world.azure.world.lock(API_VM, "ReadOnly")
        deleted(world)
        await because(world, "DeletionBlocked")
        await until(lambda: world.ours() == {}, A_WHILE)
        await until(lambda: at(world, API_NODES) == set(), A_WHILE)
        await until(lambda: [row.resource_id for row in identity_item(world).resources] == [API_VM.lower()], A_WHILE)
        assert "identity assignment web" in _message(world)
        assert world.seen().status.federated_credentials == ()
        world.azure.world.locks.clear()
        await gone(world, within=LONG)
        assert at(world, API_VM) == set()


async def test_switching_to_retain_frees_an_object_that_a_host_keeps(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        world.azure.world.lock(API_VM, "ReadOnly")
        deleted(world)
        await because(world, "DeletionBlocked")
        world.cluster.apply(with_hosts(assigned("web", API_VM), deletionPolicy="Retain"))
        await gone(world, within=30.0)
        assert at(world, API_VM) == {"api"}


async def test_a_suspended_object_leaves_hosts_as_they_are_and_still_cleans_up(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        world.azure.log.clear()
        world.cluster.apply(with_hosts(assigned("web", API_NODES), suspend=True))
        await because(world, "Suspended")
        await quiet(world)
        assert len(world.azure.log) == 0
        assert (at(world, API_VM), at(world, API_NODES)) == ({"api"}, set())
        deleted(world)
        await gone(world)
        assert at(world, API_VM) == set()


async def test_a_suspended_object_that_is_resumed_catches_up(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM), suspend=True))
        await because(world, "Suspended")
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        assert at(world, API_VM) == {"api"}


async def test_a_restart_writes_nothing_anywhere(open_world: OpenWorld) -> None:
    async with open_world() as world:
        async with world.operator():
            world.cluster.apply(with_hosts(assigned("web", API_VM, WEB_SITE)))
            await ready(world)
            await quiet(world)
        del world.cluster.writes[:]
        world.azure.log.clear()
        async with world.operator() as engine:
            await until(lambda: engine.ready, 30)
            await asyncio.sleep(LONG)
            assert requests(world, "hosts.get") >= 2, "it was looked at in the background"
        assert world.cluster.writes == []
        assert world.azure.log.writes() == []


async def test_one_who_leaves_after_a_restart_takes_no_identity_that_another_asks_for(open_world: OpenWorld) -> None:
    async with open_world() as world:
        async with world.operator():
            for name in ("one", "two"):
                world.cluster.apply(with_hosts(assigned("web", API_VM), name=name))
            await ready(world, "one", "two")
            await quiet(world)
        deleted(world, "one")
        async with world.operator():
            await gone(world, "one")
            await quiet(world)
            assert at(world, API_VM) == {"api"}
            deleted(world, "two")
            await gone(world, "two")
        assert at(world, API_VM) == set()


async def test_a_change_that_a_dead_operator_began_is_not_begun_again(open_world: OpenWorld) -> None:
    async with open_world() as world:
        async with world.operator():
            world.cluster.apply(with_hosts(assigned("web", API_VM)))
            await until(lambda: requests(world, "hosts.update") == 1, 60)
        async with world.operator():
            await ready(world)
            await quiet(world)
        assert requests(world, "hosts.update") == 1
        assert at(world, API_VM) == {"api"}


async def test_asked_to_look_again_it_looks_once_and_writes_nothing_to_azure(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        del world.cluster.writes[:]
        world.azure.log.clear()
        look_again(world)
        await until(lambda: world.seen().status.last_handled_reconcile_at == "please", A_WHILE)
        await quiet(world)
        assert world.azure.log.writes() == []
        assert world.cluster.writes == ["status web"]
        assert requests(world, "hosts.get") == 1


async def test_an_item_that_no_rule_allows_is_denied_and_nothing_of_it_is_read(open_world: OpenWorld) -> None:
    async with open_world() as world:
        world.connect({**ALL_ASSIGNMENTS, "identityAssignments": []})
        async with world.operator():
            world.cluster.apply(with_hosts(assigned("web", API_VM)))
            await because(world, "NotPermitted")
            await quiet(world)
            assert identity_item(world).state is ItemState.DENIED
            assert requests(world, "hosts.get") == 0
            assert requests(world, "identities.get", "/api") == 0
            world.connect(ALL_ASSIGNMENTS)
            await ready(world)


async def test_of_one_item_what_a_rule_allows_is_attached(open_world: OpenWorld) -> None:
    async with open_world() as world:
        only = {"managedIdentities": [f"{GROUP}/*"], "resources": [API_VM]}
        world.connect({**ALL_ASSIGNMENTS, "identityAssignments": [only]})
        async with world.operator():
            world.cluster.apply(with_hosts(assigned("web", API_VM, API_NODES)))
            await because(world, "NotPermitted")
            await quiet(world)
            assert (at(world, API_VM), at(world, API_NODES)) == ({"api"}, set())
            assert [row.resource_id for row in identity_item(world).resources] == [API_VM.lower()]


@pytest.mark.parametrize("more", [{}, {"suspend": True}, {"deletionPolicy": "Retain"}], ids=str)
async def test_a_rule_that_is_withdrawn_takes_back_what_it_allowed_after_the_delay(
    open_world: OpenWorld, more: Manifest
) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        world.cluster.apply(with_hosts(assigned("web", API_VM), **more))
        await quiet(world)
        world.connect({**ALL_ASSIGNMENTS, "identityAssignments": []})
        await until(lambda: identity_item(world).denied_since is not None, A_WHILE)
        await asyncio.sleep(world.timing.revocation_delay - 60.0)
        assert at(world, API_VM) == {"api"}
        await until(lambda: at(world, API_VM) == set(), 120.0)
        await quiet(world)
        told = {event.reason for event in world.cluster.events}
        assert "suspend" in more or told >= {"NotPermitted", "Revoked"}
        assert all(not item.resources for item in world.seen().status.identity_assignments)


async def test_a_rule_that_comes_back_in_time_changes_nothing(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        world.azure.log.clear()
        world.connect({**ALL_ASSIGNMENTS, "identityAssignments": []})
        await because(world, "NotPermitted")
        world.connect(ALL_ASSIGNMENTS)
        await ready(world)
        await asyncio.sleep(world.timing.revocation_delay * 1.2)
        assert world.azure.log.writes() == []
        assert identity_item(world).denied_since is None


async def test_an_identity_that_is_missing_is_told_and_waited_for(open_world: OpenWorld) -> None:
    later = f"{GROUP}/later"
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM, identity=later)))
        await because(world, "IdentityNotFound")
        world.azure.world.create_identity(later)
        await ready(world)
        assert at(world, API_VM) == {"later"}


async def test_an_identity_that_is_deleted_is_taken_off_with_the_object(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        world.azure.world.delete_identity(API_IDENTITY)
        look_again(world)
        await because(world, "IdentityNotFound")
        assert at(world, API_VM) == {"api"}, "unknown never removes"
        deleted(world)
        await gone(world)
        assert at(world, API_VM) == set()


async def test_a_lost_answer_leads_to_one_attachment_that_is_ours(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.azure.faults.add(Fault((ServiceName.ARM,), ("PATCH",), lose_answer=True, times=1))
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        await quiet(world)
        assert requests(world, "hosts.update") == 1
        assert [row.origin for row in identity_item(world).resources] == [Origin.OPERATOR]


async def test_a_change_that_fails_at_its_end_is_told_and_tried_again(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        failure = Failure("FailedIdentityOperation", "Identity operation for resource failed: it is a bad day.")
        world.azure.world.host(API_VM).failures.append(failure)
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await because(world, "IdentityNotAssignable")
        assert "a bad day" in identity_item(world).message
        await ready(world, within=LONG)


def _message(world: EngineWorld) -> str:
    condition = world.condition(ConditionType.READY)
    return condition.message if condition else ""
