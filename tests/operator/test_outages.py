"""Azure, or what stands between, is not well: the status says so in its own word, and all is well again by itself."""

from dataclasses import dataclass, replace

import pytest
import pytest_asyncio

from entrafed.api.metadata import CONNECTIONS
from entrafed_lab.azure import Fault, ServiceName
from entrafed_lab.azure.seed import API_IDENTITY, WEB_IDENTITY
from manifests import from_identity, from_oidc
from operator_process import ENDS_WITHIN, Operator, StartOperator
from operator_world import ON_IDENTITY, TARGETS, World

TIME_SCALE = 0.015
"""Half a second for a request, nine for what somebody must mend, a quarter between two looks for what is gone."""
DIRECTORY = (ServiceName.GRAPH, ServiceName.ARM)
CREDENTIALS = "(?i)federatedIdentityCredentials"
"""Part of every path to a credential; reads that share a request are a POST too, to another path."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(start_operator: StartOperator) -> Operator:
    return await start_operator(time_scale=TIME_SCALE, azure_rate_scale=100)


@dataclass(frozen=True, slots=True)
class Outage:
    """What does not work, and the word for it."""

    reason: str
    stopped: tuple[ServiceName, ...] = ()
    faults: tuple[Fault, ...] = ()

    async def begin(self, world: World) -> None:
        for service in self.stopped:
            await world.azure.stop(service)
        for fault in self.faults:
            world.azure.faults.add(fault)

    async def end(self, world: World) -> None:
        for service in self.stopped:
            await world.azure.resume(service)
        world.azure.faults.clear()


HTML = "<html><body>Sign in to the hotel's network</body></html>"
NOT_FOUND = (
    Fault(services=(ServiceName.GRAPH,), path_regex="/applications", status=404, code="Request_ResourceNotFound"),
    Fault(services=(ServiceName.ARM,), status=404, code="ResourceNotFound"),
)
OUTAGES = {
    "refusing connections": Outage("AzureUnavailable", stopped=DIRECTORY),
    "hanging": Outage("AzureUnavailable", faults=(Fault(services=DIRECTORY, hang=True),)),
    "503": Outage("AzureUnavailable", faults=(Fault(services=DIRECTORY, status=503),)),
    "401": Outage("SignInFailed", faults=(Fault(services=DIRECTORY, status=401, code="InvalidAuthenticationToken"),)),
    "not JSON": Outage("UnexpectedAnswer", faults=(Fault(services=DIRECTORY, status=200, body=HTML),)),
    "token endpoint refusing connections": Outage("AzureUnavailable", stopped=(ServiceName.LOGIN,)),
    "token endpoint hanging": Outage("AzureUnavailable", faults=(Fault(services=(ServiceName.LOGIN,), hang=True),)),
    "token endpoint 503": Outage("AzureUnavailable", faults=(Fault(services=(ServiceName.LOGIN,), status=503),)),
    "token endpoint not JSON": Outage(
        "UnexpectedAnswer", faults=(Fault(services=(ServiceName.LOGIN,), status=200, body=HTML),)
    ),
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
async def test_an_outage_is_reported_as_what_it_is_and_forgotten_when_it_is_over(world: World, outage: Outage) -> None:
    await outage.begin(world)
    await world.connect(late := f"{world.namespace}-late")  # nobody has signed in for it
    await world.apply(
        *(
            world.federation(from_oidc(), name=kind, target=target, connectionRef={"name": late})
            for kind, (_, target) in TARGETS.items()
        )
    )
    for kind in TARGETS:
        await world.until_reason(outage.reason, kind)
        assert world.condition("Ready", kind)["status"] == "False"
        assert world.condition("Reconciling", kind)["status"] == "True"
        assert world.item("any", kind)["reason"] == outage.reason
    assert world.azure.log.writes() == []

    await outage.end(world)
    await world.until_ready(*TARGETS)
    for key, _ in TARGETS.values():
        assert list(world.ours(key).values()) == ["job-17"]


async def test_what_somebody_must_mend_says_so_and_is_looked_at_again(world: World) -> None:
    await world.apply(world.federation(from_oidc(), target=ON_IDENTITY))
    await world.until_ready()  # this connection is signed in everywhere
    later = f"{API_IDENTITY}-later"
    for fault in (
        Fault((ServiceName.GRAPH,), ("POST",), CREDENTIALS, status=403, code="Authorization_RequestDenied"),
        Fault(services=(ServiceName.ARM,), methods=("PUT",), status=403, code="AuthorizationFailed"),
        Fault(services=(ServiceName.LOGIN,), status=401, code="AADSTS700213"),
    ):
        world.azure.faults.add(fault)
    await world.connect(late := f"{world.namespace}-late")
    await world.apply(
        world.federation(from_oidc(), name="owner"),
        world.federation(from_oidc(subject="other"), name="access", target=ON_IDENTITY),
        world.federation(from_identity(later), name="source"),
        world.federation(from_oidc(), name="login", connectionRef={"name": late}),
    )
    reasons = {
        "owner": "OwnerRequired",
        "access": "AccessDenied",
        "source": "IdentityNotFound",
        "login": "SignInFailed",
    }
    for name, reason in reasons.items():
        await world.until_reason(reason, name)
        assert world.condition("Stalled", name)["status"] == "True"
        (item,) = world.status(name)["federatedCredentials"]
        assert (item["state"], item["reason"]) == ("Failed", reason)

    world.azure.faults.clear()
    world.azure.world.create_identity(later)
    await world.until_ready(*reasons)


async def test_an_item_that_cannot_be_written_does_not_hold_up_the_others(world: World) -> None:
    refused = Fault(services=(ServiceName.ARM,), methods=("PUT",), status=400, code="BadRequest", times=1)
    world.azure.faults.add(refused)
    await world.apply(
        world.federation(from_oidc(subject="one", name="a"), from_oidc(subject="two", name="b"), target=ON_IDENTITY)
    )
    await world.until_reason("ValueRefused")

    assert len(world.ours(WEB_IDENTITY)) == 1
    assert sorted(world.item(name)["state"] for name in "ab") == ["Failed", "Synced"]


@pytest.mark.parametrize("kind", TARGETS)
async def test_a_target_that_cannot_be_found_is_waited_for_then_reported_and_taken_up_again(
    world: World, kind: str
) -> None:
    key, target = TARGETS[kind]
    await world.apply(world.federation(from_oidc(), target=target))
    await world.until_ready()
    writes = len(world.azure.log.writes())
    for fault in NOT_FOUND:
        world.azure.faults.add(fault)
    await world.apply(world.federation(from_oidc(name="renamed"), target=target))
    await world.until_shown("TargetNotReady")
    await world.until_reason("TargetNotFound")
    assert world.condition("Stalled")["status"] == "True"

    world.azure.faults.clear()
    await world.until_ready()
    assert len(world.ours(key)) == 1
    assert len(world.azure.log.writes()) == writes


async def test_sigterm_while_azure_is_silent_ends_the_process_and_loses_nothing(
    world: World, operator: Operator
) -> None:
    silence = world.azure.faults.add(Fault(DIRECTORY, ("POST", "PUT"), CREDENTIALS, hang=True))
    await world.apply(*(world.federation(from_oidc(), name=kind, target=on) for kind, (_, on) in TARGETS.items()))
    await world.until(lambda: silence.hits >= 2, "both writes under way")
    code, seconds = await operator.end()
    assert (code, seconds < ENDS_WITHIN) == (0, True)

    silence.remove()
    operator.start()
    await world.until_ready(*TARGETS)
    for key, _ in TARGETS.values():
        assert list(world.ours(key).values()) == ["job-17"]


# Deletion


@pytest.mark.parametrize("kind", TARGETS)
async def test_a_target_that_answers_404_for_a_while_during_a_deletion_leaks_nothing(world: World, kind: str) -> None:
    key, target = TARGETS[kind]
    await world.apply(world.federation(from_oidc(), target=target))
    await world.until_ready()
    faults = [world.azure.faults.add(replace(fault, times=2)) for fault in NOT_FOUND]
    await world.delete("web")
    await world.until_gone()

    assert max(fault.hits for fault in faults) == 2
    assert world.ours(key) == {}


@pytest.mark.parametrize("kind", TARGETS)
async def test_a_credential_that_is_said_not_to_be_there_and_is_listed_is_removed(world: World, kind: str) -> None:
    key, target = TARGETS[kind]
    await world.apply(world.federation(from_oidc(), target=target))
    await world.until_ready()
    faults = [world.azure.faults.add(replace(fault, methods=("DELETE",), times=1)) for fault in NOT_FOUND]
    await world.delete("web")
    await world.until_gone()

    assert sum(fault.hits for fault in faults) == 1
    assert world.ours(key) == {}


@pytest.mark.parametrize("kind", TARGETS)
async def test_a_target_that_is_gone_lets_the_object_go_after_spaced_looks(world: World, kind: str) -> None:
    key, target = TARGETS[kind]
    await world.apply(world.federation(from_oidc(), target=target))
    await world.until_ready()
    if kind == "app":
        world.azure.world.delete_application(key)
    else:
        world.azure.world.delete_identity(key)
    world.azure.log.clear()
    await world.delete("web")
    await world.until_gone()

    missed = [entry.started for entry in world.azure.log if entry.status == 404]
    assert len(missed) >= 2
    assert max(missed) - min(missed) >= 15 * TIME_SCALE
    looks_at_itself = [e for e in world.azure.log.named("servicePrincipals.get") if e.status == 200]
    assert len([look for look in looks_at_itself if look.finished <= max(missed)]) >= 2


def refuse_deletions(world: World, kind: str) -> str:
    """Have Azure refuse to delete any credential of a target for as long as nobody changes that; the reason of it."""
    if kind == "app":
        denied = Fault((ServiceName.GRAPH,), ("DELETE",), status=403, code="Authorization_RequestDenied")
        world.azure.faults.add(denied)
        return "OwnerRequired"
    world.azure.world.lock(WEB_IDENTITY, "CanNotDelete")
    return "ScopeLocked"


@pytest.mark.parametrize("kind", TARGETS)
async def test_a_deletion_that_azure_refuses_says_so_ends_with_the_process_and_yields_to_retain(
    world: World, operator: Operator, kind: str
) -> None:
    key, target = TARGETS[kind]
    await world.apply(world.federation(from_oidc(), target=target))
    await world.until_ready()
    refused = refuse_deletions(world, kind)
    await world.delete("web")
    await world.until_reason("DeletionBlocked")
    assert refused in world.condition("Ready")["message"]

    code, seconds = await operator.end()
    assert (code, seconds < ENDS_WITHIN) == (0, True)
    operator.start()
    await operator.until_ready()
    await world.apply(world.federation(from_oidc(), target=target, deletionPolicy="Retain"))
    await world.until_gone()
    assert list(world.ours(key).values()) == ["job-17"]


async def test_a_deletion_waits_for_azure_to_come_back(world: World) -> None:
    await world.apply(world.federation(from_oidc()))
    await world.until_ready()
    await world.azure.stop(ServiceName.GRAPH)
    await world.delete("web")
    await world.until_reason("DeletionBlocked")
    await world.azure.resume(ServiceName.GRAPH)
    await world.until_gone()

    assert world.ours() == {}


async def test_a_connection_deleted_while_nobody_looks_outlives_those_who_need_it(
    world: World, operator: Operator
) -> None:
    await world.apply(world.federation(from_oidc()))
    await world.until_ready()
    operator.kill()
    await world.kubectl("delete", CONNECTIONS, world.namespace, "--wait=false")
    await world.delete("web")
    operator.start()
    await world.until_gone("web")

    assert world.ours() == {}
    await world.kubectl("wait", "--for=delete", f"{CONNECTIONS}/{world.namespace}", "--timeout=10s")
