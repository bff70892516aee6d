"""Several who want something of one target: objects, people, other clusters."""

import asyncio
import re
from dataclasses import replace
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import structlog

from engine_world import APPLICATION, CLUSTER, EVERYTHING, IDENTITY, NAMESPACE, EngineWorld, federation, new_world, oidc
from entrafed.api.conditions import Condition, ConditionType
from entrafed.api.states import ItemState, Origin
from entrafed.azure import BudgetSettings
from entrafed.domain.credentials import Pair
from entrafed.domain.events import RegardingKind
from entrafed.domain.marks import Mark, owner_mark, pair_mark
from entrafed_lab.azure import Delays, KeyRing, Variants
from entrafed_lab.azure.seed import READER_APP, READER_OBJECT, WEB_IDENTITY
from entrafed_lab.azure.variants import ConcurrentWrites
from lab_fixtures import CLUSTER_ISSUER, OPERATOR_SUBJECT, StartAzure
from virtual_world import until, virtual_world

ISSUER = "https://issuer.example"


def by_hand(world: EngineWorld, name: str, subject: str, audience: str = "api://AzureADTokenExchange") -> None:
    """Somebody else makes a credential."""
    holder = world.azure.world.application(READER_APP)
    holder.add_foreign_credential(name=name, issuer=ISSUER, subject=subject, audiences=(audience,))


def is_gone(world: EngineWorld, name: str, namespace: str) -> bool:
    return world.cluster.federation(namespace, name) is None


def remove_by_hand(world: EngineWorld, name: str) -> None:
    """Somebody else removes a credential."""
    world.azure.world.application(READER_APP).remove(name)


def told(world: EngineWorld, reason: str) -> list[str]:
    """The notes of the events with a reason."""
    return [event.note for event in world.cluster.events if event.reason == reason]


async def test_an_equal_credential_of_others_satisfies_and_is_never_removed(world: EngineWorld) -> None:
    by_hand(world, "by-hand", "job-a")
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        (item,) = world.seen().status.federated_credentials
        assert [(c.credential_name, c.origin) for c in item.credentials] == [("by-hand", Origin.PRE_EXISTING)]
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert "by-hand" in world.credentials()
    assert world.azure.log.writes() == []


@pytest.mark.looptime
async def test_what_others_removed_a_moment_before_is_not_taken_for_standing(
    azure_keys: KeyRing, tmp_path: Path
) -> None:
    """Somebody lets objects take the place of what was made by hand, and a replica that lags still shows that."""
    subjects = [f"job-{number}" for number in range(12)]
    delays = Delays(replica_lag=20.0, operation=0.1)
    async with virtual_world(tmp_path, keys=azure_keys, delays=delays) as world, world.operator():
        await asyncio.sleep(world.timing.lag_limit * 2)
        for subject in subjects:
            by_hand(world, f"by-hand-{subject}", subject)
        await asyncio.sleep(world.timing.lag_limit * 2)
        for subject in subjects:
            remove_by_hand(world, f"by-hand-{subject}")
            world.cluster.apply(federation(oidc("a", subject), name=subject))
            await asyncio.sleep(world.timing.lag_limit * 2)
            assert world.is_ready(subject)
            assert subject in {held for _, held, _ in world.ours().values()}


async def test_a_foreign_credential_with_another_audience_is_reported_and_left_alone(world: EngineWorld) -> None:
    by_hand(world, "by-hand", "job-a", "api://other")
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), oidc("b")))
        await world.until(lambda: world.reason() == "CredentialConflict")
        states = {item.name: item.state for item in world.seen().status.federated_credentials}
        assert states == {"a": ItemState.CONFLICT, "b": ItemState.SYNCED}
    assert world.credentials()["by-hand"] == (ISSUER, "job-a", ("api://other",))


async def test_a_credential_of_another_cluster_is_left_alone(world: EngineWorld) -> None:
    theirs = str(Mark("zzzzzzzz", owner_mark(NAMESPACE, "web"), pair_mark(Pair(ISSUER, "job-x"))))
    by_hand(world, theirs, "job-x")
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert list(world.ours()) == [theirs]


