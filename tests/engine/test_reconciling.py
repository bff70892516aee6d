"""What a ManagedIdentityFederation becomes, through the real SDKs, in a simulated Azure."""

import asyncio

from engine_world import APPLICATION, EVERYTHING, IDENTITY, NAMESPACE, EngineWorld, account, federation, oidc
from entrafed.api.conditions import ConditionType
from entrafed.api.metadata import CONNECTION_FINALIZER
from entrafed.api.states import ItemState, Origin
from entrafed.domain.rules import Namespace
from entrafed_lab.azure.seed import API_IDENTITY, HOME_TENANT, OPERATOR_APP, READER_APP, READER_OBJECT, WEB_IDENTITY
from lab_fixtures import CLUSTER_ISSUER

GITHUB = {"name": "ci", "githubActions": {"repository": "contoso/web", "environment": "prod"}}
IDENTITY_SOURCE = {"name": "vm", "managedIdentity": {"resourceId": WEB_IDENTITY}}


async def test_every_source_becomes_a_credential_and_goes_with_its_object(world: EngineWorld) -> None:
    foreign = world.credentials()
    async with world.operator():
        world.cluster.apply(federation(oidc("any"), account("web"), GITHUB, IDENTITY_SOURCE))
        await world.until(world.is_ready)
        subjects = {subject for _, subject, _ in world.ours().values()}
        principal = world.azure.world.identity(WEB_IDENTITY).principal_id
        assert subjects == {
            "job-any",
            "system:serviceaccount:payments:web",
            "repo:contoso/web:environment:prod",
            principal,
        }
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert world.credentials() == foreign


async def test_an_object_that_went_with_its_finalizer_is_done_with_before_the_watch_tells(world: EngineWorld) -> None:
    removals: list[str] = []

    def stop_telling(write: str) -> None:
        if write == "finalizer- web":
            removals.append(write)
            world.cluster.unwatch()

    async with world.operator() as engine:
        world.cluster.apply(federation(oidc("any")))
        await world.until(world.is_ready)
        world.cluster.before = stop_telling
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        leaving = world.seen()
        await world.until(lambda: removals and world.cluster.federation(NAMESPACE, "web") is None)
        engine.saw_namespace(Namespace(NAMESPACE, {"team": "other"}))
        engine.saw_federation(leaving)
        await world.until(lambda: CONNECTION_FINALIZER not in world.cluster.connection("default").metadata.finalizers)
        await world.until_quiet()
    assert removals == ["finalizer- web"]


async def test_an_identity_carries_credentials_too(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(account("web"), target=IDENTITY))
        await world.until(world.is_ready)
        assert len(world.ours("web")) == 1
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert world.credentials("web") == {}


async def test_the_status_tells_what_stands(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("ci")))
        await world.until(world.is_ready)
    status = world.seen().status
    (item,) = status.federated_credentials
    (credential,) = item.credentials
    assert (item.state, credential.origin, credential.subject) == (ItemState.SYNCED, Origin.OPERATOR, "job-ci")
    assert list(world.ours()) == [credential.credential_name]
    assert status.target is not None
    assert (status.target.client_id, status.target.object_id) == (READER_APP, READER_OBJECT)
    assert status.summary is not None
    assert status.summary.credentials == "1/1"
    assert {c.type for c in status.conditions} == {
        ConditionType.READY,
        ConditionType.PERMITTED,
        ConditionType.CREDENTIALS_SYNCED,
    }


async def test_a_creation_costs_two_writes_to_kubernetes_an_edit_one_a_deletion_one(world: EngineWorld) -> None:
    world.report_late()
    async with world.operator():
        world.cluster.apply(federation(oidc("first"), name="warm-up"))
        await world.until_quiet()
        del world.cluster.writes[:]
        world.cluster.apply(federation(oidc("ci")))
        await world.until_quiet()
        assert world.cluster.writes == ["finalizer+ web", "status web"]
        del world.cluster.writes[:]
        world.cluster.apply(federation(oidc("ci", "job-18")))
        await world.until_quiet()
        assert world.cluster.writes == ["status web"]
        del world.cluster.writes[:]
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until_quiet()
        assert world.cluster.writes == ["finalizer- web"]


