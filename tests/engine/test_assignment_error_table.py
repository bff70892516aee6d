"""Every documented error of a change of a host's identities and of a role assignment, given to the operator at that
call: what it says, when it tries again, and that all is well as soon as the error is gone.

As `test_error_table`, whose rows are those of credentials.
"""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from assignment_world import (
    OpenWorld,
    assigned,
    at,
    because,
    deleted,
    gone,
    ready,
    role,
    roles_of,
    with_hosts,
    with_roles,
)
from engine_world import EngineWorld, Manifest
from entrafed.api.conditions import ConditionType
from entrafed_lab.azure import Fault, ServiceName
from entrafed_lab.azure.hosts import throttled_behind_the_host
from entrafed_lab.azure.seed import API_VM
from pauses import IN_TEN_SECONDS, SOON, WHEN_SOMEBODY_MAY_HAVE_ACTED, WHEN_THE_HOLDER_MAY_HAVE_CHANGED, Again
from virtual_world import until

pytestmark = pytest.mark.looptime

WATCHED = 1500.0  # seconds; longer than every pause but that of the resync

CHANGE = Fault((ServiceName.ARM,), ("PATCH",), "(?i)virtualMachines")
GIVE = Fault((ServiceName.ARM,), ("PUT",), "(?i)roleAssignments")
TAKE = Fault((ServiceName.ARM,), ("DELETE",), "(?i)roleAssignments")

WHEN_THE_OTHER_HAS_ENDED = Again(14, 25)
IN_A_MINUTE = Again(59.9, 75)


@dataclass(frozen=True, slots=True)
class Case:
    """An error as documented, at one call, and what becomes of it."""

    at: Fault
    status: int
    code: str
    message: str
    reason: str
    again: Again
    stalled: bool

    def __str__(self) -> str:
        return f"{self.at.methods[0]} {self.status} {self.code} {self.message[:24]}"

    @property
    def fault(self) -> Fault:
        return replace(self.at, status=self.status, code=self.code, message=self.message)

    @property
    def asked(self) -> Manifest:
        return with_hosts(assigned("web", API_VM)) if self.at is CHANGE else with_roles(role("blobs"))

    def left(self, world: EngineWorld) -> object:
        """What stands of what was asked for."""
        return at(world, API_VM) if self.at is CHANGE else roles_of(world)


def moving(at: Fault, status: int, code: str, message: str, reason: str, **more: Any) -> Case:
    """An error that goes away without anybody's act, as far as can be told."""
    return Case(at, status, code, message, reason, **{"again": SOON, **more}, stalled=False)


def stuck(at: Fault, status: int, code: str, message: str, reason: str, **more: Any) -> Case:
    """An error that goes away only when somebody acts."""
    return Case(at, status, code, message, reason, **{"again": WHEN_SOMEBODY_MAY_HAVE_ACTED, **more}, stalled=True)


def failed(message: str) -> str:
    """As the host's provider passes on what that of the identities said."""
    return f"Identity operation for resource '/vm' failed with error '{message}'."


LINKED = (
    "The client 'c' with object id 'o' has permission to perform action 'Microsoft.Compute/virtualMachines/write' on "
    "scope '/vm'; however, it does not have permission to perform action "
    "'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) '/ids/that-one' or the "
    "linked scope(s) are invalid."
)
DENIED = "The client 'c' with object id 'o' does not have authorization to perform action 'x/write' over scope '/s'."
THROTTLED = throttled_behind_the_host("/vm")

