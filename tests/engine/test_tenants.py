"""Applications in other tenants, through the real SDKs, in a simulated Azure."""

import asyncio

import pytest

from assignment_world import (
    A_WHILE,
    ALL_ASSIGNMENTS,
    LONG,
    OpenWorld,
    because,
    deleted,
    gone,
    is_in,
    look_again,
    partner,
    quiet,
    ready,
    requests,
    tenant,
    tenant_item,
    with_tenants,
)
from engine_world import NAMESPACE, oidc
from entrafed.api.assignment_status import AssignmentState
from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.states import ItemState, Origin
from entrafed_lab.azure import Delays, Fault, ServiceName
from entrafed_lab.azure.seed import HOME_TENANT, PARTNER_PRINCIPAL, PARTNER_TENANT, READER_APP
from virtual_world import until

pytestmark = pytest.mark.looptime


async def test_an_application_is_recorded_then_let_in_and_stays_when_the_object_goes(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        await quiet(world)
        written: list[tuple[str, bool, list[AssignmentState | None]]] = []

        def note(name: str) -> None:
            if name.endswith(" web"):
                rows = [row.assignment for row in world.seen().status.tenants]
                written.append((name, is_in(world), rows))

        world.cluster.after = note
        world.cluster.apply(with_tenants(tenant()))
        await ready(world)
        await quiet(world)
        assert written == [
            ("finalizer+ web", False, []),
            ("status web", False, [AssignmentState.ASSIGNING]),
            ("status web", True, [AssignmentState.ASSIGNED]),
        ]
        made = world.azure.world.service_principal(PARTNER_TENANT, READER_APP)
        assert made is not None
        row = tenant_item(world)
        assert (row.state, row.origin, row.connection) == (ItemState.SYNCED, Origin.OPERATOR, "partner")
        assert row.service_principal_id == made.object_id
        condition = world.condition(ConditionType.TENANTS_PROVISIONED)
        assert condition is not None
        assert condition.status is ConditionStatus.TRUE
        world.cluster.after = lambda _: None
        deleted(world)
        await gone(world)
        assert is_in(world), "Retain is the default here"


async def test_it_goes_with_the_object_when_the_item_says_so(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant(deletionPolicy="Delete")))
        await ready(world)
        deleted(world)
        await gone(world)
        assert not is_in(world)


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
async def test_it_goes_with_its_item_when_that_says_so(open_world: OpenWorld, policy: str) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant(deletionPolicy=policy)))
        await ready(world)
        world.cluster.apply(with_tenants())
        await ready(world)
        await quiet(world)
        assert is_in(world) is (policy == "Retain")
        assert world.seen().status.tenants == ()
        assert world.condition(ConditionType.TENANTS_PROVISIONED) is None


async def test_the_object_retains_what_its_item_would_delete(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant(deletionPolicy="Delete"), deletionPolicy="Retain"))
        await ready(world)
        deleted(world)
        await gone(world)
        assert is_in(world)


