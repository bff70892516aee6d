"""When a target that was not found counts as not there."""

from dataclasses import dataclass

from entrafed.api.conditions import ConditionType
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.engine.ports import Clock
from entrafed.engine.timing import Timing

MISSED = frozenset({Reason.TARGET_NOT_READY, Reason.TARGET_NOT_FOUND})
"""Reasons of what a living object reads when its target is missed."""


@dataclass(slots=True)
class _Missing:
    since: float
    proofs: int = 0
    proved_at: float = float("-inf")


class Absences:
    """What is missing, by whatever key its reader chooses. Times are monotonic seconds."""

    def __init__(self, clock: Clock, timing: Timing) -> None:
        self._clock = clock
        self._timing = timing
        self._missing: dict[object, _Missing] = {}

    def seen(self, key: object) -> None:
        """It is there."""
        self._missing.pop(key, None)

    def is_suspected(self, key: object) -> bool:
        """Whether it was missed before: then a miss counts as proof when the operator's own identity was read first."""
        return key in self._missing

    def living(self, key: object, problem: Problem, reported: bool) -> Problem:
        """It was missed by somebody who wants it: for a while it is waited for, unless it was `reported` missing."""
        missing = self._missing.setdefault(key, _Missing(self._clock.monotonic()))
        if reported or self._clock.monotonic() - missing.since >= self._timing.young:
            return Problem(ProblemKind.TERMINAL, Reason.TARGET_NOT_FOUND, problem.message, after=self._timing.missing)
        return Problem(ProblemKind.WAITING, Reason.TARGET_NOT_READY, problem.message, after=self._timing.agreement * 5)

    def proved(self, key: object, *, own_identity_was_read: bool) -> bool:
        """It was missed by one who wants it gone: two misses, spaced, each after a look at ourselves, are proof."""
        now = self._clock.monotonic()
        missing = self._missing.setdefault(key, _Missing(now))
        if own_identity_was_read and now - missing.proved_at >= self._timing.gone_interval:
            missing.proofs += 1
            missing.proved_at = now
        return self.is_proved(key)

    def is_proved(self, key: object) -> bool:
        """Whether it is gone beyond doubt."""
        missing = self._missing.get(key)
        return missing is not None and missing.proofs >= 2


def was_reported_missing(federation: Federation) -> bool:
    """Whether the status says already that the target was not found: a restart does not take that back."""
    ready = next((c for c in federation.status.conditions if c.type is ConditionType.READY), None)
    return ready is not None and ready.reason == Reason.TARGET_NOT_FOUND
