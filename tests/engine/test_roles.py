"""Roles given to the target, through the real SDKs, in a simulated Azure."""

import asyncio
from dataclasses import replace

import pytest

from arm_roles import BLOB_CONTRIBUTOR as BLOB_CONTRIBUTOR_ID
from assignment_world import (
    A_WHILE,
    ALL_ASSIGNMENTS,
    BLOB_CONTRIBUTOR,
    LONG,
    QUEUE_READER,
    OpenWorld,
    because,
    deleted,
    gone,
    look_again,
    quiet,
    ready,
    requests,
    role,
    role_item,
    roles_of,
    with_roles,
)
from engine_world import APPLICATION, EngineWorld, Manifest, oidc
from entrafed.api.assignment_status import AssignmentState
from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.states import ItemState, Origin
from entrafed_lab.azure import Delays, Fault, ServiceName, Variants
from entrafed_lab.azure.seed import (
    API_IDENTITY,
    HOME_TENANT,
    OPERATOR_PRINCIPAL,
    READER_APP,
    STORAGE_ACCOUNT,
    SUBSCRIPTION,
    WEB_IDENTITY,
)
from entrafed_lab.azure.variants import ExistingRole, SameRole, YoungPrincipal
from virtual_world import until

pytestmark = pytest.mark.looptime

CONDITION = (
    "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'})) OR "
    "(@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'reports'))"
)
OTHER_CONDITION = CONDITION.replace("reports", "letters")


def remove_the_scope(world: EngineWorld) -> None:
    """The storage account goes, and with it what was given there."""
    world.azure.world.roles.remove_at(STORAGE_ACCOUNT)
    world.azure.faults.add(Fault((ServiceName.ARM,), path_regex="roleAssignments", status=404, code="ResourceNotFound"))


