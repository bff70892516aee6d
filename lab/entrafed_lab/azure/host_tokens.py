"""Tokens of managed identities for what runs on a host: which identity is meant, and its token.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token and
https://learn.microsoft.com/azure/app-service/overview-managed-identity
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from entrafed_lab.azure.exchange import Call
from entrafed_lab.azure.host_types import Endpoint
from entrafed_lab.azure.hosts import Host
from entrafed_lab.azure.tokens import RESOURCES, Issued, Tokens
from entrafed_lab.azure.world import World


class Unnamed(Enum):
    """Which identity is meant by a request that names none, when the host has no system-assigned one."""

    THE_ONLY_ONE = auto()
    SYSTEM_ASSIGNED = auto()


class NoToken(Enum):
    """Why there is no token."""

    NO_SUCH_IDENTITY = auto()
    NO_SYSTEM_IDENTITY = auto()
    SEVERAL_IDENTITIES = auto()
    SEVERAL_SELECTORS = auto()
    UNKNOWN_RESOURCE = auto()


@dataclass(frozen=True, slots=True)
class Selectors:
    """Which query parameters name an identity, by what they name."""

    client_id: str
    principal_ids: tuple[str, ...]
    resource_ids: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.client_id, *self.principal_ids, *self.resource_ids})


@dataclass(frozen=True, slots=True)
class Holder:
    """A managed identity of a host. `resource_id` of a system-assigned one is the host's."""

    client_id: str
    principal_id: str
    resource_id: str


class HostTokens:
    """What the token endpoints of hosts have in common."""

    def __init__(self, *, world: World, tokens: Tokens, selectors: Selectors, endpoint: Endpoint) -> None:
        self._world = world
        self._tokens = tokens
        self._selectors = selectors
        self._endpoint = endpoint

    def host(self, call: Call) -> tuple[Host | None, str]:
        """The host whose endpoint was called, which the first part of the path names, and the rest of the path."""
        host_id, _, rest = call.path.lstrip("/").partition("/")
        host = self._world.hosts.get(host_id)
        return (host if host is not None and host.type.endpoint is self._endpoint else None), rest

    def token(self, host: Host, query: Mapping[str, str], *, otherwise: Unnamed) -> tuple[Holder, Issued] | NoToken:
        """The identity that the query means and its token; `otherwise`: of a query that names none."""
        given = [name for name in query if name in self._selectors.names]
        if len(given) > 1:
            return NoToken.SEVERAL_SELECTORS
        system, attached = self._system(host), self._attached(host)
        if given:
            candidates = [item for item in (*system, *attached) if self._is(item, given[0], query[given[0]])]
        elif system or otherwise is Unnamed.SYSTEM_ASSIGNED:
            candidates = system
        else:
            candidates = attached
        if len(candidates) != 1:
            return _refusal(candidates, given, otherwise)
        resource = query["resource"].rstrip("/")
        if resource not in RESOURCES:
            return NoToken.UNKNOWN_RESOURCE
        holder = candidates[0]
        principal = self._world.service_principals[host.tenant_id, holder.client_id]
        return holder, self._tokens.for_managed_identity(principal, resource_id=holder.resource_id, resource=resource)

    def _system(self, host: Host) -> list[Holder]:
        system = host.identity.system
        return [] if system is None else [Holder(system.client_id, system.principal_id, host.resource_id)]

    def _attached(self, host: Host) -> list[Holder]:
        """Identities assigned to the host for long enough, which still exist: one made again under the same name is
        another."""
        known_since = self._world.clock() - self._world.delays.attachment
        exist = ((self._world.identities.get(key), item) for key, item in host.attached.items())
        return [
            Holder(identity.client_id, identity.principal_id, identity.resource_id)
            for identity, item in exist
            if identity is not None and identity.principal_id == item.principal_id and item.since <= known_since
        ]

    def _is(self, identity: Holder, selector: str, value: str) -> bool:
        if selector == self._selectors.client_id:
            return identity.client_id == value.lower()
        if selector in self._selectors.principal_ids:
            return identity.principal_id == value.lower()
        return identity.resource_id.lower() == value.lower()


def _refusal(candidates: Sequence[Holder], given: Sequence[str], otherwise: Unnamed) -> NoToken:
    if candidates:
        return NoToken.SEVERAL_IDENTITIES
    if not given and otherwise is Unnamed.SYSTEM_ASSIGNED:
        return NoToken.NO_SYSTEM_IDENTITY
    return NoToken.NO_SUCH_IDENTITY


def token_document(identity: Holder, issued: Issued, resource: str) -> dict[str, str]:
    """What both endpoints answer; all numbers are strings."""
    return {
        "access_token": issued.token,
        "client_id": identity.client_id,
        "expires_on": str(issued.expires_on),
        "not_before": str(issued.not_before),
        "resource": resource,
        "token_type": "Bearer",
    }
