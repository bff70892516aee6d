"""What items of hosts, roles and tenants come to: places where something is asked for, or why not."""

from dataclasses import replace
from typing import Any

import pytest

from entrafed.api.reasons import Reason
from entrafed.domain.assignments import Assignment
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AzureProblem, Problem, ProblemKind
from entrafed.domain.findings import AssignmentOutcome
from entrafed.domain.roles import RoleDefinition
from entrafed.domain.targets import ManagedIdentity, ResolvedTarget, ServicePrincipal
from entrafed.engine.reads import Reads
from entrafed.engine.timing import Timing
from entrafed.engine.wishes import TenantAccess, WishCase, Wishes
from unit.domain.federations import (
    CLIENT,
    EVERYTHING,
    GROUP,
    OPERATOR,
    OTHER_TENANT,
    TENANT,
    Manifest,
    connection,
    federation,
)
from unit.engine.admitting import APP
from unit.engine.port_fakes import SIGN_IN, AnsweringAzure, HandClock, missing, problem

PRINCIPAL = "d0d0d0d0-0000-4000-8000-000000000001"
ROLE = RoleDefinition("ba92f5b4-2d11-453d-a403-e96b0029c9fe", "Blob Writer")
SCOPE = f"/subscriptions/{TENANT}/resourceGroups/data"
VM = f"/subscriptions/{TENANT}/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/web-1"
OTHER_VM = VM.replace("web-1", "web-2")
IDENTITY_TARGET = ResolvedTarget(
    Parent(ParentKind.MANAGED_IDENTITY, TENANT, f"{GROUP}/web"), CLIENT, None, PRINCIPAL, TENANT
)
RULE: Manifest = {
    **EVERYTHING,
    "identityAssignments": [{"managedIdentities": [f"{GROUP}/*"], "resources": [f"{VM[:-1]}*"]}],
    "roleAssignments": [{"roles": [ROLE.name], "scopes": [SCOPE]}],
    "tenants": [OTHER_TENANT],
}
BROKEN = AzureProblem(problem(Reason.AZURE_UNAVAILABLE))
ABROAD = replace(SIGN_IN, connection="partner", tenant_id=OTHER_TENANT)
PARTNER_RULES = connection(RULE).spec.rules


async def judged(
    azure: AnsweringAzure,
    *,
    rule: Manifest = RULE,
    target: ResolvedTarget = IDENTITY_TARGET,
    partner: TenantAccess | Problem | None = None,
    own: str = OPERATOR,
    **items: Any,
) -> AssignmentOutcome:
    """What the only item of an object comes to."""
    case = WishCase(
        sign_in=SIGN_IN,
        target=target,
        rules=connection(rule).spec.rules,
        own_clients=frozenset({own}),
        partner=lambda _: partner or TenantAccess(ABROAD, PARTNER_RULES),
        not_before=0.0,
    )
    spec = federation(target={"managedIdentity": {"resourceId": f"{GROUP}/web"}}, **items)
    (outcome,) = await Wishes(Reads(azure, HandClock()), Timing()).outcomes(spec, case)
    return outcome


def azure() -> AnsweringAzure:
    api = ManagedIdentity(f"{GROUP}/api", "c0c0c0c0-0000-4000-8000-000000000002", PRINCIPAL, TENANT)
    return AnsweringAzure(
        identities={f"{GROUP}/api": api, f"{GROUP}/web": replace(api, resource_id=f"{GROUP}/web")},
        roles={ROLE.name: (ROLE,)},
        principals={CLIENT: ServicePrincipal(CLIENT, PRINCIPAL)},
    )


def at_hosts(*hosts: str, identity: str | None = f"{GROUP}/api") -> list[Manifest]:
    named = {"managedIdentity": {"resourceId": identity}} if identity else {}
    return [{"name": "web", "resources": list(hosts), **named}]


def given(role: str = ROLE.name, **more: Any) -> list[Manifest]:
    return [{"name": "blobs", "role": role, "scope": SCOPE, **more}]


