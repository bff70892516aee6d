"""Callers and clocks for tests of simulated services: any principal with any rights, at any time."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Self

from azure.core.credentials import AccessToken

from entrafed_lab.azure import Delays, SimulatedAzure
from entrafed_lab.azure.objects import ServicePrincipal

MEANWHILE = 0.5  # seconds that a write lasts, so that another surely comes meanwhile


async def until(holds: Callable[[], object]) -> None:
    """Wait for something in the simulation."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - the simulation sets no event
            await asyncio.sleep(0.005)


class MovableClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self._now = time.time()

    def __call__(self) -> float:
        return self._now

    def forward(self, seconds: float) -> None:
        self._now += seconds


def only(**delays: float) -> Delays:
    """These delays, in seconds, and no others."""
    return Delays(**{**{field.name: 0.0 for field in fields(Delays)}, "scale": 1.0, **delays})


class PrincipalCredential:
    """Has what the token endpoint would give to a service principal, without asking it; the same token each time.

    `resource` is what its tokens are for, whatever is asked for.
    """

    def __init__(self, azure: SimulatedAzure, principal: ServicePrincipal, *, resource: str | None = None) -> None:
        self._azure = azure
        self._principal = principal
        self._resource = resource
        self._tokens: dict[str, AccessToken] = {}

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        resource = self._resource or scopes[0].removesuffix("/.default")
        if resource not in self._tokens:
            issued = self._azure.tokens.for_application(
                self._principal, resource=resource, federated=False, identity=None
            )
            self._tokens[resource] = AccessToken(issued.token, issued.expires_on)
        return self._tokens[resource]

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass
