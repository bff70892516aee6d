"""Managed identities at hosts when something is missing, fails, is denied, is suspended, or the operator dies."""

import asyncio
from dataclasses import replace

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
from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.states import ItemState, Origin
from entrafed_lab.azure import Fault, ServiceName
from entrafed_lab.azure.exchange import Call
from entrafed_lab.azure.hosts import Failure, SystemIdentity
from entrafed_lab.azure.seed import API_IDENTITY, API_NODES, API_VM, WEB_IDENTITY, WEB_SITE
from virtual_world import until

pytestmark = pytest.mark.looptime


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


@pytest.mark.parametrize("left", [[assigned("web", WEB_SITE)], []], ids=["of the item", "with the item"])
async def test_a_host_that_is_gone_and_asked_for_no_more_is_forgotten(
    open_world: OpenWorld, left: list[Manifest]
) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM, WEB_SITE)))
        await ready(world)
        world.azure.world.delete_host(API_VM)
        world.cluster.apply(with_hosts(*left))
        await ready(world)
        await quiet(world)
        rows = [row.resource_id for item in world.seen().status.identity_assignments for row in item.resources]
        assert rows == [WEB_SITE.lower() for _ in left]
        world.azure.log.clear()
        await asyncio.sleep(A_WHILE)
        assert requests(world, "hosts.get", API_VM) == 0, "nobody is interested in it any more"


async def test_a_host_that_is_missing_for_a_moment_is_not_forgotten(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM, WEB_SITE)))
        await ready(world)
        missing = Fault((ServiceName.ARM,), ("GET",), path_regex="api-1", status=404, code="ResourceNotFound", times=1)
        world.azure.faults.add(missing)
        world.cluster.apply(with_hosts(assigned("web", WEB_SITE)))
        await ready(world)
        assert at(world, API_VM) == set()


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


async def test_forty_hosts_that_hang_hold_up_no_other(open_world: OpenWorld) -> None:
    hanging = [API_VM.replace("api-1", f"hangs-{number}") for number in range(40)]
    async with open_world() as world, world.operator():
        for host in hanging:
            world.azure.world.create_host(host, host_id=host.rpartition("/")[2])
        hang = world.azure.faults.add(Fault((ServiceName.ARM,), path_regex="hangs-", latency=3600.0))
        for number in range(0, len(hanging), 10):
            world.cluster.apply(with_hosts(assigned("web", *hanging[number : number + 10]), name=f"hangs-{number}"))
        await until(lambda: hang.hits >= 16, 60)
        world.cluster.apply(with_hosts(assigned("web", WEB_SITE), name="well"))
        await ready(world, "well", within=25.0)
        assert all(not at(world, host) for host in hanging)


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


async def test_of_an_object_that_retains_only_the_hosts_that_no_rule_allows_lose_the_identity(
    open_world: OpenWorld,
) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM, API_NODES), deletionPolicy="Retain"))
        await ready(world)
        only = {"managedIdentities": [f"{GROUP}/*"], "resources": [API_VM]}
        world.connect({**ALL_ASSIGNMENTS, "identityAssignments": [only]})
        await because(world, "NotPermitted")
        deleted(world)
        await gone(world)
        assert (at(world, API_VM), at(world, API_NODES)) == ({"api"}, set())


async def test_of_a_suspended_object_it_is_told_what_no_rule_allows_while_that_stands(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        world.cluster.apply(with_hosts(assigned("web", API_VM), suspend=True))
        await because(world, "Suspended")
        world.connect({**ALL_ASSIGNMENTS, "identityAssignments": []})
        await until(lambda: identity_item(world).state is ItemState.DENIED, A_WHILE)
        permitted = world.condition(ConditionType.PERMITTED)
        assert permitted is not None
        assert "identity assignment web" in permitted.message
        await until(lambda: at(world, API_VM) == set(), world.timing.revocation_delay * 1.2)
        await quiet(world)
        item, permitted = identity_item(world), world.condition(ConditionType.PERMITTED)
        assert (item.reason, item.denied_since, item.resources) == ("Suspended", None, ())
        assert permitted is not None
        assert permitted.status is ConditionStatus.TRUE


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


@pytest.mark.parametrize(
    ("host", "taken_off"),
    [(WEB_SITE, API_IDENTITY), (API_VM, WEB_IDENTITY)],
    ids=["FailedIdentityOperation: it is not assigned", "MissingIdentityIds: none would be left"],
)
async def test_what_others_took_off_a_moment_before_keeps_no_object(
    open_world: OpenWorld, host: str, taken_off: str
) -> None:
    async with open_world() as world, world.operator():
        world.azure.world.attach(host, WEB_IDENTITY)
        world.cluster.apply(with_hosts(assigned("web", host)))
        await ready(world)
        outrun = world.azure.faults.add(
            Fault((ServiceName.ARM,), ("PATCH",), times=1),
            notify=lambda _: world.azure.world.detach(host, taken_off),
        )
        deleted(world)
        await gone(world, within=60.0)
        assert outrun.hits == 1
        assert world.azure.log.named("hosts.update")[1].status == 400, "it was refused"
        assert "api" not in at(world, host)


async def test_of_two_who_change_a_machine_at_once_neither_undoes_what_the_other_did(open_world: OpenWorld) -> None:
    """412 PreconditionFailed: `type` is replaced as a whole, so a block that was made of an older look would take the
    other's identities off."""
    system = SystemIdentity("11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002")

    def others_act(_: Call) -> None:
        world.azure.world.attach(API_VM, WEB_IDENTITY)
        world.azure.world.host(API_VM).change(lambda identity: replace(identity, system=system))

    async with open_world() as world, world.operator():
        world.azure.faults.add(Fault((ServiceName.ARM,), ("PATCH",), times=1), notify=others_act)
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        assert [one.status for one in world.azure.log.named("hosts.update")] == [412, 200]
        assert at(world, API_VM) == {"api", "web"}
        assert world.azure.world.host(API_VM).identity.system == system


async def test_a_change_that_fails_at_its_end_is_told_and_tried_again(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        failure = Failure("FailedIdentityOperation", "Identity operation for resource failed: it is a bad day.")
        world.azure.world.host(API_VM).failures.append(failure)
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await because(world, "IdentityNotAssignable")
        assert "a bad day" in identity_item(world).message
        await ready(world, within=LONG)


async def test_the_identity_that_key_vault_references_use_goes_like_any_other_and_stays_named_there(
    open_world: OpenWorld,
) -> None:
    """The references break until their owner points them at another one (`keyVaultReferenceIdentity`)."""
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", WEB_SITE)))
        await ready(world)
        site = world.azure.world.host(WEB_SITE)
        site.key_vault_reference_identity = API_IDENTITY
        deleted(world)
        await gone(world)
        assert "api" not in at(world, WEB_SITE)
        assert site.key_vault_reference_identity == API_IDENTITY


def _message(world: EngineWorld) -> str:
    condition = world.condition(ConditionType.READY)
    return condition.message if condition else ""
