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
        self._found_gone: dict[str, int] = {}
        """The last resourceVersion of what an own request found gone, by uid."""

    def see(self, federation: Federation) -> Federation | None:
        """Take an object that the watch shows; the answer is what was known before. Raises `Stale` for an old one."""
        uid = federation.metadata.uid
        before = self.federations.get(uid)
        known = self._found_gone.get(uid, 0) if before is None else _version(before)
        if _version(federation) <= known:
            raise Stale
        self._found_gone.pop(uid, None)
        self._take(federation, before)
        return before

    def answered(self, federation: Federation) -> None:
        """Take the answer of an own write, unless the object is gone or newer by now."""
        before = self.federations.get(federation.metadata.uid)
        if before is not None and _version(federation) > _version(before):
            self._take(federation, before)

    def found_gone(self, uid: str) -> Federation | None:
        """Forget a federation that an own request found gone; what the watch has yet to show of it may be old."""
        federation = self._forget(uid)
        if federation is not None:
            self._found_gone[uid] = _version(federation)
        return federation

    def lose(self, uid: str) -> Federation | None:
        """Forget a federation that the watch shows gone: it shows nothing of it any more."""
        self._found_gone.pop(uid, None)
        return self._forget(uid)

    def _forget(self, uid: str) -> Federation | None:
        federation = self.federations.pop(uid, None)
        for name in connections_of(federation) if federation is not None else ():
            self.users_of(name).discard(uid)
        return federation

    def _take(self, federation: Federation, before: Federation | None) -> None:
        uid = federation.metadata.uid
        self.federations[uid] = federation
        for name in connections_of(before) if before is not None else ():
            self.users_of(name).discard(uid)
        for name in connections_of(federation):
            self._users.setdefault(name, set()).add(uid)

    def users_of(self, connection: str) -> set[str]:
        """Uids of the federations that name a connection."""
        return self._users.get(connection, set())

    def partners_of(self, federation: Federation) -> frozenset[tuple[str, str, int]]:
        """Name, uid and generation of the connections of other tenants that an object needs."""
        names = connections_of(federation) - {federation.spec.connection_ref.name}
        known = ((name, self.connections[name].metadata) for name in names if name in self.connections)
        return frozenset((name, metadata.uid, metadata.generation) for name, metadata in known)

    def in_namespace(self, namespace: str) -> Iterator[str]:
        """Uids of the federations of a namespace."""
        return (uid for uid, one in self.federations.items() if one.metadata.namespace == namespace)


def connections_of(federation: Federation) -> frozenset[str]:
    """Names of the connections that an object needs: its own, those of other tenants, and those through which
    something stands there still."""
    partners = (tenant.connection_ref.name for tenant in federation.spec.tenants if tenant.connection_ref)
    recorded = (tenant.connection for tenant in federation.status.tenants if tenant.connection)
    return frozenset({federation.spec.connection_ref.name, *partners, *recorded})


class Stale(Exception):
    """A version that is not newer than the one that is known."""


def _version(federation: Federation) -> int:
    return int(federation.metadata.resource_version)