async def test_labels_and_annotations_cost_nothing(world: EngineWorld) -> None:
    world.report_late()
    async with world.operator():
        world.cluster.apply(federation(oidc("ci")))
        await world.until_quiet()
        del world.cluster.writes[:]
        world.azure.log.clear()
        labelled = federation(oidc("ci"))
        labelled["metadata"]["labels"] = {"team": "web"}
        world.cluster.apply(labelled)
        await asyncio.sleep(0.2)
        await world.until_quiet()
    assert world.cluster.writes == []
    assert len(world.azure.log) == 0


async def test_a_restart_writes_nothing_anywhere(world: EngineWorld) -> None:
    world.report_late()
    async with world.operator():
        world.cluster.apply(federation(oidc("ci"), account("web")))
        await world.until_quiet()
    del world.cluster.writes[:]
    world.azure.log.clear()
    async with world.operator() as engine:
        await world.until(lambda: engine.ready)
        await asyncio.sleep(0.3)
    assert world.cluster.writes == []
    assert world.azure.log.writes() == []


async def test_a_second_pass_reads_and_writes_nothing(world: EngineWorld) -> None:
    world.report_late()
    async with world.operator():
        world.cluster.apply(federation(oidc("ci"), account("web")))
        await world.until_quiet()
        del world.cluster.writes[:]
        world.azure.log.clear()
        world.cluster.request_reconcile(NAMESPACE, "web", "now")
        await world.until(lambda: world.seen().status.last_handled_reconcile_at == "now")
        await world.until_quiet()
    assert world.azure.log.writes() == []
    assert world.cluster.writes == ["status web"]
    assert len(world.azure.log.named("credentials.list")) == 1


async def test_a_removed_item_takes_its_credential_with_it(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), oidc("b"), deletionPolicy="Retain"))
        await world.until(world.is_ready)
        world.cluster.apply(federation(oidc("b"), deletionPolicy="Retain"))
        await world.until(world.is_ready)
    assert [subject for _, subject, _ in world.ours().values()] == ["job-b"]


async def test_renaming_and_swapping_items_writes_nothing_to_azure(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a", "one"), oidc("b", "two")))
        await world.until_quiet()
        world.azure.log.clear()
        world.cluster.apply(federation(oidc("a", "two"), oidc("c", "one")))
        await world.until(world.is_ready)
        await world.until_quiet()
    assert world.azure.log.writes() == []
    assert [item.name for item in world.seen().status.federated_credentials] == ["a", "c"]


async def test_a_changed_audience_is_an_update_of_the_same_credential(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        before = set(world.ours())
        world.cluster.apply(federation(oidc("a", audience="api://other")))
        await world.until(world.is_ready)
    assert set(world.ours()) == before
    assert [audiences for _, _, audiences in world.ours().values()] == [("api://other",)]


async def test_what_stood_before_stays_and_is_shown_while_azure_refuses_what_is_to_follow(world: EngineWorld) -> None:
    world.azure.world.tenants[HOME_TENANT].allowed_issuers = (CLUSTER_ISSUER, "https://issuer.example")
    async with world.operator():
        world.cluster.apply(federation(oidc("ci")))
        await world.until(world.is_ready)
        before = world.ours()
        world.cluster.apply(federation(GITHUB))
        await world.until(lambda: world.reason() == "PolicyDenied")
        await world.until_quiet()
        (item,) = world.seen().status.federated_credentials
        assert (item.state, [c.credential_name for c in item.credentials]) == (ItemState.FAILED, list(before))
        assert world.ours() == before
        world.azure.world.tenants[HOME_TENANT].allowed_issuers = ()
        world.cluster.request_reconcile(NAMESPACE, "web", "the policy is gone")
        await world.until(world.is_ready)
    assert [subject for _, subject, _ in world.ours().values()] == ["repo:contoso/web:environment:prod"]


async def test_retain_leaves_what_was_made(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), deletionPolicy="Retain"))
        await world.until(world.is_ready)
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert len(world.ours()) == 1


