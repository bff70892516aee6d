"""Role assignments: who has which role where, and from when it counts."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from entrafed_lab.azure.builtin_roles import BUILT_IN_ROLES, RoleDefinition
from entrafed_lab.azure.conditions import Attributes, fulfils
from entrafed_lab.azure.history import ALWAYS
from entrafed_lab.azure.seed import stable_id
from entrafed_lab.azure.timing import Clock, Delays


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A role given to a principal at a scope. `name` is a GUID, unique in the tenant."""

    name: str
    tenant_id: str
    scope: str
    """As it was given."""
    principal_id: str
    role_id: str
    principal_type: str = "ServicePrincipal"
    condition: str | None = None
    description: str | None = None
    created: float = ALWAYS

    @property
    def triple(self) -> tuple[str, str, str]:
        """What there can be only one of: scope, principal, role."""
        return self.scope.lower(), self.principal_id, self.role_id


@dataclass(frozen=True, slots=True)
class Revoked:
    """An assignment that was removed, and still counts until then (seconds since the epoch)."""

    assignment: RoleAssignment
    until: float


class Roles:
    """Definitions and assignments of all tenants."""

    def __init__(self, *, clock: Clock, delays: Callable[[], Delays]) -> None:
        self.definitions: dict[str, RoleDefinition] = {role.id: role for role in BUILT_IN_ROLES}
        self.assignments: dict[tuple[str, str], RoleAssignment] = {}
        """By tenant and name."""
        self._of: defaultdict[str, dict[str, RoleAssignment]] = defaultdict(dict)  # by principal and name
        self._revoked: list[Revoked] = []
        self._clock = clock
        self._delays = delays

    def definition(self, key: str) -> RoleDefinition | None:
        """The role with this name, GUID or resource id."""
        found = self.definitions.get(key.rpartition("/")[2].lower())
        return found or next((role for role in self.definitions.values() if role.name == key), None)

    def define(self, name: str, *actions: str, data_actions: tuple[str, ...] = ()) -> RoleDefinition:
        """Make a custom role."""
        role = RoleDefinition(stable_id("role", name), name, actions, data_actions, custom=True)
        self.definitions[role.id] = role
        return role

    def put(self, assignment: RoleAssignment) -> RoleAssignment:
        self.assignments[assignment.tenant_id, assignment.name] = assignment
        self._of[assignment.principal_id][assignment.name] = assignment
        return assignment

    def remove(self, assignment: RoleAssignment) -> None:
        """Take a role away. It counts for a while yet."""
        self._forget(assignment)
        self._revoked = [item for item in self._revoked if item.until > self._clock()]
        if self._counts(assignment):
            self._revoked.append(Revoked(assignment, self._clock() + self._delays().role_effect))

    def remove_at(self, resource_id: str) -> None:
        """Take away all roles that were given at a resource, which is gone."""
        for assignment in [item for item in self.assignments.values() if covers(resource_id, item.scope)]:
            self._forget(assignment)

    def effective(self, principal_id: str, scope: str) -> Iterator[tuple[RoleAssignment, RoleDefinition]]:
        """What a principal has at a scope, given there or above it, and counting by now."""
        now = self._clock()
        living = (item for item in self._of.get(principal_id, {}).values() if self._counts(item))
        gone = (item.assignment for item in self._revoked if item.until > now)
        for item in (*living, *(item for item in gone if item.principal_id == principal_id)):
            if covers(item.scope, scope):
                yield item, self.definitions[item.role_id]

    def _forget(self, assignment: RoleAssignment) -> None:
        del self.assignments[assignment.tenant_id, assignment.name]
        del self._of[assignment.principal_id][assignment.name]

    def _counts(self, assignment: RoleAssignment) -> bool:
        return assignment.created + self._delays().role_effect <= self._clock()


def covers(scope: str, path: str) -> bool:
    """Whether a path is a scope or below it."""
    return f"{path.lower()}/".startswith(f"{scope.lower().rstrip('/')}/")


def permits(role: RoleDefinition, action: str) -> bool:
    """Whether a role lets somebody do something on the control plane."""
    return allows(role.actions, action) and not allows(role.not_actions, action)


def within(assignment: RoleAssignment, action: str, attributes: Attributes) -> bool:
    """Whether an action is within the condition of an assignment, should it have one."""
    return assignment.condition is None or fulfils(assignment.condition, action, attributes)


def allows(patterns: tuple[str, ...], action: str) -> bool:
    return any(_pattern(pattern).fullmatch(action) is not None for pattern in patterns)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """`*` is any run of characters; between two slashes it may be nothing at all, and one slash: a/*/read is a/read."""
    escaped = re.escape(text).replace(r"/\*/", "/(?:.*/)?").replace(r"\*", ".*")
    return re.compile(escaped, re.IGNORECASE)
