"""What aad-pod-identity suffered from, the one operator before this that attached identities to machines: each of its
wounds is a test here."""

import asyncio
import json

import pytest

from assignment_world import (
    A_WHILE,
    LONG,
    OpenWorld,
    assigned,
    at,
    because,
    deleted,
    gone,
    identity_item,
    look_again,
    quiet,
    ready,
    requests,
    with_hosts,
)
from engine_world import GROUP, EngineWorld, oidc
from entrafed.api.conditions import ConditionType
from entrafed.api.states import Origin
from entrafed_lab.azure import Delays, Fault, ServiceName, Variants
from entrafed_lab.azure.exchange import Call
from entrafed_lab.azure.hosts import Failure, throttled_behind_the_host
from entrafed_lab.azure.seed import API_IDENTITY, API_NODES, API_VM, OPERATOR_PRINCIPAL, WEB_IDENTITY, WEB_SITE, WEB_VM
from entrafed_lab.azure.variants import DeadIdentity, MissingIdentity, TooManyIdentities
from virtual_world import until

pytestmark = pytest.mark.looptime

DEAD = f"{GROUP}/dead"


async def test_the_whole_model_of_a_host_is_never_put(open_world: OpenWorld) -> None:
    """A PUT of a scale set overwrote fields that nobody meant, and failed on any dead identity (#287, #635)."""
    async with open_world() as world, world.operator():
        world.azure.world.host(API_NODES).tags["owner"] = "somebody else"
        world.cluster.apply(with_hosts(assigned("web", API_NODES)))
        await ready(world)
        deleted(world)
        await gone(world)
        assert {one.method for one in world.azure.log.writes() if one.operation.startswith("hosts.")} == {"PATCH"}
        assert world.azure.world.host(API_NODES).tags == {"owner": "somebody else"}


@pytest.mark.parametrize("missing", MissingIdentity)
async def test_one_bad_identity_keeps_no_other_from_its_host(open_world: OpenWorld, missing: MissingIdentity) -> None:
    """One identity that could not be assigned failed the whole batch (#599, #601)."""
    async with open_world(variants=Variants(missing_identity=missing)) as world:
        bad = f"{GROUP}/bad"
        world.azure.world.create_identity(bad)
        world.azure.world.identity(bad).assignable_to = frozenset({"microsoft.web"})
        for name, identity in (("good", API_IDENTITY), ("bad", bad), ("fine", WEB_IDENTITY)):
            world.cluster.apply(with_hosts(assigned("web", API_VM, identity=identity), name=name))
        async with world.operator():
            await ready(world, "good", "fine")
            await because(world, "IdentityNotAssignable", "bad")
            assert at(world, API_VM) == {"api", "web"}
            assert requests(world, "hosts.update") <= 4


@pytest.mark.parametrize("answer", TooManyIdentities)
async def test_more_identities_than_one_request_takes_are_sent_in_several(
    open_world: OpenWorld, answer: TooManyIdentities
) -> None:
    """More than 150 identities in one request were refused, or cut in silence (#813, #847)."""
    async with open_world(variants=Variants(too_many_identities=answer)) as world:
        many = [f"{GROUP}/id-{number}" for number in range(160)]
        for identity in many:
            world.azure.world.create_identity(identity)
        world.azure.world.attach(API_NODES, WEB_IDENTITY)  # without one that stays, all go with the type
        sent = named_in_changes(world)
        for number in range(10):
            items = [
                assigned(f"id-{one}", API_NODES, identity=many[one]) for one in range(number * 16, number * 16 + 16)
            ]
            world.cluster.apply(with_hosts(*items, name=f"web-{number}"))
        async with world.operator():
            await ready(world, *(f"web-{number}" for number in range(10)), within=LONG)
            assert len(at(world, API_NODES)) == 161
            deleted(world, *(f"web-{number}" for number in range(10)))
            await gone(world, *(f"web-{number}" for number in range(10)), within=LONG)
            assert at(world, API_NODES) == {"web"}
        assert max(sent) <= 150
        assert sum(sent) == 2 * 160, "none was sent twice"
        assert {one.status for one in world.azure.log.named("hosts.update")} == {200}


def named_in_changes(world: EngineWorld) -> list[int]:
    """How many identities each change of a host names, from now on."""
    named: list[int] = []

    def hear(call: Call) -> None:
        named.append(len(json.loads(call.body)["identity"].get("userAssignedIdentities", ())))

    world.azure.faults.add(Fault((ServiceName.ARM,), ("PATCH",)), notify=hear)
    return named


async def test_a_host_that_fails_for_long_is_asked_seldom(open_world: OpenWorld) -> None:
    """A host that failed was asked 4,000 times in an hour and a half, which throttled the subscription (#676, #742)."""
    async with open_world() as world, world.operator():
        broken = Fault((ServiceName.ARM,), ("PATCH",), status=500, code="InternalServerError")
        world.azure.faults.add(broken)
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await asyncio.sleep(5400.0)
        assert requests(world, "hosts.update") <= 40
        assert requests(world, "hosts.get") <= 60
        world.azure.faults.clear()
        await ready(world, within=600.0)