async def test_a_role_is_recorded_then_given_then_taken_back(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        await quiet(world)
        written: list[tuple[str, int, list[AssignmentState]]] = []

        def note(name: str) -> None:
            rows = [row.state for item in world.seen().status.role_assignments for row in item.assignments]
            if name.endswith(" web"):
                written.append((name, requests(world, "roleAssignments.put"), rows))

        world.cluster.after = note
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        await quiet(world)
        assert written == [
            ("finalizer+ web", 0, []),
            ("status web", 0, [AssignmentState.ASSIGNING]),
            ("status web", 1, [AssignmentState.ASSIGNED]),
        ]
        (given,) = roles_of(world)
        assert (given.role_id, given.principal_type) == (BLOB_CONTRIBUTOR_ID, "ServicePrincipal")
        assert given.scope.lower() == STORAGE_ACCOUNT.lower()
        assert "ManagedIdentityFederation payments/web" in (given.description or "")
        (row,) = role_item(world).assignments
        assert (row.role, row.role_definition_id, row.origin) == (
            BLOB_CONTRIBUTOR,
            BLOB_CONTRIBUTOR_ID,
            Origin.OPERATOR,
        )
        assert row.assignment_name == given.name
        condition = world.condition(ConditionType.ROLES_ASSIGNED)
        assert condition is not None
        assert condition.status is ConditionStatus.TRUE
        world.cluster.after = lambda _: None
        deleted(world)
        await gone(world)
        assert roles_of(world) == []


async def test_a_role_may_be_named_by_its_id_and_is_the_same(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.connect({**ALL_ASSIGNMENTS, "roleAssignments": [_allowed(BLOB_CONTRIBUTOR_ID.upper(), BLOB_CONTRIBUTOR)]})
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        await quiet(world)
        world.azure.log.clear()
        world.cluster.apply(with_roles(role("blobs", BLOB_CONTRIBUTOR_ID)))
        await ready(world)
        await quiet(world)
        assert world.azure.log.writes() == []


@pytest.mark.parametrize("then", ["suspended", "deleted with Retain"])
async def test_a_role_named_in_another_case_is_allowed_as_long_as_any(open_world: OpenWorld, then: str) -> None:
    """Azure finds `reader` for Reader, and rules name roles as Azure does."""
    item = role("blobs", BLOB_CONTRIBUTOR.lower())
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(item))
        await ready(world)
        assert [row.role for row in role_item(world).assignments] == [BLOB_CONTRIBUTOR]
        if then == "suspended":
            world.cluster.apply(with_roles(item, suspend=True))
            await asyncio.sleep(world.timing.revocation_delay * 1.2)
        else:
            world.cluster.apply(with_roles(item, deletionPolicy="Retain"))
            deleted(world)
            await gone(world)
        assert len(roles_of(world)) == 1


async def test_a_role_is_not_kept_alive_by_the_name_of_another(open_world: OpenWorld) -> None:
    """A suspended object is judged by what its status records, which an edit of its spec must not colour."""
    async with open_world() as world, world.operator():
        allowed = _allowed(BLOB_CONTRIBUTOR_ID, QUEUE_READER)
        world.connect({**ALL_ASSIGNMENTS, "roleAssignments": [allowed]})
        world.cluster.apply(with_roles(role("blobs", BLOB_CONTRIBUTOR_ID)))
        await ready(world)
        world.cluster.apply(with_roles(role("blobs", QUEUE_READER), suspend=True))
        await because(world, "Suspended")
        world.connect({**ALL_ASSIGNMENTS, "roleAssignments": [_allowed(QUEUE_READER)]})
        await until(lambda: roles_of(world) == [], world.timing.revocation_delay * 1.2)


async def test_a_role_that_nobody_knows_is_told(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.connect({**ALL_ASSIGNMENTS, "roleAssignments": [_allowed("Reader of Minds")]})
        world.cluster.apply(with_roles(role("blobs", "Reader of Minds")))
        await because(world, "RoleNotFound")
        world.azure.world.roles.define("Reader of Minds", "Microsoft.Storage/*/read")
        await ready(world, within=LONG)


async def test_a_changed_condition_comes_to_stand_also_where_azure_does_not_write_over_it(
    open_world: OpenWorld,
) -> None:
    async with open_world(variants=Variants(same_role=SameRole.CONFLICT)) as world, world.operator():
        world.cluster.apply(with_roles(role("blobs", condition=CONDITION)))
        await ready(world)
        (first,) = roles_of(world)
        world.cluster.apply(with_roles(role("blobs", condition=OTHER_CONDITION)))
        await until(lambda: [one.condition for one in roles_of(world)] == [OTHER_CONDITION], A_WHILE)
        await ready(world)
        assert [one.name for one in roles_of(world)] == [first.name]
        assert [row.origin for row in role_item(world).assignments] == [Origin.OPERATOR]
        deleted(world)
        await gone(world)
        assert roles_of(world) == []


async def test_a_role_is_given_with_its_condition_and_a_changed_one_in_place(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs", condition=CONDITION)))
        await ready(world)
        (first,) = roles_of(world)
        world.cluster.apply(with_roles(role("blobs", condition=OTHER_CONDITION)))
        await ready(world)
        (second,) = roles_of(world)
        assert (first.condition, second.condition) == (CONDITION, OTHER_CONDITION)
        assert first.name == second.name
        assert requests(world, "roleAssignments.delete") == 0
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        assert [one.condition for one in roles_of(world)] == [None]


async def test_a_condition_that_somebody_changed_is_set_right(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs", condition=CONDITION)))
        await ready(world)
        await quiet(world)
        (ours,) = roles_of(world)
        world.azure.world.roles.put(replace(ours, condition=None))
        look_again(world)
        await until(lambda: [one.condition for one in roles_of(world)] == [CONDITION], A_WHILE)
        await ready(world)
        (told,) = (event.note for event in world.cluster.events if event.reason == "DriftRepaired")
        assert f"at {STORAGE_ACCOUNT.lower()} had been changed" in told


async def test_a_condition_that_somebody_changed_is_only_told_when_drift_is_to_be_reported(
    open_world: OpenWorld,
) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs", condition=CONDITION), driftPolicy="Report"))
        await ready(world)
        await quiet(world)
        (ours,) = roles_of(world)
        world.azure.world.roles.put(replace(ours, condition=None))
        look_again(world)
        await because(world, "Drifted")
        assert f"at {STORAGE_ACCOUNT.lower()} was changed" in role_item(world).message
        assert [one.condition for one in roles_of(world)] == [None]


@pytest.mark.parametrize("existing", ExistingRole)
async def test_the_same_role_under_another_name_satisfies_and_is_never_taken_back(
    open_world: OpenWorld, existing: ExistingRole
) -> None:
    async with open_world(variants=Variants(existing_role=existing)) as world, world.operator():
        theirs = world.azure.world.give_role("web", BLOB_CONTRIBUTOR, STORAGE_ACCOUNT)
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        (row,) = role_item(world).assignments
        assert (row.origin, row.assignment_name) == (Origin.PRE_EXISTING, theirs.name)
        deleted(world)
        await gone(world)
        assert roles_of(world) == [theirs]
        assert requests(world, "roleAssignments.put") == 0


@pytest.mark.parametrize("existing", ExistingRole)
async def test_a_role_that_others_gave_in_the_last_moment_is_theirs(
    open_world: OpenWorld, existing: ExistingRole
) -> None:
    async with open_world(variants=Variants(existing_role=existing)) as world, world.operator():

        def give(name: str) -> None:
            if name == "status web" and not roles_of(world):
                world.azure.world.give_role("web", BLOB_CONTRIBUTOR, STORAGE_ACCOUNT)

        world.cluster.after = give
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        assert [row.origin for row in role_item(world).assignments] == [Origin.PRE_EXISTING]
        deleted(world)
        await gone(world)
        assert len(roles_of(world)) == 1


async def test_the_same_role_with_another_condition_by_others_is_a_conflict(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        theirs = world.azure.world.give_role("web", BLOB_CONTRIBUTOR, STORAGE_ACCOUNT, condition=CONDITION)
        world.cluster.apply(with_roles(role("blobs")))
        await because(world, "AssignmentConflict")
        deleted(world)
        await gone(world)
        assert roles_of(world) == [theirs]


async def test_a_role_that_two_ask_for_goes_with_the_last(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs"), name="one"))
        world.cluster.apply(with_roles(role("blobs"), name="two"))
        await ready(world, "one", "two")
        assert len(roles_of(world)) == 1
        deleted(world, "one")
        await gone(world, "one")
        await quiet(world)
        assert len(roles_of(world)) == 1
        assert requests(world, "roleAssignments.delete") == 0, "it was never away in between"
        deleted(world, "two")
        await gone(world, "two")
        assert roles_of(world) == []


async def test_of_two_conditions_for_one_role_the_first_holds(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs", condition=CONDITION), name="one"))
        await ready(world, "one")
        world.cluster.apply(with_roles(role("blobs", condition=OTHER_CONDITION), name="two"))
        await because(world, "AssignmentConflict", "two")
        assert [one.condition for one in roles_of(world)] == [CONDITION]
        deleted(world, "one")
        await gone(world, "one")
        await ready(world, "two", within=LONG)
        assert [one.condition for one in roles_of(world)] == [OTHER_CONDITION]


async def test_a_removed_item_is_taken_back_and_others_stay(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs"), role("queues", QUEUE_READER)))
        await ready(world)
        assert len(roles_of(world)) == 2
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        await quiet(world)
        assert [one.role_id for one in roles_of(world)] == [BLOB_CONTRIBUTOR_ID]


async def test_a_role_that_somebody_took_back_is_given_again(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        await quiet(world)
        world.azure.world.roles.remove(roles_of(world)[0])
        await until(lambda: len(roles_of(world)) == 1, LONG * 2)
        await until(lambda: "DriftRepaired" in {event.reason for event in world.cluster.events}, A_WHILE)


async def test_a_role_that_two_share_and_somebody_took_back_is_counted_once_and_told_to_both(
    open_world: OpenWorld,
) -> None:
    async with open_world() as world, world.operator():
        for name in ("one", "two"):
            world.cluster.apply(with_roles(role("blobs"), name=name))
            await ready(world, name)
        world.azure.world.roles.remove(roles_of(world)[0])
        await until(lambda: len(roles_of(world)) == 1, LONG * 2)
        await asyncio.sleep(A_WHILE)
    events = [event for event in world.cluster.events if event.reason == "DriftRepaired"]
    assert sorted(event.regarding.name for event in events) == ["one", "two"]
    assert b"entrafed_drift_repairs_total 1.0" in world.metrics.render()


async def test_a_role_that_somebody_took_back_is_only_told_when_drift_is_to_be_reported(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs"), driftPolicy="Report"))
        await ready(world)
        await quiet(world)
        world.azure.world.roles.remove(roles_of(world)[0])
        look_again(world)
        await because(world, "Drifted")
        await quiet(world)
        assert roles_of(world) == []


async def test_an_identity_that_is_made_again_gets_the_role_and_what_the_old_one_had_goes(
    open_world: OpenWorld,
) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        await quiet(world)
        new = world.azure.world.recreate_identity(WEB_IDENTITY)
        look_again(world)
        await until(lambda: [one.principal_id for one in roles_of(world)] == [new.principal_id], A_WHILE)
        await ready(world)
        await quiet(world)
        ours = [one for one in world.azure.world.roles.assignments.values() if one.role_id == BLOB_CONTRIBUTOR_ID]
        assert [one.principal_id for one in ours] == [new.principal_id]
        assert [row.principal_id for row in role_item(world).assignments] == [new.principal_id]
        answers = [one.status for one in world.azure.log.named("roleAssignments.put")]
        assert answers == [201, 201], "a name is of one principal"


@pytest.mark.parametrize("young", YoungPrincipal)
async def test_a_young_principal_is_waited_for(open_world: OpenWorld, young: YoungPrincipal) -> None:
    async with open_world(variants=Variants(young_principal=young)) as world, world.operator():
        world.azure.world.recreate_identity(WEB_IDENTITY)
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        assert len(roles_of(world)) == 1
        answers = [one.status for one in world.azure.log.named("roleAssignments.put")]
        assert answers == [201] if young is YoungPrincipal.ACCEPTED_WITH_TYPE else [400, 201]


async def test_the_service_principal_of_an_application_is_made_and_given_the_role(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.azure.world.delete_service_principal(HOME_TENANT, READER_APP)
        world.cluster.apply(with_roles(role("blobs"), target=APPLICATION))
        await ready(world)
        made = world.azure.world.service_principal(HOME_TENANT, READER_APP)
        assert made is not None
        given = world.azure.world.roles.assignments.values()
        assert [one.role_id for one in given if one.principal_id == made.object_id] == [BLOB_CONTRIBUTOR_ID]
        deleted(world)
        await gone(world)
        assert world.azure.world.service_principal(HOME_TENANT, READER_APP) == made, "it is never deleted"
        assert not any(one.principal_id == made.object_id for one in world.azure.world.roles.assignments.values())


async def test_without_the_right_to_give_roles_the_right_is_named_and_the_rest_goes_on(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.azure.world.take_rights(OPERATOR_PRINCIPAL, role="Role Based Access Control Administrator")
        await asyncio.sleep(10.0)
        world.cluster.apply(with_roles(role("blobs"), federatedCredentials=[oidc("ci")]))
        await because(world, "AccessDenied")
        await quiet(world)
        assert "Role Based Access Control Administrator" in role_item(world).message
        assert world.condition(ConditionType.STALLED) is not None
        assert len(world.ours("web")) == 1
        world.azure.world.give_role(OPERATOR_PRINCIPAL, "Role Based Access Control Administrator", SUBSCRIPTION_SCOPE)
        await ready(world, within=LONG)


async def test_the_right_to_give_roles_counts_when_azure_has_come_to_know_of_it(open_world: OpenWorld) -> None:
    """AuthorizationFailed: what is granted to the operator has its effect up to ten minutes later."""
    async with open_world(delays=Delays(replica_lag=0.0, role_effect=600.0)) as world, world.operator():
        world.azure.world.take_rights(OPERATOR_PRINCIPAL, role="Role Based Access Control Administrator")
        await asyncio.sleep(610.0)
        world.cluster.apply(with_roles(role("blobs")))
        await because(world, "AccessDenied")
        world.azure.world.give_role(OPERATOR_PRINCIPAL, "Role Based Access Control Administrator", SUBSCRIPTION_SCOPE)
        await asyncio.sleep(590.0)
        assert not world.is_ready()
        await ready(world, within=1300.0)
        assert requests(world, "roleAssignments.put") <= 3
        deleted(world)
        await gone(world)


async def test_our_name_on_the_role_of_another_is_told_and_that_role_is_never_taken_back(open_world: OpenWorld) -> None:
    """RoleAssignmentUpdateNotPermitted"""
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        (ours,) = roles_of(world)
        deleted(world)
        await gone(world)
        theirs = replace(ours, principal_id=world.azure.world.identity(API_IDENTITY).principal_id)
        world.azure.world.roles.put(theirs)
        world.cluster.apply(with_roles(role("blobs")))
        await because(world, "AssignmentConflict")
        assert f"by assignment {ours.name}: " in role_item(world).message
        deleted(world)
        await gone(world)
        assert roles_of(world, API_IDENTITY) == [theirs]


async def test_the_role_of_an_identity_that_was_deleted_goes_with_the_object(open_world: OpenWorld) -> None:
    """Azure deletes an identity without its role assignments, which then stand for nobody."""
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        (ours,) = roles_of(world)
        world.azure.world.delete_identity(WEB_IDENTITY)
        look_again(world)
        await because(world, "TargetNotFound")
        assert ours in world.azure.world.roles.assignments.values(), "unknown never removes"
        deleted(world)
        await gone(world)
        assert ours not in world.azure.world.roles.assignments.values()


async def test_a_role_that_somebody_takes_back_a_moment_before_keeps_no_object(open_world: OpenWorld) -> None:
    """A DELETE of what is gone is answered by 204."""
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        world.azure.faults.add(
            Fault((ServiceName.ARM,), ("DELETE",), times=1),
            notify=lambda _: world.azure.world.roles.remove(roles_of(world)[0]),
        )
        deleted(world)
        await gone(world)
        assert [one.status for one in world.azure.log.named("roleAssignments.delete")] == [204]


async def test_a_scope_that_is_locked_keeps_no_other_thing_from_being_cleaned_up(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs"), federatedCredentials=[oidc("ci")]))
        await ready(world)
        world.azure.world.lock(STORAGE_ACCOUNT, "CanNotDelete")
        deleted(world)
        await because(world, "DeletionBlocked")
        await until(lambda: world.ours("web") == {}, A_WHILE)
        ready_condition = world.condition(ConditionType.READY)
        assert ready_condition is not None
        assert "role assignment blobs" in ready_condition.message
        world.azure.world.locks.clear()
        await gone(world, within=LONG)
        assert roles_of(world) == []


async def test_a_scope_that_is_gone_keeps_no_object(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        remove_the_scope(world)
        deleted(world)
        await gone(world)


async def test_a_scope_that_is_gone_and_asked_for_no_more_is_forgotten(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        remove_the_scope(world)
        world.cluster.apply(with_roles())
        await ready(world)
        assert world.seen().status.role_assignments == ()


async def test_a_rule_that_is_withdrawn_takes_back_the_role_after_the_delay(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs"), role("queues", QUEUE_READER)))
        await ready(world)
        await quiet(world)
        world.connect({**ALL_ASSIGNMENTS, "roleAssignments": [_allowed(QUEUE_READER)]})
        await because(world, "NotPermitted")
        assert (role_item(world).state, role_item(world, item="queues").state) == (ItemState.DENIED, ItemState.SYNCED)
        await asyncio.sleep(world.timing.revocation_delay - 60.0)
        assert len(roles_of(world)) == 2
        await until(lambda: len(roles_of(world)) == 1, 120.0)
        await because(world, "Revoked")


async def test_a_role_that_cannot_be_looked_up_any_more_is_taken_back_all_the_same(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        await quiet(world)
        world.azure.faults.add(Fault((ServiceName.ARM,), ("GET",), path_regex="roleDefinitions", status=503))
        world.connect({**ALL_ASSIGNMENTS, "roleAssignments": [_allowed(QUEUE_READER)]})
        look_again(world)
        await until(lambda: role_item(world).denied_since is not None, A_WHILE)
        assert role_item(world).reason == "AzureUnavailable"
        permitted = world.condition(ConditionType.PERMITTED)
        assert permitted is not None
        assert "what still stands for: role assignment blobs" in permitted.message
        await asyncio.sleep(world.timing.revocation_delay - 60.0)
        assert len(roles_of(world)) == 1
        await until(lambda: roles_of(world) == [], A_WHILE)


async def test_a_role_that_no_rule_allows_is_denied_and_nothing_is_looked_up(open_world: OpenWorld) -> None:
    async with open_world() as world:
        world.connect({**ALL_ASSIGNMENTS, "roleAssignments": []})
        async with world.operator():
            world.cluster.apply(with_roles(role("blobs")))
            await because(world, "NotPermitted")
            await quiet(world)
            assert role_item(world).state is ItemState.DENIED
            assert requests(world, "roleDefinitions.list") == 0
            assert requests(world, "roleAssignments.list") == 0


@pytest.mark.parametrize("answer", SameRole)
async def test_a_lost_answer_leads_to_one_role_that_is_ours(open_world: OpenWorld, answer: SameRole) -> None:
    async with open_world(variants=Variants(same_role=answer)) as world, world.operator():
        world.azure.faults.add(Fault((ServiceName.ARM,), ("PUT",), lose_answer=True, times=1))
        world.cluster.apply(with_roles(role("blobs")))
        await ready(world)
        assert len(roles_of(world)) == 1
        assert [row.origin for row in role_item(world).assignments] == [Origin.OPERATOR]
        deleted(world)
        await gone(world)
        assert roles_of(world) == []


async def test_a_restart_writes_nothing_anywhere(open_world: OpenWorld) -> None:
    async with open_world() as world:
        async with world.operator():
            world.cluster.apply(with_roles(role("blobs", condition=CONDITION)))
            await ready(world)
            await quiet(world)
        del world.cluster.writes[:]
        world.azure.log.clear()
        async with world.operator() as engine:
            await until(lambda: engine.ready, 30)
            await asyncio.sleep(LONG)
            assert requests(world, "roleAssignments.list") >= 1, "it was looked at in the background"
        assert world.cluster.writes == []
        assert world.azure.log.writes() == []


async def test_retain_leaves_the_role(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_roles(role("blobs"), deletionPolicy="Retain"))
        await ready(world)
        deleted(world)
        await gone(world)
        assert len(roles_of(world)) == 1


SUBSCRIPTION_SCOPE = f"/subscriptions/{SUBSCRIPTION}"


def _allowed(*roles: str) -> Manifest:
    return {"roles": list(roles), "scopes": [f"{SUBSCRIPTION_SCOPE}/**"]}
