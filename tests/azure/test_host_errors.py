"""Every refusal of a change of a host that Microsoft's pages or the users of these APIs name, through the real SDK."""

from pathlib import Path

import pytest

from arm_hosts import PATCHED, planted_host
from arm_world import ROOT
from assigner_world import assign, done, host, look, means, operations, planted, problem_of, shown, unassign
from azure_callers import MovableClock, only
from cloud_world import Connected, connected
from entrafed.api.reasons import Reason
from entrafed.domain.errors import NotFound, ProblemKind
from entrafed_lab.azure import Fault, ServiceName, Variants
from entrafed_lab.azure.host_types import HostKind
from entrafed_lab.azure.hosts import throttled_behind_the_host
from entrafed_lab.azure.objects import Access
from entrafed_lab.azure.seed import API_IDENTITY, OPERATOR_PRINCIPAL, SUBSCRIPTION, WEB_IDENTITY
from entrafed_lab.azure.variants import Acceptance, DeadIdentity, IdentityMap, MissingIdentity
from lab_fixtures import StartAzure

TERMINAL, FORBIDDEN = ProblemKind.TERMINAL, ProblemKind.FORBIDDEN
WAITING, THROTTLED, TRANSIENT = ProblemKind.WAITING, ProblemKind.THROTTLED, ProblemKind.TRANSIENT
WEB, API = WEB_IDENTITY.lower(), API_IDENTITY.lower()
VM, SITE = HostKind.VIRTUAL_MACHINE, HostKind.SITE
PATCH_ONLY = {"services": (ServiceName.ARM,), "methods": ("PATCH",)}

each_kind = pytest.mark.parametrize("kind", PATCHED, ids=lambda kind: kind.name.lower())


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "InvalidParameter",
            'ResourceIdentity identityIds should not be provided if the type is "SystemAssigned".',
        ),
        ("MissingIdentityIds", "The identity ids must not be null or empty for 'UserAssigned' identity type."),
        ("InvalidIdentityValues", "Invalid value for the identities 'x'. The 'UserAssignedIdentities' property keys."),
        ("LinkedInvalidPropertyId", "Property id 'x' at path 'identity.userAssignedIdentities' is invalid."),
        ("BadRequest", "The request is invalid."),
    ],
)
async def test_a_block_that_azure_does_not_take_is_refused_for_good_with_its_words(
    world: Connected, code: str, text: str
) -> None:
    world.azure.faults.add(Fault(**PATCH_ONLY, status=400, code=code, message=text))  # type: ignore[arg-type]
    raised = await problem_of(assign(world, host(VM), API))
    assert means(raised, TERMINAL, Reason.VALUE_REFUSED)
    assert text in raised.problem.message
    assert raised.problem.message.startswith(f"Cannot assign api at host {host(VM).id}: ")


@pytest.mark.parametrize("variant", MissingIdentity, ids=lambda variant: variant.name.lower())
@each_kind
async def test_an_identity_that_does_not_exist_is_told_however_azure_says_it(
    start_azure: StartAzure, operator_token: Path, kind: HostKind, variant: MissingIdentity
) -> None:
    async with planted(start_azure, operator_token, kind, variants=Variants(missing_identity=variant)) as world:
        world.azure.world.delete_identity("web")
        raised = await problem_of(assign(world, host(kind), WEB))
        if variant is MissingIdentity.FAILED_OPERATION:
            assert means(raised, TERMINAL, Reason.IDENTITY_NOT_ASSIGNABLE)
            assert "was not found" in raised.problem.message
        else:
            assert means(raised, FORBIDDEN, Reason.ACCESS_DENIED)
            assert "or that identity is gone" in raised.problem.message


async def test_an_identity_that_is_kept_for_other_resources_cannot_be_assigned(world: Connected) -> None:
    world.azure.world.identity("api").assignable_to = frozenset({"microsoft.web"})
    raised = await problem_of(assign(world, host(VM), API))
    assert means(raised, TERMINAL, Reason.IDENTITY_NOT_ASSIGNABLE)
    assert "may not be assigned to resources of 'Microsoft.Compute'" in raised.problem.message


@pytest.mark.parametrize("variant", DeadIdentity, ids=lambda variant: variant.name.lower())
@pytest.mark.parametrize("merging", IdentityMap, ids=lambda variant: variant.name.lower())
@each_kind
async def test_an_attached_identity_that_was_deleted_stops_every_change_until_it_is_taken_off(
    start_azure: StartAzure, operator_token: Path, kind: HostKind, variant: DeadIdentity, merging: IdentityMap
) -> None:
    """https://github.com/Azure/aad-pod-identity/issues/339"""
    variants = Variants(dead_identity=variant, identity_map=merging)
    async with planted(start_azure, operator_token, kind, "web", variants=variants) as world:
        world.azure.world.delete_identity("web")
        raised = await problem_of(assign(world, host(kind), API))
        assert means(raised, FORBIDDEN, Reason.ACCESS_DENIED)
        await done(world, host(kind), await unassign(world, host(kind), WEB))
        await done(world, host(kind), await assign(world, host(kind), API))
        assert await shown(world, host(kind)) == {"api"}


