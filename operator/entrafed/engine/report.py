"""The verb *report*: write what is known of an object to its status, when that differs from what stands there."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from entrafed.api.conditions import Condition, ConditionStatus, ConditionType
from entrafed.api.federation import Federation
from entrafed.api.metadata import FINALIZER, Metadata
from entrafed.api.reasons import Reason
from entrafed.api.status import FederationStatus
from entrafed.domain.assignments import Progress
from entrafed.domain.credentials import Parent
from entrafed.domain.drift import news_of_drift
from entrafed.domain.events import Event, EventType, RegardingKind
from entrafed.domain.findings import AssignmentFinding, Finding, OutputFinding
from entrafed.domain.issuers import news_of_issuers
from entrafed.domain.summary import summarise
from entrafed.domain.times import to_seconds
from entrafed.engine.admission import Admission
from entrafed.engine.assignment_records import assignments_recorded
from entrafed.engine.assignment_table import AssignmentTable
from entrafed.engine.objects import Objects
from entrafed.engine.ports import Clock, Kube, Measure
from entrafed.engine.table import Table
from entrafed.engine.timing import Timing

log = structlog.get_logger(__name__)

_ORDINARY = frozenset({Reason.SUSPENDED, Reason.PROGRESSING, Reason.PROPAGATING, Reason.DELETING})
"""Reasons that a not yet ready object has in the ordinary course of things."""


class Reporter:
    """Reports one object after the other. What moves is given a while before it is reported as moving."""

    def __init__(
        self,
        *,
        objects: Objects,
        table: Table,
        assigned: AssignmentTable,
        kube: Kube,
        clock: Clock,
        measure: Measure,
        timing: Timing,
        tell: Callable[[Event], None],
        sign_in_failed: Callable[[str], None],
        found_gone: Callable[[str], None],
    ) -> None:
        self._objects = objects
        self._table = table
        self._assigned = assigned
        self._kube = kube
        self._clock = clock
        self._measure = measure
        self._timing = timing
        self._tell = tell
        self._sign_in_failed = sign_in_failed
        self._found_gone = found_gone
        self._moving_since: dict[str, float] = {}
        self._never_ready: set[str] = set()

    async def report(
        self, federation: Federation, admission: Admission, outputs: tuple[OutputFinding, ...]
    ) -> float | None:
        """Write the status, or let the object go. The answer is when to report again, in seconds; None: when asked."""
        uid = federation.metadata.uid
        finding = self._table.finding_of(uid) if admission.resolved else None
        assigned = self._assigned.findings_of(uid) if admission.resolved else {}
        is_clean = not outputs and self._may_go(uid, admission, finding, assigned)
        if federation.metadata.deletion_timestamp and is_clean:
            await self._let_go(federation)
            return None
        places = frozenset(self._assigned.asks_by(uid))
        knowledge = replace(admission.knowledge, finding=finding, assigned=assigned, places=places, outputs=outputs)
        status = summarise(federation, knowledge, self._clock.now())
        if status == federation.status:
            self._moving_since.pop(uid, None)
            return None
        ask = self._table.ask_of(uid)
        is_awaited = admission.resolved and finding is None and ask is not None and ask.needs_look
        is_awaited |= admission.resolved and self._is_awaited_elsewhere(uid, assigned)
        moves = _condition(status, ConditionType.RECONCILING) is not None and not _records_more(federation, status)
        moves |= is_awaited
        if (wait := self._hold_back(uid, moves=moves)) > 0:
            return wait
        before = federation.status
        written = await self._kube.write_status(federation, status)
        self._objects.answered(written)
        told = self._tell_of_change(federation, before, status)
        for note in news_of_drift(before, status):
            if not told.startswith(note):
                self._tell(event_of(federation.metadata, EventType.WARNING, Reason.DRIFTED, "Reconcile", note))
        for news in () if federation.metadata.deletion_timestamp else news_of_issuers(before, status):
            kind = EventType.WARNING if news.reason is Reason.ISSUER_UNREACHABLE else EventType.NORMAL
            self._tell(event_of(federation.metadata, kind, news.reason, "Reconcile", news.message))
        return None

    def _may_go(
        self,
        uid: str,
        admission: Admission,
        finding: Finding | None,
        assigned: Mapping[Parent, AssignmentFinding],
    ) -> bool:
        """Whether nothing of a deleted object stands any more, wherever it asked."""
        if not (admission.finished or (finding is not None and finding.clean)):
            return False
        asks = self._assigned.asks_by(uid)
        return all(parent in assigned and assigned[parent].clean for parent in asks)

    def _is_awaited_elsewhere(self, uid: str, assigned: Mapping[Parent, AssignmentFinding]) -> bool:
        """Whether a host, a scope or a tenant has not been looked at yet."""
        asks = self._assigned.asks_by(uid)
        return any(ask.needs_look and parent not in assigned for parent, ask in asks.items())

    def forget(self, uid: str) -> None:
        """An object is gone."""
        self._moving_since.pop(uid, None)
        self._never_ready.discard(uid)

    def _hold_back(self, uid: str, *, moves: bool) -> float:
        """Seconds to wait before a status is written that is about to change: what is quick costs one write."""
        if not moves:
            self._moving_since.pop(uid, None)
            return 0.0
        now = self._clock.monotonic()
        return self._moving_since.setdefault(uid, now) + self._timing.report_after - now

    async def _let_go(self, federation: Federation) -> None:
        if FINALIZER in federation.metadata.finalizers:
            left = await self._kube.remove_finalizer(federation)
            if left is None:
                self._found_gone(federation.metadata.uid)
            else:
                self._objects.answered(left)

    def _tell_of_change(self, federation: Federation, before: FederationStatus, after: FederationStatus) -> str:
        """One event per change of Ready, whose note is the answer; and the time from the creation to the first
        Ready."""
        was, ready = _condition(before, ConditionType.READY), _condition(after, ConditionType.READY)
        if ready is None or (was is not None and (was.status, was.reason) == (ready.status, ready.reason)):
            return ""
        is_fine = ready.status is ConditionStatus.TRUE or ready.reason in _ORDINARY
        kind = EventType.NORMAL if is_fine else EventType.WARNING
        metadata, uid, reason = federation.metadata, federation.metadata.uid, Reason(ready.reason)
        self._tell(event_of(metadata, kind, reason, "Reconcile", ready.message))
        log.log(
            logging.INFO if is_fine else logging.WARNING,
            "reported",
            namespace=metadata.namespace,
            name=metadata.name,
            uid=uid,
            generation=metadata.generation,
            ready=ready.status.value,
            reason=reason.value,
        )
        if reason is Reason.SIGN_IN_FAILED:
            self._sign_in_failed(federation.spec.connection_ref.name)
        if before.observed_generation < 0:
            self._never_ready.add(uid)
        if ready.status is ConditionStatus.TRUE and uid in self._never_ready:
            self._never_ready.discard(uid)
            now = self._clock.now()
            self._measure.time_to_ready(now - to_seconds(federation.metadata.creation_timestamp, unreadable=now))
        return ready.message


def event_of(metadata: Metadata, kind: EventType, reason: Reason, action: str, note: str) -> Event:
    """An event about a federation."""
    return Event(RegardingKind.FEDERATION, metadata, kind, reason, action, note)


def _records_more(federation: Federation, status: FederationStatus) -> bool:
    """Whether something waits for this very status: it is made only when that records it."""
    recorded = assignments_recorded(replace(federation, status=status))
    waiting = {one for one in recorded if one.record.progress is Progress.INTENDED}
    return not waiting <= set(assignments_recorded(federation))


def _condition(status: FederationStatus, kind: ConditionType) -> Condition | None:
    return next((condition for condition in status.conditions if condition.type is kind), None)