async def test_what_is_there_already_satisfies_and_is_never_deleted(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.azure.world.create_service_principal(PARTNER_TENANT, world.azure.world.application(READER_APP))
        world.cluster.apply(with_tenants(tenant(deletionPolicy="Delete")))
        await ready(world)
        assert tenant_item(world).origin is Origin.PRE_EXISTING
        deleted(world)
        await gone(world)
        assert is_in(world)
        assert requests(world, "servicePrincipals.create") == 0


async def test_what_two_ask_for_goes_with_the_last(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        for name in ("one", "two"):
            world.cluster.apply(with_tenants(tenant(deletionPolicy="Delete"), name=name))
        await ready(world, "one", "two")
        deleted(world, "one")
        await gone(world, "one")
        await quiet(world)
        assert is_in(world)
        deleted(world, "two")
        await gone(world, "two")
        assert not is_in(world)


async def test_the_rules_of_both_connections_must_allow_it(open_world: OpenWorld) -> None:
    async with open_world() as world:
        partner(world, {"namespaces": {"names": [NAMESPACE]}, "targets": {"applications": [READER_APP]}})
        async with world.operator():
            world.cluster.apply(with_tenants(tenant()))
            await because(world, "NotPermitted")
            assert "EntraConnection partner" in tenant_item(world).message
            permitted = world.condition(ConditionType.PERMITTED)
            assert permitted is not None
            assert "EntraConnection partner allows" in permitted.message
            assert not is_in(world)
            partner(world)
            await ready(world)
            assert is_in(world)


async def test_without_a_rule_of_its_own_connection_the_other_is_not_asked(open_world: OpenWorld) -> None:
    async with open_world() as world:
        world.connect({**ALL_ASSIGNMENTS, "tenants": []})
        async with world.operator():
            world.cluster.apply(with_tenants(tenant()))
            await because(world, "NotPermitted")
            await quiet(world)
            assert "EntraConnection default" in tenant_item(world).message
            assert not is_in(world)


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
@pytest.mark.parametrize("whose", ["default", "partner"])
async def test_a_rule_that_is_withdrawn_takes_it_back_after_the_delay(
    open_world: OpenWorld, whose: str, policy: str
) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant(deletionPolicy=policy)))
        await ready(world)
        await quiet(world)
        if whose == "default":
            world.connect({**ALL_ASSIGNMENTS, "tenants": []})
        else:
            partner(world, {"namespaces": {"names": [NAMESPACE]}, "targets": {"applications": [READER_APP]}})
        await because(world, "NotPermitted")
        await asyncio.sleep(world.timing.revocation_delay - 60.0)
        assert is_in(world)
        await until(lambda: not is_in(world), 120.0)
        await because(world, "Revoked")


async def test_a_denied_item_is_taken_back_though_it_is_removed_and_says_retain(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant()))
        await ready(world)
        world.connect({**ALL_ASSIGNMENTS, "tenants": []})
        world.cluster.apply(with_tenants())
        await until(lambda: not is_in(world), A_WHILE)
        await ready(world)
        assert world.seen().status.tenants == ()


async def test_a_denied_item_is_taken_back_though_the_object_goes_and_says_retain(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant(), deletionPolicy="Retain"))
        await ready(world)
        world.connect({**ALL_ASSIGNMENTS, "tenants": []})
        deleted(world)
        await gone(world)
        assert not is_in(world)
        assert is_in(world, HOME_TENANT)


async def test_a_connection_made_again_for_another_tenant_is_no_way_to_what_stands(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant(deletionPolicy="Delete")))
        await ready(world)
        world.cluster.vanish("EntraConnection", "", "partner")
        world.connect(ALL_ASSIGNMENTS, name="partner")
        deleted(world)
        await because(world, "DeletionBlocked")
        assert is_in(world)
        assert is_in(world, HOME_TENANT)


async def test_a_missing_connection_is_waited_for_and_keeps_the_rest_from_nothing(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant("later"), federatedCredentials=[oidc("ci")]))
        await because(world, "ConnectionNotFound")
        await until(lambda: len(world.ours()) == 1, A_WHILE)
        assert tenant_item(world).state is not ItemState.DENIED
        partner(world, name="later")
        await ready(world)
        assert is_in(world)


async def test_a_connection_that_is_missing_on_deletion_is_named_and_waited_for(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        item = tenant(deletionPolicy="Delete")
        world.cluster.apply(with_tenants(item, federatedCredentials=[oidc("ci")]))
        await ready(world)
        await quiet(world)
        world.cluster.vanish("EntraConnection", "", "partner")
        deleted(world)
        await because(world, "DeletionBlocked")
        await until(lambda: world.ours() == {}, A_WHILE)
        condition = world.condition(ConditionType.READY)
        assert condition is not None
        assert f"tenant {PARTNER_TENANT}" in condition.message
        assert is_in(world)
        partner(world)
        await gone(world)
        assert not is_in(world)


@pytest.mark.parametrize(
    ("instead", "reason"), [(False, "ConnectionNotFound"), (True, "ConnectionInvalid")], ids=["none", "of another"]
)
async def test_what_a_removed_item_leaves_behind_for_want_of_a_connection_says_so(
    open_world: OpenWorld, instead: bool, reason: str
) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant(deletionPolicy="Delete")))
        await ready(world)
        world.cluster.vanish("EntraConnection", "", "partner")
        if instead:
            world.connect(ALL_ASSIGNMENTS, name="partner")
        world.cluster.apply(with_tenants())
        await because(world, reason)
        assert "EntraConnection partner" in tenant_item(world).message
        assert is_in(world)
        if instead:
            world.cluster.vanish("EntraConnection", "", "partner")
        partner(world)
        await ready(world)
        assert not is_in(world)


