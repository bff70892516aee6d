"""The verb *settle*: bring one parent to what all who ask at it want, once.

Observe once; plan again after every step on what is known then; keep a finding for each ask; say when to look again.
Azure's failures become findings, never exceptions.
"""

from collections.abc import Callable
from dataclasses import replace

from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.domain.asks import Ask, Stance
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import LIMIT, Parent, Trust
from entrafed.domain.drift import difference
from entrafed.domain.errors import AlreadyThere, AzureProblem, NotFound, Problem, ProblemKind
from entrafed.domain.findings import IN_PROGRESS, Finding
from entrafed.domain.marks import is_marked_for, read_mark
from entrafed.domain.plan import Create, Delete, Plan, Step, name_of, plan
from entrafed.engine.absence import MISSED, Absences
from entrafed.engine.concerned import owners_of_drift, writer_of
from entrafed.engine.handover import amendments_of, is_handed_over
from entrafed.engine.lane import Lane
from entrafed.engine.lanes import Lanes
from entrafed.engine.orphans import Orphans
from entrafed.engine.own_writes import NEVER
from entrafed.engine.pace import Pace
from entrafed.engine.ports import Azure, Clock
from entrafed.engine.reads import Reads
from entrafed.engine.standings import NO_ROOM, Run, finding_of
from entrafed.engine.table import Table
from entrafed.engine.timing import Timing

MOST_STEPS = 400  # of one run; more than 20 asks can want, and a bound for what nobody thought of

_UNEXPLAINED = frozenset({Reason.VALUE_REFUSED, Reason.AZURE_ERROR})
_HALTING = frozenset({Reason.THROTTLED, Reason.AZURE_UNAVAILABLE, Reason.SIGN_IN_FAILED})


