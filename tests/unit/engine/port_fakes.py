"""The ports of the engine in a few lines each, for tests of its parts: what is asked is noted, the answer is given.

The real adapters stand behind the same ports in the tests of the engine as a whole.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from entrafed.api.connection import CloudName
from entrafed.api.federation import Target
from entrafed.api.reasons import Reason
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import NewCredential, ObservedCredential, Parent
from entrafed.domain.errors import AzureProblem, KubeProblem, NotFound, Problem, ProblemKind
from entrafed.domain.roles import RoleDefinition
from entrafed.domain.targets import ManagedIdentity, OwnIdentity, ResolvedTarget, ServicePrincipal
from unit.domain.federations import CLUSTER_ISSUER, OPERATOR, TENANT

T = TypeVar("T")

SIGN_IN = SignIn("default", CloudName.AZURE_PUBLIC, TENANT, OPERATOR, "https://l", "https://g", "https://a")


def problem(reason: Reason, kind: ProblemKind = ProblemKind.TRANSIENT, message: str = "Azure says no") -> Problem:
    return Problem(kind, reason, message)


@dataclass
class HandClock:
    """Time that a test sets."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class AnsweringAzure:
    """Azure's port. An answer that is an exception is raised; `latency` is in seconds of the running loop.

    `lists`, when set, is what the next lists show instead of what is held: a replica that lags.
    """

    held: dict[Parent, dict[str, ObservedCredential]] = field(default_factory=dict)
    targets: dict[Target, ResolvedTarget | AzureProblem] = field(default_factory=dict)
    identities: dict[str, ManagedIdentity | AzureProblem] = field(default_factory=dict)
    principals: dict[str, ServicePrincipal | AzureProblem] = field(default_factory=dict)
    provisioned: dict[str, bool | AzureProblem] = field(default_factory=dict)
    roles: dict[str, tuple[RoleDefinition, ...] | AzureProblem] = field(default_factory=dict)
    own: OwnIdentity | AzureProblem = field(default_factory=lambda: OwnIdentity(OPERATOR, "own"))
    refuses: Callable[[str, str], AzureProblem | None] = lambda _verb, _name: None
    lists: list[tuple[ObservedCredential, ...] | AzureProblem] = field(default_factory=list)
    latency: float = 0.0
    calls: list[tuple[str, str]] = field(default_factory=list)

    async def target(self, sign_in: SignIn, target: Target) -> ResolvedTarget:
        return await self._answer("target", sign_in.connection, self.targets.get(target))

    async def managed_identity(self, sign_in: SignIn, resource_id: str) -> ManagedIdentity:
        return await self._answer("identity", resource_id, self.identities.get(resource_id))

    async def own_identity(self, sign_in: SignIn) -> OwnIdentity:
        return await self._answer("own", sign_in.connection, self.own)

    async def service_principal(self, sign_in: SignIn, client_id: str) -> ServicePrincipal:
        return await self._answer("principal", client_id, self.principals.get(client_id))

    async def is_provisioned(self, sign_in: SignIn, tenant_id: str, client_id: str) -> bool:
        return await self._answer("provisioned", tenant_id, self.provisioned.get(tenant_id, False))

    async def role_definitions(self, sign_in: SignIn, scope: str, name: str) -> tuple[RoleDefinition, ...]:
        return await self._answer("role", name, self.roles.get(name, ()))

    async def credentials(self, sign_in: SignIn, parent: Parent) -> tuple[ObservedCredential, ...]:
        shown = self.lists.pop(0) if self.lists else tuple(self.held.get(parent, {}).values())
        return await self._answer("list", str(parent), shown)

    async def create(self, sign_in: SignIn, parent: Parent, credential: NewCredential) -> None:
        await self._write("create", credential.name)
        self.held.setdefault(parent, {})[credential.name] = _observed(credential)

    async def update(self, sign_in: SignIn, parent: Parent, credential: NewCredential) -> None:
        await self._write("update", credential.name)
        self.held[parent][credential.name] = _observed(credential)

    async def delete(self, sign_in: SignIn, parent: Parent, name: str) -> None:
        await self._write("delete", name)
        # Names are the same whatever their case: so it is with Resource Manager.
        for held in [one for one in self.held.get(parent, {}) if one.lower() == name.lower()]:
            del self.held[parent][held]

    def names(self, verb: str) -> list[str]:
        """What was asked of one kind, in order."""
        return [name for asked, name in self.calls if asked == verb]

    async def _write(self, verb: str, name: str) -> None:
        self.calls.append((verb, name))
        await asyncio.sleep(self.latency)
        refusal = self.refuses(verb, name)
        if refusal is not None:
            raise refusal

    async def _answer(self, verb: str, name: str, answer: T | AzureProblem | None) -> T:
        self.calls.append((verb, name))
        await asyncio.sleep(self.latency)
        if answer is None:
            raise missing()
        if isinstance(answer, AzureProblem):
            raise answer
        return answer


def missing(message: str = "it is not there") -> NotFound:
    """Azure's 404."""
    return NotFound(Problem(ProblemKind.TERMINAL, Reason.TARGET_NOT_FOUND, message))


@dataclass
class IssuerOnly:
    """As much of the API server as judging asks for; None: the discovery document cannot be read."""

    issuer: str | None = CLUSTER_ISSUER
    asked: int = 0

    async def cluster_issuer(self) -> str:
        self.asked += 1
        if self.issuer is None:
            raise KubeProblem("the discovery document cannot be read")
        return self.issuer

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} has no place in admission")


def _observed(credential: NewCredential) -> ObservedCredential:
    pair = credential.trust.pair
    return ObservedCredential(credential.name, pair.issuer, pair.subject, (credential.trust.audience,))
