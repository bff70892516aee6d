"""What an object wants written into its namespace, brought about: beside its credentials, never in their way.

What is about to be written is recorded in the status first: so it is found again, and taken away, whatever happens to
this process. What the API server refuses becomes a finding, never an exception.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from entrafed.api.choices import DeletionPolicy
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, OutputKind
from entrafed.api.status import MAX_ITEMS
from entrafed.domain.errors import KubeConflict, KubeForbidden, KubeProblem, Problem, ProblemKind
from entrafed.domain.findings import IN_PROGRESS, OutputFinding
from entrafed.domain.output_plan import Move, Write, plan_output
from entrafed.domain.output_rows import output_row, sorted_rows
from entrafed.domain.output_wishes import Moment, recorded_outputs, wishes_of
from entrafed.domain.outputs import Intent, ObservedOutput, Output, Wish, field_manager
from entrafed.engine.admission import Admission
from entrafed.engine.objects import Objects
from entrafed.engine.ports import Clock, Kube
from entrafed.engine.queue import Backoff
from entrafed.engine.timing import Timing

CHART_VALUES = {
    OutputKind.SERVICE_ACCOUNT: "outputs.serviceAccountAnnotations",
    OutputKind.CONFIG_MAP: "outputs.configMaps",
}
"""What to set in the values of the chart, so that the operator has the right."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Standing:
    """What was found out about one output; None once nothing of it is left to tell. `due` is in monotonic seconds."""

    wish: Wish
    finding: OutputFinding | None
    due: float


@dataclass(slots=True)
class _Known:
    """Of one object: the admission that its wishes came from, until `expires` in monotonic seconds."""

    admission: Admission
    expires: float
    standings: dict[Output, _Standing] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Looked:
    """An output that was looked at, and what is to be done."""

    wish: Wish
    observed: ObservedOutput | None
    move: Move


@dataclass(frozen=True, slots=True)
class Brought:
    """How the outputs of an object stand. `federation` is its newest version; `again` is in seconds, inf: never."""

    federation: Federation
    findings: tuple[OutputFinding, ...] = ()
    again: float = math.inf


