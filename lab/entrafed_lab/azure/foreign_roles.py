"""What other people do to rights, by the admin API: give roles and take them away, and permissions for Graph."""

from dataclasses import dataclass

from entrafed_lab.azure.documents import parse
from entrafed_lab.azure.exchange import Answer, Call, json_answer, parse_object
from entrafed_lab.azure.foreign import NOTHING, Keys, Route
from entrafed_lab.azure.seed import RoleAssignmentSeed
from entrafed_lab.azure.snapshot import role_document
from entrafed_lab.azure.world import NoSuchObject, World

_PRINCIPAL = r"/principals/(?P<key>[^/]+)"


@dataclass(frozen=True, slots=True)
class GraphPermissions:
    """Application permissions for Graph, in place of those that are there."""

    app_roles: tuple[str, ...]


class ForeignRoles:
    """Handlers of the admin API; they raise `NoSuchObject` and `InvalidDocument`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Method, pattern of the path, handler."""
        return [
            ("POST", r"/roleAssignments", self._give),
            ("DELETE", r"/roleAssignments/(?P<name>[^/]+)", self._take),
            ("DELETE", _PRINCIPAL + "/rights", self._take_rights),
            ("PUT", _PRINCIPAL + "/appRoles", self._set_permissions),
        ]

    async def _give(self, call: Call, _: Keys) -> Answer:
        wish = parse(RoleAssignmentSeed, parse_object(call.body), "roleAssignment")
        made = self._world.give_role(wish.principal, wish.role, wish.scope, condition=wish.condition)
        return json_answer(201, role_document(self._world, made))

    async def _take(self, _: Call, keys: Keys) -> Answer:
        found = next((item for item in self._world.roles.assignments.values() if item.name == keys["name"]), None)
        if found is None:
            raise NoSuchObject(f"role assignment {keys['name']}")
        self._world.roles.remove(found)
        return NOTHING

    async def _take_rights(self, call: Call, keys: Keys) -> Answer:
        self._world.take_rights(keys["key"], role=call.query.get("role"), scope=call.query.get("scope"))
        return NOTHING

    async def _set_permissions(self, call: Call, keys: Keys) -> Answer:
        wish = parse(GraphPermissions, parse_object(call.body), "permissions")
        self._world.principal(keys["key"]).app_roles = set(wish.app_roles)
        return NOTHING
