"""What a request says about a role assignment: its content, and the attributes that conditions ask about.

Source: https://learn.microsoft.com/azure/role-based-access-control/conditions-authorization-actions-attributes
"""

from dataclasses import dataclass

from entrafed_lab.azure.arm.errors import bad_request
from entrafed_lab.azure.conditions import Attributes
from entrafed_lab.azure.exchange import parse_object
from entrafed_lab.azure.roles import RoleAssignment

_TYPES = ("ServicePrincipal", "User", "Group")


@dataclass(frozen=True, slots=True)
class Wish:
    """The content of a PUT. `role_id` and `principal_id` are GUIDs in lower case."""

    role_id: str
    principal_id: str
    principal_type: str | None
    condition: str | None
    condition_version: str | None
    description: str | None


def read_wish(body: bytes) -> Wish:
    """Raises `Refused`."""
    properties = (parse_object(body) or {}).get("properties")
    if not isinstance(properties, dict):
        raise bad_request("The request content is invalid: 'properties' is missing.")
    role, principal = properties.get("roleDefinitionId"), properties.get("principalId")
    if not isinstance(role, str) or not isinstance(principal, str):
        raise bad_request("The request content is invalid: 'roleDefinitionId' and 'principalId' are required.")
    kind = properties.get("principalType")
    if kind is not None and kind not in _TYPES:
        raise bad_request(
            f"The PrincipalType property '{kind}' is not valid. It must be 'User', 'Group' or 'ServicePrincipal'."
        )
    return Wish(
        role.rpartition("/")[2].lower(),
        principal.lower(),
        kind,
        _text(properties, "condition"),
        _text(properties, "conditionVersion"),
        _text(properties, "description"),
    )


def requested(wish: Wish) -> Attributes:
    """Attributes of an assignment that is to be made."""
    return _attributes("request", wish.role_id, wish.principal_id, wish.principal_type or "")


def existing(assignment: RoleAssignment) -> Attributes:
    """Attributes of an assignment that is there."""
    return _attributes("resource", assignment.role_id, assignment.principal_id, assignment.principal_type)


def _attributes(source: str, role_id: str, principal_id: str, principal_type: str) -> Attributes:
    named = {"RoleDefinitionId": role_id, "PrincipalId": principal_id, "PrincipalType": principal_type}
    return {
        f"@{source}[Microsoft.Authorization/roleAssignments:{name}]".lower(): value for name, value in named.items()
    }


def _text(properties: dict[str, object], name: str) -> str | None:
    value = properties.get(name)
    if value is not None and not isinstance(value, str):
        raise bad_request(f"The property '{name}' must be a string.")
    return value
