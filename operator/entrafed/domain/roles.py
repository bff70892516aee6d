"""Azure roles given to a principal at a scope: their keys, and the names that say which are ours. Pure.

Source: https://learn.microsoft.com/azure/role-based-access-control/role-assignments-rest
"""

import re
import uuid
from dataclasses import dataclass

from entrafed.domain.assignments import Assignment, Mark, ObservedAssignment
from entrafed.domain.credentials import resource_key
from entrafed.domain.marks import FORMAT

_NAMES = uuid.UUID("6d1f4e0a-58b7-5c39-9a5e-0f6c2f0b9c41")  # of this product: what else makes names of these differs

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RoleDefinition:
    """A role. `id` is the GUID of its definition, the same at every scope; lower-case."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A role that a principal has at a scope, as Azure shows it. Ids lower-case; `condition` is empty for none."""

    name: str
    scope: str
    role_id: str
    principal_id: str
    condition: str = ""

    def observed(self, clusters: tuple[str, ...]) -> ObservedAssignment:
        """As an assignment; `clusters` are the marks that count as ours."""
        names = {assignment_name(cluster, self.scope, self.role_id, self.principal_id) for cluster in clusters}
        mark = Mark.OURS if self.name.lower() in names else Mark.OTHERS
        return ObservedAssignment(role_key(self.role_id, self.principal_id), self.condition, mark, self.name.lower())


def is_guid(role: str) -> bool:
    """Whether a role is named by the GUID of its definition."""
    return _GUID.fullmatch(role) is not None


def role_key(role_id: str, principal_id: str) -> str:
    """What Azure allows once at a scope."""
    return f"{role_id.lower()} {principal_id.lower()}"


def role_and_principal(key: str) -> tuple[str, str]:
    """The two parts of a key."""
    role_id, _, principal_id = key.partition(" ")
    return role_id, principal_id


def granted(role_id: str, principal_id: str, condition: str | None) -> Assignment:
    """A role that is to be given."""
    return Assignment(role_key(role_id, principal_id), condition or "")


def assignment_name(cluster: str, scope: str, role_id: str, principal_id: str) -> str:
    """The name of our assignment, a GUID as Azure wants it: a lost answer or a crash leads to the same again, and an
    identity that is made again, with another principal, to another one."""
    fields = (FORMAT, cluster, resource_key(scope), role_id.lower(), principal_id.lower())
    return str(uuid.uuid5(_NAMES, "\0".join(fields)))
