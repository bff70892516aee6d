"""One object at a time: admit it when what it was admitted from has changed, bring about what it wants written into its
namespace, and report what is known of it."""

from dataclasses import dataclass, replace

from entrafed.api.federation import Federation
from entrafed.api.metadata import FINALIZER
from entrafed.api.reasons import Reason
from entrafed.domain.credentials import resource_key
from entrafed.engine.absence import Absences
from entrafed.engine.admission import Admission, Admitter
from entrafed.engine.agenda import Agenda
from entrafed.engine.assignment_asks import with_records
from entrafed.engine.assignment_table import AssignmentTable
from entrafed.engine.keys import FederationKey, Key
from entrafed.engine.objects import Objects
from entrafed.engine.outputs import Outputs
from entrafed.engine.parents import Parents
from entrafed.engine.ports import Clock, Kube
from entrafed.engine.queue import Backoff, Queue, Urgency
from entrafed.engine.recorded import records_of
from entrafed.engine.report import Reporter
from entrafed.engine.table import Table
from entrafed.engine.timing import Timing
from entrafed.engine.versions import Inputs, is_released, is_requested, is_well


@dataclass(slots=True)
class _Admitted:
    """The admission that stands, until `expires` in monotonic seconds."""

    admission: Admission
    expires: float


class Attendant:
    """Attends to objects: between `admit` and `report` stands what their parents found."""

    def __init__(
        self,
        *,
        objects: Objects,
        table: Table,
        assigned: AssignmentTable,
        queue: Queue[Key],
        agenda: Agenda,
        kube: Kube,
        clock: Clock,
        timing: Timing,
        absences: Absences,
        backoff: Backoff[str],
        admitter: Admitter,
        parents: Parents,
        outputs: Outputs,
        reporter: Reporter,
    ) -> None:
        self._objects = objects
        self._table = table
        self._assigned = assigned
        self._queue = queue
        self._agenda = agenda
        self._kube = kube
        self._clock = clock
        self._timing = timing
        self._absences = absences
        self._backoff = backoff
        self._admitter = admitter
        self._parents = parents
        self._outputs = outputs
        self._reporter = reporter
        self._admitted: dict[str, _Admitted] = {}
        self._kept: dict[str, Inputs] = {}

    def has_attended_to(self, uid: str) -> bool:
        """Whether an object was admitted, or kept as it was found."""
        return uid in self._admitted or uid in self._kept

    async def attend(self, uid: str) -> float | None:
        """Admit an object if what it was admitted from has changed, then report what is known of it."""
        federation = self._objects.federations.get(uid)
        if federation is None or is_released(federation):
            self._forget(uid)
            return None
        if federation.metadata.deletion_timestamp is None and FINALIZER not in federation.metadata.finalizers:
            federation = await self._kube.add_finalizer(federation)
            self._objects.answered(federation)
        if await self._may_stay_kept(federation):
            return None
        admission = await self._admission(federation)
        brought = await self._outputs.bring_about(federation, admission)
        report_again = await self._reporter.report(brought.federation, admission, brought.findings)
        self._remember_records(uid)
        if self._is_outdated(uid):
            return 0.0
        admit_again = self._admitted[uid].expires - self._clock.monotonic() if uid in self._admitted else None
        waits = [
            wait for wait in (report_again, admit_again, brought.again) if wait is not None and wait != float("inf")
        ]
        return max(0.0, min(waits)) if waits else None

    async def _admission(self, federation: Federation) -> Admission:
        """The admission that stands, or a new one."""
        uid, now = federation.metadata.uid, self._clock.monotonic()
        known = self._admitted.get(uid)
        inputs = self._admitter.inputs_of(federation)
        if (
            known is not None
            and known.admission.inputs == inputs
            and now < known.expires
            and not self._agenda.is_to_be_admitted(uid)
        ):
            return known.admission
        asked = is_requested(federation) and (known is None or known.admission.inputs.request != inputs.request)
        fresh_from = now if asked or self._agenda.is_outdated(uid) else now - self._timing.reads
        self._agenda.admitted(uid)
        with self._assigned.announcing(uid, _hosts_named(federation)):
            admission = await self._admitter.admit(federation, fresh_from)
        self._admitted[uid] = _Admitted(admission, now + self._lasts(uid, admission))
        self._apply(uid, admission, look_again=asked)
        self._table.heard(uid)
        return admission

    def _is_outdated(self, uid: str) -> bool:
        """Whether the status just written tells what an admission is made from: since when something retires."""
        federation, known = self._objects.federations.get(uid), self._admitted.get(uid)
        if federation is None or known is None:
            return False
        return self._admitter.inputs_of(federation).retiring != known.admission.inputs.retiring

    async def _may_stay_kept(self, federation: Federation) -> bool:
        """Whether an object that was well at the start still is, as far as can be told without a look at Azure."""
        uid, inputs = federation.metadata.uid, self._admitter.inputs_of(federation)
        before = self._kept.pop(uid, None)
        if (
            before is None
            or self._agenda.is_to_be_admitted(uid)
            or not is_well(federation)
            or inputs.contradict(before)
        ):
            return False
        if not await self._admitter.is_as_recorded(federation):
            return False
        self._kept[uid] = inputs
        return True

    def _lasts(self, uid: str, admission: Admission) -> float:
        """For how many seconds an admission stands; what it came from may change it earlier."""
        problem, waits = admission.problem, [float("inf") if admission.due is None else max(0.0, admission.due)]
        if problem is None or problem.reason is Reason.SUSPENDED:
            self._backoff.succeeded(uid)
        elif problem.after is not None:
            waits.append(problem.after)
        elif problem.stalled:
            waits.append(self._timing.forbidden)
        else:
            waits.append(self._backoff.failed(uid))
        return min(waits)

    def _apply(self, uid: str, admission: Admission, *, look_again: bool) -> None:
        """Put what an object asks for into the tables, and have its parents settled where that changed."""
        changed = self._assigned.put(uid, admission.assigned)
        if look_again:
            self._assigned.forget_findings(uid)
            for parent in admission.assigned:
                self._parents.look_again(parent)
        for parent in [*admission.assigned] if look_again else changed:
            self._queue.add(parent)
        if admission.ask is None or admission.parent is None:
            left = self._table.drop(uid)
            if left is not None:
                self._queue.add(left)
            return
        before = self._table.parent_of(uid)
        if self._table.put(admission.parent, admission.ask) or look_again:
            if look_again:
                self._parents.look_again(admission.parent)
                self._table.forget_finding(uid)
            self._queue.add(admission.parent)
        if before is not None and before != admission.parent:
            self._queue.add(before)

    def _remember_records(self, uid: str) -> None:
        """What the status records now, so that the next plan knows it; one who leaves may wait for just that."""
        federation, ask, parent = (
            self._objects.federations.get(uid),
            self._table.ask_of(uid),
            self._table.parent_of(uid),
        )
        if federation is not None:
            self._remember_assignments(federation)
        if federation is None or ask is None or parent is None:
            return
        records = records_of(federation)
        if records != ask.records:
            self._table.put(parent, replace(ask, records=records))
            if federation.spec.suspend:  # nothing else may bring it to be judged by the rules for long
                self._agenda.admit_again(uid)
            if any(other.is_leaving for other in self._table.asks_of(parent)):
                self._queue.add(parent)

    def _remember_assignments(self, federation: Federation) -> None:
        """The same at hosts, scopes and tenants, where nothing is made before it is recorded."""
        uid = federation.metadata.uid
        before = self._assigned.asks_by(uid)
        recorded = with_records(before, federation)
        self._assigned.put(uid, recorded)
        changed = [parent for parent, ask in recorded.items() if ask.records != before[parent].records]
        for parent in changed:
            self._queue.add(parent)
        if changed and federation.spec.suspend:  # as above
            self._agenda.admit_again(uid)

    def _forget(self, uid: str) -> None:
        """An object is gone: nothing is done for it any more."""
        self._admitted.pop(uid, None)
        self._kept.pop(uid, None)
        self._agenda.admitted(uid)
        self._outputs.forget(uid)
        self._reporter.forget(uid)
        self._absences.seen(uid)
        self._backoff.succeeded(uid)
        self._table.heard(uid)
        left = self._table.drop(uid)
        for parent in (*self._assigned.drop(uid), *((left,) if left else ())):
            self._queue.add(parent)

    def keep_what_is_well(self, federation: Federation) -> bool:
        """An object that was well when this process began is kept as it is, and looked at in the background.

        Only whether the rules still allow it is asked at once: they may have changed while nobody watched.
        """
        if self._table.is_complete or not is_well(federation):
            return False
        kept = self._admitter.kept(federation)
        if kept is None:
            return False
        parent, ask = kept
        uid = federation.metadata.uid
        self._table.put(parent, ask)
        assigned = self._admitter.kept_assignments(federation)
        self._assigned.put(uid, assigned)
        for place in assigned:
            self._queue.add_after(place, self._parents.expect(place, self._timing.resync), Urgency.RESYNC)
        self._table.heard(uid)
        self._kept[uid] = self._admitter.inputs_of(federation)
        self._queue.add(FederationKey(uid), Urgency.RESYNC)
        self._queue.add_after(parent, self._parents.expect(parent, self._timing.resync), Urgency.RESYNC)
        return True


def _hosts_named(federation: Federation) -> frozenset[str]:
    """The ids of the hosts that an object names."""
    return frozenset(resource_key(host) for item in federation.spec.identity_assignments for host in item.resources)
