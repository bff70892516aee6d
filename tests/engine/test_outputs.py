"""What workloads need to know of the target, written into the namespace where that is asked for."""

import asyncio

from engine_world import (
    EVERYTHING,
    IDENTITY,
    NAMESPACE,
    EngineWorld,
    Manifest,
    account,
    annotated,
    config_map,
    federation,
    oidc,
)
from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.outputs import CLIENT_ID_ANNOTATION, CLIENT_ID_VARIABLE, TENANT_ID_ANNOTATION
from entrafed.api.states import ItemState, OutputKind
from entrafed.domain.errors import KubeProblem, WritesStopped
from entrafed.domain.outputs import Output
from entrafed.domain.rules import Namespace
from entrafed_lab.azure import ServiceName
from entrafed_lab.azure.seed import HOME_TENANT, READER_APP, WEB_IDENTITY

ACCOUNT = Output(OutputKind.SERVICE_ACCOUNT, "web")
MAP = Output(OutputKind.CONFIG_MAP, "web-entra")
ANNOTATIONS = {CLIENT_ID_ANNOTATION: READER_APP, TENANT_ID_ANNOTATION: HOME_TENANT}
ENTRA = config_map("web-entra")
MAP_ROW, ACCOUNT_ROW = "ConfigMap/web-entra", "ServiceAccount/web"


def without(rule: Manifest, issuer: str) -> Manifest:
    """The rule, without what it allows of an issuer."""
    return {**rule, "federatedCredentials": [m for m in rule["federatedCredentials"] if m.get("issuer") != issuer]}


async def gone(world: EngineWorld, name: str = "web") -> None:
    world.cluster.delete("ManagedIdentityFederation", NAMESPACE, name)
    await world.until(lambda: world.cluster.federation(NAMESPACE, name) is None)


def die_after_a_write_of_the_service_account(world: EngineWorld) -> None:
    def die(write: str) -> None:
        if write.startswith("service account"):
            world.gate.close()
            world.cluster.unwatch()
            raise WritesStopped("dies after it")

    world.cluster.after = die


async def test_a_service_account_is_told_who_its_pods_sign_in_as(world: EngineWorld) -> None:
    world.service_account("web", {"team": "payments"})
    async with world.operator():
        world.cluster.apply(federation(annotated("web")))
        await world.until(world.is_ready)
        assert world.annotations() == {"team": "payments", **ANNOTATIONS}
        row = world.output(ACCOUNT_ROW)
        assert row is not None
        assert (row.state, row.reason, row.field_manager) == (ItemState.SYNCED, "Synced", "entrafed/web")
        assert world.condition(ConditionType.OUTPUTS_WRITTEN).status is ConditionStatus.TRUE  # type: ignore[union-attr]
        await gone(world)
    assert world.annotations() == {"team": "payments"}


async def test_a_config_map_holds_what_the_azure_sdks_read(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("vm"), output=ENTRA, target=IDENTITY))
        await world.until(world.is_ready)
        assert world.variables() == {
            "AZURE_CLIENT_ID": world.azure.world.identity(WEB_IDENTITY).client_id,
            "AZURE_TENANT_ID": HOME_TENANT,
            "AZURE_AUTHORITY_HOST": world.azure.url(ServiceName.LOGIN) + "/",
        }
        await gone(world)
    assert world.variables() is None


async def test_outputs_cost_a_record_before_they_are_written_and_a_second_look_nothing(world: EngineWorld) -> None:
    world.report_late()
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(oidc("first"), name="warm-up"))
        await world.until_quiet()
        del world.cluster.writes[:]
        world.cluster.apply(federation(annotated("web"), output=ENTRA))
        await world.until_quiet()
        assert world.cluster.writes == [
            "finalizer+ web",
            "status web",
            "service account web of web",
            "ConfigMap web-entra of web",
            "status web",
        ]
        del world.cluster.writes[:]
        world.cluster.request_reconcile(NAMESPACE, "web", "please")
        await world.until_quiet()
        assert world.cluster.writes == ["status web"]  # the echo of the request
        del world.cluster.writes[:]
    async with world.operator():
        await world.until_quiet()
        assert world.cluster.writes == []


async def test_what_is_not_asked_for_is_not_looked_at(world: EngineWorld) -> None:
    world.cluster.forbidden = frozenset(OutputKind)
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(account("web")))
        await world.until(world.is_ready)
    assert world.annotations() == {}
    assert world.condition(ConditionType.OUTPUTS_WRITTEN) is None


async def test_a_service_account_that_is_missing_is_waited_for_and_never_made(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(annotated("web")))
        await world.until(lambda: world.reason() == "ServiceAccountNotFound")
        assert not world.cluster.has("ServiceAccount", NAMESPACE, "web")
        assert world.condition(ConditionType.RECONCILING) is not None
        assert len(world.ours()) == 1  # its credential need not wait
        world.service_account()
        await world.until(world.is_ready)
    assert world.annotations() == ANNOTATIONS


