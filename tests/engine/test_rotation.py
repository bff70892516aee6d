"""The cluster's issuer changes, or there are several: nobody's tokens are refused meanwhile, and nothing is left."""

import asyncio
import itertools

from engine_world import EVERYTHING, NAMESPACE, EngineWorld, Manifest, account, annotated, federation, oidc
from entrafed.api.status import CredentialStatus
from entrafed_lab.azure.seed import READER_APP
from memory_cluster import ISSUER as BLUE

GREEN = "https://oidc.example/green/"
SUBJECT = f"system:serviceaccount:{NAMESPACE}:web"
WEB = account("web")


def announce(world: EngineWorld, *issuers: str) -> None:
    """From now on the API servers announce these, in turn."""
    turns = itertools.cycle(issuers)
    world.cluster.announces = lambda: next(turns)


def trusted(world: EngineWorld) -> list[str]:
    """The issuers that Azure trusts for the service account."""
    return sorted(issuer for issuer, subject, _ in world.ours().values() if subject == SUBJECT)


def told(world: EngineWorld, name: str = "web") -> list[CredentialStatus]:
    """What the status says of the service account's credentials, in the order of their issuers."""
    found = (c for item in world.seen(name).status.federated_credentials for c in item.credentials)
    return sorted((c for c in found if c.subject == SUBJECT), key=lambda c: c.issuer)


def retiring(world: EngineWorld) -> list[str]:
    return [credential.issuer for credential in told(world) if credential.retiring_since]


def events(world: EngineWorld) -> list[str]:
    return [event.reason.value for event in world.cluster.events if event.reason.value.startswith("Issuer")]


def by_address(issuer: str) -> Manifest:
    """The rule of these tests, with service accounts of this issuer only."""
    accounts = {"issuer": issuer, "subjects": ["system:serviceaccount:{namespace}:*"]}
    return {**EVERYTHING, "federatedCredentials": [accounts]}


def of_short_grace(world: EngineWorld, seconds: float = 2.0) -> None:
    world.timing = world.with_timing(issuer_check=0.05, issuer_window=0.5, issuer_grace=seconds)


async def test_a_new_issuer_is_trusted_first_and_the_former_one_goes_after_its_grace(world: EngineWorld) -> None:
    of_short_grace(world)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        announce(world, GREEN)
        await world.until(lambda: trusted(world) == [BLUE, GREEN])
        await world.until(lambda: retiring(world) == [BLUE])
        assert world.is_ready()
        assert trusted(world) == [BLUE, GREEN]
        await world.until(lambda: trusted(world) == [GREEN])
        await world.until(lambda: [c.issuer for c in told(world)] == [GREEN])
    assert world.is_ready()
    assert events(world) == ["IssuerRetiring", "IssuerRetired"]


async def test_it_goes_in_time_though_the_watch_is_slower_than_the_operator(world: EngineWorld) -> None:
    of_short_grace(world, 1.0)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        world.cluster.unwatch()
        announce(world, GREEN)
        await world.until(lambda: retiring(world) == [BLUE])
        await world.until(lambda: [c.issuer for c in told(world)] == [GREEN])
    assert trusted(world) == [GREEN]


async def test_it_costs_as_few_writes_as_there_is_to_tell(world: EngineWorld) -> None:
    world.report_late()
    of_short_grace(world, 1.0)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        await world.until_quiet()
        before = len(world.cluster.writes)
        announce(world, GREEN)
        await world.until(lambda: events(world) == ["IssuerRetiring", "IssuerRetired"])
        await world.until_quiet()
    # The second credential; that the first retires; that it is gone.
    assert world.cluster.writes[before:] == ["status web"] * 3


async def test_api_servers_that_disagree_change_nothing_back_and_forth(world: EngineWorld) -> None:
    of_short_grace(world)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        announce(world, BLUE, GREEN)
        await world.until(lambda: [c.issuer for c in told(world)] == [BLUE, GREEN])
        await world.until(world.is_ready)
        before, writes = len(world.cluster.writes), len(world.azure.log.writes())
        await asyncio.sleep(1.5)  # three times as long as an issuer counts
        assert len(world.cluster.writes) == before
        assert len(world.azure.log.writes()) == writes
        assert retiring(world) == []
        announce(world, GREEN)
        await world.until(lambda: retiring(world) == [BLUE])


async def test_an_operator_that_starts_in_the_midst_of_a_roll_out_changes_nothing(world: EngineWorld) -> None:
    of_short_grace(world)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        announce(world, BLUE, GREEN)
        await world.until(lambda: [c.issuer for c in told(world)] == [BLUE, GREEN])
        await world.until(world.is_ready)
    before, writes = len(world.cluster.writes), len(world.azure.log.writes())
    announce(world, *[GREEN] * 3, *[BLUE] * 3)
    async with world.operator():
        await world.until(lambda: world.engine and world.engine.ready)
        await asyncio.sleep(1.0)
    assert world.cluster.writes[before:] == []
    assert len(world.azure.log.writes()) == writes


async def test_an_issuer_that_changed_while_nobody_watched_is_noticed_at_once(world: EngineWorld) -> None:
    of_short_grace(world)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
    announce(world, GREEN)
    async with world.operator():
        await world.until(lambda: trusted(world) == [BLUE, GREEN])
        await world.until(lambda: trusted(world) == [GREEN])


async def test_a_restart_does_not_begin_the_grace_anew(world: EngineWorld) -> None:
    of_short_grace(world, 6.0)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        announce(world, GREEN)
        await world.until(lambda: retiring(world) == [BLUE])
    since = [c.retiring_since for c in told(world)]
    async with world.operator():
        await asyncio.sleep(0.5)
        assert [c.retiring_since for c in told(world)] == since
        await world.until(lambda: trusted(world) == [GREEN])