async def test_a_slow_host_holds_up_no_other(open_world: OpenWorld) -> None:
    """All waited for the slowest scale set (#1267)."""
    async with open_world(delays=Delays(replica_lag=0.0, host_operation=900.0)) as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_NODES), name="slow"))
        await until(lambda: requests(world, "hosts.update", API_NODES) == 1, A_WHILE)

        world.cluster.apply(with_hosts(assigned("web", WEB_SITE), name="quick", federatedCredentials=[oidc("ci")]))
        await ready(world, "quick", within=60.0)
        assert not world.is_ready("slow")


async def test_an_identity_that_azure_drops_is_added_again(open_world: OpenWorld) -> None:
    """An upgrade or a scaling of the cluster dropped identities in silence (#633, #639, #647)."""
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_NODES)))
        await ready(world)
        await quiet(world)
        world.azure.world.detach(API_NODES, API_IDENTITY)
        await until(lambda: at(world, API_NODES) == {"api"}, LONG * 2)
        await ready(world)


async def test_a_pass_over_all_hosts_is_not_ended_by_one_that_is_missing(open_world: OpenWorld) -> None:
    """The comparison with Azure ended at the first node that was gone, and never removed."""
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM, API_NODES)))
        await ready(world)
        await quiet(world)
        world.azure.world.delete_host(API_VM)
        world.azure.world.detach(API_NODES, API_IDENTITY)
        await until(lambda: at(world, API_NODES) == {"api"}, LONG * 2)
        await because(world, "HostNotFound", within=LONG)
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await until(lambda: at(world, API_NODES) == set(), A_WHILE)


async def test_an_identity_on_a_scale_set_goes_with_the_last_who_asks_and_not_before(open_world: OpenWorld) -> None:
    """When a node went, what was attached to its scale set was forgotten without being detached."""
    async with open_world() as world, world.operator():
        names = ("one", "two", "three")
        for name in names:
            world.cluster.apply(with_hosts(assigned("web", API_NODES), name=name))
        await ready(world, *names)
        for name in names:
            assert at(world, API_NODES) == {"api"}
            assert requests(world, "hosts.update") == 1, "it was never off in between"
            deleted(world, name)
            await gone(world, name)
            await quiet(world)
        assert at(world, API_NODES) == set()


async def test_what_it_did_not_attach_it_never_detaches(open_world: OpenWorld) -> None:
    """It took off identities that it had not added, the cluster's own among them (#898, #1308)."""
    async with open_world() as world, world.operator():
        world.azure.world.attach(API_NODES, WEB_IDENTITY)
        world.azure.world.attach(API_NODES, API_IDENTITY)
        world.cluster.apply(with_hosts(assigned("web", API_NODES)))
        await ready(world)
        assert [row.origin for row in identity_item(world).resources] == [Origin.PRE_EXISTING]
        deleted(world)
        await gone(world)
        assert at(world, API_NODES) == {"web", "api"}


async def test_an_identity_that_is_made_again_is_attached_anew_everywhere(open_world: OpenWorld) -> None:
    """An identity that was made again under its name stayed dead on its hosts until somebody mended that by hand."""
    hosts = (API_VM, API_NODES, WEB_SITE)
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", *hosts)))
        await ready(world)
        await quiet(world)
        new = world.azure.world.recreate_identity(API_IDENTITY)
        look_again(world)

        def principals() -> set[str]:
            found = (
                world.azure.world.host(host).attached[API_IDENTITY.lower()]
                for host in hosts
                if "api" in at(world, host)
            )
            return {entry.principal_id for entry in found}

        await until(lambda: principals() == {new.principal_id}, A_WHILE)
        await ready(world)


async def test_throttling_that_a_change_reports_at_its_end_is_told_as_throttling(open_world: OpenWorld) -> None:
    """A 429 stood in the text of another error, and was hidden by the client's own retries (#1012, #742)."""
    async with open_world() as world, world.operator():
        world.azure.world.host(API_VM).failures.append(throttled_behind_the_host(API_VM))
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await because(world, "Throttled")
        assert world.condition(ConditionType.STALLED) is None
        await ready(world)
        assert requests(world, "hosts.update") == 2


async def test_what_was_written_counts_before_the_watch_shows_it(open_world: OpenWorld) -> None:
    """It slept 200 ms for the watch to catch up with its own writes, and found them missing (#1065)."""
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        world.cluster.unwatch()
        await ready(world)
        assert at(world, API_VM) == {"api"}
        assert [write for write in world.cluster.writes if write.endswith(" web")] == [
            "finalizer+ web",
            "status web",
            "status web",
        ]


