"""Reads of Azure that many objects share: one flight at a time for each, and an answer that is shared for a while."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any

from entrafed.api.federation import Target
from entrafed.domain.connections import SignIn
from entrafed.domain.errors import AzureProblem, Problem
from entrafed.domain.roles import RoleDefinition
from entrafed.domain.targets import ManagedIdentity, OwnIdentity, ResolvedTarget, ServicePrincipal
from entrafed.engine.ports import Azure, Clock


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a read that was begun at `read_at`: a value, or why there is none."""

    read_at: float
    value: Any = None
    failure: AzureProblem | None = None


class Reads:
    """`not_before` is in monotonic seconds: an answer that was asked for earlier is read anew, a failure alike."""

    def __init__(self, azure: Azure, clock: Clock) -> None:
        self._azure = azure
        self._clock = clock
        self._known: dict[Hashable, _Answer] = {}
        self._flights: dict[Hashable, asyncio.Task[_Answer]] = {}

    async def target(self, sign_in: SignIn, target: Target, not_before: float) -> ResolvedTarget:
        """Find the application or identity; `NotFound` when there is none."""
        found: ResolvedTarget = await self._read(
            ("target", sign_in, target), not_before, lambda: self._azure.target(sign_in, target)
        )
        return found

    async def managed_identity(self, sign_in: SignIn, resource_id: str, not_before: float) -> ManagedIdentity:
        """Read a user-assigned identity; `NotFound` when there is none."""
        found: ManagedIdentity = await self._read(
            ("identity", sign_in, resource_id.lower()),
            not_before,
            lambda: self._azure.managed_identity(sign_in, resource_id),
        )
        return found

    async def own_identity(self, sign_in: SignIn, not_before: float) -> OwnIdentity:
        """Who the operator is in the tenant."""
        found: OwnIdentity = await self._read(("own", sign_in), not_before, lambda: self._azure.own_identity(sign_in))
        return found

    async def service_principal(self, sign_in: SignIn, client_id: str, not_before: float) -> ServicePrincipal:
        """What an application is in the connection's tenant; `NotFound` when it is nothing there."""
        found: ServicePrincipal = await self._read(
            ("principal", sign_in, client_id), not_before, lambda: self._azure.service_principal(sign_in, client_id)
        )
        return found

    async def is_provisioned(
        self, sign_in: SignIn, tenant_id: str, client_id: str, not_before: float
    ) -> bool | Problem:
        """Whether an application is in a tenant that the operator has no connection to, or why that cannot be told:
        which is shared for a while too, since each question shows in that tenant's logs."""

        async def ask() -> bool | Problem:
            try:
                return await self._azure.is_provisioned(sign_in, tenant_id, client_id)
            except AzureProblem as failure:
                return failure.problem

        told: bool | Problem = await self._read(("provisioned", sign_in, tenant_id, client_id), not_before, ask)
        return told

    async def role_definitions(
        self, sign_in: SignIn, scope: str, name: str, not_before: float
    ) -> tuple[RoleDefinition, ...]:
        """The roles of a name that can be given at a scope."""
        found: tuple[RoleDefinition, ...] = await self._read(
            ("role", sign_in, scope, name), not_before, lambda: self._azure.role_definitions(sign_in, scope, name)
        )
        return found

    def forget_older(self, than: float) -> None:
        """Drop answers that nobody would share any more."""
        self._known = {key: known for key, known in self._known.items() if known.read_at >= than}

    async def stop(self) -> None:
        """End what is under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _read(self, key: Hashable, not_before: float, ask: Callable[[], Awaitable[Any]]) -> Any:
        answer = self._known.get(key)
        while answer is None or answer.read_at < not_before:
            answer = await asyncio.shield(self._flight(key, ask))
        if answer.failure is not None:
            failure = answer.failure  # raised anew: it has many receivers, and each adds its own way to the traceback
            raise type(failure)(failure.problem, request_id=failure.request_id, answered=failure.answered)
        return answer.value

    def _flight(self, key: Hashable, ask: Callable[[], Awaitable[Any]]) -> asyncio.Task[_Answer]:
        """The one read of this that is under way."""
        flight = self._flights.get(key)
        if flight is None or flight.done():
            flight = self._flights[key] = asyncio.create_task(self._fly(key, ask))
            flight.add_done_callback(lambda done: self._land(key, done))
        return flight

    async def _fly(self, key: Hashable, ask: Callable[[], Awaitable[Any]]) -> _Answer:
        """A failure is a value here: it has many receivers or, when all were cancelled, none."""
        started = self._clock.monotonic()
        try:
            answer = _Answer(started, value=await ask())
        except AzureProblem as failure:
            self._known.pop(key, None)
            return _Answer(started, failure=failure)
        self._known[key] = answer
        return answer

    def _land(self, key: Hashable, flight: asyncio.Task[_Answer]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
