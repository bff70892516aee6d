"""What can be asked of Resource Manager: the paths, and the versions and methods of each.

Source: the specifications in https://github.com/Azure/azure-rest-api-specs
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from entrafed_lab.azure.arm.errors import not_allowed, unknown_path
from entrafed_lab.azure.exchange import Refused
from entrafed_lab.azure.host_types import HOST_TYPES, HostKind

MANAGED_IDENTITY: Final = "Microsoft.ManagedIdentity"
IDENTITY_TYPE: Final = f"{MANAGED_IDENTITY}/userAssignedIdentities"
CREDENTIAL_TYPE: Final = f"{IDENTITY_TYPE}/federatedIdentityCredentials"
AUTHORIZATION: Final = "Microsoft.Authorization"
ROLE_DEFINITION_TYPE: Final = f"{AUTHORIZATION}/roleDefinitions"
ROLE_ASSIGNMENT_TYPE: Final = f"{AUTHORIZATION}/roleAssignments"

ROLE_VERSIONS: Final = ("2015-07-01", "2018-01-01-preview", "2020-04-01-preview", "2022-04-01", "2022-05-01-preview")
EXPRESSION_VERSIONS: Final = ("2025-01-31-preview", "2025-05-31-preview")
CREDENTIAL_VERSIONS: Final = (
    "2022-01-31-preview", "2023-01-31", "2024-11-30", *EXPRESSION_VERSIONS, "2026-04-30", "2026-05-31",
)  # fmt: skip
IDENTITY_VERSIONS: Final = ("2018-11-30", "2021-09-30-preview", *CREDENTIAL_VERSIONS)

_SUBSCRIPTION = "/subscriptions/(?P<subscription>[^/]+)"
_GROUP = "/resourceGroups/(?P<group>[^/]+)"
_IDENTITIES = f"/providers/{re.escape(IDENTITY_TYPE)}"
_NAME = "/(?P<name>[^/]+)"


class Kind(Enum):
    """What a request is about."""

    PROVIDER = auto()
    IDENTITY = auto()
    CREDENTIAL = auto()
    HOST = auto()
    HOST_OPERATION = auto()
    ROLE_DEFINITION = auto()
    ROLE_ASSIGNMENT = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """Resources of one type under one form of path. `versions` None: any will do."""

    kind: Kind
    type: str
    pattern: re.Pattern[str]
    versions: tuple[str, ...] | None
    methods: tuple[str, ...]


def _route(kind: Kind, of_type: str, path: str, versions: tuple[str, ...] | None, *methods: str) -> Route:
    return Route(kind, of_type, re.compile(path, re.IGNORECASE), versions, methods)


def _host(kind: HostKind) -> Route:
    names = [f"/{re.escape(part)}/[^/]+" for part in kind.parts[:-1]]
    resource = f"/providers/{re.escape(kind.namespace)}{''.join(names)}/{re.escape(kind.parts[-1])}{_NAME}"
    return _route(
        Kind.HOST, kind.value, f"(?P<root>{_SUBSCRIPTION}{_GROUP}){resource}", HOST_TYPES[kind].versions, "GET", "PATCH"
    )


_PROVIDER = f"(?P<root>{_SUBSCRIPTION})/providers/(?P<namespace>Microsoft[.][A-Za-z]+)"
_ANYWHERE = f"(?P<root>{_SUBSCRIPTION}(?:{_GROUP})?)"
_CREDENTIALS = f"(?P<root>{_SUBSCRIPTION}{_GROUP}{_IDENTITIES}/(?P<identity>[^/]+))/federatedIdentityCredentials"
_OPERATION = f"{_PROVIDER}/locations/(?P<location>[^/]+)/operations{_NAME}"

_SCOPE = f"(?P<root>{_SUBSCRIPTION}(?:{_GROUP}(?:/providers/.+)?)?)"
_ROLE_DEFINITIONS = f"(?:{_SCOPE})?/providers/{re.escape(ROLE_DEFINITION_TYPE)}"
_ROLE_ASSIGNMENTS = f"{_SCOPE}/providers/{re.escape(ROLE_ASSIGNMENT_TYPE)}"

ROUTES: Final = (
    _route(Kind.ROLE_DEFINITION, ROLE_DEFINITION_TYPE, _ROLE_DEFINITIONS, ROLE_VERSIONS, "GET"),
    _route(Kind.ROLE_DEFINITION, ROLE_DEFINITION_TYPE, f"{_ROLE_DEFINITIONS}{_NAME}", ROLE_VERSIONS, "GET"),
    _route(Kind.ROLE_ASSIGNMENT, ROLE_ASSIGNMENT_TYPE, _ROLE_ASSIGNMENTS, ROLE_VERSIONS, "GET"),
    _route(
        Kind.ROLE_ASSIGNMENT, ROLE_ASSIGNMENT_TYPE, f"{_ROLE_ASSIGNMENTS}{_NAME}", ROLE_VERSIONS,
        "GET", "PUT", "DELETE",
    ),
    _route(Kind.PROVIDER, "", _PROVIDER, None, "GET"),
    _route(Kind.PROVIDER, "", f"{_PROVIDER}/(?P<name>register)", None, "POST"),
    _route(Kind.HOST_OPERATION, "", _OPERATION, None, "GET"),
    _route(Kind.IDENTITY, IDENTITY_TYPE, f"{_ANYWHERE}{_IDENTITIES}", IDENTITY_VERSIONS, "GET"),
    _route(
        Kind.IDENTITY, IDENTITY_TYPE, f"(?P<root>{_SUBSCRIPTION}{_GROUP}){_IDENTITIES}{_NAME}", IDENTITY_VERSIONS,
        "GET", "PUT", "PATCH", "DELETE",
    ),
    _route(Kind.CREDENTIAL, CREDENTIAL_TYPE, _CREDENTIALS, CREDENTIAL_VERSIONS, "GET"),
    _route(Kind.CREDENTIAL, CREDENTIAL_TYPE, f"{_CREDENTIALS}{_NAME}", CREDENTIAL_VERSIONS, "GET", "PUT", "DELETE"),
    *(_host(kind) for kind in HostKind),
)  # fmt: skip


def _providers() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for route in ROUTES:
        if route.versions is not None:
            namespace, _, kind = route.type.partition("/")
            found.setdefault(namespace, {})[kind] = route.versions
    return found


PROVIDERS: Final = _providers()
"""Versions by resource type, by namespace."""


def routed(method: str, path: str, version: str) -> tuple[Route, Mapping[str, str | None]]:
    """The route of a request, and what its path names; raises `Refused`."""
    for route in ROUTES:
        if found := route.pattern.fullmatch(path):
            _check_version(route, version)
            if method not in route.methods:
                raise not_allowed(method)
            return route, found.groupdict()
    raise unknown_path(path)


def _check_version(route: Route, version: str) -> None:
    if route.versions is not None and version not in route.versions:
        raise Refused(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for API version '{version}' for type "
            f"'{route.type.partition('/')[2]}'. The supported api-versions are '{', '.join(route.versions)}'.",
        )