@each_kind
async def test_without_the_right_to_assign_an_identity_that_right_is_named(world: Connected, kind: HostKind) -> None:
    planted_host(world.azure, kind)
    world.azure.world.take_rights(OPERATOR_PRINCIPAL, role="Managed Identity Operator")
    world.azure.world.take_rights(OPERATOR_PRINCIPAL, role="Managed Identity Contributor")
    raised = await problem_of(assign(world, host(kind), WEB))
    assert means(raised, FORBIDDEN, Reason.ACCESS_DENIED)
    assert "lacks Microsoft.ManagedIdentity/userAssignedIdentities/assign/action on web," in raised.problem.message
    assert "grant the role Managed Identity Operator on it" in raised.problem.message


@each_kind
async def test_without_a_right_on_the_host_that_right_is_named(world: Connected, kind: HostKind) -> None:
    planted_host(world.azure, kind)
    world.azure.world.take_rights(OPERATOR_PRINCIPAL)
    for verb in ("read", "write"):
        call = look(world, host(kind)) if verb == "read" else assign(world, host(kind), WEB)
        raised = await problem_of(call)
        assert means(raised, FORBIDDEN, Reason.ACCESS_DENIED)
        assert f"lacks {kind.value}/{verb}".lower() in raised.problem.message.lower()
        may = Access(OPERATOR_PRINCIPAL, f"/subscriptions/{SUBSCRIPTION}", (f"{kind.value}/read",))
        world.azure.world.access.append(may)


@each_kind
async def test_a_host_that_goes_between_look_and_change_is_not_found(world: Connected, kind: HostKind) -> None:
    resource_id = planted_host(world.azure, kind)
    await look(world, host(kind))
    world.azure.world.delete_host(resource_id)
    raised = await problem_of(assign(world, host(kind), WEB))
    assert isinstance(raised, NotFound)
    assert means(raised, WAITING, Reason.HOST_NOT_FOUND)


@each_kind
async def test_a_host_that_somebody_else_is_changing_is_busy(
    start_azure: StartAzure, operator_token: Path, kind: HostKind
) -> None:
    """Each provider has a code of its own for it."""
    async with planted(start_azure, operator_token, kind) as world:
        running = world.azure.world.host(host(kind).id)
        running.begin("theirs", running.identity, seconds=60)
        raised = await problem_of(assign(world, host(kind), WEB))
        assert means(raised, WAITING, Reason.HOST_BUSY)
        assert raised.problem.after == 15.0
        running.finish(running.running)  # type: ignore[arg-type]
        await done(world, host(kind), await assign(world, host(kind), WEB))


@pytest.mark.parametrize("code", ["Conflict", "OperationNotAllowed", "AnotherOperationInProgress"])
async def test_busy_is_known_by_each_of_its_codes(world: Connected, code: str) -> None:
    world.azure.faults.add(Fault(**PATCH_ONLY, status=409, code=code, message="Try later."))  # type: ignore[arg-type]
    assert means(await problem_of(assign(world, host(VM), API)), WAITING, Reason.HOST_BUSY)


@each_kind
async def test_a_lock_on_a_host_is_named(world: Connected, kind: HostKind) -> None:
    planted_host(world.azure, kind)
    world.azure.world.lock(ROOT)
    raised = await problem_of(assign(world, host(kind), WEB))
    assert means(raised, FORBIDDEN, Reason.SCOPE_LOCKED)
    assert "remove the lock from the resource" in raised.problem.message


async def test_a_policy_on_a_host_is_named(world: Connected) -> None:
    text = "Resource 'web-1' was disallowed by policy. Policy: no-identities."
    world.azure.faults.add(
        Fault(**PATCH_ONLY, status=403, code="RequestDisallowedByPolicy", message=text)  # type: ignore[arg-type]
    )
    raised = await problem_of(assign(world, host(VM), API))
    assert means(raised, FORBIDDEN, Reason.POLICY_DENIED)
    assert "no-identities" in raised.problem.message


