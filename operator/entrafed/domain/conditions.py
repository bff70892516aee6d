"""Conditions in the making, of a ManagedIdentityFederation."""

from entrafed.api.conditions import Condition, ConditionStatus, ConditionType
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.domain.times import to_text


class Conditions:
    """Conditions in the making; one that keeps its status keeps its time."""

    def __init__(self, federation: Federation, now: float) -> None:
        self._before = {c.type: c for c in federation.status.conditions}
        self._generation = federation.metadata.generation
        self._now = now
        self._set: dict[ConditionType, Condition] = {}

    def set(self, kind: ConditionType, status: ConditionStatus, reason: Reason, message: str) -> None:
        before = self._before.get(kind)
        unchanged = before is not None and before.status is status
        self._set[kind] = Condition(
            type=kind,
            status=status,
            reason=reason,
            message=message,
            observed_generation=self._generation,
            last_transition_time=before.last_transition_time if before and unchanged else to_text(self._now),
        )

    def keep(self, kind: ConditionType) -> None:
        """Leave a condition as it was: nobody asks any more."""
        if kind in self._before:
            self._set[kind] = self._before[kind]

    def all(self) -> tuple[Condition, ...]:
        return tuple(self._set[kind] for kind in sorted(self._set))
