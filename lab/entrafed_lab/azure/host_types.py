"""The kinds of Azure resources that can carry managed identities, and how the resource provider of each one answers.

Source: the pages of the providers, such as
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/qs-configure-rest-vm, and
https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto


class HostKind(StrEnum):
    """Resource types, as Resource Manager spells them."""

    VIRTUAL_MACHINE = "Microsoft.Compute/virtualMachines"
    SCALE_SET = "Microsoft.Compute/virtualMachineScaleSets"
    SITE = "Microsoft.Web/sites"
    SLOT = "Microsoft.Web/sites/slots"
    CONTAINER_APP = "Microsoft.App/containerApps"
    JOB = "Microsoft.App/jobs"
    AUTOMATION_ACCOUNT = "Microsoft.Automation/automationAccounts"
    CONTAINER_GROUP = "Microsoft.ContainerInstance/containerGroups"
    CLUSTER = "Microsoft.ContainerService/managedClusters"
    WORKFLOW = "Microsoft.Logic/workflows"

    @property
    def namespace(self) -> str:
        return self.value.partition("/")[0]

    @property
    def parts(self) -> tuple[str, ...]:
        """The type's segments behind its namespace: ("sites", "slots")."""
        return tuple(self.value.split("/")[1:])


class Endpoint(Enum):
    """Where what runs on a host gets tokens of its managed identities."""

    IMDS = auto()
    APP_SERVICE = auto()
    NONE = auto()


class Patching(Enum):
    """What a provider takes from the body of a PATCH."""

    IDENTITY = auto()
    TAGS = auto()
    NOTHING = auto()


class Answering(Enum):
    """How a provider tells how an update ends."""

    ASYNC_OPERATION = auto()
    """200 with the resource, and the address of the operation in Azure-AsyncOperation."""
    LOCATION = auto()
    """202, and the address of the result in Location."""
    AT_ONCE = auto()
    """The answer is the end."""


@dataclass(frozen=True, slots=True)
class HostType:
    """How one kind of host behaves. `both` is how its provider spells the combined type of identity."""

    versions: tuple[str, ...]
    endpoint: Endpoint
    patching: Patching
    answering: Answering
    both: str = "SystemAssigned, UserAssigned"
    busy_code: str = "Conflict"
    """Of the 409 for an update while another one is under way."""
    has_etag: bool = False


_COMPUTE = HostType(
    ("2022-11-01", "2023-03-01", "2023-09-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01", "2026-04-01"),
    Endpoint.IMDS,
    Patching.IDENTITY,
    Answering.ASYNC_OPERATION,
    busy_code="OperationNotAllowed",
    has_etag=True,
)
_WEB = HostType(
    ("2022-03-01", "2022-09-01", "2023-01-01", "2023-12-01", "2024-04-01", "2024-11-01", "2025-03-01", "2025-05-01"),
    Endpoint.APP_SERVICE,
    Patching.IDENTITY,
    Answering.AT_ONCE,
)
_APP = HostType(
    ("2023-05-01", "2024-03-01", "2025-01-01", "2025-07-01", "2026-01-01", "2026-07-01"),
    Endpoint.APP_SERVICE,
    Patching.IDENTITY,
    Answering.LOCATION,
    both="SystemAssigned,UserAssigned",
    busy_code="AnotherOperationInProgress",
)

HOST_TYPES = {
    HostKind.VIRTUAL_MACHINE: _COMPUTE,
    HostKind.SCALE_SET: _COMPUTE,
    HostKind.SITE: _WEB,
    HostKind.SLOT: _WEB,
    HostKind.CONTAINER_APP: _APP,
    HostKind.JOB: _APP,
    HostKind.AUTOMATION_ACCOUNT: HostType(
        ("2021-06-22", "2022-08-08", "2023-11-01", "2024-10-23"),
        Endpoint.APP_SERVICE,
        Patching.IDENTITY,
        Answering.AT_ONCE,
    ),
    HostKind.CONTAINER_GROUP: HostType(
        ("2022-09-01", "2023-05-01", "2024-11-01-preview", "2025-09-01"),
        Endpoint.IMDS,
        Patching.TAGS,
        Answering.AT_ONCE,
    ),
    HostKind.CLUSTER: HostType(
        ("2024-05-01", "2024-09-01", "2025-05-01", "2025-10-01"),
        Endpoint.NONE,
        Patching.TAGS,
        Answering.ASYNC_OPERATION,
        busy_code="OperationNotAllowed",
    ),
    HostKind.WORKFLOW: HostType(
        ("2016-06-01", "2019-05-01"), Endpoint.NONE, Patching.NOTHING, Answering.AT_ONCE
    ),
}  # fmt: skip


def host_pattern(kind: HostKind) -> str:
    """A pattern for the ids of one kind, to be matched without regard to case."""
    names = "".join(f"/{re.escape(part)}/[^/]+" for part in kind.parts)
    return f"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/{re.escape(kind.namespace)}{names}"


_PATTERNS = tuple((kind, re.compile(host_pattern(kind), re.IGNORECASE)) for kind in HostKind)


def host_kind(resource_id: str) -> HostKind | None:
    """Which kind of host a resource id names."""
    return next((kind for kind, pattern in _PATTERNS if pattern.fullmatch(resource_id)), None)
