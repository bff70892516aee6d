"""Azure that is slow, gone, or of another opinion: what the status says, and that it recovers by itself."""

import asyncio
from pathlib import Path

import pytest

from engine_world import EVERYTHING, IDENTITY, NAMESPACE, EngineWorld, federation, oidc
from entrafed.api.conditions import ConditionType
from entrafed.engine.engine import MOST_RUNS
from entrafed_lab.azure import Fault, KeyRing, ServiceName
from entrafed_lab.azure.seed import HOME_TENANT, OPERATOR_APP, READER_APP
from virtual_world import until, virtual_world

GRAPH, LOGIN = (ServiceName.GRAPH,), (ServiceName.LOGIN,)
CREDENTIALS = "federatedIdentityCredentials"
"""Part of every path to a credential; reads that share a request are a POST too, to another path."""

OUTAGES = {
    "Graph answers 503": (Fault(GRAPH, status=503), "AzureUnavailable"),
    "Graph drops connections": (Fault(GRAPH, refuse=True), "AzureUnavailable"),
    "Graph hangs": (Fault(GRAPH, hang=True), "AzureUnavailable"),
    "Graph is throttled": (Fault(GRAPH, status=429, code="TooManyRequests", retry_after=0.2), "Throttled"),
    "Graph answers with a page": (Fault(GRAPH, status=200, body="<html>maintenance</html>"), "UnexpectedAnswer"),
    "the sign-in answers 503": (Fault(LOGIN, status=503, body="<html>"), "AzureUnavailable"),
    "the sign-in drops connections": (Fault(LOGIN, refuse=True), "AzureUnavailable"),
    "the sign-in refuses": (Fault(LOGIN, status=401, code="AADSTS700016", message="not found"), "SignInFailed"),
    "Graph answers 401": (Fault(GRAPH, status=401, code="InvalidAuthenticationToken"), "SignInFailed"),
    "Graph answers 403": (Fault(GRAPH, status=403, code="Authorization_RequestDenied"), "AccessDenied"),
    "an answer that nobody knows": (Fault(GRAPH, status=418, code="Teapot"), "AzureError"),
}


@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_outage_has_its_reason_and_is_recovered_from(world: EngineWorld, outage: str) -> None:
    fault, reason = OUTAGES[outage]
    world.timing = world.with_timing(forbidden=0.5)
    handle = world.azure.faults.add(fault)
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(lambda: world.reason() == reason)
        handle.remove()
        await world.until(world.is_ready)


async def test_a_connection_that_signs_in_again_wakes_who_waits_for_it(world: EngineWorld) -> None:
    """Far sooner than what only a person can mend is tried again."""
    handle = world.azure.faults.add(OUTAGES["the sign-in refuses"][0])
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(lambda: world.reason() == "SignInFailed")
        await world.until(
            lambda: "SignInFailed" in {c.reason for c in world.cluster.connection("default").status.conditions}
        )
        handle.remove()
        await world.until(world.is_ready, within=world.timing.forbidden / 2)


@pytest.mark.parametrize("outage", ["Graph answers 503", "Graph drops connections", "Graph hangs", "Graph answers 403"])
async def test_an_outage_in_the_middle_of_a_deletion_leaks_nothing(world: EngineWorld, outage: str) -> None:
    fault, _ = OUTAGES[outage]
    world.timing = world.with_timing(forbidden=0.5)
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        handle = world.azure.faults.add(fault)
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.reason() == "DeletionBlocked")
        handle.remove()
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert world.ours() == {}


async def test_a_switch_to_retain_frees_a_deletion_that_azure_refuses(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        world.azure.faults.add(Fault(GRAPH, methods=("DELETE",), status=403, code="Authorization_RequestDenied"))
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.reason() == "DeletionBlocked")
        world.cluster.apply(federation(oidc("a"), deletionPolicy="Retain"))
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None, within=world.timing.forbidden / 2)
    assert len(world.ours()) == 1


async def test_a_target_that_seems_gone_for_a_moment_leaks_nothing(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        missing = Fault(GRAPH, path_regex="applications", status=404, code="Request_ResourceNotFound", times=1)
        world.azure.faults.add(missing)
        world.cluster.request_reconcile(NAMESPACE, "web", "1")
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert world.ours() == {}


async def test_a_target_that_is_really_gone_lets_the_object_go(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        await world.until_quiet()
        world.azure.world.delete_application(READER_APP)
        world.azure.log.clear()
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    own = world.azure.log.named("servicePrincipals.get")
    assert len(own) >= 2, "a 404 counts only after a look at ourselves"


async def test_a_target_is_waited_for_while_it_is_young(world: EngineWorld) -> None:
    rule_id = "99999999-0000-4000-8000-000000000001"
    world.connect({**_rule_for(rule_id)})
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), target={"application": {"clientId": rule_id}}))
        await world.until(lambda: world.reason() == "TargetNotReady")
        assert world.condition(ConditionType.STALLED) is None
        await world.until(lambda: world.reason() == "TargetNotFound")
        assert world.condition(ConditionType.STALLED) is not None


