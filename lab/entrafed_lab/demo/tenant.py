"""What the simulated tenant holds: read behind the operator's back, by the simulation's admin API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

OURS = "mif-"
"""How the names of all credentials that entrafed writes begin."""


@dataclass(frozen=True, slots=True, order=True)
class Held:
    """A federated identity credential, and the name of the application or identity that it belongs to."""

    holder: str
    name: str
    issuer: str
    subject: str
    content: str
    """All of it, to be compared."""

    @property
    def is_ours(self) -> bool:
        return self.name.startswith(OURS)


async def credentials(admin: str) -> frozenset[Held]:
    """Everything held now, whatever lagging replicas say. `admin` is the address of the admin API."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
        session.get(f"{admin}/snapshot") as answer,
    ):
        answer.raise_for_status()
        world: Mapping[str, Any] = await answer.json()
    return frozenset(
        Held(
            holder["name"],
            credential["name"],
            credential["issuer"],
            credential["subject"] or credential["expression"],
            repr(sorted(credential.items())),
        )
        for holder in (*world["applications"], *world["identities"])
        for credential in holder["federatedCredentials"]
    )
