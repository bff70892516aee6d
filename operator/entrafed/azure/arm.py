"""Azure Resource Manager: user-assigned identities and their credentials, through azure-mgmt-msi.

https://learn.microsoft.com/rest/api/managedidentity/federated-identity-credentials
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar, cast

from azure.core.async_paging import AsyncPageIterator
from azure.mgmt.msi.v2024_11_30.aio import ManagedServiceIdentityClient
from azure.mgmt.msi.v2024_11_30.models import FederatedIdentityCredential, Identity

from entrafed.api.reasons import Reason
from entrafed.azure.budgets import Budget, Budgets, Spend
from entrafed.azure.calls import Call, Operation, Reply, Service, Unreadable
from entrafed.azure.credential import Signed
from entrafed.azure.looks import Looks
from entrafed.azure.pipeline import policies, reply, status
from entrafed.azure.translation import unreadable
from entrafed.azure.transport import AzureTransport
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import NewCredential, ObservedCredential, Parent, resource_key
from entrafed.domain.errors import AlreadyThere, AzureProblem, NotFound, Problem, ProblemKind
from entrafed.domain.targets import ManagedIdentity

T = TypeVar("T")
MOST_PAGES = 10  # 20 credentials fit into one page; more pages than this are a loop
_RESOURCE_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
    r"/providers/microsoft\.managedidentity/userassignedidentities/(?P<name>[^/]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class IdentityPath:
    """A user-assigned identity's ARM id, taken apart."""

    key: str
    """The whole id, lower-case."""
    subscription: str
    group: str
    name: str

    @classmethod
    def parse(cls, resource_id: str) -> "IdentityPath":
        """Read an id. Raises a Terminal `AzureProblem` for any other resource's."""
        key = resource_key(resource_id)
        match = _RESOURCE_ID.fullmatch(key)
        if match is None:
            message = f"{resource_id[:300]} is not the resource id of a user-assigned managed identity"
            raise AzureProblem(Problem(ProblemKind.TERMINAL, Reason.INVALID_SPEC, message))
        return cls(key, match["subscription"], match["group"], match["name"])


