"""Admit, settle, report: the engine that turns what the watch tells into work, and work into what is true."""

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterable
from random import Random

import structlog

from entrafed.api.conditions import ConditionStatus
from entrafed.api.connection import Connection
from entrafed.api.federation import Federation
from entrafed.api.metadata import Metadata
from entrafed.api.reasons import Reason
from entrafed.domain.errors import KubeConflict, KubeGone, KubeProblem, WritesStopped
from entrafed.domain.events import Event, EventType, RegardingKind
from entrafed.domain.rules import Namespace
from entrafed.engine.absence import Absences
from entrafed.engine.access import Accesses
from entrafed.engine.admission import Admitter
from entrafed.engine.agenda import Agenda
from entrafed.engine.assign import AssignmentSettler
from entrafed.engine.assignment_admission import AssignmentAdmitter
from entrafed.engine.assignment_table import AssignmentTable
from entrafed.engine.attend import Attendant
from entrafed.engine.connections import Connections
from entrafed.engine.issuers import ClusterIssuers
from entrafed.engine.keys import ConnectionKey, FederationKey, Key, kind_of, waits_with
from entrafed.engine.objects import Objects, Stale, connections_of
from entrafed.engine.orphans import Orphans
from entrafed.engine.outputs import Outputs
from entrafed.engine.pace import Pace
from entrafed.engine.parents import Parents
from entrafed.engine.ports import Assignments, Azure, Clock, Kube, Measure
from entrafed.engine.queue import Backoff, Queue, Urgency
from entrafed.engine.reads import Reads
from entrafed.engine.repairs import Repairs
from entrafed.engine.report import Reporter
from entrafed.engine.settle import Settler
from entrafed.engine.table import Table
from entrafed.engine.telling import Teller
from entrafed.engine.timing import Timing
from entrafed.engine.versions import asks_for_work, readiness

MOST_RUNS = 250  # at once, of those that wait for the same budgets of Azure; one that waits costs a task
STATES_EVERY = 10.0  # seconds between counts of all objects by state

log = structlog.get_logger(__name__)


