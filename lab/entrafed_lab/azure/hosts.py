"""Hosts: resources with managed identities assigned to them, and updates of them that take their time."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from entrafed_lab.azure.history import ALWAYS
from entrafed_lab.azure.host_types import HOST_TYPES, HostKind, HostType
from entrafed_lab.azure.seed import stable_id
from entrafed_lab.azure.timing import Clock

REMEMBERED_OPERATIONS: Final = 100
"""Of each host: what is older can no longer be asked about."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A user-assigned identity on a host, with the ids that it had when it was assigned: they may be dead by now."""

    resource_id: str
    """As it was spelled when it was assigned."""
    principal_id: str
    client_id: str
    since: float = ALWAYS


@dataclass(frozen=True, slots=True)
class SystemIdentity:
    """The system-assigned identity of a host."""

    principal_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """The identities of a host; `attached` by their resource id in lower case."""

    system: SystemIdentity | None = None
    attached: Mapping[str, Attachment] = field(default_factory=dict)

    def with_attached(self, attachment: Attachment) -> "HostIdentity":
        return replace(self, attached={**self.attached, attachment.resource_id.lower(): attachment})

    def without(self, resource_id: str) -> "HostIdentity":
        kept = {key: item for key, item in self.attached.items() if key != resource_id.lower()}
        return replace(self, attached=kept)


@dataclass(frozen=True, slots=True)
class Failure:
    """How an update ends that fails: an error code and a message."""

    code: str
    message: str


def throttled_behind_the_host(resource_id: str) -> Failure:
    """What Compute reports when it was itself throttled while it assigned identities: the 429 stands in the text.

    Source: https://github.com/Azure/aad-pod-identity/issues/1012
    """
    return Failure(
        "FailedIdentityOperation",
        f"Identity operation for resource '{resource_id}' failed with error 'Failed to perform resource identity "
        'operation. Status: \'429\'. Response: \'{"error":{"code":"TooManyRequests","message":"The request is '
        "being throttled.\"}}'.'.",
    )


@dataclass(frozen=True, slots=True)
class HostOperation:
    """An update of a host, from `began` to `ends` (seconds since the epoch). It fails when there is a `failure`."""

    id: str
    began: float
    ends: float
    wanted: HostIdentity
    failure: Failure | None = None


class Host:
    """A machine or an app. `id` names it in the lab, and its token endpoint."""

    def __init__(
        self,
        *,
        host_id: str,
        kind: HostKind,
        resource_id: str,
        tenant_id: str,
        location: str,
        clock: Clock,
        unique_id: str,
        identity: HostIdentity,
        created: float = ALWAYS,
    ) -> None:
        self.id = host_id
        self.kind = kind
        self.resource_id = resource_id
        self.tenant_id = tenant_id
        self.location = location
        self.unique_id = unique_id
        """vmId of a virtual machine, uniqueId of a scale set: another one when it is made again."""
        self.created = created
        self.tags: dict[str, str] = {}
        self.key_vault_reference_identity = "SystemAssigned"
        """By which identity an App Service reads its references to Key Vault: an assigned one by its resource id."""
        self.generation = 1
        """Counts the changes; what the etag is made of."""
        self.failures: deque[Failure] = deque()
        """How the next updates end, before one succeeds again."""
        self._identity = identity
        self._clock = clock
        self._operations: deque[HostOperation] = deque(maxlen=REMEMBERED_OPERATIONS)
        self._running: HostOperation | None = None

    @property
    def type(self) -> HostType:
        return HOST_TYPES[self.kind]

    @property
    def identity_header(self) -> str:
        """What App Service gives to its app as IDENTITY_HEADER."""
        return stable_id("identity header", self.id)

    @property
    def identity(self) -> HostIdentity:
        """The identities that are in effect: those of an update that is under way are not, yet."""
        self._settle()
        return self._identity

    @property
    def attached(self) -> Mapping[str, Attachment]:
        """The user-assigned identities that are in effect, by resource id in lower case."""
        return self.identity.attached

    @property
    def running(self) -> HostOperation | None:
        """The update that is under way."""
        self._settle()
        return self._running

    @property
    def last_failed(self) -> bool:
        """Whether the last update that has ended failed."""
        self._settle()
        ended = [item for item in self._operations if item is not self._running]
        return bool(ended) and ended[-1].failure is not None

    def operation(self, operation_id: str) -> HostOperation | None:
        """An update of this host, whether it is over or not."""
        return next((item for item in self._operations if item.id == operation_id), None)

    def is_over(self, operation: HostOperation) -> bool:
        return self.running is None or self.running.id != operation.id

    def change(self, change: Callable[[HostIdentity], HostIdentity]) -> None:
        """What others do to the identities, at once; an update that is under way keeps it."""
        self._settle()
        self._identity = change(self._identity)
        self.generation += 1
        if self._running is not None:
            self._replace(self._running, replace(self._running, wanted=change(self._running.wanted)))

    def begin(self, operation_id: str, wanted: HostIdentity, *, seconds: float) -> HostOperation:
        """Start an update that lasts so long. Its outcome is the next of `failures`, or what is wanted."""
        now = self._clock()
        failure = self.failures.popleft() if self.failures else None
        self._running = HostOperation(operation_id, now, now + seconds, wanted, failure)
        self._operations.append(self._running)
        self.generation += 1
        return self._running

    def finish(self, operation: HostOperation) -> None:
        """End an update now, should it not be over."""
        if self._running is not None and self._running.id == operation.id:
            self._end(self._running)

    def _settle(self) -> None:
        if self._running is not None and self._clock() >= self._running.ends:
            self._end(self._running)

    def _end(self, operation: HostOperation) -> None:
        self._running = None
        if operation.failure is None:
            self._identity = operation.wanted

    def _replace(self, old: HostOperation, new: HostOperation) -> None:
        self._running = new
        self._operations = deque((new if item is old else item for item in self._operations), REMEMBERED_OPERATIONS)