@each_kind
async def test_a_429_between_azures_own_services_is_waited_for(
    start_azure: StartAzure, operator_token: Path, kind: HostKind
) -> None:
    """https://github.com/Azure/aad-pod-identity/issues/1012"""
    async with planted(start_azure, operator_token, kind) as world:
        found = world.azure.world.host(host(kind).id)
        found.failures.append(throttled_behind_the_host(found.resource_id))

        async def change() -> None:
            await done(world, host(kind), await assign(world, host(kind), WEB))

        raised = await problem_of(change())
        assert means(raised, THROTTLED, Reason.THROTTLED)
        assert raised.problem.after == 60.0
        await change()


@pytest.mark.parametrize("variant", Acceptance, ids=lambda variant: variant.name.lower())
async def test_an_identity_that_others_took_off_meanwhile_is_refused_or_passed_over(
    start_azure: StartAzure, operator_token: Path, variant: Acceptance
) -> None:
    variants = Variants(unassigned_removal=variant)
    async with planted(start_azure, operator_token, SITE, "web", "api", variants=variants) as world:
        takes_off = world.azure.world.detach
        world.azure.faults.add(Fault(**PATCH_ONLY, times=1), notify=lambda _: takes_off(host(SITE).id, "web"))  # type: ignore[arg-type]
        if variant is Acceptance.REFUSED:
            raised = await problem_of(unassign(world, host(SITE), WEB))
            assert means(raised, TERMINAL, Reason.IDENTITY_NOT_ASSIGNABLE)
            await done(world, host(SITE), await unassign(world, host(SITE), WEB))
        else:
            await done(world, host(SITE), await unassign(world, host(SITE), WEB))
        assert await shown(world, host(SITE)) == {"api"}


async def test_an_unknown_refusal_is_tried_again_and_shows_its_code(world: Connected) -> None:
    world.azure.faults.add(Fault(**PATCH_ONLY, status=409, code="NewOne", message="Odd."))  # type: ignore[arg-type]
    raised = await problem_of(assign(world, host(VM), API))
    assert means(raised, TRANSIENT, Reason.AZURE_ERROR)
    assert raised.problem.message.endswith("Odd. (Azure Resource Manager: 409 NewOne)")


@pytest.mark.parametrize("status", [400, 404, 409, 412])
async def test_an_answer_that_is_not_azures_says_nothing_of_the_host(world: Connected, status: int) -> None:
    world.azure.faults.add(Fault(**PATCH_ONLY, status=status, body="<html>blocked</html>"))  # type: ignore[arg-type]
    raised = await problem_of(assign(world, host(VM), API))
    assert not isinstance(raised, NotFound)
    assert raised.problem.kind is TRANSIENT


@pytest.mark.parametrize("retry_after", [0.5, 3.0])
async def test_a_throttled_host_is_left_alone_as_long_as_azure_says_and_no_other(
    world: Connected, retry_after: float
) -> None:
    await look(world, host(VM))
    world.azure.faults.add(
        Fault(services=(ServiceName.ARM,), status=429, code="TooManyRequests", retry_after=retry_after, times=1)
    )
    raised = await problem_of(look(world, host(VM)))
    assert means(raised, THROTTLED, Reason.THROTTLED)
    assert raised.problem.after == retry_after
    await look(world, host(SITE) if (planted_host(world.azure, SITE)) else host(VM))
    times = [record.started for record in world.requests()]
    await look(world, host(VM))
    assert world.requests()[-1].started - times[1] >= retry_after - 0.1


async def test_a_throttled_subscription_holds_hosts_roles_and_identities_alike(world: Connected) -> None:
    throttled = Fault(
        services=(ServiceName.ARM,), status=429, code="SubscriptionRequestsThrottled", retry_after=60, times=1
    )
    world.azure.faults.add(throttled)
    await problem_of(look(world, host(VM)))
    for call in (
        look(world, host(SITE)),
        world.cloud.managed_identity(world.sign_in, API),
        world.cloud.role_definitions(world.sign_in, ROOT.lower(), "Reader"),
    ):
        raised = await problem_of(call)
        assert means(raised, THROTTLED, Reason.THROTTLED)
    assert operations(world) == ["hosts.get"]


async def test_a_change_that_the_caller_does_not_wait_for_is_seen_at_the_host(
    start_azure: StartAzure, operator_token: Path
) -> None:
    """Who has lost the address of a change, as in a crash, finds it by the state of the host."""
    clock = MovableClock()
    async with planted(start_azure, operator_token, VM, clock=clock, delays=only(host_operation=30)) as first:
        await assign(first, host(VM), WEB)
        async with connected(first.azure, first.token_file) as second:
            assert (await look(second, host(VM))).is_changing
            assert means(await problem_of(assign(second, host(VM), API)), WAITING, Reason.HOST_BUSY)
            clock.forward(30)
            assert not (await look(second, host(VM))).is_changing
            assert await shown(second, host(VM)) == {"web"}
