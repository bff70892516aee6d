"""Flexible credentials from the item to the token, through the real SDKs, in a simulated Azure."""

from pathlib import Path

import pytest
import trustme
from azure.identity.aio import ClientAssertionCredential

from azure_clients import assertion_credential
from engine_world import (
    APPLICATION,
    CLUSTER,
    EVERYTHING,
    NAMESPACE,
    EngineWorld,
    Manifest,
    federation,
    flexible,
    new_world,
    oidc,
)
from entrafed.api.conditions import ConditionType
from entrafed.api.states import ItemState, Origin
from entrafed.domain.marks import Mark, owner_mark
from entrafed_lab.azure import Variants
from entrafed_lab.azure.seed import GITHUB, READER_APP
from entrafed_lab.azure.variants import FlexibleOnV1
from external_issuer import serving
from golden_sources import FLEXIBLE
from lab_fixtures import StartAzure
from sign_in_world import denial, sign_in

BRANCHES = "claims['sub'] matches 'repo:contoso/web:ref:refs/heads/*' and claims['repository_owner_id'] eq '123'"


def allow(world: EngineWorld, *entries: Manifest) -> None:
    """Let nothing in but this."""
    world.connect({**EVERYTHING, "federatedCredentials": list(entries)})


def expressions(world: EngineWorld) -> dict[str, str | None]:
    """Expressions of all flexible credentials in Azure, by name."""
    held = world.azure.world.holder(READER_APP).credentials
    return {c.name: c.expression for c in held if c.expression}


def ours(world: EngineWorld) -> list[str | None]:
    return [expression for name, expression in expressions(world).items() if name.startswith("mif-")]


async def test_an_item_becomes_a_flexible_credential_and_goes_with_its_object(world: EngineWorld) -> None:
    foreign = world.credentials()
    async with world.operator():
        world.cluster.apply(federation(flexible(), oidc("exact")))
        await world.until(world.is_ready)
        assert ours(world) == [BRANCHES]
        (item, _) = world.seen().status.federated_credentials
        (shown,) = item.credentials
        assert (item.state, shown.origin) == (ItemState.SYNCED, Origin.OPERATOR)
        assert (shown.issuer, shown.subject, shown.expression) == (GITHUB, None, BRANCHES)
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert world.credentials() == foreign


async def test_every_form_becomes_its_expression(world: EngineWorld) -> None:
    golden = list(FLEXIBLE.values())
    issuers = sorted({one.issuer for one in golden})
    allow(world, *({"issuer": issuer, "claims": [{"claim": "sub", "values": ["**"]}]} for issuer in issuers))
    async with world.operator():
        world.cluster.apply(federation(*({"name": f"item-{n}", **one.source} for n, one in enumerate(golden))))
        await world.until(world.is_ready)
    held = world.azure.world.holder(READER_APP).credentials
    wanted = {(one.issuer, None, one.expression) for one in golden}
    assert {(c.issuer, c.subject, c.expression) for c in held if c.name.startswith("mif-")} == wanted


MAIN = "repo:contoso/web:ref:refs/heads/main"


async def test_a_job_of_any_branch_gets_a_token_and_no_other_job_does(
    start_azure: StartAzure, azure_ca: trustme.CA, world: EngineWorld, tmp_path: Path
) -> None:
    """A GitHub Enterprise Server on loopback, whose keys the token endpoint reads by way of its discovery document."""
    azure_ca.cert_pem.write_to_path(tmp_path / "issuers-ca.pem")
    azure = await start_azure(trusted_issuer_cas=[tmp_path / "issuers-ca.pem"])
    world = await new_world(azure, world.token_file)
    async with serving(azure_ca) as server, world.operator():
        server.serve_as(f"{server.url}/_services/token", keys_at=f"{server.url}/keys")
        allow(world, {"issuer": server.url, "claims": [{"claim": "repository_owner_id", "values": ["123"]}]})
        world.cluster.apply(federation(flexible(issuer=server.url)))
        await world.until(world.is_ready)

        def job(subject: str, owner: str = "123") -> ClientAssertionCredential:
            token = server.token(subject=subject, claims={"repository_owner_id": owner})
            return assertion_credential(azure, token, client_id=READER_APP)

        assert await sign_in(job(MAIN))
        assert await sign_in(job("repo:contoso/web:ref:refs/heads/release/1.x"))
        assert (await denial(job("repo:contoso/web:ref:refs/tags/v1"))).code == 7002131
        assert (await denial(job("repo:contoso/api:ref:refs/heads/main"))).code == 7002131
        assert (await denial(job(MAIN, owner="124"))).code == 7002131
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
        assert (await denial(job(MAIN))).code == 700211


async def test_the_order_of_the_claims_and_the_name_of_the_item_write_nothing(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(flexible()))
        await world.until_quiet()
        world.azure.log.clear()
        turned = flexible("renamed")
        turned["claims"]["match"].reverse()
        world.cluster.apply(federation(turned))
        await world.until(world.is_ready)
        await world.until_quiet()
    assert world.azure.log.writes() == []