# fmt: off
OF_A_HOST = (
    stuck(CHANGE, 400, "InvalidParameter",
          'ResourceIdentity identityIds should not be provided if the type is "SystemAssigned".', "ValueRefused"),
    stuck(CHANGE, 400, "MissingIdentityIds",
          "The identity ids must not be null or empty for 'UserAssigned' identity type.", "ValueRefused"),
    stuck(CHANGE, 400, "InvalidIdentityValues", "Invalid value for the identities 'x'.", "ValueRefused"),
    *(stuck(CHANGE, 400, "FailedIdentityOperation", failed(text), "IdentityNotAssignable") for text in (
        "missing: the identity was not found", "restricted: it may not be assigned to resources of 'Microsoft.Compute'",
        "isolated: it is of another isolation scope", "going: a deletion of the identity is pending")),
    moving(CHANGE, 400, THROTTLED.code, THROTTLED.message, "Throttled", again=IN_A_MINUTE),
    stuck(CHANGE, 403, "LinkedAuthorizationFailed", LINKED, "AccessDenied"),
    stuck(CHANGE, 403, "AuthorizationFailed", DENIED, "AccessDenied"),
    moving(CHANGE, 404, "ResourceNotFound", "The resource '/vm' was not found.", "HostNotFound"),
    *(moving(CHANGE, 409, code, "Another operation is in progress.", "HostBusy", again=WHEN_THE_OTHER_HAS_ENDED)
      for code in ("Conflict", "OperationNotAllowed", "AnotherOperationInProgress")),
    moving(CHANGE, 412, "PreconditionFailed", "The etag differs.", "ConcurrentWrite"),
    stuck(CHANGE, 409, "ScopeLocked", "The scope is locked.", "ScopeLocked"),
)
OF_A_ROLE = (
    moving(GIVE, 409, "RoleAssignmentExists", "The role assignment already exists.", "AssignmentConflict"),
    stuck(GIVE, 400, "RoleAssignmentUpdateNotPermitted", "Tenant ID, application ID, principal ID, and scope are not "
          "allowed to be updated.", "AssignmentConflict", again=WHEN_THE_HOLDER_MAY_HAVE_CHANGED),
    moving(GIVE, 400, "PrincipalNotFound", "Principal p does not exist in the directory d.", "PrincipalNotReady",
           again=IN_TEN_SECONDS),
    stuck(GIVE, 400, "UnmatchedPrincipalType", "The PrincipalId 'p' has type 'User'.", "ValueRefused"),
    stuck(GIVE, 403, "AuthorizationFailed", DENIED, "AccessDenied"),
    *(stuck(GIVE, status, "RoleAssignmentLimitExceeded", "The maximum has been reached: 4000.", "QuotaExceeded")
      for status in (400, 403)),
    *(stuck(GIVE, status, "RoleDefinitionDoesNotExist", "It does not exist.", "RoleNotFound") for status in (400, 404)),
    moving(GIVE, 404, "ResourceNotFound", "The scope was not found.", "ScopeNotFound"),
    stuck(GIVE, 409, "ScopeLocked", "The scope is locked.", "ScopeLocked"),
)
OF_A_REMOVAL = (
    stuck(CHANGE, 403, "LinkedAuthorizationFailed", LINKED, "AccessDenied"),
    stuck(CHANGE, 409, "ScopeLocked", "The scope is locked.", "ScopeLocked"),
    moving(CHANGE, 409, "OperationNotAllowed", "Another operation is in progress.", "HostBusy",
           again=WHEN_THE_OTHER_HAS_ENDED),
    moving(CHANGE, 412, "PreconditionFailed", "The etag differs.", "ConcurrentWrite"),
    moving(CHANGE, 400, THROTTLED.code, THROTTLED.message, "Throttled", again=IN_A_MINUTE),
    stuck(TAKE, 403, "AuthorizationFailed", DENIED, "AccessDenied"),
    stuck(TAKE, 409, "ScopeLocked", "The scope is locked.", "ScopeLocked"),
)
# fmt: on


def message(world: EngineWorld) -> str:
    condition = world.condition(ConditionType.READY)
    return condition.message if condition else ""


def tries(world: EngineWorld, case: Case) -> tuple[list[float], Any]:
    """When the call was tried, and the handle of the error that it meets."""
    tried: list[float] = []
    return tried, world.azure.faults.add(case.fault, notify=lambda _: tried.append(world.clock.monotonic()))


@pytest.mark.parametrize("case", [*OF_A_HOST, *OF_A_ROLE], ids=str)
async def test_a_documented_error_is_told_tried_again_in_time_and_recovered_from(
    open_world: OpenWorld, case: Case
) -> None:
    async with open_world() as world, world.operator():
        tried, handle = tries(world, case)
        world.cluster.apply(case.asked)
        await because(world, case.reason)
        first = message(world)
        assert (str(case.status) in first, case.code in first) == (True, True)
        assert (world.condition(ConditionType.STALLED) is not None) == case.stalled
        await until(lambda: len(tried) >= 2, case.again.most + 30)
        assert case.again.least <= tried[1] - tried[0] <= case.again.most
        assert message(world) == first, "it is stable"
        assert not case.left(world)
        handle.remove()
        await ready(world, within=WATCHED)
        assert case.left(world)
        deleted(world)
        await gone(world)
        assert not case.left(world)


@pytest.mark.parametrize("case", OF_A_REMOVAL, ids=str)
async def test_a_documented_error_of_a_removal_keeps_the_object_is_told_and_recovered_from(
    open_world: OpenWorld, case: Case
) -> None:
    async with open_world() as world, world.operator():
        world.cluster.apply(case.asked)
        await ready(world)
        tried, handle = tries(world, case)
        deleted(world)
        await because(world, "DeletionBlocked")
        assert f"({case.reason})" in message(world)
        assert case.code in message(world)
        assert (world.condition(ConditionType.STALLED) is not None) == case.stalled
        await until(lambda: len(tried) >= 2, case.again.most + 30)
        assert case.again.least <= tried[1] - tried[0] <= case.again.most
        assert case.left(world)
        handle.remove()
        await gone(world, within=WATCHED)
        assert not case.left(world)
