"""The pages on hosts, roles and tenants: the rights that they ask for, their items, and the rules that they show."""

import re
from pathlib import Path

import pytest
import yaml

import manifests
from entrafed.api.connection import parse_connection
from entrafed.api.federation import FederationSpec, parse_federation
from entrafed.api.rules import Rule
from entrafed.domain.roles import RoleDefinition
from entrafed.domain.rules import allows_identity_assignment, allows_role, allows_tenant
from entrafed_lab.azure.conditions import fulfils

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "roles.md"
CONDITION = re.findall(r"```text\n(.*?)\n```", PAGE.read_text(), re.DOTALL)[0]
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
WRITE, DELETE = ("Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete")


def is_within(action: str, source: str, role: str, kind: str) -> bool:
    attributes = {
        f"@{source}[Microsoft.Authorization/roleAssignments:{name}]".lower(): value
        for name, value in (("RoleDefinitionId", role), ("PrincipalType", kind))
    }
    return fulfils(CONDITION, action, attributes)


@pytest.mark.parametrize(("action", "source"), [(WRITE, "Request"), (DELETE, "Resource")])
def test_the_operator_may_give_and_take_back_what_the_condition_names_and_nothing_else(
    action: str, source: str
) -> None:
    assert is_within(action, source, BLOB_READER, "ServicePrincipal")
    assert not is_within(action, source, OWNER, "ServicePrincipal")
    assert not is_within(action, source, BLOB_READER, "User")


def shown(page: str) -> tuple[FederationSpec, Rule]:
    """What a page shows in YAML: a part of a spec, then a part of a rule."""
    text = (PAGE.parent / f"{page}.md").read_text()
    asked, allowed = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))
    federation = manifests.federation(**asked.get("spec", asked))
    connection = manifests.connection(manifests.rule(**allowed))
    for body in (federation, connection):
        body["metadata"] |= {"uid": "u", "generation": 1, "resourceVersion": "1"}
        body["metadata"] |= {"creationTimestamp": "2026-01-31T12:00:00Z"}
    return parse_federation(federation).spec, parse_connection(connection).spec.rules[0]


def test_each_page_shows_an_item_and_a_rule_that_allows_it() -> None:
    spec, rule = shown("hosts")
    assert spec.target.managed_identity
    identity = spec.target.managed_identity.resource_id
    (item,) = spec.identity_assignments
    assert all(allows_identity_assignment([rule], identity, host) for host in item.resources)
    spec, rule = shown("roles")
    assert [allows_role([rule], RoleDefinition("", one.role), one.scope) for one in spec.role_assignments] == [True]
    spec, rule = shown("tenants")
    assert [allows_tenant([rule], one.tenant_id) for one in spec.tenants] == [True, True]