def reason_of(outcome: AssignmentOutcome) -> Reason | None:
    return outcome.problem.reason if outcome.problem else None


async def test_an_identity_is_wanted_at_each_of_its_hosts_by_what_it_is_now() -> None:
    outcome = await judged(azure(), identityAssignments=at_hosts(VM, OTHER_VM))
    assert [place.parent.id for place in outcome.places] == [VM.lower(), OTHER_VM.lower()]
    assert {place.assignment for place in outcome.places} == {Assignment(f"{GROUP}/api", PRINCIPAL)}
    assert (outcome.problem, outcome.denied_since) == (None, None)


async def test_without_an_identity_it_is_the_target() -> None:
    asked = azure()
    outcome = await judged(asked, identityAssignments=at_hosts(VM, identity=None))
    assert [place.assignment for place in outcome.places] == [Assignment(f"{GROUP}/web", PRINCIPAL)]
    assert asked.calls == []  # the target was read a moment ago


async def test_a_host_that_is_named_twice_is_one_place() -> None:
    outcome = await judged(azure(), identityAssignments=at_hosts(VM, VM.upper()))
    assert len(outcome.places) == 1


async def test_of_several_hosts_those_that_no_rule_allows_are_denied() -> None:
    other = VM.replace("web-1", "db-1")
    outcome = await judged(azure(), identityAssignments=at_hosts(VM, other))
    assert [place.is_denied for place in outcome.places] == [False, True]
    assert outcome.denied_since is not None


async def test_an_identity_that_is_denied_everywhere_is_not_read() -> None:
    asked = azure()
    outcome = await judged(asked, rule=dict(EVERYTHING), identityAssignments=at_hosts(VM))
    assert [place.is_denied for place in outcome.places] == [True]
    assert asked.calls == []


async def test_a_denial_stands_though_the_identity_cannot_be_read() -> None:
    asked = azure()
    asked.identities[f"{GROUP}/api"] = BROKEN
    outcome = await judged(asked, identityAssignments=at_hosts(VM, VM.replace("web-1", "db-1")))
    assert reason_of(outcome) is Reason.AZURE_UNAVAILABLE
    assert [place.is_denied for place in outcome.places] == [True]


@pytest.mark.parametrize(
    ("answer", "reason"), [(missing(), Reason.IDENTITY_NOT_FOUND), (BROKEN, Reason.AZURE_UNAVAILABLE)]
)
async def test_an_identity_that_cannot_be_read_makes_no_place(answer: AzureProblem, reason: Reason) -> None:
    asked = azure()
    asked.identities[f"{GROUP}/api"] = answer
    outcome = await judged(asked, identityAssignments=at_hosts(VM))
    assert (outcome.places, reason_of(outcome)) == ((), reason)


async def test_the_operators_own_identity_is_given_to_nobody() -> None:
    outcome = await judged(azure(), own="c0c0c0c0-0000-4000-8000-000000000002", identityAssignments=at_hosts(VM))
    assert (outcome.places, reason_of(outcome)) == ((), Reason.NOT_PERMITTED)


async def test_a_role_by_name_is_looked_up_where_it_is_to_hold() -> None:
    asked = azure()
    outcome = await judged(asked, roleAssignments=given(condition="c"))
    assert [place.assignment for place in outcome.places] == [Assignment(f"{ROLE.id} {PRINCIPAL}", "c")]
    assert asked.names("role") == [ROLE.name]


async def test_a_role_by_id_is_not_looked_up() -> None:
    asked = azure()
    rule = {**RULE, "roleAssignments": [{"roles": [ROLE.id], "scopes": [SCOPE]}]}
    outcome = await judged(asked, rule=rule, roleAssignments=given(ROLE.id.upper()))
    assert [place.assignment.key for place in outcome.places] == [f"{ROLE.id} {PRINCIPAL}"]
    assert asked.names("role") == []


