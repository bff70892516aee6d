"""Who may be given which identity where, which role, and which tenant: in pairs, and denied by default."""

import pytest

from entrafed.api.rules import Rule
from entrafed.domain.roles import RoleDefinition
from entrafed.domain.rules import allows_identity_assignment, allows_role, allows_some_role_at, allows_tenant
from unit.domain.federations import EVERYTHING, GROUP, OTHER_TENANT, TENANT, Manifest, connection

WEB = f"/subscriptions/{TENANT}/resourceGroups/web"
VM = f"{WEB}/providers/Microsoft.Compute/virtualMachines/web-1"
READER = RoleDefinition("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", "Storage Blob Data Reader")


def rule(**more: object) -> tuple[Rule, ...]:
    return connection({**EVERYTHING, **more}).spec.rules


def hosts(identities: list[str], resources: list[str]) -> Manifest:
    return {"managedIdentities": identities, "resources": resources}


def test_what_no_rule_speaks_of_is_denied() -> None:
    assert not allows_identity_assignment(rule(), f"{GROUP}/web", VM)
    assert not allows_role(rule(), READER, WEB)
    assert not allows_some_role_at(rule(), WEB)
    assert not allows_tenant(rule(), OTHER_TENANT)


@pytest.mark.parametrize(
    ("identities", "resources", "expected"),
    [
        ([f"{GROUP}/web"], [VM], True),
        ([f"{GROUP}/WEB".replace("resourcegroups", "resourceGroups")], [VM.upper()], True),
        ([f"{GROUP}/*"], [f"{WEB}/**"], True),
        ([f"{GROUP}/*"], [f"{WEB}/providers/Microsoft.Compute/virtualMachines/web-*"], True),
        ([f"{GROUP}/*"], [f"{WEB}/*"], False),
        ([f"{GROUP}/api"], [VM], False),
        ([f"{GROUP}/web"], [f"{VM}2"], False),
        ([f"{GROUP}/web"], [VM[:-1]], False),
    ],
)
def test_identity_and_host_are_allowed_together(identities: list[str], resources: list[str], expected: bool) -> None:
    rules = rule(identityAssignments=[hosts(identities, resources)])
    assert allows_identity_assignment(rules, f"{GROUP}/web", VM) is expected


def test_lists_form_no_cross_product() -> None:
    other = VM.replace("web-1", "web-2")
    rules = rule(identityAssignments=[hosts([f"{GROUP}/web"], [VM]), hosts([f"{GROUP}/api"], [other])])
    assert allows_identity_assignment(rules, f"{GROUP}/web", VM)
    assert allows_identity_assignment(rules, f"{GROUP}/api", other)
    assert not allows_identity_assignment(rules, f"{GROUP}/web", other)
    assert not allows_identity_assignment(rules, f"{GROUP}/api", VM)


@pytest.mark.parametrize(
    ("roles", "scopes", "expected"),
    [
        ([READER.name], [WEB], True),
        ([READER.id.upper()], [WEB.lower()], True),
        ([READER.name.lower()], [WEB], False),
        ([READER.name], [f"{WEB}/**"], False),
        ([READER.name], [WEB.replace("/web", "/*")], True),
        (["Owner"], [WEB], False),
        ([f"{READER.name} "[:-2]], [WEB], False),
    ],
)
def test_role_and_scope_are_allowed_together(roles: list[str], scopes: list[str], expected: bool) -> None:
    rules = rule(roleAssignments=[{"roles": roles, "scopes": scopes}])
    assert allows_role(rules, READER, WEB) is expected


def test_a_role_of_one_scope_is_not_allowed_at_another_rules_scope() -> None:
    rules = rule(roleAssignments=[{"roles": [READER.name], "scopes": [WEB]}, {"roles": ["Owner"], "scopes": [VM]}])
    assert not allows_role(rules, READER, VM)
    assert allows_some_role_at(rules, VM)
    assert not allows_some_role_at(rules, f"{VM}/extensions/x")


def test_a_role_without_a_known_name_is_allowed_by_its_id_only() -> None:
    rules = rule(roleAssignments=[{"roles": [READER.name], "scopes": [WEB]}])
    assert not allows_role(rules, RoleDefinition(READER.id, ""), WEB)


def test_tenants_are_compared_without_regard_to_case() -> None:
    other = "abcdefab-2222-4222-8222-222222222222"
    assert allows_tenant(rule(tenants=[other.upper()]), other)
    assert allows_tenant(rule(tenants=[other]), other.upper())
    assert not allows_tenant(rule(tenants=[other]), OTHER_TENANT)