async def test_an_object_goes_although_its_service_account_never_came(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(annotated("web")))
        await world.until(lambda: world.reason() == "ServiceAccountNotFound")
        await gone(world)


async def test_an_annotation_of_others_is_reported_and_never_changed(world: EngineWorld) -> None:
    world.service_account("web", {CLIENT_ID_ANNOTATION: "theirs"})
    async with world.operator():
        world.cluster.apply(federation(annotated("web")))
        await world.until(lambda: world.reason() == "OutputConflict")
        row = world.output(ACCOUNT_ROW)
        assert row is not None
        assert row.state is ItemState.CONFLICT
        assert "(field manager kubectl)" in row.message
        assert row.field_manager is None
        assert world.annotations() == {CLIENT_ID_ANNOTATION: "theirs"}  # nor is half of it written
        world.cluster.set_value(ACCOUNT, NAMESPACE, CLIENT_ID_ANNOTATION, None)
        await world.until(world.is_ready, within=20)
        await gone(world)
    assert world.annotations() == {}


async def test_equal_annotations_of_others_serve_and_stay(world: EngineWorld) -> None:
    world.service_account("web", ANNOTATIONS)
    async with world.operator():
        world.cluster.apply(federation(annotated("web")))
        await world.until(world.is_ready)
        await gone(world)
    assert world.annotations() == ANNOTATIONS