async def test_a_pair_that_two_ask_for_is_one_credential_and_goes_with_the_last(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a", "shared"), name="one"))
        world.cluster.apply(federation(oidc("b", "shared"), name="two"))
        await world.until(lambda: world.is_ready("one") and world.is_ready("two"))
        assert len(world.ours()) == 1
        for name in ("one", "two"):
            (item,) = world.seen(name).status.federated_credentials
            assert [c.origin for c in item.credentials] == [Origin.OPERATOR]
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "one")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "one") is None)
        await world.until_quiet()
        assert len(world.ours()) == 1
        assert world.is_ready("two")
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "two")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "two") is None)
    assert world.ours() == {}


async def test_a_suspended_object_is_left_as_it_is_and_still_cleans_up(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        await world.until_quiet()
        world.azure.log.clear()
        world.cluster.apply(federation(oidc("b"), suspend=True))
        await world.until(lambda: world.reason() == "Suspended")
        await world.until_quiet()
        assert len(world.azure.log) == 0
        assert world.seen().status.observed_generation == 2
        assert [subject for _, subject, _ in world.ours().values()] == ["job-a"]
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert world.ours() == {}


async def test_an_object_that_is_resumed_catches_up(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), suspend=True))
        await world.until(lambda: world.reason() == "Suspended")
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
    assert len(world.ours()) == 1


async def test_an_identity_that_is_made_again_is_followed(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation({"name": "api", "managedIdentity": {"resourceId": API_IDENTITY}}))
        await world.until_quiet()
        old = world.azure.world.identity(API_IDENTITY)
        del world.azure.world.identities[API_IDENTITY.lower()]
        new = world.azure.world.create_identity(API_IDENTITY)
        assert new.principal_id != old.principal_id
        world.cluster.request_reconcile(NAMESPACE, "web", "followed?")
        await world.until(lambda: [s for _, s, _ in world.ours().values()] == [new.principal_id])
        await world.until(world.is_ready)


async def test_an_app_named_in_any_way_is_the_same_parent(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a", "same"), name="by-client-id", target=APPLICATION))
        by_object = {"application": {"objectId": READER_OBJECT.upper()}}
        world.cluster.apply(federation(oidc("a", "same"), name="by-object-id", target=by_object))
        by_name = {"application": {"uniqueName": "storage-reader"}}
        world.cluster.apply(federation(oidc("a", "same"), name="by-unique-name", target=by_name))
        for name in ("by-client-id", "by-object-id", "by-unique-name"):
            await world.until(lambda name=name: world.is_ready(name))  # type: ignore[misc]
    assert len(world.ours()) == 1


async def test_reads_of_many_objects_at_once_share_requests(world: EngineWorld) -> None:
    """Sixty targets to be found and listed for the first time: 20 reads fit into one request."""
    principal = world.azure.world.service_principal(HOME_TENANT, OPERATOR_APP)
    assert principal is not None
    owners = (principal.object_id,)
    names = [f"web-{number}" for number in range(60)]
    apps = {
        name: world.azure.world.create_application(name, tenant_id=HOME_TENANT, owners=owners).app_id for name in names
    }
    world.connect({**EVERYTHING, "targets": {"applications": list(apps.values())}})
    for name, app in apps.items():
        world.cluster.apply(federation(oidc("a"), name=name, target={"application": {"clientId": app}}))
    async with world.operator():
        await world.until(lambda: len(world.azure.log.named("credentials.list")) >= 60, within=30)
        await world.until(lambda: all(world.is_ready(name) for name in names), within=30)
    found = world.azure.log.named("applications.get")
    alone = [read for read in found if not read.in_batch]
    assert len(found) == 60
    assert len(alone) <= 3
    assert len(world.azure.log.writes()) == 120, "a credential and a service principal each"
