"""Reading an ARM request: API version, who calls, which resource."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from entrafed_lab.azure.arm.errors import bad_request
from entrafed_lab.azure.arm.routes import Kind, routed
from entrafed_lab.azure.clouds import CLOUDS
from entrafed_lab.azure.exchange import Call, Caller, Refused, TokenProblem, parse_object

AUDIENCES: Final = frozenset(cloud.arm for cloud in CLOUDS.values()) | {"https://management.core.windows.net"}

_TOKEN_PROBLEMS = {
    TokenProblem.MISSING: ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
    TokenProblem.MALFORMED: ("InvalidAuthenticationToken", "The access token is invalid."),
    TokenProblem.EXPIRED: ("ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now."),
}


@dataclass(frozen=True, slots=True)
class ArmRequest:
    """A request by a known caller. Names are spelled as the path spells them."""

    kind: Kind
    type: str
    """Resource type, empty for what is none."""
    namespace: str
    """Of the resource provider."""
    method: str
    path: str
    root: str
    """What the resource is in: subscription, resource group or identity."""
    subscription_id: str
    """In lower case."""
    group: str | None
    identity: str | None
    """Name of the identity, None for a list of identities."""
    name: str | None
    """Name of the resource, None for a list."""
    api_version: str
    query: Mapping[str, str]
    """Keys in lower case."""
    if_match: str | None
    body: bytes
    caller: Caller

    @property
    def identity_id(self) -> str:
        """Resource id in lower case of the identity that this is about."""
        parts = self.path.lower().split("/")
        return "/".join(parts[:9])

    @property
    def scope(self) -> str:
        """Where the caller needs the right to do this."""
        inside = self.name is None or self.kind in {Kind.PROVIDER, Kind.ROLE_DEFINITION, Kind.ROLE_ASSIGNMENT}
        return self.root if inside else self.path

    @property
    def action(self) -> str:
        """What the caller needs the right to do."""
        if self.kind is Kind.PROVIDER:
            return f"{self.namespace}/read" if self.name is None else f"{self.namespace}/register/action"
        verb = {"GET": "read", "DELETE": "delete"}.get(self.method, "write")
        return f"{self.type}/{verb}"

    def document(self) -> Mapping[str, object]:
        """The JSON object in the body."""
        found = parse_object(self.body)
        if found is None:
            raise Refused(
                400, "InvalidRequestContent", "The request content was invalid and could not be deserialized."
            )
        return found


def read_request(call: Call) -> ArmRequest:
    """Raises `Refused` for what Resource Manager would not understand, and for whom it does not know."""
    query = {key.lower(): value for key, value in call.query.items()}
    version = query.get("api-version")
    if not version:
        raise Refused(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    caller = _authenticated(call)
    path = re.sub(r"/{2,}", "/", unquote(call.path)).rstrip("/")
    route, parts = routed(call.method, path, version)
    name = parts.get("name")
    return ArmRequest(
        kind=route.kind,
        type=route.type,
        method=call.method,
        path=path,
        root=parts["root"] or "",
        subscription_id=(parts["subscription"] or "").lower(),
        group=parts.get("group"),
        identity=parts.get("identity") or (name if route.kind is Kind.IDENTITY else None),
        namespace=parts.get("namespace") or route.type.partition("/")[0],
        name=name,
        api_version=version,
        query=query,
        if_match=call.headers.get("if-match"),
        body=call.body,
        caller=caller,
    )


def whole_number(name: str, text: str | None) -> int | None:
    """A query option that counts something; raises `Refused`."""
    if text is None:
        return None
    if not text.isdigit():
        raise bad_request(f"The query parameter '{name}' has the invalid value '{text}'.")
    return int(text)


def _authenticated(call: Call) -> Caller:
    if isinstance(call.caller, TokenProblem):
        raise _unauthorized(*_TOKEN_PROBLEMS[call.caller])
    if call.caller.audience not in AUDIENCES:
        raise _unauthorized("InvalidAuthenticationTokenAudience", "The access token has an invalid audience.")
    return call.caller


def _unauthorized(code: str, message: str) -> Refused:
    challenge = (
        f'Bearer authorization_uri="https://login.windows.net/", error="invalid_token", error_description="{message}"'
    )
    return Refused(401, code, message, {"WWW-Authenticate": challenge})
