"""Tokens of managed identities for what runs on a host: which identity is meant, and its token.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token and
https://learn.microsoft.com/azure/app-service/overview-managed-identity
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from entrafed_lab.azure.exchange import Call
from entrafed_lab.azure.objects import Host, Identity
from entrafed_lab.azure.seed import HostKind
from entrafed_lab.azure.tokens import RESOURCES, Issued, Tokens
from entrafed_lab.azure.world import World


class NoToken(Enum):
    """Why there is no token."""

    NO_SUCH_IDENTITY = auto()
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


class HostTokens:
    """What the token endpoints of hosts have in common."""

    def __init__(self, *, world: World, tokens: Tokens, selectors: Selectors, kind: HostKind) -> None:
        self._world = world
        self._tokens = tokens
        self._selectors = selectors
        self._kind = kind

    def host(self, call: Call) -> tuple[Host | None, str]:
        """The host whose endpoint was called, which the first part of the path names, and the rest of the path."""
        host_id, _, rest = call.path.lstrip("/").partition("/")
        host = self._world.hosts.get(host_id)
        return (host if host is not None and host.kind is self._kind else None), rest

    def token(self, host: Host, query: Mapping[str, str]) -> tuple[Identity, Issued] | NoToken:
        """The identity that the query means and its token. Neither host here has a system-assigned identity."""
        given = [name for name in query if name in self._selectors.names]
        if len(given) > 1:
            return NoToken.SEVERAL_SELECTORS
        attached = self._attached(host)
        if given:
            attached = [item for item in attached if self._is(item, given[0], query[given[0]])]
        if len(attached) != 1:
            return NoToken.SEVERAL_IDENTITIES if attached else NoToken.NO_SUCH_IDENTITY
        resource = query["resource"].rstrip("/")
        if resource not in RESOURCES:
            return NoToken.UNKNOWN_RESOURCE
        return attached[0], self._tokens.for_managed_identity(attached[0], resource=resource)

    def _attached(self, host: Host) -> list[Identity]:
        """Identities assigned to the host that still exist; one made again under the same name is another."""
        found = [(self._world.identities.get(key), principal_id) for key, principal_id in host.attached.items()]
        return [item for item, principal_id in found if item is not None and item.principal_id == principal_id]

    def _is(self, identity: Identity, selector: str, value: str) -> bool:
        if selector == self._selectors.client_id:
            return identity.client_id == value.lower()
        if selector in self._selectors.principal_ids:
            return identity.principal_id == value.lower()
        return identity.resource_id.lower() == value.lower()


def token_document(identity: Identity, issued: Issued, resource: str) -> dict[str, str]:
    """What both endpoints answer; all numbers are strings."""
    return {
        "access_token": issued.token,
        "client_id": identity.client_id,
        "expires_on": str(issued.expires_on),
        "not_before": str(issued.not_before),
        "resource": resource,
        "token_type": "Bearer",
    }
