"""The condition that the page on roles gives the operator, judged by the simulated Azure's reading of conditions."""

import re
from pathlib import Path

import pytest

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