class Arm:
    """ARM as one connection sees it; one method is one request, where it does not say otherwise.

    PUT replaces what it finds, so the credentials are listed right before; a list serves the writes of the next few
    seconds. What somebody else writes under the very name in these seconds is replaced: ARM knows no condition for it.
    """

    def __init__(
        self,
        sign_in: SignIn,
        *,
        transport: AzureTransport,
        signed: Signed,
        budgets: Budgets,
        looks: Looks,
    ) -> None:
        self._sign_in = sign_in
        self._transport = transport
        self._signed = signed
        self._budgets = budgets
        self._looks = looks
        self._clients: dict[str, ManagedServiceIdentityClient] = {}

    async def identity(self, resource_id: str, operation: Operation) -> ManagedIdentity:
        """Read a user-assigned identity."""
        path = IdentityPath.parse(resource_id)
        call = self._call(operation, f"read managed identity {path.key}")
        client = self._client(path)

        async def send() -> Reply[Identity]:
            return await client.user_assigned_identities.get(path.group, path.name, cls=reply)  # type: ignore[return-value]

        found = await self._signed.ask(call, self._budget(path, Spend.GET), send)
        if not found.client_id or not found.principal_id or not found.tenant_id:
            raise unreadable(call, "its ids are missing")
        return ManagedIdentity(
            resource_id=path.key,
            client_id=found.client_id.lower(),
            principal_id=found.principal_id.lower(),
            tenant_id=found.tenant_id.lower(),
        )

    async def credentials(self, parent: Parent) -> tuple[ObservedCredential, ...]:
        """All credentials of an identity; one request per page."""
        path = IdentityPath.parse(parent.id)
        call = self._call(Operation.LIST_CREDENTIALS, f"list the credentials of {parent}")
        listed = self._client(path).federated_identity_credentials.list(path.group, path.name)
        pages = cast("AsyncPageIterator[FederatedIdentityCredential]", listed.by_page())
        found: list[ObservedCredential] = []
        for _ in range(MOST_PAGES):
            page = await self._signed.ask(call, self._budget(path, Spend.LIST), lambda: _page(pages))
            found.extend(page)
            if not pages.continuation_token:
                self._looks.keep(path.key, _keys(found))
                return tuple(found)
        raise unreadable(call, "the pages do not end")

    async def create(self, parent: Parent, credential: NewCredential) -> None:
        """One request, and one before it when the last look is old."""
        path = IdentityPath.parse(parent.id)
        call = self._call(Operation.CREATE_CREDENTIAL, f"create credential {credential.name} on {parent}")
        if credential.name.lower() in await self._names(parent, path):
            message = f"Cannot {call.doing}: a credential of this name exists already"
            raise AlreadyThere(Problem(ProblemKind.CONFLICT, Reason.CREDENTIAL_CONFLICT, message))
        await self._put(call, path, credential)
        self._looks.added(path.key, credential.name.lower())

    async def update(self, parent: Parent, credential: NewCredential) -> None:
        """One request, and one before it when the last look is old: PUT would make again what somebody deleted."""
        path = IdentityPath.parse(parent.id)
        call = self._call(Operation.UPDATE_CREDENTIAL, f"update credential {credential.name} on {parent}")
        if credential.name.lower() not in await self._names(parent, path):
            raise _no_such_credential(call)
        await self._put(call, path, credential)

    async def delete(self, parent: Parent, name: str) -> None:
        path = IdentityPath.parse(parent.id)
        call = self._call(Operation.DELETE_CREDENTIAL, f"delete credential {name} of {parent}")
        operations = self._client(path).federated_identity_credentials

        async def send() -> Reply[int]:
            return cast("Reply[int]", await operations.delete(path.group, path.name, name, cls=status))

        answered = await self._write(call, path, send)
        self._looks.removed(path.key, name.lower())
        if answered == 204:  # ARM's way to say that there was none
            raise _no_such_credential(call)

    async def _names(self, parent: Parent, path: IdentityPath) -> set[str]:
        """The names under an identity, lower-case as ARM compares them, right before a write to it: the budget has been
        waited for."""
        await self._budget(path, Spend.WRITE).open()
        names = self._looks.fresh(path.key)
        if names is not None:
            return names
        try:
            return _keys(await self.credentials(parent))
        except AzureProblem as problem:
            problem.answered = True  # for the write, which has not been sent
            raise

    async def _put(self, call: Call, path: IdentityPath, credential: NewCredential) -> None:
        trust = credential.trust
        body = FederatedIdentityCredential(
            issuer=trust.pair.issuer, subject=trust.pair.subject, audiences=[trust.audience]
        )
        operations = self._client(path).federated_identity_credentials

        async def send() -> Reply[FederatedIdentityCredential]:
            return await operations.create_or_update(path.group, path.name, credential.name, body, cls=reply)  # type: ignore[return-value]

        await self._write(call, path, send)

    async def _write(self, call: Call, path: IdentityPath, send: Callable[[], Awaitable[Reply[T]]]) -> T:
        try:
            return await self._signed.ask(call, self._budget(path, Spend.WRITE), send)
        except BaseException:
            self._looks.forget(path.key)
            raise

    def _budget(self, path: IdentityPath, spend: Spend) -> Budget:
        return self._budgets.arm(self._sign_in, path.subscription, path.key, spend)

    def _call(self, operation: Operation, doing: str) -> Call:
        return Call(Service.ARM, operation, doing)

    def _client(self, path: IdentityPath) -> ManagedServiceIdentityClient:
        """The SDK's client for a subscription."""
        client = self._clients.get(path.subscription)
        if client is None:
            client = self._clients[path.subscription] = ManagedServiceIdentityClient(
                self._signed.credential,
                path.subscription,
                base_url=self._sign_in.arm,
                transport=self._transport,
                policies=policies(self._signed.credential, self._sign_in),
            )
        return client


def _keys(credentials: Iterable[ObservedCredential]) -> set[str]:
    return {credential.name.lower() for credential in credentials}


def _no_such_credential(call: Call) -> NotFound:
    message = f"Cannot {call.doing}: there is no such credential"
    return NotFound(Problem(ProblemKind.WAITING, Reason.PROGRESSING, message))


async def _page(pages: "AsyncPageIterator[FederatedIdentityCredential]") -> Reply[list[ObservedCredential]]:
    page = await anext(pages)
    return Reply(200, [_observed(credential) async for credential in page])


def _observed(credential: FederatedIdentityCredential) -> ObservedCredential:
    if not credential.name:
        raise Unreadable("a credential has no name")
    return ObservedCredential(
        name=credential.name,
        issuer=credential.issuer or "",
        subject=credential.subject,  # flexible credentials have none, and this version does not show their expression
        audiences=tuple(credential.audiences or ()),
    )