async def test_another_app_under_the_same_unique_name_is_not_taken_for_the_first(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), target={"application": {"uniqueName": "storage-reader"}}))
        await world.until(world.is_ready)
        old = world.azure.world.delete_application(READER_APP)
        new = world.azure.world.create_application(
            "storage-reader", tenant_id=HOME_TENANT, owners=tuple(old.owners), unique_name="storage-reader"
        )
        world.connect(_rule_for(READER_APP, new.app_id))
        world.cluster.request_reconcile(NAMESPACE, "web", "1")
        await world.until(lambda: world.reason() == "TargetReplaced")
        await asyncio.sleep(0.3)
    assert new.credentials == ()


@pytest.mark.looptime
async def test_the_first_app_is_taken_up_again_by_itself_when_its_unique_name_is_given_back(
    azure_keys: KeyRing, tmp_path: Path
) -> None:
    async with virtual_world(tmp_path, keys=azure_keys) as world, world.operator():
        world.cluster.apply(federation(oidc("a"), target={"application": {"uniqueName": "storage-reader"}}))
        await until(world.is_ready, within=60)
        stood, first = world.ours(), world.azure.world.application(READER_APP)
        first.unique_name = None
        other = world.azure.world.create_application(
            "other", tenant_id=HOME_TENANT, owners=tuple(first.owners), unique_name="storage-reader"
        )
        world.connect(_rule_for(READER_APP, other.app_id))
        world.cluster.request_reconcile(NAMESPACE, "web", "1")
        await until(lambda: world.reason() == "TargetReplaced", within=60)
        world.azure.log.clear()
        first.unique_name, other.unique_name = "storage-reader", None
        await until(world.is_ready, within=world.timing.forbidden * 1.2)
        assert (world.ours(), other.credentials) == (stood, ())
        assert world.azure.log.writes() == []


async def test_a_write_whose_answer_is_lost_is_not_made_twice(world: EngineWorld) -> None:
    async with world.operator():
        handle = world.azure.faults.add(Fault(GRAPH, ("POST",), CREDENTIALS, lose_answer=True, times=1))
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        assert handle.hits == 1
        await world.until_quiet()
    assert len(world.ours()) == 1
    assert len(world.azure.log.writes()) == 1


async def test_an_item_that_azure_refuses_does_not_stop_the_others(world: EngineWorld) -> None:
    async with world.operator():
        refused = Fault(GRAPH, ("POST",), CREDENTIALS, status=400, code="Request_BadRequest", message="no", times=1)
        world.azure.faults.add(refused)
        world.cluster.apply(federation(oidc("a"), oidc("b"), oidc("c")))
        await world.until(lambda: world.reason() == "ValueRefused")
        await asyncio.sleep(0)
    assert len(world.ours()) == 2


def _rule_for(*applications: str) -> dict[str, object]:
    return {
        "namespaces": {"names": [NAMESPACE]},
        "targets": {"applications": list(applications)},
        "federatedCredentials": [{"issuer": "https://issuer.example", "subjects": ["**"]}],
    }


@pytest.mark.looptime
async def test_who_waits_for_graph_keeps_nobody_from_resource_manager_however_many_they_are(
    azure_keys: KeyRing, tmp_path: Path
) -> None:
    """Microsoft has all of Graph wait, while more objects than may run at once are created."""
    async with virtual_world(tmp_path, keys=azure_keys) as world:
        operator = world.azure.world.service_principal(HOME_TENANT, OPERATOR_APP)
        assert operator is not None
        create, owners = world.azure.world.create_application, (operator.object_id,)
        crowd = [create(f"{n}", tenant_id=HOME_TENANT, owners=owners).object_id for n in range(MOST_RUNS + 50)]
        few = [crowd[n : n + 60] for n in range(0, len(crowd), 60)]
        world.connect(EVERYTHING, *({**EVERYTHING, "targets": {"applications": ids}} for ids in few))
        async with world.operator():
            await asyncio.sleep(60)
            held = Fault(GRAPH, ("POST",), CREDENTIALS, status=429, code="TooManyRequests", retry_after=29)
            world.azure.faults.add(held)
            for number, object_id in enumerate(crowd):
                target = {"application": {"objectId": object_id}}
                world.cluster.apply(federation(oidc("a"), name=f"app-{number}", target=target))
            await asyncio.sleep(10)
            world.cluster.apply(federation(oidc("a"), target=IDENTITY))
            await until(world.is_ready, within=15)
