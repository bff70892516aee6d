"""What the cluster holds, as far as the watch has told."""

from collections.abc import Iterator

from entrafed.api.connection import Connection
from entrafed.api.federation import Federation
from entrafed.domain.rules import Namespace


class Objects:
    """Federations by uid, connections and namespaces by name. Of an object only newer versions are taken."""

    def __init__(self) -> None:
        self.federations: dict[str, Federation] = {}
        self.connections: dict[str, Connection] = {}
        self.namespaces: dict[str, Namespace] = {}
        self._users: dict[str, set[str]] = {}

    def see(self, federation: Federation) -> Federation | None:
        """Take an object that the watch shows; the answer is what was known before. Raises `Stale` for an old one."""
        metadata = federation.metadata
        before = self.federations.get(metadata.uid)
        if before is not None and not _is_newer(federation, before):
            raise Stale
        self.federations[metadata.uid] = federation
        self._users.setdefault(federation.spec.connection_ref.name, set()).add(metadata.uid)
        return before

    def answered(self, federation: Federation) -> None:
        """Take the answer of an own write, unless the object is gone or newer by now."""
        before = self.federations.get(federation.metadata.uid)
        if before is not None and _is_newer(federation, before):
            self.federations[federation.metadata.uid] = federation

    def lose(self, uid: str) -> Federation | None:
        """Forget a federation that is gone."""
        federation = self.federations.pop(uid, None)
        if federation is not None:
            self.users_of(federation.spec.connection_ref.name).discard(uid)
        return federation

    def users_of(self, connection: str) -> set[str]:
        """Uids of the federations that name a connection."""
        return self._users.get(connection, set())

    def in_namespace(self, namespace: str) -> Iterator[str]:
        """Uids of the federations of a namespace."""
        return (uid for uid, one in self.federations.items() if one.metadata.namespace == namespace)


class Stale(Exception):
    """A version that is not newer than the one that is known."""


def _is_newer(one: Federation, other: Federation) -> bool:
    return int(one.metadata.resource_version) > int(other.metadata.resource_version)
