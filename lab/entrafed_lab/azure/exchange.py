"""One request and one answer, as the simulated services see them: no web framework in between."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class ServiceName(StrEnum):
    """The services that can be addressed, broken and stopped one by one."""

    LOGIN = "login"
    GRAPH = "graph"
    ARM = "arm"
    BLOB = "blob"
    IMDS = "imds"
    APP_SERVICE = "appservice"
    ADMIN = "admin"
    """Not of Azure: how other processes change the simulation."""


class TokenProblem(StrEnum):
    """Why a bearer token does not tell who calls."""

    MISSING = "missing"
    MALFORMED = "malformed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as a valid access token of a simulated tenant tells."""

    tenant_id: str
    object_id: str
    """Object id of the service principal."""
    app_id: str
    audience: str
    roles: frozenset[str]
    """Graph application permissions at the time the token was issued."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `path` is still percent-encoded; header names are lower-case."""

    service: ServiceName
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    caller: Caller | TokenProblem = TokenProblem.MISSING
    in_batch: bool = False
    """It came inside of another request."""

    @property
    def target(self) -> str:
        """Path and decoded query, as faults match them."""
        return (
            f"{self.path}?{'&'.join(f'{key}={value}' for key, value in self.query.items())}"
            if self.query
            else self.path
        )

    @property
    def object_id(self) -> str | None:
        """Object id of the calling service principal, when the token was good."""
        return self.caller.object_id if isinstance(self.caller, Caller) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(status: int, document: object, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that carries a JSON document."""
    return Answer(status, json.dumps(document).encode(), "application/json; charset=utf-8", headers or {})


class Refused(Exception):
    """A service says no; each service has its own shape for it."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers: Mapping[str, str] = headers or {}


class ConnectionDropped(Exception):
    """The client gets no answer: the connection is closed."""


class Service(Protocol):
    """What stands behind one port."""

    @property
    def name(self) -> ServiceName: ...

    async def answer(self, call: Call) -> Answer:
        """Handle one request; never raises `Refused`."""
        ...

    def error(self, status: int, code: str, message: str) -> Answer:
        """An error in the shape of this service, for faults."""
        ...


def parse_object(body: bytes) -> Mapping[str, object] | None:
    """The JSON object in a request body; None when it is anything else."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
