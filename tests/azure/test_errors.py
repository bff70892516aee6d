"""Situations that Azure refuses, each through the real SDKs, and what the engine is told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_world import (
    APPLICATION,
    IDENTITY,
    ISSUER,
    PARENTS,
    THE_APPLICATION,
    THE_IDENTITY,
    Connected,
    connected,
    new_credential,
)
from entrafed.api.reasons import Reason
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AzureProblem, NotFound, ProblemKind
from entrafed_lab.azure import Delays, Fault, ServiceName, SimulatedAzure, Variants
from entrafed_lab.azure.objects import LIMIT
from entrafed_lab.azure.seed import (
    BILLING_APP,
    BILLING_OBJECT,
    GITHUB,
    HOME_TENANT,
    OPERATOR_APP,
    OPERATOR_PRINCIPAL,
    SUBSCRIPTION,
    WEB_IDENTITY,
    PolicySeed,
)
from entrafed_lab.azure.variants import (
    ARM_LIMITS,
    GRAPH_LIMITS,
    Acceptance,
    ConcurrentWrites,
    NoMatch,
    OwnedByReads,
    YoungIdentity,
)
from lab_fixtures import CLUSTER_ISSUER, StartAzure

TERMINAL, FORBIDDEN, CONFLICT = ProblemKind.TERMINAL, ProblemKind.FORBIDDEN, ProblemKind.CONFLICT
WAITING, THROTTLED, TRANSIENT = ProblemKind.WAITING, ProblemKind.THROTTLED, ProblemKind.TRANSIENT
GROUP = WEB_IDENTITY.partition("/providers")[0]
NOT_OWNED = Parent(ParentKind.APPLICATION, HOME_TENANT, BILLING_OBJECT)


async def problem_of(call: Awaitable[object]) -> AzureProblem:
    """How a call fails."""
    with pytest.raises(AzureProblem) as raised:
        await call
    return raised.value


def means(raised: AzureProblem, kind: ProblemKind, reason: Reason) -> bool:
    """Whether a failure says who must act, and why; it was answered, so a write surely did not happen."""
    return (raised.problem.kind, raised.problem.reason, raised.answered) == (kind, reason, True)


# Microsoft Graph


async def test_an_application_that_the_operator_does_not_own_cannot_be_read(world: Connected) -> None:
    raised = await problem_of(world.cloud.credentials(world.sign_in, NOT_OWNED))
    assert means(raised, FORBIDDEN, Reason.ACCESS_DENIED)


async def test_an_application_that_the_operator_does_not_own_cannot_be_written_to(
    start_azure: StartAzure, operator_token: Path
) -> None:
    azure = await start_azure(variants=Variants(owned_by_reads=OwnedByReads.ALL))
    async with connected(azure, operator_token) as world:
        await world.cloud.credentials(world.sign_in, NOT_OWNED)
        raised = await problem_of(world.cloud.create(world.sign_in, NOT_OWNED, new_credential()))
    assert means(raised, FORBIDDEN, Reason.OWNER_REQUIRED)
    assert "must be an owner of the application" in raised.problem.message


async def test_without_a_graph_permission_nothing_can_be_read(world: Connected) -> None:
    principal = world.azure.world.service_principal(HOME_TENANT, OPERATOR_APP)
    assert principal is not None
    principal.app_roles.clear()
    raised = await problem_of(world.cloud.target(world.sign_in, THE_APPLICATION))
    assert means(raised, FORBIDDEN, Reason.ACCESS_DENIED)


@pytest.mark.parametrize("parent", PARENTS, ids=lambda parent: parent.kind.name.lower())
@pytest.mark.parametrize("name", ["x", "-starts-badly", "has blanks", "n" * 121])
async def test_a_name_that_azure_does_not_take_is_refused_for_good(world: Connected, parent: Parent, name: str) -> None:
    raised = await problem_of(world.cloud.create(world.sign_in, parent, new_credential(name)))
    assert means(raised, TERMINAL, Reason.VALUE_REFUSED)


async def test_a_value_that_graph_does_not_take_is_refused_for_good_with_its_words(world: Connected) -> None:
    raised = await problem_of(world.cloud.create(world.sign_in, APPLICATION, new_credential(subject="s" * 601)))
    assert means(raised, TERMINAL, Reason.VALUE_REFUSED)
    assert "'subject': it is longer than 600 characters" in raised.problem.message


@pytest.mark.parametrize("parent", PARENTS, ids=lambda parent: parent.kind.name.lower())
async def test_an_empty_subject_is_refused_for_good(world: Connected, parent: Parent) -> None:
    raised = await problem_of(world.cloud.create(world.sign_in, parent, new_credential(subject="")))
    assert means(raised, TERMINAL, Reason.VALUE_REFUSED)


async def test_a_policy_of_the_tenant_is_named_as_such(world: Connected) -> None:
    world.azure.world.tenants[HOME_TENANT].allowed_issuers = (GITHUB, CLUSTER_ISSUER)
    raised = await problem_of(world.cloud.create(world.sign_in, APPLICATION, new_credential()))
    assert means(raised, FORBIDDEN, Reason.POLICY_DENIED)
    assert ISSUER in raised.problem.message


@pytest.mark.parametrize("limit", GRAPH_LIMITS, ids=lambda limit: f"{limit.status} {limit.code}")
async def test_an_application_with_20_credentials_is_full_however_graph_says_it(
    start_azure: StartAzure, operator_token: Path, limit: object
) -> None:
    azure = await start_azure(variants=Variants(graph_limit=limit))  # type: ignore[arg-type]
    await full(azure, APPLICATION)
    async with connected(azure, operator_token) as world:
        raised = await problem_of(world.cloud.create(world.sign_in, APPLICATION, new_credential()))
    assert means(raised, CONFLICT, Reason.QUOTA_EXCEEDED)


@pytest.mark.parametrize("limit", ARM_LIMITS, ids=lambda limit: f"{limit.status} {limit.code}")
async def test_an_identity_with_20_credentials_is_full_however_arm_says_it(
    start_azure: StartAzure, operator_token: Path, limit: object
) -> None:
    azure = await start_azure(variants=Variants(arm_limit=limit))  # type: ignore[arg-type]
    await full(azure, IDENTITY)
    async with connected(azure, operator_token) as world:
        raised = await problem_of(world.cloud.create(world.sign_in, IDENTITY, new_credential()))
    assert means(raised, CONFLICT, Reason.QUOTA_EXCEEDED)


async def full(azure: SimulatedAzure, parent: Parent) -> None:
    holder = azure.world.holder(parent.id)
    for number in range(LIMIT - len(holder.credentials)):
        holder.add_foreign_credential(name=f"theirs-{number}", issuer="https://theirs.example", subject=f"{number}")


@pytest.mark.parametrize("variant", [ConcurrentWrites.CONFLICT, ConcurrentWrites.UNAVAILABLE])
async def test_somebody_elses_write_to_the_same_application_is_met_with_patience(
    start_azure: StartAzure, operator_token: Path, variant: ConcurrentWrites
) -> None:
    azure = await start_azure(variants=Variants(concurrent_writes=variant), delays=Delays(operation=0.5, replica_lag=0))
    async with connected(azure, operator_token) as ours, connected(azure, operator_token) as theirs:
        raised = await first_problem(
            ours.cloud.create(ours.sign_in, APPLICATION, new_credential("mif-a", subject="a")),
            theirs.cloud.create(theirs.sign_in, APPLICATION, new_credential("mif-b", subject="b")),
        )
    assert means(raised, TRANSIENT, Reason.CONCURRENT_WRITE)


async def test_somebody_elses_write_to_the_same_identity_is_met_with_patience(
    start_azure: StartAzure, operator_token: Path
) -> None:
    azure = await start_azure(delays=Delays(operation=0.5))
    async with connected(azure, operator_token) as ours, connected(azure, operator_token) as theirs:
        raised = await first_problem(
            ours.cloud.create(ours.sign_in, IDENTITY, new_credential("mif-a", subject="a")),
            theirs.cloud.create(theirs.sign_in, IDENTITY, new_credential("mif-b", subject="b")),
        )
    assert means(raised, TRANSIENT, Reason.CONCURRENT_WRITE)


async def first_problem(*calls: Awaitable[None]) -> AzureProblem:
    results = await asyncio.gather(*calls, return_exceptions=True)
    (raised,) = [result for result in results if result is not None]
    assert isinstance(raised, AzureProblem)
    return raised


# Azure Resource Manager


async def test_without_a_role_the_missing_right_is_named(world: Connected) -> None:
    world.azure.world.take_rights(OPERATOR_PRINCIPAL)
    raised = await problem_of(world.cloud.target(world.sign_in, THE_IDENTITY))
    assert means(raised, FORBIDDEN, Reason.ACCESS_DENIED)
    assert "lacks Microsoft.ManagedIdentity/userAssignedIdentities/read there" in raised.problem.message


async def test_a_resource_group_that_is_gone_takes_its_identities_along(world: Connected) -> None:
    world.azure.world.subscriptions[SUBSCRIPTION].resource_groups.clear()
    raised = await problem_of(world.cloud.credentials(world.sign_in, IDENTITY))
    assert isinstance(raised, NotFound)
    assert means(raised, WAITING, Reason.TARGET_NOT_FOUND)


@pytest.mark.parametrize("variant", YoungIdentity)
async def test_an_identity_made_a_moment_ago_is_waited_for(
    start_azure: StartAzure, operator_token: Path, variant: YoungIdentity
) -> None:
    azure = await start_azure(
        variants=Variants(young_identity=variant), delays=Delays(identity_replication=60, operation=0)
    )
    azure.world.recreate_identity("web")
    async with connected(azure, operator_token) as world:
        raised = await problem_of(world.cloud.create(world.sign_in, IDENTITY, new_credential()))
    assert raised.problem.kind is WAITING
    assert raised.problem.reason in (Reason.TARGET_NOT_READY, Reason.TARGET_NOT_FOUND)


async def test_a_region_without_credentials_is_a_dead_end(world: Connected) -> None:
    world.azure.world.regions_without_credentials.add("westeurope")
    raised = await problem_of(world.cloud.create(world.sign_in, IDENTITY, new_credential()))
    assert means(raised, TERMINAL, Reason.REGION_UNSUPPORTED)


async def test_an_unregistered_subscription_is_named_and_never_registered_by_us(world: Connected) -> None:
    world.azure.world.subscriptions[SUBSCRIPTION].registered = False
    raised = await problem_of(world.cloud.target(world.sign_in, THE_IDENTITY))
    assert means(raised, FORBIDDEN, Reason.ACCESS_DENIED)
    assert len(world.requests()) == 1
    assert not world.azure.world.subscriptions[SUBSCRIPTION].registered


@pytest.mark.parametrize("level", ["ReadOnly", "CanNotDelete"])
async def test_a_lock_is_named(world: Connected, level: str) -> None:
    world.azure.world.identity("web").add_foreign_credential(name="mif-web", issuer=ISSUER, subject="job-1")
    world.azure.world.lock(GROUP, level)
    raised = await problem_of(world.cloud.delete(world.sign_in, IDENTITY, "mif-web"))
    assert means(raised, FORBIDDEN, Reason.SCOPE_LOCKED)


async def test_an_azure_policy_is_named(world: Connected) -> None:
    world.azure.world.policies.append(PolicySeed(GROUP, "only-github", (GITHUB,)))
    raised = await problem_of(world.cloud.create(world.sign_in, IDENTITY, new_credential()))
    assert means(raised, FORBIDDEN, Reason.POLICY_DENIED)
    assert "only-github" in raised.problem.message


@pytest.mark.parametrize("variant", Acceptance)
async def test_an_entra_issuer_on_an_identity_is_refused_for_good_or_taken_and_never_works(
    start_azure: StartAzure, operator_token: Path, variant: Acceptance
) -> None:
    """No document tells whether ARM refuses at the write what Entra refuses at the exchange (AADSTS700222)."""
    azure = await start_azure(variants=Variants(entra_issuer_on_identities=variant))
    entra = new_credential(issuer=f"https://login.microsoftonline.com/{HOME_TENANT}/v2.0")
    async with connected(azure, operator_token) as world:
        if variant is Acceptance.ACCEPTED:
            await world.cloud.create(world.sign_in, IDENTITY, entra)
            return
        raised = await problem_of(world.cloud.create(world.sign_in, IDENTITY, entra))
    assert means(raised, TERMINAL, Reason.VALUE_REFUSED)
    assert "AAD-issued tokens may not be used" in raised.problem.message


# Signing in


Break = Callable[[SimulatedAzure, Connected], Connected]


def no_credentials(azure: SimulatedAzure, world: Connected) -> Connected:
    azure.world.application(OPERATOR_APP).remove("operator")
    return world


def another_subject(azure: SimulatedAzure, world: Connected) -> Connected:
    azure.world.application(OPERATOR_APP).change_credential("operator", subject="somebody:else")
    return world


def another_case(azure: SimulatedAzure, world: Connected) -> Connected:
    azure.world.application(OPERATOR_APP).change_credential(
        "operator", subject="system:serviceaccount:Entrafed-System:entrafed"
    )
    return world


def another_issuer(azure: SimulatedAzure, world: Connected) -> Connected:
    azure.world.application(OPERATOR_APP).change_credential("operator", issuer=f"{CLUSTER_ISSUER}/")
    return world


def another_audience(azure: SimulatedAzure, world: Connected) -> Connected:
    azure.world.application(OPERATOR_APP).change_credential("operator", audiences=["api://another"])
    return world


def another_tenant(azure: SimulatedAzure, world: Connected) -> Connected:
    world.sign_in = replace(world.sign_in, tenant_id="99999999-9999-4999-8999-999999999999")
    return world


def another_client(azure: SimulatedAzure, world: Connected) -> Connected:
    world.sign_in = replace(world.sign_in, client_id=BILLING_APP)
    return world


def no_service_principal(azure: SimulatedAzure, world: Connected) -> Connected:
    del azure.world.service_principals[HOME_TENANT, OPERATOR_APP]
    return world


def federation_disabled(azure: SimulatedAzure, world: Connected) -> Connected:
    azure.world.tenants[HOME_TENANT].federation_disabled = True
    return world


def issuer_not_allowed(azure: SimulatedAzure, world: Connected) -> Connected:
    azure.world.tenants[HOME_TENANT].allowed_issuers = (GITHUB,)
    return world


def expired_token(azure: SimulatedAzure, world: Connected) -> Connected:
    token = azure.issue(issuer=CLUSTER_ISSUER, subject="system:serviceaccount:entrafed-system:entrafed", lifetime=-600)
    world.token_file.write_text(token)
    return world


def no_jwt(azure: SimulatedAzure, world: Connected) -> Connected:
    world.token_file.write_text("not.a.token")
    return world


@pytest.mark.parametrize(
    ("broken", "kind", "number"),
    [
        (no_credentials, TRANSIENT, 70025),
        (another_subject, FORBIDDEN, 700213),
        (another_case, FORBIDDEN, 7002138),
        (another_issuer, FORBIDDEN, 700211),
        (another_audience, FORBIDDEN, 700212),
        (another_tenant, FORBIDDEN, 90002),
        (another_client, TRANSIENT, 70025),
        (no_service_principal, FORBIDDEN, 7000229),
        (federation_disabled, FORBIDDEN, 700223),
        (issuer_not_allowed, FORBIDDEN, 700238),
        (expired_token, TRANSIENT, 700024),
        (no_jwt, FORBIDDEN, 50027),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_a_refused_sign_in_says_why(world: Connected, broken: Break, kind: ProblemKind, number: int) -> None:
    world = broken(world.azure, world)
    raised = await problem_of(world.cloud.credentials(world.sign_in, APPLICATION))
    assert means(raised, kind, Reason.SIGN_IN_FAILED)
    assert raised.problem.message.endswith(f"(Entra: AADSTS{number})")
    assert len(world.requests(ServiceName.LOGIN)) == 1
    assert not world.requests()


async def test_a_refused_sign_in_says_why_in_old_words_too(start_azure: StartAzure, operator_token: Path) -> None:
    azure = await start_azure(variants=Variants(no_match=NoMatch.GENERIC))
    async with connected(azure, operator_token) as world:
        another_subject(azure, world)
        raised = await problem_of(world.cloud.credentials(world.sign_in, APPLICATION))
    assert means(raised, TRANSIENT, Reason.SIGN_IN_FAILED)
    assert "AADSTS70021)" in raised.problem.message


async def test_a_message_is_the_same_each_time(world: Connected) -> None:
    another_subject(world.azure, world)
    first = await problem_of(world.cloud.credentials(world.sign_in, APPLICATION))
    second = await problem_of(world.cloud.credentials(world.sign_in, APPLICATION))
    assert first.problem == second.problem
    for parent in (NOT_OWNED, Parent(ParentKind.APPLICATION, HOME_TENANT, "99999999-9999-4999-8999-999999999999")):
        world.azure.world.application(OPERATOR_APP).change_credential(
            "operator", subject="system:serviceaccount:entrafed-system:entrafed"
        )
        first = await problem_of(world.cloud.credentials(world.sign_in, parent))
        second = await problem_of(world.cloud.credentials(world.sign_in, parent))
        assert first.problem == second.problem
        assert first.request_id != second.request_id


# What is not documented


@pytest.mark.parametrize(("parent", "service"), list(zip(PARENTS, ("graph", "arm"), strict=True)))
async def test_an_unknown_code_is_shown_and_tried_again(world: Connected, parent: Parent, service: str) -> None:
    fault = Fault(services=(ServiceName(service),), status=418, code="Teapot", message="Short and stout.")
    world.azure.faults.add(fault)
    raised = await problem_of(world.cloud.credentials(world.sign_in, parent))
    assert means(raised, TRANSIENT, Reason.AZURE_ERROR)
    assert "418 Teapot" in raised.problem.message
    assert "Short and stout." in raised.problem.message