async def test_an_issuer_that_comes_back_retires_no_more(world: EngineWorld) -> None:
    of_short_grace(world, 5.0)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        announce(world, GREEN)
        await world.until(lambda: retiring(world) == [BLUE])
        writes = len(world.azure.log.writes())
        announce(world, BLUE)
        await world.until(lambda: retiring(world) == [GREEN])
    assert len(world.azure.log.writes()) == writes


async def test_two_clusters_that_do_the_same_work_are_trusted_both(world: EngineWorld) -> None:
    of_short_grace(world, 1.0)
    world.connect(EVERYTHING, clusterIssuers=[BLUE, GREEN])
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        assert trusted(world) == [BLUE, GREEN]
        assert world.seen().status.summary.credentials == "1/1"  # type: ignore[union-attr]
        world.connect(EVERYTHING, clusterIssuers=[GREEN])
        await world.until(lambda: retiring(world) == [BLUE])
        await world.until(lambda: trusted(world) == [GREEN])


async def test_a_former_issuer_is_trusted_while_its_successor_is_not(world: EngineWorld) -> None:
    of_short_grace(world, 0.0)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        world.azure.world.tenants[next(iter(world.azure.world.tenants))].allowed_issuers = (BLUE,)
        announce(world, GREEN)
        await world.until(lambda: world.reason() == "PolicyDenied")
        await asyncio.sleep(1.0)
        assert trusted(world) == [BLUE]
        assert retiring(world) == []


async def test_what_retires_goes_at_once_with_its_item(world: EngineWorld) -> None:
    of_short_grace(world, 1000.0)
    async with world.operator():
        world.cluster.apply(federation(WEB, oidc("a")))
        await world.until(world.is_ready)
        announce(world, GREEN)
        await world.until(lambda: retiring(world) == [BLUE])
        world.cluster.apply(federation({**WEB, "name": "renamed"}, oidc("a")))
        await world.until(world.is_ready)
        assert retiring(world) == [BLUE]
        assert trusted(world) == [BLUE, GREEN]
        world.cluster.apply(federation(oidc("a")))
        await world.until(lambda: trusted(world) == [])
        await world.until(world.is_ready)


async def test_what_retires_goes_at_once_with_its_object(world: EngineWorld) -> None:
    of_short_grace(world, 1000.0)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        announce(world, GREEN)
        await world.until(lambda: retiring(world) == [BLUE])
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert world.ours() == {}


async def test_what_retires_does_not_outlive_its_permission(world: EngineWorld) -> None:
    of_short_grace(world, 1000.0)
    world.timing = world.with_timing(issuer_check=0.05, issuer_window=0.5, issuer_grace=1000.0, revocation_delay=1.0)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        announce(world, GREEN)
        await world.until(lambda: retiring(world) == [BLUE])
        world.connect()
        await world.until(lambda: world.ours() == {})


async def test_a_rule_that_names_the_former_issuer_keeps_what_it_allows_through_a_roll_out(world: EngineWorld) -> None:
    world.timing = world.with_timing(issuer_check=0.05, issuer_window=0.5, revocation_delay=0.5)
    world.service_account()
    world.connect(by_address(BLUE))
    async with world.operator():
        world.cluster.apply(federation(annotated("web")))
        await world.until(world.is_ready)
        announce(world, BLUE, GREEN)
        await world.until(lambda: world.reason() == "NotPermitted")
        await asyncio.sleep(1.5)  # three times the delay
        assert trusted(world) == [BLUE]
        assert world.reason() == "NotPermitted"
        assert world.annotations()
        world.connect(EVERYTHING)
        await world.until(lambda: trusted(world) == [BLUE, GREEN])
        await world.until(world.is_ready)


async def test_a_suspended_object_waits_with_the_change(world: EngineWorld) -> None:
    of_short_grace(world, 0.5)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        world.cluster.apply(federation(WEB, suspend=True))
        await world.until(lambda: world.reason() == "Suspended")
        announce(world, GREEN)
        await asyncio.sleep(1.5)
        assert trusted(world) == [BLUE]
        assert world.reason() == "Suspended"
        world.cluster.apply(federation(WEB))
        await world.until(lambda: trusted(world) == [GREEN])


async def test_without_room_the_former_issuer_makes_way(world: EngineWorld) -> None:
    of_short_grace(world, 1000.0)
    holder = world.azure.world.application(READER_APP)
    async with world.operator():
        world.cluster.apply(federation(WEB))
        await world.until(world.is_ready)
        for number in range(20 - len(holder.credentials)):
            holder.add_foreign_credential(name=f"other-{number}", issuer="https://issuer.example", subject=f"{number}")
        announce(world, GREEN)
        await world.until(lambda: trusted(world) == [GREEN])
        await world.until(world.is_ready)
    assert len(holder.credentials) == 20


async def test_an_issuer_that_entra_cannot_reach_is_told_and_written_all_the_same(world: EngineWorld) -> None:
    announce(world, "https://kubernetes.default.svc.cluster.local")
    async with world.operator():
        world.cluster.apply(federation(WEB, oidc("a")))
        await world.until(world.is_ready)
        await world.until(lambda: events(world) == ["IssuerUnreachable"])
    reasons = {item.name: item.reason for item in world.seen().status.federated_credentials}
    assert reasons == {"a": "Synced", "web": "IssuerUnreachable"}
    assert trusted(world) == ["https://kubernetes.default.svc.cluster.local"]