async def test_twenty_foreign_credentials_leave_no_room_and_are_left_alone(world: EngineWorld) -> None:
    for number in range(19):
        by_hand(world, f"by-hand-{number}", f"other-{number}")
    before = world.credentials()
    assert len(before) == 20
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(lambda: world.reason() == "QuotaExceeded")
        await world.until_quiet()
    assert world.credentials() == before
    assert world.azure.log.writes() == []


async def test_a_slot_that_becomes_free_wakes_who_waits_for_it(world: EngineWorld) -> None:
    world.never_look_by_itself()
    for number in range(18):
        by_hand(world, f"by-hand-{number}", f"other-{number}")
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), name="first"))
        await world.until(lambda: world.is_ready("first"))
        world.cluster.apply(federation(oidc("b"), name="second"))
        await world.until(lambda: world.reason("second") == "QuotaExceeded")
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "first")
        await world.until(lambda: world.is_ready("second"))


async def test_of_two_audiences_for_one_pair_the_first_written_holds(world: EngineWorld) -> None:
    world.never_look_by_itself()
    async with world.operator():
        world.cluster.apply(federation(oidc("a", "same"), name="first"))
        await world.until(lambda: world.is_ready("first"))
        world.cluster.apply(federation(oidc("a", "same", audience="api://other"), name="second"))
        await world.until(lambda: world.reason("second") == "AudienceConflict")
        assert world.is_ready("first")
        assert "first" not in str(world.seen("second").status)
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "first")
        await world.until(lambda: world.is_ready("second"))
    assert [audiences for _, _, audiences in world.ours().values()] == [("api://other",)]


async def test_of_three_audiences_for_one_pair_the_others_follow_in_turn_and_nobody_learns_of_another_namespace(
    world: EngineWorld,
) -> None:
    world.never_look_by_itself()
    asking = {"first": "shipping", "second": "billing", "third": NAMESPACE}
    for namespace in asking.values():
        world.namespace(namespace)
    world.connect({**EVERYTHING, "namespaces": {"names": list(asking.values())}})

    def ready(name: str) -> Condition | None:
        status = world.seen(name, asking[name]).status
        return next((c for c in status.conditions if c.type is ConditionType.READY), None)

    def reads(name: str, reason: str) -> bool:
        return (found := ready(name)) is not None and found.reason == reason

    with structlog.testing.capture_logs() as lines:
        async with world.operator():
            for name, namespace in asking.items():
                item = oidc("a", "same", audience=f"api://{name}")
                world.cluster.apply(federation(item, name=name, namespace=namespace))
                await world.until(partial(reads, name, "Synced" if name == "first" else "AudienceConflict"))
            told = [str(world.seen(name, namespace).status) for name, namespace in asking.items()]
            for leaver, follower in pairwise(asking):
                world.cluster.delete("ManagedIdentityFederation", asking[leaver], leaver)
                await world.until(partial(reads, follower, "Synced"))
                await world.until(partial(is_gone, world, leaver, asking[leaver]))
                assert [audiences for _, _, audiences in world.ours().values()] == [(f"api://{follower}",)]
    shown = [line for line in lines if line["log_level"] != "debug"]
    assert {line["event"] for line in shown} >= {"reported", "azure request"}
    told += [str(line) for line in shown] + [str(event) for event in world.cluster.events]
    names = {*asking, *asking.values()}
    own = [{name, namespace} for name, namespace in asking.items()]
    for text in told:
        about = {name for name in names if re.search(rf"\b(?<!api://){name}\b", text)}
        assert any(about <= one for one in own), text