class Settler:
    """Settles one parent after the other; many at once, but never one parent twice at a time.

    `clusters` are the marks that count as ours, the present cluster's first. `resync` is told of objects that are to be
    admitted again, `repaired` of a credential that was set right, for whom, and of what others had made of it.
    """

    def __init__(
        self,
        *,
        azure: Azure,
        reads: Reads,
        table: Table,
        absences: Absences,
        clock: Clock,
        orphans: Orphans,
        timing: Timing,
        clusters: tuple[str, ...],
        pace: Pace,
        noted: Callable[[str], None],
        resync: Callable[[str], None],
        repaired: Callable[[list[Ask], str, str], None],
    ) -> None:
        self._azure = azure
        self._reads = reads
        self._table = table
        self._absences = absences
        self._clock = clock
        self._orphans = orphans
        self._timing = timing
        self._clusters = clusters
        self._pace = pace
        self._noted = noted
        self._repaired = repaired
        self.lanes = Lanes(new=self._new_lane, clock=clock, pace=pace, resync=resync)
        self._started_at = clock.monotonic()

    async def settle(self, parent: Parent) -> float | None:
        """Bring a parent to what is asked. The answer is when to settle it again, in seconds; None: when asked."""
        if not self._table.asks_of(parent):
            self._orphans.unwatched(parent)
            known = self.lanes.known(parent)
            if known is not None and (wait := known.is_needed_for(self._clock.monotonic())) > 0:
                return wait
            self.lanes.forget(parent)
            return None
        lane = self.lanes.of(parent)
        self.lanes.start_resync(parent, [ask.uid for ask in self._table.asks_of(parent)])
        self._amend(parent, lane)
        acting = _acting(self._table.asks_of(parent))
        if not acting:
            return self.lanes.until_resync(parent)
        unseen = await self._observe(parent, lane, acting)
        if all(ask.sign_in in unseen for ask in acting):
            return self._report_unseen(parent, unseen)
        run = await self._write(parent, lane, unseen)
        return self._report(parent, lane, run, unseen)

    def _new_lane(self, parent: Parent) -> Lane:
        lane = Lane(parent.kind, self._timing)
        if self._clock.monotonic() < self._started_at + self._timing.lag_limit:
            lane.second_look_at = self._started_at + self._timing.lag_limit
        return lane

    # Observing

    async def _observe(self, parent: Parent, lane: Lane, acting: list[Ask]) -> dict[SignIn | None, Problem]:
        """List the credentials, once for each connection; the answer is what went wrong for which."""
        if not lane.needs_list(self._clock.monotonic()):
            return {}
        unseen: dict[SignIn | None, Problem] = {}
        for sign_in in dict.fromkeys(ask.sign_in for ask in acting):
            if sign_in is None:
                continue
            leaving = [ask for ask in acting if ask.sign_in == sign_in and ask.is_leaving]
            try:
                await self._list(parent, lane, sign_in, look_at_ourselves=bool(leaving))
            except NotFound as missing:
                unseen[sign_in] = self._absences.living(parent, missing.problem, reported=False)
            except AzureProblem as failure:
                unseen[sign_in] = failure.problem
        return unseen

    async def _list(self, parent: Parent, lane: Lane, sign_in: SignIn, *, look_at_ourselves: bool) -> None:
        suspected = look_at_ourselves and self._absences.is_suspected(parent)
        looked = suspected and (await self._reads.own_identity(sign_in, self._clock.monotonic())).vouches_for(
            parent.kind
        )
        started = self._clock.monotonic()
        try:
            listed = await self._azure.credentials(sign_in, parent)
        except NotFound:
            if look_at_ourselves:
                self._absences.proved(parent, own_identity_was_read=looked)
            raise
        self._absences.seen(parent)
        lane.note_list(listed, started)

    def _report_unseen(self, parent: Parent, unseen: dict[SignIn | None, Problem]) -> float:
        """Nobody could look: that is the finding of all."""
        missed = all(problem.reason in MISSED for problem in unseen.values())
        gone = missed and self._absences.is_proved(parent)  # a proof from before says nothing of what nobody saw now
        for ask in self._table.asks_of(parent):
            if ask.sign_in in unseen:
                self._note(ask, Finding(problem=unseen[ask.sign_in], clean=gone and ask.is_leaving))
        problems = list(unseen.values())
        if all(problem.reason is Reason.TARGET_NOT_FOUND for problem in problems):
            self._orphans.unwatched(parent)
        leaving = any(ask.is_leaving for ask in self._table.asks_of(parent))
        if leaving and not gone and self._absences.is_suspected(parent):
            problems.append(replace(problems[0], kind=ProblemKind.WAITING, after=self._timing.gone_interval))
        return self._pace.next_try(parent, problems)

    # Writing

    async def _write(self, parent: Parent, lane: Lane, unseen: dict[SignIn | None, Problem]) -> Run:
        """Take one step after the other, each planned on what is known after the one before."""
        run = Run(self._plan(parent, lane, unseen, frozenset()))
        for _ in range(MOST_STEPS):
            if self._recall_refusals(lane, run):
                run.plan = self._plan(parent, lane, unseen, frozenset(run.stuck))
                continue
            step = next((s for s in run.plan.steps if name_of(s) not in run.failed and s not in lane.moot), None)
            step = step or self._unlisted(parent, lane, run, unseen)
            if step is None or run.halted is not None:
                break
            await self._take(parent, lane, step, run)
            run.plan = self._plan(parent, lane, unseen, frozenset(run.stuck))
        return run

    def _plan(self, parent: Parent, lane: Lane, unseen: dict[SignIn | None, Problem], stuck: frozenset[Trust]) -> Plan:
        """The plan of this moment. An ask that could not be looked at for only keeps; what we removed ourselves, and a
        status still records, is no drift."""
        asks = [
            replace(
                ask,
                stance=Stance.KEEP if ask.sign_in in unseen else ask.stance,
                records=tuple(record for record in ask.records if not lane.has_removed(record.name)),
            )
            for ask in self._table.asks_of(parent)
        ]
        return plan(lane.view(), asks, clusters=self._clusters, may_remove=self._table.is_complete, stuck=stuck)

    def _unlisted(self, parent: Parent, lane: Lane, run: Run, unseen: dict[SignIn | None, Problem]) -> Delete | None:
        """A recorded credential of an object that leaves, and that the list lacks: one list alone proves nothing.

        A status may have been written by hand: only what carries a mark of ours is ever removed, and only where the
        mark says of which pair it is, so that nobody names what another holds. Azure may not heed the case of a name.
        """
        if not self._table.is_complete:
            return None
        asks = self._table.asks_of(parent)
        known = {c.name.lower() for c in lane.view()} | {n.lower() for n in (*lane.deleted, *run.failed)}
        for ask in asks:
            if not ask.is_leaving or ask.sign_in in unseen:
                continue
            for record in ask.records:
                pair, mark = record.trust.pair, read_mark(record.name)
                if ask.stance is Stance.RETAIN and pair not in ask.revoked:
                    continue
                is_ours = mark is not None and mark.cluster in self._clusters and is_marked_for(record.name, pair)
                is_held = any(other.holds(record.name, pair) for other in asks)
                if is_ours and not is_held and record.name.lower() not in known:
                    return Delete(record.name)
        return None

    async def _take(self, parent: Parent, lane: Lane, step: Step, run: Run) -> None:
        """Take one step; what comes of it is in the lane, or in the run."""
        asks = self._table.asks_of(parent)
        sign_in = writer_of(step, asks)
        if sign_in is None:
            run.failed[name_of(step)] = IN_PROGRESS
            return
        try:
            if isinstance(step, Delete):
                await self._azure.delete(sign_in, parent, step.name)
                lane.note_deletion(step.name, self._clock.monotonic())
                return
            write = self._azure.create if isinstance(step, Create) else self._azure.update
            await write(sign_in, parent, step.credential)
        except AzureProblem as failure:
            if isinstance(step, Delete) and isinstance(failure, NotFound) and lane.note_missing(step.name):
                lane.note_moot(step, self._clock.monotonic())
            else:
                full = await self._is_full(parent, lane, sign_in, step, failure)
                run.miss(step, NO_ROOM) if full else self._miss(lane, step, failure, run)
            return
        name = step.credential.name
        was = difference(step.credential.trust, lane.misplaced.get(name) or lane.standing(name))
        if owners := owners_of_drift(step, lane, asks):
            self._repaired(owners, name, was)
        lane.note_write(step.credential, self._clock.monotonic())

    async def _is_full(self, parent: Parent, lane: Lane, sign_in: SignIn, step: Step, failure: AzureProblem) -> bool:
        """Whether a creation was refused for want of room: no document tells how Azure says that, but a list does."""
        if not isinstance(step, Create) or not failure.answered or failure.problem.reason not in _UNEXPLAINED:
            return False
        started = self._clock.monotonic()
        try:
            lane.note_list(await self._azure.credentials(sign_in, parent), started)
        except AzureProblem:
            return False
        return len(lane.view()) >= LIMIT

    def _recall_refusals(self, lane: Lane, run: Run) -> bool:
        """What was refused a while ago is refused still: one failing item costs the others no calls.

        The answer is whether something was recalled that the plan does not know of.
        """
        now, stuck = self._clock.monotonic(), len(run.stuck)
        for step in run.plan.steps:
            if (problem := lane.objection_to(step, now)) is not None:
                run.miss(step, problem)
        return len(run.stuck) > stuck

    def _miss(self, lane: Lane, step: Step, failure: AzureProblem, run: Run) -> None:
        """A step that failed: the others go on, unless they would fail alike."""
        problem, now = failure.problem, self._clock.monotonic()
        if isinstance(failure, AlreadyThere):  # what it was planned on is out of date: look, and plan again
            problem = replace(problem, kind=ProblemKind.WAITING)
        run.miss(step, problem)
        if problem.stalled:
            lane.refused[step] = (problem, now + self._timing.forbidden)
        if isinstance(failure, AlreadyThere):
            lane.note_moot(step, now)
        elif isinstance(failure, NotFound):
            lane.list_from = now
        if not failure.answered:
            lane.note_unanswered(name_of(step), now, may_be_there=not isinstance(step, Delete))
        if not failure.answered or problem.reason in _HALTING:
            run.halted = problem

    # Reporting

    def _report(self, parent: Parent, lane: Lane, run: Run, unseen: dict[SignIn | None, Problem]) -> float:
        """Keep a finding for each ask; the answer is when to look again."""
        asks = self._table.asks_of(parent)
        if self._table.is_complete:
            seeing = {ask.sign_in.connection for ask in _acting(asks) if ask.sign_in and ask.sign_in not in unseen}
            self._orphans.found(parent, run.plan.orphans, sorted(seeing))
        problems, waits = list(unseen.values()), [self.lanes.until_resync(parent)]
        relied_on = set[tuple[str, str]]()
        for ask in asks:
            if ask.sign_in in unseen:
                self._note(ask, Finding(problem=unseen[ask.sign_in]))
            elif ask.stance is not Stance.KEEP or ask.revoked:
                finding = finding_of(ask, asks, lane, run, self._clusters)
                if ask.is_leaving and not finding.left:
                    finding, wait = self._farewell(ask, asks, lane, finding)
                    waits.append(wait)
                problems += _problems(finding)
                relied_on |= {(ask.uid, name) for name in _of_others(finding)}
                self._note(ask, finding)
        now = self._clock.monotonic()
        lane.rely_on(frozenset(relied_on), now)
        due = lane.confirmation_due(now)
        waits += [lane.look_for(run.plan.steps, now), *([] if due is None else [due])]
        if problems:
            waits.append(self._pace.next_try(parent, problems))
        else:
            self._pace.succeeded(parent)
        return min(waits)

    def _amend(self, parent: Parent, lane: Lane) -> None:
        """Have those who only keep record what is known by now of what they keep: their records are all they have."""
        asks = self._table.asks_of(parent)
        for ask in asks:
            if ask.stance is Stance.KEEP and not ask.revoked:
                amended = amendments_of(ask, asks, lane, self._clusters)
                if amended or self._table.finding_of(ask.uid) is not None:
                    self._note(ask, Finding(amended=amended))

    def _note(self, ask: Ask, finding: Finding) -> None:
        if self._table.note(ask, finding):
            self._noted(ask.uid)

    def _farewell(self, ask: Ask, asks: list[Ask], lane: Lane, finding: Finding) -> tuple[Finding, float]:
        """Whether an object that leaves may go: nothing of it shows, and nothing of it can still appear."""
        now = self._clock.monotonic()
        handed_over = is_handed_over(ask, asks, lane, self._clusters)
        confirmed = all(lane.is_confirmed(name) for name in lane.deleted)
        if not self._table.is_complete or not handed_over or not confirmed:
            lane.not_quiet(ask.uid)
            return finding, self._timing.agreement
        quiet_at = self._quiet_at(ask, lane)
        if quiet_at > now:
            return finding, quiet_at - now
        if lane.listed_at < lane.list_from:
            return finding, max(0.0, lane.list_from - now)
        needed = 1 if quiet_at == NEVER else 2
        if lane.quiet_reads(ask.uid, quiet_at) >= needed:
            return replace(finding, clean=True), self._timing.resync
        lane.list_from = max(lane.list_from, lane.listed_at + self._timing.agreement)
        return finding, max(0.0, lane.list_from - now)

    def _quiet_at(self, ask: Ask, lane: Lane) -> float:
        """From when on a list shows all that was ever written for an object.

        What this process wrote and saw answered is in the lane. An unanswered write, or one of a process before this,
        may still come to light for a while.
        """
        by_others = self._started_at if self._table.is_from_before(ask.uid) else NEVER
        return max(lane.unanswered_at, by_others) + self._timing.quiet


def _acting(asks: list[Ask]) -> list[Ask]:
    """The asks for which Azure is to be looked at."""
    return [ask for ask in asks if ask.needs_look]


def _of_others(finding: Finding) -> set[str]:
    """Names of credentials made by others that serve as what is asked for."""
    serving = (s.credential for s in finding.standings.values() if s.origin is Origin.PRE_EXISTING)
    return {credential.name for credential in serving if credential is not None}


def _problems(finding: Finding) -> list[Problem]:
    found = [standing.problem for standing in finding.standings.values()] + [left.problem for left in finding.left]
    return [problem for problem in found if problem is not None]
