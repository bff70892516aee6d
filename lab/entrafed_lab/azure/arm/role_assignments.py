"""Role assignments: giving roles, taking them away, and reading who has which.

Source: https://learn.microsoft.com/azure/role-based-access-control/role-assignments-rest and
https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from entrafed_lab.azure.arm.answers import Pages, Resource
from entrafed_lab.azure.arm.errors import bad_request, not_found
from entrafed_lab.azure.arm.request import ArmRequest
from entrafed_lab.azure.arm.role_requests import Wish, read_wish
from entrafed_lab.azure.arm.routes import IDENTITY_TYPE, ROLE_ASSIGNMENT_TYPE, ROLE_DEFINITION_TYPE
from entrafed_lab.azure.conditions import InvalidCondition, parse_condition
from entrafed_lab.azure.exchange import Answer, Refused, json_answer
from entrafed_lab.azure.host_types import host_kind
from entrafed_lab.azure.objects import ServicePrincipal
from entrafed_lab.azure.roles import RoleAssignment, covers
from entrafed_lab.azure.variants import AbsentPrincipal, ExistingRole, SameRole, Variants, YoungPrincipal
from entrafed_lab.azure.world import NoSuchObject, World

CONDITION_VERSION = "2.0"
_STORAGE_TYPE = "Microsoft.Storage/storageAccounts"
_FILTER = re.compile(r"(?P<at>atScope\(\))|assignedTo\('(?P<to>[^']*)'\)|principalId eq '(?P<of>[^']*)'", re.IGNORECASE)
Choice = Callable[[RoleAssignment], bool]


class RoleAssignments:
    """Everything under `{scope}/providers/Microsoft.Authorization/roleAssignments`."""

    def __init__(self, *, world: World, variants: Variants, pages: Pages) -> None:
        self._world = world
        self._variants = variants
        self._pages = pages

    async def answer(self, request: ArmRequest) -> Answer:
        if request.name is None:
            chosen = [item for item in self._of_tenant(request) if self._is_listed(request, item)]
            return self._pages.page(request, [self._document(item) for item in chosen])
        if request.method == "GET":
            return json_answer(200, self._document(self._get(request)))
        wish = read_wish(request.body) if request.method == "PUT" else None
        await asyncio.sleep(self._world.delays.operation)
        return self._delete(request) if wish is None else self._put(request, wish)

    def _tenant_id(self, request: ArmRequest) -> str:
        return self._world.subscriptions[request.subscription_id].tenant_id

    def _of_tenant(self, request: ArmRequest) -> list[RoleAssignment]:
        tenant_id = self._tenant_id(request)
        return [item for item in self._world.roles.assignments.values() if item.tenant_id == tenant_id]

    def _is_listed(self, request: ArmRequest, item: RoleAssignment) -> bool:
        """A list holds what was given at the scope, above and below it; `atScope()` leaves out what is below."""
        return (covers(item.scope, request.root) or covers(request.root, item.scope)) and all(
            choice(item) for choice in _choices(request)
        )

    def _find(self, request: ArmRequest) -> RoleAssignment | None:
        """The assignment under this name, at this scope."""
        found = self._world.roles.assignments.get((self._tenant_id(request), (request.name or "").lower()))
        return found if found is not None and found.scope.lower() == request.root.lower() else None

    def _get(self, request: ArmRequest) -> RoleAssignment:
        found = self._find(request)
        if found is None:
            raise Refused(404, "RoleAssignmentNotFound", f"The role assignment '{request.name}' is not found.")
        return found

    def _put(self, request: ArmRequest, wish: Wish) -> Answer:
        name = _guid(request.name or "")
        self._check_scope(request)
        if wish.role_id not in self._world.roles.definitions:
            raise Refused(
                404,
                "RoleDefinitionDoesNotExist",
                f"The specified role definition with ID '{wish.role_id}' does not exist.",
            )
        _check_condition(wish)
        tenant_id = self._tenant_id(request)
        self._check_principal(tenant_id, wish)
        wanted = RoleAssignment(
            name, tenant_id, request.root, wish.principal_id, wish.role_id, wish.principal_type or "ServicePrincipal",
            wish.condition, wish.description, self._world.clock(),
        )  # fmt: skip
        old = self._world.roles.assignments.get((tenant_id, name))
        return self._create(request, wanted) if old is None else self._rewrite(old, wanted)

    def _create(self, request: ArmRequest, wanted: RoleAssignment) -> Answer:
        others = self._of_tenant(request)
        same = next((item for item in others if item.triple == wanted.triple), None)
        if same is not None:
            raise self._exists(same)
        inside = f"/subscriptions/{request.subscription_id}"
        if sum(covers(inside, item.scope) for item in others) >= self._variants.role_assignments:
            raise Refused(
                400,
                "RoleAssignmentLimitExceeded",
                "The maximum number of role assignments supported by the subscription has been reached: "
                f"{self._variants.role_assignments}.",
            )
        return json_answer(201, self._document(self._world.roles.put(wanted)))

    def _rewrite(self, old: RoleAssignment, wanted: RoleAssignment) -> Answer:
        if old.triple != wanted.triple:
            raise Refused(
                400,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            )
        if self._variants.same_role is SameRole.CONFLICT:
            raise self._exists(old)
        new = self._world.roles.put(replace(wanted, scope=old.scope, created=old.created))
        return json_answer(200 if self._variants.same_role is SameRole.OK else 201, self._document(new))

    def _exists(self, same: RoleAssignment) -> Refused:
        told = self._variants.existing_role is ExistingRole.NAMED
        which = f" The ID of the existing role assignment is {same.name.replace('-', '')}." if told else ""
        return Refused(409, "RoleAssignmentExists", f"The role assignment already exists.{which}")

    def _delete(self, request: ArmRequest) -> Answer:
        found = self._find(request)
        if found is None:
            return Answer(204)
        self._world.roles.remove(found)
        return json_answer(200, self._document(found))

    def _check_scope(self, request: ArmRequest) -> None:
        """Resources of the types that are simulated have to exist."""
        scope, world = request.root, self._world
        if host_kind(scope) is not None:
            try:
                world.host(scope)
            except NoSuchObject:
                raise not_found(scope.partition("/providers/")[2], request.group or "") from None
        known = {
            IDENTITY_TYPE.lower(): set(world.identities),
            _STORAGE_TYPE.lower(): {item.resource_id.lower() for item in world.storage_accounts.values()},
        }
        kind = scope.partition("/providers/")[2].rpartition("/")[0].lower()
        if kind in known and scope.lower() not in known[kind]:
            raise not_found(scope.partition("/providers/")[2], request.group or "")

    def _check_principal(self, tenant_id: str, wish: Wish) -> None:
        found = self._principal(tenant_id, wish.principal_id)
        typed = wish.principal_type == "ServicePrincipal"
        if found is None:
            if typed and self._variants.absent_principal is AbsentPrincipal.ACCEPTED_WITH_TYPE:
                return
            raise _no_principal(wish, tenant_id)
        if self._world.clock() < found.created + self._world.delays.principal_replication:
            if typed and self._variants.young_principal is YoungPrincipal.ACCEPTED_WITH_TYPE:
                return
            raise _no_principal(wish, tenant_id)
        if wish.principal_type not in {None, "ServicePrincipal"}:
            raise Refused(
                400,
                "UnmatchedPrincipalType",
                f"The PrincipalId '{wish.principal_id}' has type 'ServicePrincipal' , which is different from "
                f"specified PrinciaplType '{wish.principal_type}'.",
            )

    def _principal(self, tenant_id: str, object_id: str) -> ServicePrincipal | None:
        principals = self._world.service_principals.values()
        return next((item for item in principals if (item.tenant_id, item.object_id) == (tenant_id, object_id)), None)

    def _document(self, item: RoleAssignment) -> Resource:
        subscription = "/".join(item.scope.split("/")[:3])
        properties: dict[str, object] = {
            "roleDefinitionId": f"{subscription}/providers/{ROLE_DEFINITION_TYPE}/{item.role_id}",
            "principalId": item.principal_id,
            "principalType": item.principal_type,
            "scope": item.scope,
            "condition": item.condition,
            "conditionVersion": None if item.condition is None else CONDITION_VERSION,
            "description": item.description,
        }
        return {
            "id": f"{item.scope}/providers/{ROLE_ASSIGNMENT_TYPE}/{item.name}",
            "name": item.name,
            "type": ROLE_ASSIGNMENT_TYPE,
            "properties": properties,
        }


def _choices(request: ArmRequest) -> list[Choice]:
    """What `$filter` demands; raises `Refused`."""
    text = request.query.get("$filter")
    if not text:
        return []
    found = [_FILTER.fullmatch(part.strip()) for part in re.split(r"\s+and\s+", text)]
    return [_choice(request.root, text, part) for part in found]


def _choice(scope: str, text: str, part: re.Match[str] | None) -> Choice:
    if part is None:
        raise bad_request(f"The filter '{text}' is not supported.")
    if part["at"]:
        return lambda item: covers(item.scope, scope)
    principal_id = (part["to"] or part["of"] or "").lower()
    return lambda item: item.principal_id == principal_id


def _guid(name: str) -> str:
    try:
        return str(UUID(name))
    except ValueError:
        message = f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."
        raise Refused(400, "InvalidRoleAssignmentId", message) from None


def _check_condition(wish: Wish) -> None:
    if wish.condition is None:
        return
    if wish.condition_version != CONDITION_VERSION:
        raise bad_request(f"The condition version '{wish.condition_version}' is not supported: it must be 2.0.")
    try:
        parse_condition(wish.condition)
    except InvalidCondition as invalid:
        raise bad_request(f"The condition is invalid: {invalid}.") from None


def _no_principal(wish: Wish, tenant_id: str) -> Refused:
    return Refused(
        400,
        "PrincipalNotFound",
        f"Principal {wish.principal_id.replace('-', '')} does not exist in the directory {tenant_id}. Check that you "
        "have the correct principal ID. If you are creating this principal and then immediately assigning a role, this "
        "error might be related to a replication delay. In this case, set the role assignment principalType property "
        "to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
    )
