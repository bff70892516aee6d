"""Role definitions, built-in and custom.

Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions-list
"""

import re

from entrafed_lab.azure.arm.answers import Pages, Resource
from entrafed_lab.azure.arm.errors import bad_request
from entrafed_lab.azure.arm.request import ArmRequest
from entrafed_lab.azure.arm.routes import ROLE_DEFINITION_TYPE
from entrafed_lab.azure.builtin_roles import RoleDefinition
from entrafed_lab.azure.exchange import Answer, Refused, json_answer
from entrafed_lab.azure.world import World

_FILTER = re.compile(
    r"(?P<everywhere>atScopeAndBelow\(\))|(?P<by>roleName|type) eq '(?P<value>(?:[^']|'')*)'", re.IGNORECASE
)


class RoleDefinitions:
    """Everything under `{scope}/providers/Microsoft.Authorization/roleDefinitions`: it can only be read."""

    def __init__(self, *, world: World, pages: Pages) -> None:
        self._world = world
        self._pages = pages

    async def answer(self, request: ArmRequest) -> Answer:
        if request.name is None:
            chosen = [item for item in self._world.roles.definitions.values() if _is_chosen(request, item)]
            return self._pages.page(request, [_document(request, item) for item in chosen])
        found = self._world.roles.definitions.get(request.name.lower())
        if found is None:
            message = f"The specified role definition with ID '{request.name}' does not exist."
            raise Refused(404, "RoleDefinitionDoesNotExist", message)
        return json_answer(200, _document(request, found))


def _is_chosen(request: ArmRequest, role: RoleDefinition) -> bool:
    text = request.query.get("$filter")
    if not text:
        return True
    for part in re.split(r"\s+and\s+(?=atScope|roleName|type)", text):
        found = _FILTER.fullmatch(part.strip())
        if found is None:
            raise bad_request(f"The filter '{text}' is not supported.")
        if found["by"]:
            actual = role.name if found["by"].lower() == "rolename" else _type(role)
            if actual.lower() != found["value"].replace("''", "'").lower():
                return False
    return True


def _type(role: RoleDefinition) -> str:
    return "CustomRole" if role.custom else "BuiltInRole"


def _document(request: ArmRequest, role: RoleDefinition) -> Resource:
    subscription = f"/subscriptions/{request.subscription_id}" if request.subscription_id else ""
    permissions = {
        "actions": role.actions,
        "notActions": role.not_actions,
        "dataActions": role.data_actions,
        "notDataActions": (),
    }
    return {
        "id": f"{subscription}/providers/{ROLE_DEFINITION_TYPE}/{role.id}",
        "name": role.id,
        "type": ROLE_DEFINITION_TYPE,
        "properties": {
            "roleName": role.name,
            "type": _type(role),
            "description": role.name,
            "assignableScopes": [subscription if role.custom else "/"],
            "permissions": [permissions],
        },
    }
