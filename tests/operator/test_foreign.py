"""What others hold at the target: reported where it is in the way, and never touched."""

import pytest
import pytest_asyncio

from entrafed.domain.credentials import Pair
from entrafed.domain.marks import Mark, cluster_mark, owner_mark, pair_mark
from entrafed_lab.azure.objects import Credential
from manifests import from_oidc
from operator_process import Operator, StartOperator
from operator_world import TARGETS, World

ISSUER = "https://issuer.example"
each_kind = pytest.mark.parametrize("kind", TARGETS)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(start_operator: StartOperator) -> Operator:
    return await start_operator(time_scale=0.015, azure_rate_scale=100)


def foreign(world: World, key: str, name: str, subject: str, audience: str = "api://AzureADTokenExchange") -> None:
    world.holder(key).add_foreign_credential(name=name, issuer=ISSUER, subject=subject, audiences=(audience,))


def held(world: World, key: str) -> dict[str, Credential]:
    return {credential.name: credential for credential in world.holder(key).credentials}


async def whole_life(world: World) -> None:
    """Edit, look again, delete: every occasion to touch something."""
    await world.apply(world.federation(from_oidc(subject="edited"), target=world.seen()["spec"]["target"]))
    await world.until_ready()
    await world.second_pass("web")
    await world.delete("web")
    await world.until_gone()


@each_kind
async def test_the_same_pair_with_another_audience_is_reported_and_left_alone(world: World, kind: str) -> None:
    key, target = TARGETS[kind]
    foreign(world, key, "somebody-elses", "job-17", audience="api://other")
    before = held(world, key)
    await world.apply(world.federation(from_oidc(), from_oidc(subject="free", name="free"), target=target))
    await world.until_reason("CredentialConflict")

    assert "somebody-elses" in world.item("any")["message"]
    assert (world.item("any")["state"], world.item("free")["state"]) == ("Conflict", "Synced")
    await whole_life(world)
    assert held(world, key) == before


async def test_a_pair_that_somebody_else_gives_up_is_taken(world: World) -> None:
    for kind, (key, target) in TARGETS.items():
        foreign(world, key, "somebody-elses", "job-17", audience="api://other")
        await world.apply(world.federation(from_oidc(), name=kind, target=target))
    for kind in TARGETS:
        await world.until_reason("CredentialConflict", kind)
    for key, _ in TARGETS.values():
        world.holder(key).remove("somebody-elses")
    await world.until_ready(*TARGETS)
    for key, _ in TARGETS.values():
        assert list(world.ours(key).values()) == ["job-17"]


@each_kind
async def test_the_same_credential_made_by_others_serves_and_stays(world: World, kind: str) -> None:
    key, target = TARGETS[kind]
    foreign(world, key, "somebody-elses", "job-17")
    before = held(world, key)
    await world.apply(world.federation(from_oidc(), target=target))
    await world.until_ready()

    (credential,) = world.item("any")["credentials"]
    assert (credential["credentialName"], credential["origin"]) == ("somebody-elses", "PreExisting")
    assert world.azure.log.writes() == []
    await whole_life(world)
    assert held(world, key) == before


@each_kind
async def test_twenty_of_others_leave_no_room_and_are_left_alone(world: World, kind: str) -> None:
    key, target = TARGETS[kind]
    for number in range(20 - len(world.holder(key).credentials)):
        foreign(world, key, f"foreign-{number}", f"foreign-{number}")
    before = held(world, key)
    await world.apply(world.federation(from_oidc(), target=target))
    await world.until_reason("QuotaExceeded")

    assert held(world, key) == before
    assert world.azure.log.writes() == []
    world.holder(key).remove("foreign-7")
    await world.second_pass("web")
    del before["foreign-7"]
    await whole_life(world)
    assert held(world, key) == before


@each_kind
async def test_what_bears_the_mark_of_another_cluster_or_of_nobody_is_left_alone(world: World, kind: str) -> None:
    key, target = TARGETS[kind]
    here = cluster_mark((await world.kubectl.get("namespace", "kube-system"))["metadata"]["uid"])
    there, owner = cluster_mark("another"), owner_mark(world.namespace, "web")
    of_another_cluster = str(Mark(there, owner, pair_mark(Pair(ISSUER, "theirs"))))
    asked_for_here_too = str(Mark(there, owner, pair_mark(Pair(ISSUER, "job-17"))))
    orphan = str(Mark(here, owner_mark(world.namespace, "long-gone"), pair_mark(Pair(ISSUER, "orphan"))))
    foreign(world, key, of_another_cluster, "theirs")
    foreign(world, key, asked_for_here_too, "job-17")
    foreign(world, key, orphan, "orphan")
    before = held(world, key)
    await world.apply(world.federation(from_oidc(), target=target))
    await world.until_ready()

    assert [c["origin"] for c in world.item("any")["credentials"]] == ["PreExisting"]
    await world.operator.until_metric("entrafed_orphans 1.0")
    await whole_life(world)
    assert held(world, key) == before
