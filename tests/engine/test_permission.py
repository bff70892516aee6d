"""Who may ask for what, and what happens when that changes."""

import asyncio
import copy

from engine_world import EVERYTHING, IDENTITY, NAMESPACE, EngineWorld, Manifest, account, federation, oidc
from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.states import ItemState
from entrafed_lab.azure import Fault, ServiceName
from entrafed_lab.azure.seed import BILLING_APP, HOME_TENANT, OPERATOR_APP, WEB_IDENTITY
from lab_fixtures import CLUSTER_ISSUER


def only(*credentials: Manifest) -> Manifest:
    """The rule, with these sources allowed only."""
    rule = copy.deepcopy(EVERYTHING)
    rule["federatedCredentials"] = list(credentials)
    return rule


ACCOUNTS = {"issuer": "cluster", "subjects": ["system:serviceaccount:{namespace}:*"]}


async def test_without_a_rule_nothing_is_read_and_nothing_is_told(world: EngineWorld) -> None:
    world.connect()
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(lambda: world.reason() == "NotPermitted")
        await world.until_quiet()
    assert world.seen().status.target is None
    assert world.azure.log.named("credentials.list") == []
    assert world.condition(ConditionType.PERMITTED).status is ConditionStatus.FALSE  # type: ignore[union-attr]
    assert world.condition(ConditionType.STALLED) is not None


async def test_a_denied_item_leaves_the_others_alone(world: EngineWorld) -> None:
    world.connect(only(ACCOUNTS))
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), account("web")))
        await world.until(lambda: world.reason() == "NotPermitted")
    states = {item.name: item.state for item in world.seen().status.federated_credentials}
    assert states == {"a": ItemState.DENIED, "web": ItemState.SYNCED}
    assert len(world.ours()) == 1


async def test_a_rule_that_comes_later_lets_the_object_proceed(world: EngineWorld) -> None:
    world.connect()
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(lambda: world.reason() == "NotPermitted")
        world.connect(EVERYTHING)
        await world.until(world.is_ready)


async def test_a_label_that_comes_later_lets_the_object_proceed(world: EngineWorld) -> None:
    world.connect({**EVERYTHING, "namespaces": {"selector": {"matchLabels": {"team": "payments"}}}})
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(lambda: world.reason() == "NotPermitted")
        world.namespace(labels={"team": "payments"})
        await world.until(world.is_ready)


async def test_a_withdrawn_rule_removes_what_it_allowed_after_the_delay(world: EngineWorld) -> None:
    world.timing = world.with_timing(revocation_delay=2.0)
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), account("web")))
        await world.until(world.is_ready)
        world.connect(only(ACCOUNTS))
        await world.until(lambda: world.reason() == "NotPermitted")
        assert len(world.ours()) == 2
        await world.until(lambda: len(world.ours()) == 1)
        await world.until(lambda: world.reason() == "Revoked")
        await world.until(lambda: {e.reason for e in world.cluster.events} >= {"NotPermitted", "Revoked"})
    assert [subject for _, subject, _ in world.ours().values()] == ["system:serviceaccount:payments:web"]


async def test_a_rule_that_comes_back_in_time_changes_nothing(world: EngineWorld) -> None:
    world.timing = world.with_timing(revocation_delay=2.0)
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        await world.until_quiet()
        world.azure.log.clear()
        world.connect()
        await world.until(lambda: world.reason() == "NotPermitted")
        world.connect(EVERYTHING)
        await world.until(world.is_ready)
        await asyncio.sleep(2.5)
    assert world.azure.log.writes() == []
    assert world.seen().status.federated_credentials[0].denied_since is None


async def test_what_cannot_be_told_for_a_while_is_denied_since_the_first_refusal_still(world: EngineWorld) -> None:
    """Else an outage now and then would defer the removal for ever."""

    def since() -> str | None:
        return world.seen().status.federated_credentials[0].denied_since

    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        world.connect(only(ACCOUNTS))
        await world.until(lambda: world.reason() == "NotPermitted")
        first = since()
        await asyncio.sleep(1.1)  # times in a status are whole seconds
        fault = world.azure.faults.add(Fault((ServiceName.GRAPH,), status=503))
        world.cluster.request_reconcile(NAMESPACE, "web", "during the outage")
        await world.until(lambda: world.reason() == "AzureUnavailable")
        assert since() == first
        fault.remove()
        await world.until(lambda: world.reason() == "NotPermitted")
        assert since() == first is not None
        world.connect(EVERYTHING)
        await world.until(world.is_ready)
        assert since() is None


async def test_a_withdrawn_rule_heeds_neither_suspend_nor_retain(world: EngineWorld) -> None:
    world.timing = world.with_timing(revocation_delay=1.0)
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), suspend=False, deletionPolicy="Retain"))
        await world.until(world.is_ready)
        world.cluster.apply(federation(oidc("a"), suspend=True, deletionPolicy="Retain"))
        await world.until(lambda: world.reason() == "Suspended")
        world.connect()
        await world.until(lambda: world.ours() == {})


async def test_retaining_keeps_nothing_that_no_rule_allows_any_more(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), account("web"), deletionPolicy="Retain"))
        await world.until(world.is_ready)
        world.connect(only(ACCOUNTS))
        await world.until(lambda: world.reason() == "NotPermitted")
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert [subject for _, subject, _ in world.ours().values()] == ["system:serviceaccount:payments:web"]


async def test_retaining_keeps_nothing_that_is_denied_in_the_same_moment(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), account("web"), deletionPolicy="Retain"))
        await world.until(world.is_ready)
        world.connect(only(ACCOUNTS))
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert [subject for _, subject, _ in world.ours().values()] == ["system:serviceaccount:payments:web"]


