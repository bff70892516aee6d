"""What the versions of an object tell: whether there is work, and whether all is well."""

from dataclasses import dataclass, replace

from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.connection import Connection
from entrafed.api.federation import Federation
from entrafed.api.metadata import FINALIZER
from entrafed.api.reasons import Reason
from entrafed.domain.rules import Namespace

_REASONS = frozenset(reason.value for reason in Reason)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an admission was made from: while these stay, it stands."""

    generation: int
    leaving: bool
    request: str | None
    connection: tuple[str, int] | None
    namespace: Namespace | None
    partners: frozenset[tuple[str, str, int]] = frozenset()
    """Name, uid and generation of the connections of other tenants."""
    retiring: frozenset[tuple[str, float]] = frozenset()
    """Names of credentials that the status says retire, and since when."""

    def contradict(self, earlier: "Inputs") -> bool:
        """Whether something differs from what was known of it earlier; what was not seen then does not count."""
        known = replace(
            self,
            connection=self.connection if earlier.connection else None,
            partners=frozenset(one for one in self.partners if one[0] in {name for name, _, _ in earlier.partners}),
            namespace=None if earlier.namespace is None else self.namespace,
        )
        return known != earlier


def asks_for_work(before: Federation | None, after: Federation) -> bool:
    """Whether a new version of an object differs in what the engine acts on; labels and annotations do not."""
    return (
        before is None
        or before.metadata.generation != after.metadata.generation
        or before.metadata.deletion_timestamp != after.metadata.deletion_timestamp
        or before.metadata.reconcile_requested_at != after.metadata.reconcile_requested_at
        or (FINALIZER in before.metadata.finalizers) != (FINALIZER in after.metadata.finalizers)
        or before.status != after.status
    )


def is_well(federation: Federation) -> bool:
    """Whether the status says that all is done for what the spec asks now."""
    metadata, status = federation.metadata, federation.status
    return (
        metadata.deletion_timestamp is None
        and FINALIZER in metadata.finalizers
        and status.observed_generation == metadata.generation
        and readiness(federation)[0] == ConditionStatus.TRUE
        and not is_requested(federation)
    )


def is_requested(federation: Federation) -> bool:
    requested = federation.metadata.reconcile_requested_at
    return requested is not None and requested != federation.status.last_handled_reconcile_at


def is_released(federation: Federation) -> bool:
    return federation.metadata.deletion_timestamp is not None and FINALIZER not in federation.metadata.finalizers


def readiness(one: Federation | Connection) -> tuple[str, str]:
    """Status and reason of Ready, as metrics count them: a reason that is not ours, written by hand, is `Other`."""
    ready = next((c for c in one.status.conditions if c.type is ConditionType.READY), None)
    if ready is None:
        return ConditionStatus.UNKNOWN.value, Reason.PROGRESSING.value
    return ready.status.value, ready.reason if ready.reason in _REASONS else "Other"