class Engine:
    """Told of the cluster by a watch (`saw_...`, `..._gone`); its methods return at once. `run` does the work.

    `clusters` are the marks that count as ours, the present cluster's first.
    """

    def __init__(
        self,
        *,
        azure: Azure,
        assignments: Assignments,
        kube: Kube,
        clock: Clock,
        measure: Measure,
        timing: Timing,
        clusters: tuple[str, ...],
        allow_endpoints: bool = False,
        random: Random | None = None,
    ) -> None:
        self._clock = clock
        self._measure = measure
        self._timing = timing
        self._chance = random or Random()  # noqa: S311 - it spreads work over time
        self._objects = Objects()
        self._table = Table()
        self._assigned = AssignmentTable()
        self._absences = Absences(clock, timing)
        self._reads = Reads(azure, clock)
        self._queue: Queue[Key] = Queue(clock.monotonic, group_of=self._waits_with, most=MOST_RUNS)
        self._agenda = Agenda(self._queue)
        self._backoff: Backoff[Key] = Backoff(timing, self._chance)
        self._teller = Teller(kube)
        self._repairs = Repairs(self._objects, measure, self._teller.tell)
        self._runs: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._issuers = ClusterIssuers(kube, clock, timing, changed=self._admit_users_of_the_issuer)
        self._parents = self._settling(azure, assignments, clusters)
        self._attendant = self._attending(kube, self._admitting(allow_endpoints=allow_endpoints))
        self._connections = Connections(
            objects=self._objects,
            knows_all_users=lambda: self._table.is_complete,
            recovered=self._wake_users,
            reads=self._reads,
            kube=kube,
            clock=clock,
            timing=timing,
            backoff=Backoff(timing, self._chance),
            allow_endpoints=allow_endpoints,
        )

    def _admitting(self, *, allow_endpoints: bool) -> Admitter:
        accesses = Accesses(self._objects, allow_endpoints=allow_endpoints)
        assignments = AssignmentAdmitter(
            accesses=accesses, reads=self._reads, table=self._assigned, clock=self._clock, timing=self._timing
        )
        return Admitter(
            objects=self._objects,
            reads=self._reads,
            issuers=self._issuers,
            table=self._table,
            accesses=accesses,
            assignments=assignments,
            absences=self._absences,
            clock=self._clock,
            timing=self._timing,
        )

    def _settling(self, azure: Azure, assignments: Assignments, clusters: tuple[str, ...]) -> Parents:
        pace = Pace(clock=self._clock, timing=self._timing, random=self._chance)
        credentials = Settler(
            azure=azure,
            reads=self._reads,
            table=self._table,
            absences=self._absences,
            clock=self._clock,
            orphans=Orphans(
                objects=self._objects,
                table=self._table,
                measure=self._measure,
                clock=self._clock,
                timing=self._timing,
                tell=self._teller.tell,
            ),
            timing=self._timing,
            clusters=clusters,
            pace=pace,
            noted=self._agenda.attend,
            resync=self._agenda.admit_again,
            repaired=self._repairs.credential,
        )
        elsewhere = AssignmentSettler(
            azure=assignments,
            table=self._assigned,
            heard=self._table,
            absences=self._absences,
            clock=self._clock,
            timing=self._timing,
            pace=pace,
            noted=self._agenda.attend,
            resync=self._agenda.admit_again,
            outdated=self._agenda.admit_anew,
            repaired=self._repairs.assignment,
        )
        return Parents(credentials=credentials, assignments=elsewhere)

    def _attending(self, kube: Kube, admitter: Admitter) -> Attendant:
        outputs = Outputs(
            objects=self._objects,
            kube=kube,
            clock=self._clock,
            timing=self._timing,
            backoff=Backoff(self._timing, self._chance),
            wake=self._agenda.attend,
            repaired=self._repairs.output,
        )
        reporter = Reporter(
            objects=self._objects,
            table=self._table,
            assigned=self._assigned,
            kube=kube,
            clock=self._clock,
            measure=self._measure,
            timing=self._timing,
            tell=self._teller.tell,
            sign_in_failed=lambda name: self._queue.add(ConnectionKey(name)),
            found_gone=self._found_gone,
        )
        return Attendant(
            objects=self._objects,
            table=self._table,
            assigned=self._assigned,
            queue=self._queue,
            agenda=self._agenda,
            kube=kube,
            clock=self._clock,
            timing=self._timing,
            absences=self._absences,
            backoff=Backoff(self._timing, self._chance),
            admitter=admitter,
            parents=self._parents,
            outputs=outputs,
            reporter=reporter,
        )

    def is_idle(self, within: float) -> bool:
        """Whether there is no work, now or in so many seconds."""
        return self._queue.is_idle(within)

    # What the watch tells

    def listed(self, uids: frozenset[str]) -> None:
        """The uids of all federations at the start: nothing is removed before all of them were heard."""
        self._table.listed(uids)

    @property
    def ready(self) -> bool:
        """Whether every object that was listed at the start has been heard."""
        return self._table.is_complete

    def saw_federation(self, federation: Federation) -> None:
        uid = federation.metadata.uid
        try:
            before = self._objects.see(federation)
        except Stale:
            return
        for name in connections_of(federation) ^ (connections_of(before) if before else frozenset()):
            self._queue.add(ConnectionKey(name))
        if asks_for_work(before, federation) and not (before is None and self._attendant.keep_what_is_well(federation)):
            self._agenda.attend(uid)

    def federation_gone(self, uid: str) -> None:
        self._part_from(uid, self._objects.lose(uid))

    def _found_gone(self, uid: str) -> None:
        """An own request was told so, before the watch is; after a gap that may never be."""
        self._part_from(uid, self._objects.found_gone(uid))

    def _part_from(self, uid: str, federation: Federation | None) -> None:
        self._agenda.attend(uid)
        for name in connections_of(federation) if federation is not None else ():
            self._queue.add(ConnectionKey(name))

    def saw_connection(self, connection: Connection) -> None:
        name = connection.metadata.name
        before = self._objects.connections.get(name)
        self._objects.connections[name] = connection
        if before is not None and _version(before) == _version(connection):
            return
        self._queue.add(ConnectionKey(name))
        self._admit_all(self._objects.users_of(name), is_change=before is not None)

    def connection_gone(self, name: str) -> None:
        self._objects.connections.pop(name, None)
        self._admit_all(self._objects.users_of(name), is_change=True)

    def saw_namespace(self, namespace: Namespace) -> None:
        before = self._objects.namespaces.get(namespace.name)
        self._objects.namespaces[namespace.name] = namespace
        if before != namespace:
            self._admit_all(self._objects.in_namespace(namespace.name), is_change=before is not None)

    def namespace_gone(self, name: str) -> None:
        self._objects.namespaces.pop(name, None)

    def saw_invalid(self, metadata: Metadata, message: str) -> None:
        """An object that the schema should have refused: it is left alone, and so is what was made for it."""
        log.error("object not understood", namespace=metadata.namespace, name=metadata.name, problem=message)
        kind = RegardingKind.FEDERATION if metadata.namespace else RegardingKind.CONNECTION
        self._table.heard(metadata.uid)
        self._teller.tell(Event(kind, metadata, EventType.WARNING, Reason.INVALID_SPEC, "Reconcile", message))

    # The work

    async def run(self) -> None:
        """Work until `stop`."""
        beside = [
            asyncio.create_task(self._teller.run(), name="events"),
            asyncio.create_task(self._count_states(), name="states"),
            asyncio.create_task(self._issuers.watch(), name="issuers"),
        ]
        try:
            while not self._is_stopping():
                key = await self._queue.take()
                if self._is_stopping():
                    return
                self._measure.queue(self._queue.depth, self._queue.oldest)
                run = asyncio.create_task(self._work(key), name=str(key))
                self._runs.add(run)
                run.add_done_callback(self._runs.discard)
        finally:
            for task in beside:
                task.cancel()

    async def stop(self) -> None:
        """Start no more work; what is under way gets a while, then counts as a lost answer."""
        self._stopping = True
        if self._runs:
            _, late = await asyncio.wait(self._runs, timeout=self._timing.stop_grace)
            for run in late:
                run.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._reads.stop()

    def _waits_with(self, key: Key) -> Hashable:
        return waits_with(key, self._objects.federations.get(key.uid) if isinstance(key, FederationKey) else None)

    def _is_stopping(self) -> bool:
        return self._stopping

    async def _work(self, key: Key) -> None:
        started, result = self._clock.monotonic(), "done"
        again: float | None = None
        try:
            again = await self._handle(key)
            self._backoff.succeeded(key)
        except WritesStopped:
            result = "stopped"
        except KubeGone:
            result = "gone"
            if isinstance(key, FederationKey):
                self._found_gone(key.uid)
        except KubeConflict:
            result, again = "conflict", self._backoff.failed(key)
        except KubeProblem as problem:
            result, again = "failed", self._backoff.failed(key)
            log.warning("API server", key=str(key), problem=str(problem), again_in_seconds=round(again, 1))
        except Exception:
            result, again = "failed", self._backoff.failed(key)
            log.exception("unexpected", key=str(key), again_in_seconds=round(again, 1))
        finally:
            self._queue.done(key)
        if again is not None:
            urgency = Urgency.RESYNC if again > self._timing.forbidden else Urgency.NEW
            self._queue.add_after(key, again, urgency)
        self._measure.reconciled(kind_of(key), result, self._clock.monotonic() - started)

    async def _handle(self, key: Key) -> float | None:
        match key:
            case FederationKey(uid):
                return await self._attendant.attend(uid)
            case ConnectionKey(name):
                return await self._connections.look_after(name)
            case _:
                return await self._parents.settle(key)

    def _admit_all(self, uids: Iterable[str], *, is_change: bool) -> None:
        """Have objects admitted anew. What is merely seen for the first time concerns only those that waited for it."""
        for uid in uids:
            if is_change or self._attendant.has_attended_to(uid):
                self._agenda.attend(uid)

    def _admit_users_of_the_issuer(self) -> None:
        """Have all objects admitted anew for which it may matter who issues the cluster's tokens."""
        for uid, federation in self._objects.federations.items():
            if any(item.service_account or item.oidc for item in federation.spec.federated_credentials):
                self._agenda.admit_again(uid)

    def _wake_users(self, connection: str) -> None:
        """What could not be done through a connection can be done now."""
        for uid in self._objects.users_of(connection):
            if readiness(self._objects.federations[uid])[0] == ConditionStatus.TRUE:
                continue
            self._agenda.admit_again(uid)
            target = self._table.parent_of(uid)
            for parent in (*self._assigned.asks_by(uid), *((target,) if target else ())):
                self._parents.look_again(parent)
                self._queue.add(parent)

    async def _count_states(self) -> None:
        while True:
            counts: Counter[tuple[RegardingKind, str, str]] = Counter()
            for federation in self._objects.federations.values():
                counts[(RegardingKind.FEDERATION, *readiness(federation))] += 1
            for connection in self._objects.connections.values():
                counts[(RegardingKind.CONNECTION, *readiness(connection))] += 1
            self._measure.states(counts)
            self._measure.queue(self._queue.depth, self._queue.oldest)
            self._reads.forget_older(self._clock.monotonic() - self._timing.reads)
            await self._clock.sleep(STATES_EVERY)


def _version(connection: Connection) -> tuple[str, int, str | None, tuple[str, ...]]:
    metadata = connection.metadata
    return metadata.uid, metadata.generation, metadata.deletion_timestamp, metadata.finalizers