async def test_an_object_that_nothing_can_be_done_for_is_let_go_by_hand_and_says_how(open_world: OpenWorld) -> None:
    """A controller that was removed by force left finalizers that nobody cleared (#644)."""
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await ready(world)
        world.azure.world.take_rights(OPERATOR_PRINCIPAL, role="Virtual Machine Contributor")
        await asyncio.sleep(10.0)
        deleted(world)
        await because(world, "DeletionBlocked")
        assert "deletionPolicy: Retain" in _message(world)
        world.cluster.apply(with_hosts(assigned("web", API_VM), deletionPolicy="Retain"))
        await gone(world, within=30.0)


async def test_the_right_that_is_missing_is_named(open_world: OpenWorld) -> None:
    """Without the right to assign an identity there was LinkedAuthorizationFailed, and a search in documents."""
    async with open_world() as world, world.operator():
        for role in ("Managed Identity Operator", "Managed Identity Contributor"):
            world.azure.world.take_rights(OPERATOR_PRINCIPAL, role=role)
        subscription = "/".join(API_VM.split("/")[:3])
        world.azure.world.give_role(OPERATOR_PRINCIPAL, "Reader", subscription)
        await asyncio.sleep(10.0)
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await because(world, "AccessDenied")
        assert "lacks Microsoft.ManagedIdentity/userAssignedIdentities/assign/action on api" in _message(world)
        assert "Managed Identity Operator" in _message(world)
        assert world.condition(ConditionType.STALLED) is not None
        await asyncio.sleep(300.0)
        assert requests(world, "hosts.update") == 1, "it is not tried again before somebody may have granted it"
        world.azure.world.give_role(OPERATOR_PRINCIPAL, "Managed Identity Operator", subscription)
        await ready(world, within=LONG)


def leave_dead(world: EngineWorld, host: str) -> None:
    """Somebody deletes an identity that is assigned to a host."""
    world.azure.world.create_identity(DEAD)
    world.azure.world.attach(host, DEAD)
    world.azure.world.delete_identity(DEAD)


async def test_a_dead_identity_of_others_that_blocks_a_host_is_named_and_not_touched(open_world: OpenWorld) -> None:
    """A deleted identity on a machine refused every change of it, and nothing said which it was (#339)."""
    async with open_world() as world, world.operator():
        leave_dead(world, WEB_VM)
        world.cluster.apply(with_hosts(assigned("web", WEB_VM)))
        await because(world, "HostBlocked")
        assert "dead" in _message(world)
        assert at(world, WEB_VM) == {"web", "dead"}
        world.azure.world.host(WEB_VM).change(lambda identity: identity.without(DEAD))
        await ready(world, within=LONG)
        assert at(world, WEB_VM) == {"web", "api"}


@pytest.mark.parametrize("host", [WEB_VM, WEB_SITE])
async def test_a_dead_identity_of_others_that_keeps_ours_on_a_host_is_named_and_not_touched(
    open_world: OpenWorld, host: str
) -> None:
    """A deleted identity on a machine refused every change of it, and nothing said which it was (#339)."""
    async with open_world() as world, world.operator():
        world.cluster.apply(with_hosts(assigned("web", host)))
        await ready(world)
        await asyncio.sleep(10.0)  # a look at the living one is planned on for a moment
        leave_dead(world, host)
        deleted(world)
        await because(world, "DeletionBlocked")
        assert "(HostBlocked)" in _message(world)
        assert "while it holds dead" in _message(world)
        assert at(world, host) == {"web", "api", "dead"}
        world.azure.world.host(host).change(lambda identity: identity.without(DEAD))
        await gone(world, within=LONG)
        assert at(world, host) == {"web"}


async def test_a_dead_identity_of_others_that_a_host_shows_as_living_is_named_too(open_world: OpenWorld) -> None:
    """A deleted identity on a machine refused every change of it, and nothing said which it was (#339)."""
    async with open_world(variants=Variants(dead_identity=DeadIdentity.STALE)) as world, world.operator():
        leave_dead(world, WEB_VM)
        world.cluster.apply(with_hosts(assigned("web", WEB_VM)))
        await because(world, "AccessDenied")
        assert "on dead, or that identity is gone" in _message(world)
        assert at(world, WEB_VM) == {"web", "dead"}
        world.azure.world.host(WEB_VM).change(lambda identity: identity.without(DEAD))
        await ready(world, within=LONG)
        assert at(world, WEB_VM) == {"web", "api"}


async def test_a_change_that_fails_for_good_is_tried_again_seldom(open_world: OpenWorld) -> None:
    """Each failure of a change brought the next one at once."""
    async with open_world() as world, world.operator():
        failure = Failure("FailedIdentityOperation", "It cannot be done.")
        world.azure.world.host(API_VM).failures.extend([failure] * 100)
        world.cluster.apply(with_hosts(assigned("web", API_VM)))
        await asyncio.sleep(3600.0)
        assert 2 <= requests(world, "hosts.update") <= 8


def _message(world: EngineWorld) -> str:
    condition = world.condition(ConditionType.READY)
    return condition.message if condition else ""
