"""From watch events to the engine: parse, hand over, never raise."""

from collections.abc import Mapping
from typing import Any, Protocol

import structlog
from pydantic import TypeAdapter

from entrafed.api.connection import Connection, parse_connection
from entrafed.api.federation import Federation, parse_federation
from entrafed.api.metadata import Metadata
from entrafed.api.parsing import InvalidObject, parse
from entrafed.domain.rules import Namespace

DELETED = "DELETED"

log = structlog.get_logger(__name__)

Body = Mapping[str, Any]


class Watcher(Protocol):
    """Who is told of what the cluster holds; the engine. Its methods return at once."""

    def saw_federation(self, federation: Federation) -> None: ...

    def federation_gone(self, uid: str) -> None: ...

    def saw_connection(self, connection: Connection) -> None: ...

    def connection_gone(self, name: str) -> None: ...

    def saw_namespace(self, namespace: Namespace) -> None: ...

    def namespace_gone(self, name: str) -> None: ...

    def saw_invalid(self, metadata: Metadata, message: str) -> None: ...


class Feed:
    """Reads one event of a kind after the other and tells the watcher.

    Connections and namespaces are known by name: of one that was deleted and made again, the end of the old may be
    heard after the beginning of the new, and is then not told.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._connections: dict[str, str] = {}
        self._namespaces: dict[str, str] = {}

    def federation(self, change: str | None, body: Body) -> None:
        """A ManagedIdentityFederation was listed, added, modified or deleted (`change`)."""
        if change == DELETED:
            self._watcher.federation_gone(str(body["metadata"]["uid"]))
            return
        try:
            federation = parse_federation(body)
        except InvalidObject as error:
            self._watcher.saw_invalid(_metadata(body), str(error))
        else:
            self._watcher.saw_federation(federation)

    def connection(self, change: str | None, body: Body) -> None:
        """An EntraConnection was listed, added, modified or deleted."""
        name, uid = str(body["metadata"]["name"]), str(body["metadata"]["uid"])
        if change == DELETED:
            if _forget(self._connections, name, uid):
                self._watcher.connection_gone(name)
            return
        self._connections[name] = uid
        try:
            connection = parse_connection(body)
        except InvalidObject as error:
            self._watcher.saw_invalid(_metadata(body), str(error))
        else:
            self._watcher.saw_connection(connection)

    def namespace(self, change: str | None, body: Body) -> None:
        """A namespace was listed, added, modified or deleted."""
        name, uid = str(body["metadata"]["name"]), str(body["metadata"]["uid"])
        if change == DELETED:
            if _forget(self._namespaces, name, uid):
                self._watcher.namespace_gone(name)
            return
        self._namespaces[name] = uid
        labels = {str(key): str(value) for key, value in (body["metadata"].get("labels") or {}).items()}
        is_ending = body["metadata"].get("deletionTimestamp") is not None
        self._watcher.saw_namespace(Namespace(name, labels, is_ending))


_METADATA = TypeAdapter(Metadata)


def _metadata(body: Body) -> Metadata:
    return parse(_METADATA, body["metadata"])


def _forget(uids: dict[str, str], name: str, uid: str) -> bool:
    """Forget a name, unless it belongs to another object by now."""
    if uids.get(name, uid) != uid:
        return False
    uids.pop(name, None)
    return True
