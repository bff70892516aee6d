"""Azure Resource Manager: role definitions and assignments, through azure-mgmt-authorization.

https://learn.microsoft.com/azure/role-based-access-control/role-assignments-rest
"""

import re
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any, TypeVar, cast

from azure.core.async_paging import AsyncItemPaged, AsyncPageIterator
from azure.mgmt.authorization.v2022_04_01.aio import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment as SdkAssignment
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters

from entrafed.azure.budgets import Budgets, Spend
from entrafed.azure.calls import Call, Operation, Reply, Service, Unreadable
from entrafed.azure.credential import Signed
from entrafed.azure.pipeline import policies, reply, status
from entrafed.azure.translation import unreadable
from entrafed.azure.transport import AzureTransport
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import resource_key
from entrafed.domain.roles import RoleAssignment, RoleDefinition

S = TypeVar("S")
T = TypeVar("T")
MOST_PAGES = 50  # of one principal's assignments at, above and below a scope; more pages than this are a loop
CONDITION_VERSION = "2.0"  # the only one that there is
_SUBSCRIPTION = re.compile(r"/subscriptions/([^/]+)")


class Roles:
    """Roles as one connection sees them; one method is one request (a list: one per page)."""

    def __init__(self, sign_in: SignIn, *, transport: AzureTransport, signed: Signed, budgets: Budgets) -> None:
        self._sign_in = sign_in
        self._signed = signed
        self._budgets = budgets
        # The subscription is part of no address here: every scope names its own.
        self._client = AuthorizationManagementClient(
            signed.credential,
            "",
            base_url=sign_in.arm,
            transport=transport,
            policies=policies(signed.credential, sign_in),
        )

    async def definitions(self, scope: str, name: str) -> tuple[RoleDefinition, ...]:
        """The roles of this name that can be given at a scope: names of custom roles are unique in a tenant only."""
        call = self._call(Operation.READ_ROLE, f"look up role {name} at scope {scope}")
        quoted = name.replace("'", "''")
        listed = self._client.role_definitions.list(scope, filter=f"roleName eq '{quoted}'")
        return await self._all(call, scope, listed, _definition)

    async def assignments(self, scope: str, principal_id: str) -> tuple[RoleAssignment, ...]:
        """The roles that a principal has at this very scope; Azure also lists those above and below."""
        call = self._call(Operation.LIST_ROLE_ASSIGNMENTS, f"list the roles of {principal_id} at scope {scope}")
        listed = self._client.role_assignments.list_for_scope(scope, filter=f"principalId eq '{principal_id}'")
        found = await self._all(call, scope, listed, _assignment)
        return tuple(one for one in found if one.scope == resource_key(scope) and one.principal_id == principal_id)

    async def assign(self, assignment: RoleAssignment, description: str) -> None:
        """Create a role assignment, or change the condition of the one of its name.

        `AlreadyThere` when the principal has the role under another name. The principal's type is always named: else
        Azure looks for it in a directory that may not know it yet.
        """
        words = (
            f"give role {assignment.role_id} to {assignment.principal_id} at scope {assignment.scope} "
            f"by assignment {assignment.name}"
        )
        call = self._call(Operation.CREATE_ROLE_ASSIGNMENT, words)
        subscription = _SUBSCRIPTION.match(assignment.scope)
        definition = f"/providers/Microsoft.Authorization/roleDefinitions/{assignment.role_id}"
        parameters = RoleAssignmentCreateParameters(
            role_definition_id=(subscription[0] if subscription else "") + definition,
            principal_id=assignment.principal_id,
            principal_type="ServicePrincipal",
            description=description,
            condition=assignment.condition or None,
            condition_version=CONDITION_VERSION if assignment.condition else None,
        )

        async def send() -> Reply[SdkAssignment]:
            created = self._client.role_assignments.create(assignment.scope, assignment.name, parameters, cls=reply)
            return cast("Reply[SdkAssignment]", await created)

        await self._ask(call, assignment.scope, Spend.WRITE, send)

    async def take_back(self, scope: str, name: str) -> None:
        """Delete a role assignment; one that is gone is done."""
        call = self._call(Operation.DELETE_ROLE_ASSIGNMENT, f"delete role assignment {name} at scope {scope}")

        async def send() -> Reply[int]:
            return cast("Reply[int]", await self._client.role_assignments.delete(scope, name, cls=status))

        await self._ask(call, scope, Spend.WRITE, send)

    async def _all(self, call: Call, scope: str, listed: AsyncIterable[S], read: Callable[[S], T]) -> tuple[T, ...]:
        pages = cast("AsyncItemPaged[S]", listed).by_page()  # the SDK's annotation says less than is true
        iterator = cast("AsyncPageIterator[S]", pages)

        async def send() -> Reply[list[T]]:
            return Reply(200, [read(one) async for one in await anext(iterator)])

        found: list[T] = []
        for _ in range(MOST_PAGES):
            page: list[T] = await self._ask(call, scope, Spend.GET, send)
            found += page
            if not iterator.continuation_token:
                return tuple(found)
        raise unreadable(call, "the pages do not end")

    async def _ask(self, call: Call, scope: str, spend: Spend, send: Callable[[], Awaitable[Reply[T]]]) -> T:
        subscription = _SUBSCRIPTION.match(scope)
        budget = self._budgets.resources(self._sign_in, subscription[1] if subscription else "", scope, spend)
        return await self._signed.ask(call, budget, send)

    def _call(self, operation: Operation, doing: str) -> Call:
        return Call(Service.ARM, operation, doing)


# Of what Azure sets, the SDK's annotations say that it is always None.


def _definition(found: Any) -> RoleDefinition:
    if not (found.name and found.role_name):
        raise Unreadable("a role definition has no name")
    return RoleDefinition(found.name.lower(), found.role_name)


def _assignment(found: Any) -> RoleAssignment:
    if not (found.name and found.scope and found.role_definition_id):
        raise Unreadable("a role assignment lacks its name, scope or role")
    return RoleAssignment(
        name=found.name.lower(),
        scope=resource_key(found.scope),
        role_id=found.role_definition_id.rpartition("/")[2].lower(),
        principal_id=(found.principal_id or "").lower(),
        condition=found.condition or "",
    )