async def test_who_is_overruled_takes_back_what_is_left(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web")))
        await world.until(world.is_ready)
        world.cluster.set_value(ACCOUNT, NAMESPACE, CLIENT_ID_ANNOTATION, "theirs")
        world.cluster.request_reconcile(NAMESPACE, "web", "please")
        await world.until(lambda: world.reason() == "OutputConflict")
    assert world.annotations() == {CLIENT_ID_ANNOTATION: "theirs"}


async def test_an_opt_out_withdraws_what_was_written(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web"), output=ENTRA))
        await world.until(world.is_ready)
        world.cluster.apply(federation(account("web")))
        await world.until(lambda: world.is_ready() and not world.seen().status.outputs)
    assert world.annotations() == {}
    assert world.variables() is None
    assert world.condition(ConditionType.OUTPUTS_WRITTEN) is None


async def test_an_opt_out_while_nobody_works_withdraws_what_was_written(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web"), output=ENTRA))
        await world.until(world.is_ready)
    world.cluster.apply(federation(output=config_map("other")))
    async with world.operator():
        await world.until(lambda: world.is_ready() and world.variables() is None)
    assert world.annotations() == {}
    assert world.variables("other") is not None
    assert [row.name for row in world.seen().status.outputs] == ["other"]


async def test_what_was_written_in_the_last_instant_is_found_though_it_is_asked_for_no_more(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        die_after_a_write_of_the_service_account(world)
        world.cluster.apply(federation(annotated("web")))
        await world.until(lambda: world.annotations() == ANNOTATIONS)
    world.cluster.after = lambda _: None
    world.cluster.apply(federation(account("web")))
    async with world.operator():
        await world.until(world.is_ready)
    assert world.annotations() == {}


async def test_what_the_operator_took_away_itself_and_could_not_tell_is_no_drift(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web"), driftPolicy="Report"))
        await world.until(world.is_ready)
        die_after_a_write_of_the_service_account(world)
        world.cluster.apply(federation(account("web"), driftPolicy="Report"))
        await world.until(lambda: world.annotations() == {})
    world.cluster.after = lambda _: None
    world.cluster.apply(federation(annotated("web"), driftPolicy="Report"))
    async with world.operator():
        await world.until(world.is_ready)
    assert world.annotations() == ANNOTATIONS


async def test_retain_leaves_annotations_and_the_config_map(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web"), output=ENTRA, deletionPolicy="Retain"))
        await world.until(world.is_ready)
        await gone(world)
    assert world.annotations() == ANNOTATIONS
    assert world.variables() is not None


async def test_a_config_map_outlives_an_object_that_was_switched_to_retain_while_it_left(world: EngineWorld) -> None:
    world.cluster.forbidden = frozenset({OutputKind.CONFIG_MAP})
    async with world.operator():
        world.cluster.forbidden = frozenset()
        world.cluster.apply(federation(output=ENTRA))
        await world.until(world.is_ready)
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        world.cluster.apply(federation(output=ENTRA, deletionPolicy="Retain"))
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert world.variables() is not None


async def test_what_was_retained_is_found_again(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        for policy in ("Retain", "Delete"):
            world.cluster.apply(federation(annotated("web"), output=ENTRA, deletionPolicy=policy))
            await world.until(world.is_ready)
            await gone(world)
    assert world.annotations() == {}
    assert world.variables() is None


async def test_a_config_map_of_others_is_reported_and_never_changed(world: EngineWorld) -> None:
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-entra", "namespace": NAMESPACE}}
    world.cluster.apply({**theirs, "data": {CLIENT_ID_VARIABLE: "theirs"}})
    async with world.operator():
        world.cluster.apply(federation(output=ENTRA))
        await world.until(lambda: world.reason() == "OutputConflict")
        await gone(world)
    assert world.variables() == {CLIENT_ID_VARIABLE: "theirs"}


async def test_a_config_map_of_another_federation_is_told_by_its_name_and_taken_when_free(world: EngineWorld) -> None:
    world.never_look_by_itself()
    async with world.operator():
        world.cluster.apply(federation(output=ENTRA, name="first"))
        await world.until(lambda: world.is_ready("first"))
        world.cluster.apply(federation(output=ENTRA, name="second"))
        await world.until(lambda: world.reason("second") == "OutputConflict")
        row = world.output(MAP_ROW, "second")
        assert row is not None
        assert "ManagedIdentityFederation first" in row.message
        await gone(world, "first")
        await world.until(lambda: world.is_ready("second"))
    assert world.variables() is not None


async def test_of_two_targets_for_one_service_account_the_first_holds_until_it_lets_go(world: EngineWorld) -> None:
    world.never_look_by_itself()
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web"), name="first"))
        await world.until(lambda: world.is_ready("first"))
        world.cluster.apply(federation(annotated("web"), name="second", target=IDENTITY))
        await world.until(lambda: world.reason("second") == "OutputConflict")
        row = world.output(ACCOUNT_ROW, "second")
        assert row is not None
        assert "(field manager entrafed/first)" in row.message
        assert world.annotations() == ANNOTATIONS
        world.cluster.apply(federation(account("web"), name="first"))
        await world.until(lambda: world.is_ready("second"))
    assert world.annotations()[CLIENT_ID_ANNOTATION] == world.azure.world.identity(WEB_IDENTITY).client_id


async def test_annotations_that_two_ask_for_alike_stay_until_neither_does(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        for name in ("first", "second"):
            world.cluster.apply(federation(annotated("web"), name=name))
        await world.until(lambda: world.is_ready("first") and world.is_ready("second"))
        await gone(world, "first")
        assert world.annotations() == ANNOTATIONS
        await gone(world, "second")
    assert world.annotations() == {}


async def test_without_the_right_it_is_said_which_value_of_the_chart_gives_it(world: EngineWorld) -> None:
    world.service_account()
    world.cluster.forbidden = frozenset(OutputKind)
    async with world.operator():
        world.cluster.apply(federation(annotated("web"), output=ENTRA))
        await world.until(lambda: world.reason() == "OutputForbidden")
        told = {row.name: row.message for row in world.seen().status.outputs}
        assert "outputs.serviceAccountAnnotations: true" in told["web"]
        assert "outputs.configMaps: true" in told["web-entra"]
        assert world.condition(ConditionType.STALLED) is not None
        assert len(world.ours()) == 1
        await gone(world)  # nothing was ever written


async def test_what_the_api_server_refuses_is_told_in_its_words_and_tried_again(world: EngineWorld) -> None:
    def refuse(write: str) -> None:
        if write.startswith("ConfigMap"):
            raise KubeProblem("the API server answered POST with 403: exceeded quota")

    world.cluster.before = refuse
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), output=ENTRA))
        await world.until(lambda: world.reason() == "OutputFailed")
        row = world.output(MAP_ROW)
        assert row is not None
        assert (row.state, "exceeded quota" in row.message) == (ItemState.PENDING, True)
        assert len(world.ours()) == 1
        world.cluster.before = lambda _: None
        await world.until(world.is_ready)
    assert world.variables() is not None


async def test_a_right_that_is_taken_away_blocks_the_deletion_until_retain(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web")))
        await world.until(world.is_ready)
        world.cluster.forbidden = frozenset(OutputKind)
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.reason() == "DeletionBlocked")
        assert "outputs.serviceAccountAnnotations" in world.condition(ConditionType.READY).message  # type: ignore[union-attr]
        assert world.ours() == {}  # the trust itself goes
        world.cluster.apply(federation(annotated("web"), deletionPolicy="Retain"))
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)


async def test_without_the_right_a_namespace_that_ends_takes_its_objects_along(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator() as engine:
        world.cluster.apply(federation(annotated("web"), output=ENTRA))
        await world.until(world.is_ready)
        world.cluster.forbidden = frozenset(OutputKind)
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.reason() == "DeletionBlocked")
        engine.saw_namespace(Namespace(NAMESPACE, {}, is_ending=True))
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert world.ours() == {}


async def test_without_the_right_a_config_map_is_left_to_the_garbage_collector(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), output=ENTRA))
        await world.until(world.is_ready)
        world.cluster.forbidden = frozenset(OutputKind)
        await gone(world)
    assert world.ours() == {}


async def test_what_others_remove_is_brought_back_and_counted(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web"), output=ENTRA))
        await world.until(world.is_ready)
        world.cluster.set_value(ACCOUNT, NAMESPACE, TENANT_ID_ANNOTATION, None)
        world.cluster.set_value(MAP, NAMESPACE, CLIENT_ID_VARIABLE, "theirs")
        world.cluster.request_reconcile(NAMESPACE, "web", "please")
        await world.until(lambda: world.variables()[CLIENT_ID_VARIABLE] == READER_APP)  # type: ignore[index]
        await world.until(lambda: len([e for e in world.cluster.events if e.reason == "DriftRepaired"]) == 2)
    assert world.annotations() == ANNOTATIONS
    assert b"entrafed_drift_repairs_total 2.0" in world.metrics.render()


async def test_what_others_remove_is_only_told_where_that_is_asked(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web"), output=ENTRA, driftPolicy="Report"))
        await world.until(world.is_ready)
        world.cluster.delete("ConfigMap", NAMESPACE, "web-entra")
        world.cluster.set_value(ACCOUNT, NAMESPACE, TENANT_ID_ANNOTATION, None)
        world.cluster.request_reconcile(NAMESPACE, "web", "please")
        await world.until(lambda: world.reason() == "Drifted")
        world.cluster.request_reconcile(NAMESPACE, "web", "once more")
        await world.until_quiet()
        assert {row.state for row in world.seen().status.outputs} == {ItemState.DRIFTED}
        assert world.variables() is None
        world.cluster.apply(federation(annotated("web"), output=ENTRA))
        await world.until(world.is_ready)
    assert world.annotations() == ANNOTATIONS


async def test_a_withdrawn_rule_takes_the_annotations_with_the_credential(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web")))
        await world.until(world.is_ready)
        world.connect(without(EVERYTHING, "cluster"))
        await world.until(lambda: world.reason() == "NotPermitted")
        assert world.annotations() == ANNOTATIONS  # a while
        await world.until(lambda: world.annotations() == {}, within=30)
        await world.until(lambda: world.reason() == "Revoked")
        world.connect(EVERYTHING)
        await world.until(world.is_ready)
    assert world.annotations() == ANNOTATIONS


async def test_a_withdrawn_target_takes_the_config_map_after_a_while(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(output=ENTRA))
        await world.until(world.is_ready)
        world.connect({**EVERYTHING, "targets": {"applications": []}})
        await world.until(lambda: world.reason() == "NotPermitted")
        row = world.output(MAP_ROW)
        assert row is not None
        assert (row.state, row.denied_since is not None) == (ItemState.DENIED, True)
        assert world.variables() is not None
        await world.until(lambda: world.variables() is None, within=30)
        world.connect(EVERYTHING)
        await world.until(world.is_ready)
    assert world.variables() is not None


async def test_suspended_nothing_is_written_and_nothing_withdrawn(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web")))
        await world.until(world.is_ready)
        world.cluster.apply(federation(account("web"), output=ENTRA, suspend=True))
        await world.until(lambda: world.reason() == "Suspended")
        await world.until_quiet()
        assert world.annotations() == ANNOTATIONS
        assert world.variables() is None
        world.cluster.apply(federation(account("web"), output=ENTRA))
        await world.until(world.is_ready)
    assert world.annotations() == {}


async def test_an_identity_that_is_made_again_is_told_under_its_new_client_id(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web"), output=ENTRA, target=IDENTITY))
        await world.until(world.is_ready)
        world.azure.world.recreate_identity(WEB_IDENTITY)
        client_id = world.azure.world.identity(WEB_IDENTITY).client_id
        world.cluster.request_reconcile(NAMESPACE, "web", "please")
        await world.until(lambda: world.annotations()[CLIENT_ID_ANNOTATION] == client_id)
        await world.until(world.is_ready)
    assert world.variables()[CLIENT_ID_VARIABLE] == client_id  # type: ignore[index]
    assert [e.reason for e in world.cluster.events if e.reason == "DriftRepaired"] == []


async def test_azure_that_cannot_be_reached_takes_nothing_away(world: EngineWorld) -> None:
    world.service_account()
    async with world.operator():
        world.cluster.apply(federation(annotated("web")))
        await world.until(world.is_ready)
        world.cluster.delete("EntraConnection", "", "default")
        await asyncio.sleep(0.2)
    assert world.annotations() == ANNOTATIONS