class Outputs:
    """Brings about the outputs of one object after the other.

    `wake` is told of objects that may now have what another one held, `repaired` of what had been changed by others.
    """

    def __init__(
        self,
        *,
        objects: Objects,
        kube: Kube,
        clock: Clock,
        timing: Timing,
        backoff: Backoff[tuple[str, Output]],
        wake: Callable[[str], None],
        repaired: Callable[[str, str], None],
    ) -> None:
        self._objects = objects
        self._kube = kube
        self._clock = clock
        self._timing = timing
        self._backoff = backoff
        self._wake = wake
        self._repaired = repaired
        self._known: dict[str, _Known] = {}
        self._waiting: dict[tuple[str, Output], set[str]] = {}

    async def bring_about(self, federation: Federation, admission: Admission) -> Brought:
        """Write what is wished, as far as it was not looked at for this admission already."""
        known = self._known_of(federation, admission)
        now = self._clock.monotonic()
        due = [standing.wish for standing in known.standings.values() if standing.due <= now]
        looked = [await self._look(federation, wish) for wish in due]
        federation = await self._record(federation, [one for one in looked if isinstance(one, _Looked)])
        for one in looked:
            standing = await self._act(federation, one) if isinstance(one, _Looked) else one
            known.standings[standing.wish.output] = standing
            self._note_waiting(federation, standing)
        standings = known.standings.values()
        findings = sorted((s.finding for s in standings if s.finding), key=lambda finding: finding.manager is None)
        again = min(known.expires, *(standing.due for standing in standings), math.inf) - self._clock.monotonic()
        return Brought(federation, tuple(findings), max(0.0, again))

    def forget(self, uid: str) -> None:
        """An object is gone."""
        known = self._known.pop(uid, None)
        for output in known.standings if known else ():
            self._backoff.succeeded((uid, output))
        for uids in self._waiting.values():
            uids.discard(uid)

    def _known_of(self, federation: Federation, admission: Admission) -> _Known:
        """What is known for this admission; with a new one everything is looked at anew."""
        uid, now = federation.metadata.uid, self._clock.now()
        known, monotonic = self._known.get(uid), self._clock.monotonic()
        if known is not None and known.admission is admission and monotonic < known.expires:
            return known
        sign_in = admission.ask.sign_in if admission.ask else None
        login, namespace = sign_in.login if sign_in else None, admission.inputs.namespace
        is_ending = namespace is not None and namespace.is_ending
        moment = Moment(now, self._timing.revocation_delay, login, is_ending)
        wishes = wishes_of(federation, admission.knowledge, moment)
        expires = min((wish.until - now + monotonic for wish in wishes if wish.until is not None), default=math.inf)
        standings = {wish.output: _Standing(wish, None, monotonic) for wish in wishes}
        known = self._known[uid] = _Known(admission, expires, standings)
        return known

    async def _look(self, federation: Federation, wish: Wish) -> "_Looked | _Standing":
        """See what is there, unless nothing is to be done about it anyway."""
        row = recorded_outputs(federation).get(wish.output)
        if wish.intent is Intent.KEEP:
            was_well = row is not None and row.state is ItemState.SYNCED
            is_well = was_well and wish.is_asked and wish.denied_since is None
            return _standing(federation, wish, None if is_well else wish.problem, is_held=row is not None)
        try:
            observed = await self._kube.output(federation.metadata, wish.output)
        except KubeProblem as failure:
            return self._failed(federation, wish, failure)
        state, name = row.state if row else None, federation.metadata.name
        if state is ItemState.SYNCED and federation.status.observed_generation != federation.metadata.generation:
            state = None  # edited since: what is not so may have been taken away by ourselves
        move = plan_output(wish, observed, state, federation=name, manager=_manager(federation))
        return _Looked(wish, observed, move)

    async def _record(self, federation: Federation, looked: list[_Looked]) -> Federation:
        """Have the status name what is about to be written for the first time."""
        recorded = recorded_outputs(federation)
        new = [
            OutputFinding(one.wish.output, IN_PROGRESS, manager=_manager(federation))
            for one in looked
            if isinstance(one.move.step, Write) and one.wish.output not in recorded
        ]
        kept = [row for row in federation.status.outputs if Output(row.kind, row.name) not in {n.output for n in new}]
        room = MAX_ITEMS - len(kept)
        if not new or room <= 0:
            return federation
        rows = sorted_rows((*kept, *(output_row(finding) for finding in new[:room])))
        written = await self._kube.write_status(federation, replace(federation.status, outputs=rows))
        self._objects.answered(written)
        return written

    async def _act(self, federation: Federation, looked: _Looked) -> _Standing:
        """Take the step, if there is one."""
        wish, move = looked.wish, looked.move
        if isinstance(move.step, Write) and wish.output not in recorded_outputs(federation):
            due = self._next_look(federation, wish, IN_PROGRESS)  # the status has no room for it now
            return _standing(federation, wish, IN_PROGRESS, is_held=False, due=due)
        if move.step is not None:
            try:
                await self._kube.change_output(federation.metadata, wish.output, looked.observed, move.step)
            except KubeProblem as failure:
                return self._failed(federation, wish, failure)
            self._tell(federation, looked)
        problem = move.problem if wish.intent is Intent.WRITE else wish.problem if wish.is_asked else None
        is_held = wish.intent is Intent.WRITE and (problem is None or problem.reason is Reason.DRIFTED)
        if not is_held and wish.output in recorded_outputs(federation):
            self._wake_waiting(federation, wish.output)
        due = self._next_look(federation, wish, move.problem)
        return _standing(federation, wish, problem, is_held=is_held, due=due)

    def _tell(self, federation: Federation, looked: _Looked) -> None:
        """A step was taken; a repair is worth an event."""
        metadata, output = federation.metadata, looked.wish.output
        log.info(
            "output changed",
            namespace=metadata.namespace,
            name=metadata.name,
            uid=metadata.uid,
            output=str(output),
            step=type(looked.move.step).__name__,
        )
        if looked.move.is_repair:
            self._repaired(metadata.uid, str(output))

    def _wake_waiting(self, federation: Federation, output: Output) -> None:
        """What was held stands no more: others may have waited for that."""
        for uid in self._waiting.get((federation.metadata.namespace or "", output), set()) - {federation.metadata.uid}:
            standing = self._known[uid].standings.get(output)
            if standing is not None:
                standing.due = -math.inf
                self._wake(uid)

    def _failed(self, federation: Federation, wish: Wish, failure: KubeProblem) -> _Standing:
        """What the API server did not do. A ConfigMap that is to stay when its object goes is not worth waiting for,
        nor one that is to go with it: the API server's garbage collector takes it away in any case."""
        goes = federation.metadata.deletion_timestamp is not None and wish.output.kind is OutputKind.CONFIG_MAP
        follows = goes and federation.spec.deletion_policy is DeletionPolicy.DELETE
        if isinstance(failure, KubeForbidden) and (follows or wish.intent is Intent.RELEASE):
            return _Standing(wish, None, math.inf)
        match failure:
            case KubeForbidden():
                problem = _forbidden(wish.output)
            case KubeConflict():  # it has changed since it was looked at
                problem = IN_PROGRESS
            case _:
                problem = Problem(ProblemKind.TRANSIENT, Reason.OUTPUT_FAILED, str(failure))
        is_held = wish.output in recorded_outputs(federation)
        due = self._next_look(federation, wish, problem)
        shown = wish.problem if problem is IN_PROGRESS and not wish.is_asked else problem
        return _standing(federation, wish, shown, is_held=is_held, due=due)

    def _next_look(self, federation: Federation, wish: Wish, problem: Problem | None) -> float:
        """When to look again, in monotonic seconds."""
        now, key = self._clock.monotonic(), (federation.metadata.uid, wish.output)
        if problem is None:
            self._backoff.succeeded(key)
            return math.inf
        if problem.kind is ProblemKind.CONFLICT:
            return now + self._timing.conflict
        if problem.stalled:
            return now + self._timing.forbidden
        return now + min(self._backoff.failed(key), self._timing.missing)

    def _note_waiting(self, federation: Federation, standing: _Standing) -> None:
        """Who meets something that another one holds is woken when that one lets it go."""
        uid, finding = federation.metadata.uid, standing.finding
        key = (federation.metadata.namespace or "", standing.wish.output)
        if finding is not None and finding.problem is not None and finding.problem.reason is Reason.OUTPUT_CONFLICT:
            self._waiting.setdefault(key, set()).add(uid)
        elif key in self._waiting:
            self._waiting[key].discard(uid)


def _standing(
    federation: Federation, wish: Wish, problem: Problem | None, *, is_held: bool, due: float = math.inf
) -> _Standing:
    """`is_held`: something of ours stands there, or may."""
    if not wish.is_asked and problem is None:
        return _Standing(wish, None, due)
    manager = _manager(federation) if is_held else None
    return _Standing(wish, OutputFinding(wish.output, problem, wish.denied_since, manager), due)


def _manager(federation: Federation) -> str:
    return field_manager(federation.metadata.namespace or "", federation.metadata.name)


def _forbidden(output: Output) -> Problem:
    message = (
        f"the operator has not the right to write it: set `{CHART_VALUES[output.kind]}: true` in the values of its "
        "chart, or do not ask for it"
    )
    return Problem(ProblemKind.FORBIDDEN, Reason.OUTPUT_FORBIDDEN, message)
