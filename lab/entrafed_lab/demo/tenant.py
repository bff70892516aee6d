"""What the simulated tenants hold: read and prepared behind the operator's back, by the simulation's admin API."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp

OURS = "mif-"
"""How the names of all credentials that entrafed writes begin."""


@dataclass(frozen=True, slots=True, order=True)
class Held:
    """Something that somebody made, and where: a federated identity credential of an application or identity, an
    identity on a host, a role at a scope, or a service principal in a tenant."""

    holder: str
    name: str
    issuer: str = ""
    subject: str = ""
    content: str = ""
    """All of it, to be compared."""

    @property
    def is_ours(self) -> bool:
        """Whether it is a credential of an operator; of what is no credential nothing can be told."""
        return self.name.startswith(OURS)


class Tenants:
    """Both tenants, by the address of the admin API."""

    def __init__(self, admin: str) -> None:
        self._admin = admin

    async def held(self) -> frozenset[Held]:
        """Everything held now, whatever lagging replicas say."""
        world = await self._snapshot()
        return frozenset((*_credentials(world), *_assignments(world)))

    @asynccontextmanager
    async def without_role(self, client_id: str, role: str) -> AsyncIterator[None]:
        """Have an application go without a role that others gave it, and give it back in the end."""
        world = await self._snapshot()
        principals = {one["objectId"] for one in world["servicePrincipals"] if one["clientId"] == client_id}
        had = [one for one in world["roleAssignments"] if one["principalId"] in principals and one["role"] == role]
        async with self._session() as session:
            for one in had:
                await session.delete(f"{self._admin}/roleAssignments/{one['name']}")
        try:
            yield
        finally:
            with suppress(aiohttp.ClientError):  # of a lab that has ended meanwhile
                await self._give_back(had)

    async def _give_back(self, roles: Iterable[Mapping[str, Any]]) -> None:
        async with self._session() as session:
            for one in roles:
                given = {key: one[key] for key in ("role", "scope", "condition")}
                await session.post(f"{self._admin}/roleAssignments", json={"principal": one["principalId"], **given})

    async def _snapshot(self) -> Mapping[str, Any]:
        async with self._session() as session, session.get(f"{self._admin}/snapshot") as answer:
            world: Mapping[str, Any] = await answer.json()
            return world

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10), raise_for_status=True)


def _credentials(world: Mapping[str, Any]) -> Iterator[Held]:
    for holder in (*world["applications"], *world["identities"]):
        for one in holder["federatedCredentials"]:
            subject = one["subject"] or one["expression"]
            yield Held(holder["name"], one["name"], one["issuer"], subject, repr(sorted(one.items())))


def _assignments(world: Mapping[str, Any]) -> Iterator[Held]:
    for host in world["hosts"]:
        for identity in host["identities"]:
            yield Held(host["resourceId"].lower(), identity.lower())
    for role in world["roleAssignments"]:
        yield Held(role["scope"].lower(), role["name"], content=repr(sorted(role.items(), key=str)))
    for principal in world["servicePrincipals"]:
        yield Held(principal["tenantId"], principal["objectId"], content=principal["clientId"])