@pytest.mark.parametrize("found", [(), (ROLE, replace(ROLE, id="x"))], ids=["none", "two"])
async def test_a_name_must_stand_for_one_role(found: tuple[RoleDefinition, ...]) -> None:
    asked = azure()
    asked.roles[ROLE.name] = found
    outcome = await judged(asked, roleAssignments=given())
    assert reason_of(outcome) is Reason.ROLE_NOT_FOUND


async def test_where_no_role_is_allowed_none_is_looked_up() -> None:
    asked = azure()
    outcome = await judged(asked, rule=dict(EVERYTHING), roleAssignments=given())
    assert [place.is_denied for place in outcome.places] == [True]
    assert asked.calls == []


async def test_another_role_than_those_allowed_is_denied() -> None:
    asked = azure()
    asked.roles["Owner"] = (RoleDefinition("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner"),)
    outcome = await judged(asked, roleAssignments=given("Owner"))
    assert [place.is_denied for place in outcome.places] == [True]


async def test_the_role_of_an_application_goes_to_its_service_principal() -> None:
    asked = azure()
    outcome = await judged(asked, target=APP, roleAssignments=given())
    assert [place.assignment.key for place in outcome.places] == [f"{ROLE.id} {PRINCIPAL}"]
    asked.principals.clear()
    outcome = await judged(asked, target=APP, roleAssignments=given())
    assert reason_of(outcome) is Reason.PRINCIPAL_NOT_READY


async def test_what_azure_does_not_tell_of_a_role_is_unknown() -> None:
    asked = azure()
    asked.roles[ROLE.name] = BROKEN
    assert reason_of(await judged(asked, roleAssignments=given())) is Reason.AZURE_UNAVAILABLE
    asked = azure()
    asked.principals[CLIENT] = BROKEN
    outcome = await judged(asked, target=APP, roleAssignments=given())
    assert (outcome.places, reason_of(outcome)) == ((), Reason.AZURE_UNAVAILABLE)


def abroad(**more: Any) -> list[Manifest]:
    return [{"tenantId": OTHER_TENANT, "connectionRef": {"name": "partner"}, **more}]


async def test_another_tenant_is_entered_by_its_own_connection() -> None:
    outcome = await judged(azure(), target=APP, tenants=abroad())
    (place,) = outcome.places
    assert place.parent == Parent(ParentKind.TENANT_APP, OTHER_TENANT, CLIENT)
    assert place.sign_in == ABROAD


async def test_another_tenant_needs_a_rule_here() -> None:
    outcome = await judged(azure(), rule={**RULE, "tenants": []}, target=APP, tenants=abroad())
    assert [place.is_denied for place in outcome.places] == [True]


async def test_another_tenant_needs_a_rule_there() -> None:
    outcome = await judged(azure(), target=APP, partner=TenantAccess(ABROAD, ()), tenants=abroad())
    assert [place.is_denied for place in outcome.places] == [True]


async def test_a_connection_that_is_not_there_is_waited_for() -> None:
    waiting = problem(Reason.CONNECTION_NOT_FOUND, ProblemKind.WAITING)
    outcome = await judged(azure(), target=APP, partner=waiting, tenants=abroad())
    assert (outcome.places, outcome.problem) == ((), waiting)


async def test_a_connection_of_a_third_tenant_is_no_way_in() -> None:
    third = replace(ABROAD, tenant_id="33333333-3333-4333-8333-333333333333")
    outcome = await judged(azure(), target=APP, partner=TenantAccess(third, PARTNER_RULES), tenants=abroad())
    assert (outcome.places, reason_of(outcome)) == ((), Reason.CONNECTION_INVALID)


async def test_an_application_for_one_tenant_only_gets_into_no_other() -> None:
    target = replace(APP, multi_tenant=False)
    outcome = await judged(azure(), target=target, tenants=abroad())
    assert (outcome.places, reason_of(outcome)) == ((), Reason.NOT_MULTI_TENANT)