async def test_a_changed_pattern_is_made_before_the_old_one_goes(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(flexible()))
        await world.until_quiet()
        world.azure.log.clear()
        world.cluster.apply(federation(flexible(pattern="repo:contoso/web:*")))
        await world.until(world.is_ready)
        await world.until_quiet()
    assert [record.operation for record in world.azure.log.writes()] == ["credentials.create", "credentials.delete"]
    assert ours(world) == ["claims['sub'] matches 'repo:contoso/web:*' and claims['repository_owner_id'] eq '123'"]


async def test_a_changed_audience_is_an_update_of_the_same_credential(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(flexible()))
        await world.until(world.is_ready)
        before = set(world.ours())
        world.cluster.apply(federation(flexible(audience="api://other")))
        await world.until(world.is_ready)
    assert set(world.ours()) == before
    assert [audiences for _, _, audiences in world.ours().values()] == [("api://other",)]


async def test_a_restart_and_a_second_pass_write_nothing_and_list_once(world: EngineWorld) -> None:
    world.report_late()
    async with world.operator():
        world.cluster.apply(federation(flexible(), oidc("exact")))
        await world.until_quiet()
    del world.cluster.writes[:]
    world.azure.log.clear()
    async with world.operator() as engine:
        await world.until(lambda: engine.ready)
        world.cluster.request_reconcile(NAMESPACE, "web", "first")
        await world.until(lambda: world.seen().status.last_handled_reconcile_at == "first")
        await world.until_quiet()
        first = len(world.azure.log.named("credentials.list"))
        world.cluster.request_reconcile(NAMESPACE, "web", "second")
        await world.until(lambda: world.seen().status.last_handled_reconcile_at == "second")
        await world.until_quiet()
    assert world.azure.log.writes() == []
    assert world.cluster.writes == ["status web", "status web"]
    assert len(world.azure.log.named("credentials.list")) == first + 1


@pytest.mark.parametrize("widened", ["claims['sub'] matches '*'", "not an expression at all"])
async def test_an_expression_that_somebody_widened_is_set_right(world: EngineWorld, widened: str) -> None:
    async with world.operator():
        world.cluster.apply(federation(flexible()))
        await world.until_quiet()
        change(world, expression=widened)
        await world.until(lambda: ours(world) == [BRANCHES])
        await world.until(world.is_ready)


async def test_an_expression_made_a_subject_is_set_right(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(flexible()))
        await world.until_quiet()
        change(world, subject=BRANCHES)
        await world.until(lambda: ours(world) == [BRANCHES])
        await world.until(world.is_ready)


async def test_an_expression_that_only_looks_different_is_left_alone(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(flexible()))
        await world.until_quiet()
        world.azure.log.clear()
        turned = "  and  ".join(reversed(BRANCHES.split(" and ")))
        change(world, expression=turned)
        await world.until(lambda: world.seen().status.last_handled_reconcile_at == "look")
        await world.until_quiet()
    assert world.azure.log.writes() == []
    assert ours(world) == [turned]
    assert world.is_ready()


async def test_drift_that_is_only_reported_names_the_expression(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(flexible(), driftPolicy="Report"))
        await world.until_quiet()
        change(world, expression="claims['sub'] matches '*'")
        await world.until(lambda: world.reason() == "Drifted")
    ready = world.condition(ConditionType.READY)
    assert ready is not None
    assert "expression: asked for" in ready.message
    assert "stands \"claims['sub'] matches '*'\"" in ready.message
    assert ours(world) == ["claims['sub'] matches '*'"]


def change(world: EngineWorld, **content: str) -> None:
    """Somebody changes what is ours, and has the operator look."""
    holder = world.azure.world.holder(READER_APP)
    (name,) = world.ours()
    holder.change_credential(name, **content)
    world.cluster.request_reconcile(NAMESPACE, "web", "look")


async def test_an_equal_one_of_others_satisfies_the_item_and_is_never_touched(world: EngineWorld) -> None:
    holder = world.azure.world.holder(READER_APP)
    turned = "  and  ".join(reversed(BRANCHES.split(" and ")))
    foreign = holder.add_foreign_credential(name="by-hand", issuer=GITHUB, expression=turned)
    async with world.operator():
        world.cluster.apply(federation(flexible()))
        await world.until(world.is_ready)
        (item,) = world.seen().status.federated_credentials
        assert [(c.credential_name, c.origin) for c in item.credentials] == [("by-hand", Origin.PRE_EXISTING)]
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert holder.credential("by-hand") == foreign
    assert ours(world) == []


async def test_one_of_others_with_another_audience_is_a_conflict(world: EngineWorld) -> None:
    holder = world.azure.world.holder(READER_APP)
    foreign = holder.add_foreign_credential(name="by-hand", issuer=GITHUB, expression=BRANCHES, audiences=["api://x"])
    async with world.operator():
        world.cluster.apply(federation(flexible()))
        await world.until(lambda: world.reason() == "CredentialConflict")
    ready = world.condition(ConditionType.READY)
    assert ready is not None
    assert "credential by-hand, which entrafed did not make, has this issuer and expression" in ready.message
    assert holder.credential("by-hand") == foreign