async def test_a_connection_of_another_tenant_than_the_item_names_is_told(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant("default")))
        await because(world, "ConnectionInvalid")
        assert not is_in(world)


async def test_an_application_for_one_tenant_only_is_told_and_looked_at_again(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.azure.world.application(READER_APP).multi_tenant = False
        world.cluster.apply(with_tenants(tenant()))
        await because(world, "NotMultiTenant")
        world.azure.world.application(READER_APP).multi_tenant = True
        await ready(world, within=LONG)
        assert is_in(world)


async def test_consent_is_asked_for_and_recognised_without_a_restart(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant(None)))
        await because(world, "ConsentRequired")
        row = tenant_item(world)
        assert row.consent_url is not None
        assert PARTNER_TENANT in row.consent_url
        assert READER_APP in row.consent_url
        world.azure.world.create_service_principal(PARTNER_TENANT, world.azure.world.application(READER_APP))
        await ready(world, within=LONG)
        assert tenant_item(world).origin is Origin.PRE_EXISTING
        deleted(world)
        await gone(world)
        assert is_in(world)


async def test_what_somebody_threw_out_is_let_in_again(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant(deletionPolicy="Delete")))
        await ready(world)
        await quiet(world)
        world.azure.world.delete_service_principal(PARTNER_TENANT, READER_APP)
        look_again(world)
        await until(lambda: is_in(world), A_WHILE)
        await ready(world)
        deleted(world)
        await gone(world)
        assert not is_in(world)


async def test_what_somebody_threw_out_is_only_told_when_drift_is_to_be_reported(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(with_tenants(tenant(), driftPolicy="Report"))
        await ready(world)
        await quiet(world)
        world.azure.world.delete_service_principal(PARTNER_TENANT, READER_APP)
        look_again(world)
        await because(world, "Drifted")
        await quiet(world)
        assert not is_in(world)


async def test_without_the_right_in_that_tenant_the_right_is_named(open_world: OpenWorld) -> None:
    async with open_world() as world, world.operator():
        world.azure.world.principal(PARTNER_PRINCIPAL).app_roles = set()
        world.cluster.apply(with_tenants(tenant()))
        await because(world, "AccessDenied")
        assert "Application.ReadWrite.OwnedBy" in tenant_item(world).message


async def test_a_lost_answer_leads_to_one_service_principal_that_is_ours(open_world: OpenWorld) -> None:
    async with open_world(delays=Delays()) as world, world.operator():
        lost = Fault((ServiceName.GRAPH,), ("POST",), path_regex="/servicePrincipals", lose_answer=True, times=1)
        world.azure.faults.add(lost)
        world.cluster.apply(with_tenants(tenant(deletionPolicy="Delete")))
        await ready(world)
        assert tenant_item(world).origin is Origin.OPERATOR
        deleted(world)
        await gone(world)
        assert not is_in(world)


async def test_the_target_gets_a_service_principal_at_home_that_is_never_deleted(open_world: OpenWorld) -> None:
    async with open_world(delays=Delays()) as world, world.operator():
        world.azure.world.delete_service_principal(HOME_TENANT, READER_APP)
        await asyncio.sleep(30.0)
        world.cluster.apply(with_tenants(federatedCredentials=[oidc("ci")]))
        await ready(world)
        assert is_in(world, HOME_TENANT)
        assert world.seen().status.tenants == ()
        deleted(world)
        await gone(world)
        assert is_in(world, HOME_TENANT)


async def test_a_restart_writes_nothing_anywhere(open_world: OpenWorld) -> None:
    async with open_world(delays=Delays()) as world:
        async with world.operator():
            world.cluster.apply(with_tenants(tenant(deletionPolicy="Delete")))
            await ready(world)
            await quiet(world)
        del world.cluster.writes[:]
        world.azure.log.clear()
        async with world.operator() as engine:
            await until(lambda: engine.ready, 30)
            await asyncio.sleep(LONG)
        assert world.cluster.writes == []
        assert world.azure.log.writes() == []
