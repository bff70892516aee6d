"""Operators that do wrong in their second life: each stands between the engine and Azure, or is not told the truth."""

from contextlib import suppress
from typing import Any, cast

from entrafed.api.reasons import Reason
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import NewCredential, ObservedCredential, Parent
from entrafed.domain.errors import AzureProblem, Problem, ProblemKind
from entrafed.domain.targets import OwnIdentity
from entrafed.engine.ports import Azure

FOREIGN = "made-by-others"


class Double:
    """Passes on everything that a subclass does not do otherwise."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure

    def __getattr__(self, name: str) -> Any:
        return getattr(self._azure, name)

    @classmethod
    def in_second_life(cls, azure: Azure, life: int) -> Azure:
        return cast("Azure", cls(azure)) if life == 2 else azure


class WritesTwice(Double):
    async def create(self, sign_in: SignIn, parent: Parent, credential: NewCredential) -> None:
        await self._azure.create(sign_in, parent, credential)
        with suppress(AzureProblem):
            await self._azure.create(sign_in, parent, credential)


class UpdatesTwice(Double):
    async def update(self, sign_in: SignIn, parent: Parent, credential: NewCredential) -> None:
        await self._azure.update(sign_in, parent, credential)
        await self._azure.update(sign_in, parent, credential)


class Leaks(Double):
    async def credentials(self, sign_in: SignIn, parent: Parent) -> tuple[ObservedCredential, ...]:
        return tuple(c for c in await self._azure.credentials(sign_in, parent) if not c.name.startswith("mif-"))

    async def delete(self, sign_in: SignIn, parent: Parent, name: str) -> None:
        """Says that it is done."""


class Misses(Double):
    async def create(self, sign_in: SignIn, parent: Parent, credential: NewCredential) -> None:
        """Says that it is done."""


class Meddles(Double):
    async def credentials(self, sign_in: SignIn, parent: Parent) -> tuple[ObservedCredential, ...]:
        with suppress(AzureProblem):
            await self._azure.delete(sign_in, parent, FOREIGN)
        return await self._azure.credentials(sign_in, parent)


class SaysOtherwise(Double):
    async def own_identity(self, sign_in: SignIn) -> OwnIdentity:
        raise AzureProblem(Problem(ProblemKind.TERMINAL, Reason.SIGN_IN_FAILED, "no", after=3600.0))