async def test_what_others_removed_is_brought_back_and_told(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        await world.until_quiet()
        (name,) = world.ours()
        remove_by_hand(world, name)
        world.cluster.request_reconcile(NAMESPACE, "web", "1")
        await world.until(lambda: list(world.ours()) == [name])
        await world.until(lambda: told(world, "DriftRepaired"))
    (note,) = told(world, "DriftRepaired")
    assert note == f"credential {name} had been removed by somebody else; it is as asked for again"


@pytest.mark.parametrize("target", [APPLICATION, IDENTITY], ids=["application", "identity"])
@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"subject": "job-of-others"}, 'subject: asked for "job-a", stands "job-of-others"'),
        ({"issuer": f"{ISSUER}/"}, f'issuer: asked for "{ISSUER}", stands "{ISSUER}/"'),
        ({"audiences": ("api://o",)}, 'audience: asked for "api://AzureADTokenExchange", stands "api://o"'),
    ],
    ids=["subject", "issuer", "audience"],
)
async def test_what_others_changed_is_set_right_counted_once_and_told_by_field(
    world: EngineWorld, target: dict[str, dict[str, str]], changes: dict[str, Any], difference: str
) -> None:
    holder = "web" if target is IDENTITY else READER_APP
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), target=target))
        await world.until(world.is_ready)
        await world.until_quiet()
        before = world.ours(holder)
        (name,) = before
        world.azure.world.holder(holder).change_credential(name, **changes)
        world.cluster.request_reconcile(NAMESPACE, "web", "1")
        await world.until(lambda: world.ours(holder) == before and told(world, "DriftRepaired"))
        await world.until_quiet()
    (note,) = told(world, "DriftRepaired")
    assert note == f"credential {name} had been changed ({difference}) by somebody else; it is as asked for again"
    assert b"entrafed_drift_repairs_total 1.0" in world.metrics.render()


async def test_drift_of_a_credential_that_several_share_is_counted_once_and_told_to_each(world: EngineWorld) -> None:
    names = ("one", "two", "three")
    async with world.operator():
        for name in names:
            world.cluster.apply(federation(oidc("a", "shared"), name=name))
        await world.until(lambda: all(world.is_ready(name) for name in names))
        await world.until_quiet()
        (credential,) = world.ours()
        remove_by_hand(world, credential)
        world.cluster.request_reconcile(NAMESPACE, "two", "1")
        await world.until(lambda: list(world.ours()) == [credential])
        await world.until(lambda: len(told(world, "DriftRepaired")) == len(names))
    events = [event for event in world.cluster.events if event.reason == "DriftRepaired"]
    assert {event.regarding.name for event in events} == set(names)
    assert b"entrafed_drift_repairs_total 1.0" in world.metrics.render()


async def test_an_edit_of_the_spec_is_no_drift(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), oidc("b")))
        await world.until(world.is_ready)
        world.cluster.apply(federation(oidc("a", audience="api://other"), oidc("b", "job-c")))
        await world.until(world.is_ready)
        await world.until_quiet()
    assert told(world, "DriftRepaired") == []


async def test_drift_that_is_to_be_reported_is_only_reported(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), driftPolicy="Report"))
        await world.until(world.is_ready)
        await world.until_quiet()
        (name,) = world.ours()
        remove_by_hand(world, name)
        world.azure.log.clear()
        world.cluster.request_reconcile(NAMESPACE, "web", "1")
        await world.until(lambda: world.reason() == "Drifted")
        (item,) = world.seen().status.federated_credentials
        assert item.message == (
            f"credential {name} was removed by somebody else, and `driftPolicy` is Report; bring it back, or set "
            "`driftPolicy: Repair`"
        )
        await world.until(lambda: told(world, "Drifted") == [f"a: {item.message}"])
        assert world.azure.log.writes() == []
        world.cluster.apply(federation(oidc("a"), driftPolicy="Repair"))
        await world.until(world.is_ready)
    assert list(world.ours()) == [name]


