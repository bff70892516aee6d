"""Reading an ARM request: API version, who calls, which resource."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote

from entrafed_lab.azure.arm.errors import bad_request, not_allowed, unknown_path
from entrafed_lab.azure.clouds import CLOUDS
from entrafed_lab.azure.exchange import Call, Caller, Refused, TokenProblem, parse_object

NAMESPACE: Final = "Microsoft.ManagedIdentity"
IDENTITY_TYPE: Final = f"{NAMESPACE}/userAssignedIdentities"
CREDENTIAL_TYPE: Final = f"{IDENTITY_TYPE}/federatedIdentityCredentials"
AUDIENCES: Final = frozenset(cloud.arm for cloud in CLOUDS.values()) | {"https://management.core.windows.net"}

EXPRESSION_VERSIONS: Final = ("2025-01-31-preview", "2025-05-31-preview")
CREDENTIAL_VERSIONS: Final = (
    "2022-01-31-preview", "2023-01-31", "2024-11-30", *EXPRESSION_VERSIONS, "2026-04-30", "2026-05-31",
)  # fmt: skip
IDENTITY_VERSIONS: Final = ("2018-11-30", "2021-09-30-preview", *CREDENTIAL_VERSIONS)

_SUBSCRIPTION = "/subscriptions/(?P<subscription>[^/]+)"
_GROUP = "/resourceGroups/(?P<group>[^/]+)"
_IDENTITIES = f"/providers/{re.escape(IDENTITY_TYPE)}"
_NAME = "/(?P<name>[^/]+)"

_TOKEN_PROBLEMS = {
    TokenProblem.MISSING: ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
    TokenProblem.MALFORMED: ("InvalidAuthenticationToken", "The access token is invalid."),
    TokenProblem.EXPIRED: ("ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now."),
}


class Kind(Enum):
    """What a request is about."""

    PROVIDER = auto()
    IDENTITY = auto()
    CREDENTIAL = auto()


_RESOURCES: Final = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (Kind.PROVIDER, f"(?P<root>{_SUBSCRIPTION})/providers/{re.escape(NAMESPACE)}(?:/(?P<name>register))?"),
        (Kind.IDENTITY, f"(?P<root>{_SUBSCRIPTION}(?:{_GROUP})?){_IDENTITIES}"),
        (Kind.IDENTITY, f"(?P<root>{_SUBSCRIPTION}{_GROUP}){_IDENTITIES}{_NAME}"),
        (
            Kind.CREDENTIAL,
            f"(?P<root>{_SUBSCRIPTION}{_GROUP}{_IDENTITIES}/(?P<identity>[^/]+))/federatedIdentityCredentials(?:{_NAME})?",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class ArmRequest:
    """A request by a known caller. Names are spelled as the path spells them."""

    kind: Kind
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
        return self.root if self.name is None or self.kind is Kind.PROVIDER else self.path

    @property
    def action(self) -> str:
        """What the caller needs the right to do."""
        if self.kind is Kind.PROVIDER:
            return f"{NAMESPACE}/read" if self.name is None else f"{NAMESPACE}/register/action"
        verb = {"GET": "read", "DELETE": "delete"}.get(self.method, "write")
        return f"{CREDENTIAL_TYPE if self.kind is Kind.CREDENTIAL else IDENTITY_TYPE}/{verb}"

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
    kind, parts = _resource(path)
    name = parts.get("name")
    _check_version(kind, version)
    _check_method(kind, call.method, name)
    return ArmRequest(
        kind=kind,
        method=call.method,
        path=path,
        root=parts["root"] or "",
        subscription_id=(parts["subscription"] or "").lower(),
        group=parts.get("group"),
        identity=parts.get("identity") or (name if kind is Kind.IDENTITY else None),
        name=name,
        api_version=version,
        query=query,
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


def _resource(path: str) -> tuple[Kind, Mapping[str, str | None]]:
    for kind, pattern in _RESOURCES:
        if found := pattern.fullmatch(path):
            return kind, found.groupdict()
    raise unknown_path(path)


def _check_version(kind: Kind, version: str) -> None:
    if kind is Kind.PROVIDER:
        return
    known = CREDENTIAL_VERSIONS if kind is Kind.CREDENTIAL else IDENTITY_VERSIONS
    if version not in known:
        raise Refused(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for API version '{version}'. "
            f"The supported api-versions are '{', '.join(known)}'.",
        )


def _check_method(kind: Kind, method: str, name: str | None) -> None:
    one = {Kind.PROVIDER: ("POST",), Kind.IDENTITY: ("GET", "PUT", "PATCH", "DELETE")}.get(
        kind, ("GET", "PUT", "DELETE")
    )
    if method not in (one if name is not None else ("GET",)):
        raise not_allowed(method)
