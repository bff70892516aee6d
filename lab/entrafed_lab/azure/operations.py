"""What a request is about, read off its method and path alone: for the log, and to see which writes overlap."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from entrafed_lab.azure.exchange import Call, ServiceName
from entrafed_lab.azure.faults import WRITES
from entrafed_lab.azure.host_types import host_kind


@dataclass(frozen=True, slots=True)
class Operation:
    """`name` such as "credentials.create"; `parent` is the application, identity, host or scope written to, if any."""

    name: str
    parent: str | None = None
    write: bool = False


_VERBS = {"GET": "get", "POST": "create", "PUT": "put", "PATCH": "update", "DELETE": "delete"}
_GRAPH_CREDENTIALS = re.compile(
    r"^/(?:v1\.0|beta)/+applications(?:/([^/(]+)|\(([^)]*)\))/+federatedIdentityCredentials(.*)$", re.IGNORECASE
)
_GRAPH = re.compile(r"^/(?:v1\.0|beta)/+([A-Za-z$]+)(.*)$")
_ARM_IDENTITY = re.compile(
    r"^(/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.managedidentity/userassignedidentities/[^/]+)"
    r"(/federatedidentitycredentials)?(/[^/]+)?$"
)


_ROLES = re.compile(r"^(.*)/providers/microsoft\.authorization/(roledefinitions|roleassignments)(/[^/]+)?$")
_ROLE_NOUNS = {"roledefinitions": "roleDefinitions", "roleassignments": "roleAssignments"}
_HOST_OPERATION = re.compile(r"^/subscriptions/[^/]+/providers/[^/]+/locations/[^/]+/operations/[^/]+$")


def operation_of(call: Call) -> Operation:
    """Name the operation of a request; what is not known is named by its method and path."""
    if call.service is ServiceName.GRAPH:
        return _graph(call)
    if call.service is ServiceName.ARM:
        return _arm(call)
    return Operation(_simple(call))


def _simple(call: Call) -> str:
    if call.service is ServiceName.LOGIN:
        if call.path.endswith("/token"):
            return "token"
        return "keys" if call.path.endswith("/keys") else "discovery"
    if call.service is ServiceName.BLOB:
        return "blob.get"
    return "identity.token"


def _graph(call: Call) -> Operation:
    path = unquote(call.path)
    write = call.method in WRITES
    if found := _GRAPH_CREDENTIALS.match(path):
        parent = (found[1] or found[2]).lower()
        if call.method == "PATCH" and "create-if-missing" in call.headers.get("prefer", "").lower():
            return Operation("credentials.upsert", parent, write)
        one = found[3].strip("/")
        return Operation(f"credentials.{_VERBS[call.method] if one or write else 'list'}", parent, write)
    found = _GRAPH.match(path)
    if found is None:
        return Operation(f"{call.method} {path}", None, write)
    if found[1] == "$batch":
        return Operation("batch")
    one = found[2].strip("/")
    return Operation(f"{found[1]}.{_VERBS[call.method] if one or write else 'list'}", None, write)


def _arm(call: Call) -> Operation:
    path = unquote(call.path).lower().rstrip("/")
    write = call.method in WRITES
    found = _ARM_IDENTITY.match(path)
    if found is None:
        return _elsewhere(call.method, path, write)
    if found[2] is None:
        return Operation(f"identities.{_VERBS[call.method]}", found[1], write)
    verb = _VERBS[call.method] if found[3] or write else "list"
    return Operation(f"credentials.{verb}", found[1], write)


def _elsewhere(method: str, path: str, write: bool) -> Operation:
    if host_kind(path) is not None:
        return Operation(f"hosts.{_VERBS[method]}", path, write)
    if found := _ROLES.match(path):
        verb = _VERBS[method] if found[3] or write else "list"
        return Operation(f"{_ROLE_NOUNS[found[2]]}.{verb}", found[1] if write else None, write)
    if _HOST_OPERATION.match(path):
        return Operation("operations.get")
    listing = path.endswith("/userassignedidentities")
    return Operation("identities.list" if listing else f"{method} {path}", None, write)