async def test_drift_that_is_to_be_reported_is_told_once_for_each_item_whatever_else_is_wrong(
    world: EngineWorld,
) -> None:
    by_hand(world, "by-hand", "job-a", "api://other")
    looks = iter(range(100))

    async def drifts(item: str) -> None:
        names = {c.credential_name: i.name for i in world.seen().status.federated_credentials for c in i.credentials}
        (name,) = (name for name, of in names.items() if of == item)
        world.azure.world.application(READER_APP).change_credential(name, audiences=("api://theirs",))
        before = len(told(world, "Drifted"))
        world.cluster.request_reconcile(NAMESPACE, "web", f"{next(looks)}")
        await world.until(lambda: len(told(world, "Drifted")) > before)
        await world.until_quiet()

    async with world.operator():
        world.cluster.apply(federation(oidc("a"), oidc("b"), oidc("c"), driftPolicy="Report"))
        await world.until(lambda: world.reason() == "CredentialConflict")
        await drifts("b")
        assert world.reason() == "CredentialConflict", "of the first item"
        remove_by_hand(world, "by-hand")
        world.cluster.request_reconcile(NAMESPACE, "web", f"{next(looks)}")
        await world.until(lambda: world.reason() == "Drifted")
        await drifts("a")
        await drifts("c")
        world.cluster.request_reconcile(NAMESPACE, "web", f"{next(looks)}")
        await world.until_quiet()
    notes = [note.partition(" (also not in place")[0] for note in told(world, "Drifted")]
    items = {f"{item.name}: {item.message}" for item in world.seen().status.federated_credentials}
    assert {note.partition(":")[0] for note in notes} == {"a", "b", "c"}
    assert set(notes) == items


async def test_drift_is_found_by_the_periodic_resync(world: EngineWorld) -> None:
    world.timing = world.with_timing(resync=0.5)
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        (name,) = world.ours()
        remove_by_hand(world, name)
        await world.until(lambda: list(world.ours()) == [name])


async def test_a_mark_without_an_owner_is_counted_and_left_alone(world: EngineWorld) -> None:
    orphan = str(Mark(CLUSTER, owner_mark(NAMESPACE, "gone"), pair_mark(Pair(ISSUER, "job-x"))))
    by_hand(world, orphan, "job-x")
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(lambda: b"entrafed_orphans 1.0\n" in world.metrics.render())
    assert orphan in world.ours()


async def test_orphans_are_told_once_on_the_connection_and_again_only_when_there_are_others(world: EngineWorld) -> None:
    world.timing = world.with_timing(resync=0.3)
    first, second = (
        str(Mark(CLUSTER, owner_mark(NAMESPACE, "gone"), pair_mark(Pair(ISSUER, subject)))) for subject in "xy"
    )
    by_hand(world, first, "x")
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(lambda: told(world, "OrphanFound"))
        world.azure.log.clear()
        await world.until(lambda: len(world.azure.log.named("credentials.list")) >= 3)
        (event,) = [event for event in world.cluster.events if event.reason == "OrphanFound"]
        assert (event.kind, event.regarding.name) == (RegardingKind.CONNECTION, "default")
        assert event.note == (
            f"application {READER_OBJECT} carries credentials of this cluster that no ManagedIdentityFederation owns: "
            f"{first}; entrafed leaves them alone: remove those that nobody needs, or create the object again that "
            "they were made for"
        )
        by_hand(world, second, "y")
        await world.until(lambda: len(told(world, "OrphanFound")) == 2)
        remove_by_hand(world, first)
        world.azure.log.clear()
        await world.until(lambda: len(world.azure.log.named("credentials.list")) >= 3)
        assert len(told(world, "OrphanFound")) == 2, "one that is gone is no news"
    assert second in world.ours()
    assert world.azure.log.writes() == []


async def test_twenty_objects_on_one_app_cost_at_most_two_calls_each(world: EngineWorld) -> None:
    await _twenty(world, APPLICATION)


async def test_twenty_objects_on_one_identity_cost_at_most_two_calls_each(world: EngineWorld) -> None:
    await _twenty(world, IDENTITY)


async def _twenty(world: EngineWorld, target: dict[str, object]) -> None:
    names = [f"web-{number}" for number in range(19)]
    async with world.operator():
        for name in names:
            world.cluster.apply(federation(oidc("a", f"job-{name}"), name=name, target=target))
        await world.until(lambda: all(world.is_ready(name) for name in names), within=30)
        await world.until_quiet()
    calls = [record for record in world.azure.log if record.operation.startswith("credentials.")]
    assert {record.status for record in calls} <= {200, 201}
    assert len([record for record in calls if record.write]) == 19
    assert len(calls) <= 2 * 19