async def test_a_second_one_of_ours_that_means_the_same_is_told_of_or_goes_with_who_made_it(world: EngineWorld) -> None:
    """Azure takes both, since they are spelled in two ways; a cluster that is lost may have left one behind."""
    async with world.operator():
        world.cluster.apply(federation(flexible(), name="first"))
        await world.until(lambda: world.is_ready("first"))
        holder = world.azure.world.holder(READER_APP)
        (ours,) = (c for c in holder.credentials if c.name in world.ours())
        assert ours.expression is not None
        expression = " and ".join(reversed(ours.expression.split(" and ")))
        left = str(Mark(CLUSTER, owner_mark(NAMESPACE, "second"), ours.name.rpartition("-")[2]))
        holder.add_foreign_credential(name=left, issuer=ours.issuer, expression=expression)
        world.cluster.request_reconcile(NAMESPACE, "first", "now")
        await world.until(lambda: b"entrafed_orphans 1.0\n" in world.metrics.render())
        assert set(world.ours()) == {ours.name, left}
        world.cluster.apply(federation(flexible(), name="second"))
        await world.until(lambda: world.is_ready("second"))
        await world.until(lambda: len(world.ours()) == 1)
        await world.until(lambda: b"entrafed_orphans 0.0\n" in world.metrics.render())
        await world.until_quiet()
        for name in ("first", "second"):
            (item,) = world.seen(name).status.federated_credentials
            assert [c.credential_name for c in item.credentials] == list(world.ours())


async def test_an_expression_that_two_ask_for_is_one_credential_and_goes_with_the_last(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(flexible("a"), name="one"))
        world.cluster.apply(federation(flexible("b"), name="two"))
        await world.until(lambda: world.is_ready("one") and world.is_ready("two"))
        assert ours(world) == [BRANCHES]
        for name, left in (("one", [BRANCHES]), ("two", [])):
            world.cluster.delete("ManagedIdentityFederation", NAMESPACE, name)
            await world.until(lambda name=name: world.cluster.federation(NAMESPACE, name) is None)  # type: ignore[misc]
            await world.until_quiet()
            assert ours(world) == left


async def test_flexible_credentials_of_others_count_for_the_twenty(world: EngineWorld) -> None:
    holder = world.azure.world.holder(READER_APP)
    for number in range(20 - len(holder.credentials)):
        holder.add_foreign_credential(name=f"f-{number}", issuer=GITHUB, expression=f"claims['sub'] eq '{number}'")
    async with world.operator():
        world.cluster.apply(federation(oidc("exact")))
        await world.until(lambda: world.reason() == "QuotaExceeded")
    assert world.azure.log.named("credentials.create") == []


async def test_what_no_rule_covers_is_denied_and_not_written(world: EngineWorld) -> None:
    owner = {"claim": "repository_owner_id", "values": ["123"]}
    narrow = {"issuer": GITHUB, "claims": [{"claim": "sub", "values": ["repo:contoso/web:*"]}, owner]}
    allow(world, {"issuer": GITHUB, "subjects": ["**"]}, narrow)
    async with world.operator():
        world.cluster.apply(federation(flexible(pattern="repo:contoso/web:*")))
        await world.until(lambda: world.reason() == "NotPermitted")
    assert ours(world) == []
    assert world.azure.log.writes() == []


async def test_a_withdrawn_rule_removes_what_it_allowed_also_while_suspended(world: EngineWorld) -> None:
    world.timing = world.with_timing(revocation_delay=0.2)
    async with world.operator():
        world.cluster.apply(federation(flexible()))
        await world.until_quiet()
        world.cluster.apply(federation(flexible(), suspend=True))
        await world.until(lambda: world.reason() == "Suspended")
        await world.until_quiet()
        assert ours(world) == [BRANCHES]
        allow(world, {"issuer": GITHUB, "subjects": ["**"]})
        await world.until(lambda: ours(world) == [])


async def test_a_suspended_one_that_is_allowed_stays(world: EngineWorld) -> None:
    """Suspended, it is judged by what status records of it."""
    world.timing = world.with_timing(revocation_delay=0.1)
    async with world.operator():
        world.cluster.apply(federation(flexible()))
        await world.until_quiet()
        world.cluster.apply(federation(flexible(), suspend=True))
        await world.until(lambda: world.reason() == "Suspended")
        await world.until_quiet()
    assert ours(world) == [BRANCHES]


async def test_both_ways_in_which_v1_hides_end_alike(start_azure: StartAzure, world: EngineWorld) -> None:
    azure = await start_azure(variants=Variants(flexible_on_v1=FlexibleOnV1.WITHOUT_SUBJECT))
    other = await new_world(azure, world.token_file)
    async with other.operator():
        other.cluster.apply(federation(flexible(), oidc("exact"), target=APPLICATION))
        await other.until(other.is_ready)
        await other.until_quiet()
        assert ours(other) == [BRANCHES]
        other.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await other.until(lambda: other.cluster.federation(NAMESPACE, "web") is None)
    assert other.ours() == {}
