"""Whether a principal may do something at a scope: by its roles, or by what others gave it without a name."""

from collections.abc import Mapping
from enum import Enum, auto

from entrafed_lab.azure.conditions import Attributes
from entrafed_lab.azure.roles import allows, covers, permits, within
from entrafed_lab.azure.world import World

NO_ATTRIBUTES: Mapping[str, str] = {}


class Right(Enum):
    """Whether somebody may."""

    GIVEN = auto()
    OUTSIDE_CONDITION = auto()
    """A role would allow it, but for the condition under which it was given."""
    LACKING = auto()


def right_to(
    world: World, principal_id: str, action: str, scope: str, attributes: Attributes | None = NO_ATTRIBUTES
) -> Right:
    """The right of a principal to an action of the control plane. `attributes` None: there is nothing that a condition
    could be about."""
    if any(
        allows(access.actions, action)
        for access in world.access
        if access.principal_id == principal_id and covers(access.scope, scope)
    ):
        return Right.GIVEN
    found = [item for item, role in world.roles.effective(principal_id, scope) if permits(role, action)]
    if found and attributes is None:
        return Right.GIVEN
    if any(within(item, action, attributes or NO_ATTRIBUTES) for item in found):
        return Right.GIVEN
    return Right.OUTSIDE_CONDITION if found else Right.LACKING


def may_use(
    world: World, principal_id: str, data_action: str, scope: str, attributes: Attributes = NO_ATTRIBUTES
) -> bool:
    """Whether a principal may do something on the data plane, where only roles count."""
    return any(
        allows(role.data_actions, data_action) and within(item, data_action, attributes)
        for item, role in world.roles.effective(principal_id, scope)
    )