async def test_what_stands_for_want_of_a_successor_goes_when_its_rule_does(world: EngineWorld) -> None:
    world.timing = world.with_timing(revocation_delay=1.0)
    world.azure.world.tenants[HOME_TENANT].allowed_issuers = (CLUSTER_ISSUER, "https://issuer.example")
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        world.cluster.apply(federation({"name": "a", "githubActions": {"repository": "contoso/web", "branch": "main"}}))
        await world.until(lambda: world.reason() == "PolicyDenied")
        world.connect(only({"issuer": "https://token.actions.githubusercontent.com", "subjects": ["repo:contoso/**"]}))
        await world.until(lambda: world.condition(ConditionType.PERMITTED).status is ConditionStatus.FALSE)  # type: ignore[union-attr]
        assert len(world.ours()) == 1
        await world.until(lambda: world.ours() == {})
        await world.until(lambda: world.condition(ConditionType.PERMITTED).status is ConditionStatus.TRUE)  # type: ignore[union-attr]
    assert world.reason() == "PolicyDenied"


async def test_of_a_suspended_item_only_what_no_rule_allows_any_more_goes(world: EngineWorld) -> None:
    world.timing = world.with_timing(revocation_delay=1.0)
    terraform = {"issuer": "https://app.terraform.io", "subjects": ["**"]}
    runs = {"name": "a", "terraformCloud": {"organization": "contoso", "project": "web", "workspace": "prod"}}
    world.connect(only(ACCOUNTS, {"issuer": "https://issuer.example", "subjects": ["**"]}, terraform))
    world.azure.world.tenants[HOME_TENANT].allowed_issuers = (CLUSTER_ISSUER, "https://issuer.example")
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), account("web")))
        await world.until(world.is_ready)
        world.cluster.apply(federation(runs, account("web")))
        await world.until(lambda: world.reason() == "PolicyDenied")
        world.cluster.apply(federation(runs, account("web"), suspend=True))
        await world.until(lambda: world.reason() == "Suspended")
        world.connect(only(ACCOUNTS, terraform))
        await world.until(lambda: len(world.ours()) == 1)
        await world.until(lambda: all(i.denied_since is None for i in world.seen().status.federated_credentials))
    assert [subject for _, subject, _ in world.ours().values()] == ["system:serviceaccount:payments:web"]
    assert {item.reason for item in world.seen().status.federated_credentials} == {"Suspended"}


async def test_the_delay_goes_on_over_a_restart(world: EngineWorld) -> None:
    world.timing = world.with_timing(revocation_delay=2.0)
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        world.connect()
        await world.until(lambda: world.reason() == "NotPermitted")
    async with world.operator():
        await world.until(lambda: world.ours() == {})


async def test_the_operators_own_identity_may_not_be_a_target(world: EngineWorld) -> None:
    rule = copy.deepcopy(EVERYTHING)
    rule["targets"]["applications"] = [OPERATOR_APP]
    world.connect(rule)
    world.azure.world.application(OPERATOR_APP).owners = {
        p.object_id for p in world.azure.world.service_principals.values() if p.app_id == OPERATOR_APP
    }
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), target={"application": {"clientId": OPERATOR_APP}}))
        await world.until(lambda: world.reason() == "NotPermitted")
        await world.until_quiet()
    assert world.ours(OPERATOR_APP) == {}


async def test_an_identity_that_no_rule_allows_is_not_looked_at(world: EngineWorld) -> None:
    world.connect(only(ACCOUNTS))
    async with world.operator():
        world.cluster.apply(federation({"name": "vm", "managedIdentity": {"resourceId": WEB_IDENTITY}}))
        await world.until(lambda: world.reason() == "NotPermitted")
    assert world.azure.log.named("identities.get") == []


async def test_a_missing_connection_is_waited_for_and_never_a_denial(world: EngineWorld) -> None:
    async with world.operator():
        manifest = federation(oidc("a"))
        manifest["spec"]["connectionRef"] = {"name": "later"}
        world.cluster.apply(manifest)
        await world.until(lambda: world.reason() == "ConnectionNotFound")
        assert world.condition(ConditionType.PERMITTED).status is ConditionStatus.UNKNOWN  # type: ignore[union-attr]
        assert world.condition(ConditionType.STALLED) is None
        world.connect(EVERYTHING, name="later")
        await world.until(world.is_ready)


async def test_a_connection_that_is_gone_removes_nothing(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        await world.until(lambda: "entrafed.io/in-use" in world.cluster.connection("default").metadata.finalizers)
        world.cluster.delete("EntraConnection", "", "default")
        await world.until_quiet()
        assert len(world.ours()) == 1
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
        await world.until(lambda: not world.cluster.has("EntraConnection", "", "default"))
    assert world.ours() == {}


async def test_an_app_without_rights_says_what_is_missing(world: EngineWorld) -> None:
    rule = copy.deepcopy(EVERYTHING)
    rule["targets"]["applications"] = [BILLING_APP]
    world.connect(rule)
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), target={"application": {"clientId": BILLING_APP}}))
        await world.until(lambda: world.reason() == "AccessDenied")
    assert world.condition(ConditionType.STALLED) is not None


async def test_identities_may_be_denied_one_by_one(world: EngineWorld) -> None:
    rule = copy.deepcopy(EVERYTHING)
    rule["targets"] = {"managedIdentities": [WEB_IDENTITY.replace("/web", "/api")]}
    world.connect(rule)
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), target=IDENTITY))
        await world.until(lambda: world.reason() == "NotPermitted")
    assert world.azure.log.named("identities.get") == []