async def test_published_rates_are_kept(world: EngineWorld) -> None:
    """With budgets at a twentieth of what the others here have, nothing is refused either."""
    world.budgets = BudgetSettings(rate_scale=50.0)
    await _twenty(world, IDENTITY)


def all_ready(world: EngineWorld) -> bool:
    return all(world.is_ready(name) for _, name in world.cluster.names("ManagedIdentityFederation"))


def is_empty(world: EngineWorld) -> bool:
    return not world.cluster.names("ManagedIdentityFederation")


@pytest.mark.parametrize(("target", "holder"), [(APPLICATION, READER_APP), (IDENTITY, WEB_IDENTITY)])
async def test_two_clusters_that_write_to_one_target_get_along(
    start_azure: StartAzure, tmp_path: Path, target: dict[str, Any], holder: str
) -> None:
    """Neither knows of the other, and Azure refuses writes that overlap: they back off, each by another while."""
    azure = await start_azure(delays=replace(Delays.none(), operation=0.05))
    token_file = tmp_path / "operator-token"
    token_file.write_text(azure.issue(issuer=CLUSTER_ISSUER, subject=OPERATOR_SUBJECT, lifetime=3600))
    here, there = await new_world(azure, token_file), await new_world(azure, token_file)
    there.mark, there.seed = "bbbbbbbb", 1
    foreign = set(here.credentials(holder))
    async with here.operator(), there.operator():
        for world in (here, there):
            for number in range(5):
                item = oidc("a", f"job-{world.mark}-{number}")
                world.cluster.apply(federation(item, name=f"web-{number}", target=target))
        for world in (here, there):
            await world.until(partial(all_ready, world), within=60)
        marks = [name.split("-")[1] for name in here.ours(holder)]
        assert sorted(marks) == sorted([here.mark] * 5 + [there.mark] * 5)
        for world in (here, there):
            for number in range(5):
                world.cluster.delete("ManagedIdentityFederation", NAMESPACE, f"web-{number}")
        for world in (here, there):
            await world.until(partial(is_empty, world), within=60)
    statuses = [record.status for record in azure.log.writes()]
    assert 409 in statuses, "they never met, and nothing is shown"
    assert len(statuses) <= 3 * 20, "of 10 creations and 10 deletions"
    assert set(here.credentials(holder)) == foreign


@pytest.mark.looptime
@pytest.mark.parametrize("variant", ConcurrentWrites)
async def test_two_clusters_come_to_their_own_whatever_becomes_of_overlapping_writes(
    azure_keys: KeyRing, tmp_path: Path, variant: ConcurrentWrites
) -> None:
    """No document tells whether Graph refuses one of them, takes both, or loses one that it has acknowledged."""
    variants, delays = Variants(concurrent_writes=variant), replace(Delays.none(), operation=0.3)
    async with virtual_world(tmp_path, keys=azure_keys, variants=variants, delays=delays) as here:
        there = await new_world(here.azure, here.token_file, scale=1.0, clock=here.clock, budgets=here.budgets)
        there.mark, there.seed = "bbbbbbbb", 1
        foreign = set(here.credentials())
        async with here.operator(), there.operator():
            for world, number in product((here, there), range(5)):
                item = oidc("a", f"job-{world.mark}-{number}")
                world.cluster.apply(federation(item, name=f"web-{number}"))
            await until(lambda: all_ready(here) and all_ready(there), within=1800)
            marks = [name.split("-")[1] for name in here.ours()]
            assert sorted(marks) == sorted([here.mark] * 5 + [there.mark] * 5)
            assert any(record.overlapping for record in here.azure.log.writes()), "they never met"
            for world, number in product((here, there), range(5)):
                world.cluster.delete("ManagedIdentityFederation", NAMESPACE, f"web-{number}")
            await until(lambda: is_empty(here) and is_empty(there), within=1800)
        assert set(here.credentials()) == foreign
