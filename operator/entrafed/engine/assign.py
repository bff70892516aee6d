"""The verb *settle* for hosts, scopes and tenants: make and take back what all who ask there want, once.

Nothing is made before a status records it: what is to be made is a finding first. A change that Azure takes its time
for holds nothing up: how it went is asked for later.
"""

from collections.abc import Callable
from dataclasses import replace

from entrafed.api.reasons import Reason
from entrafed.domain.asks import Stance
from entrafed.domain.assignments import (
    MOST,
    Assign,
    AssignmentAsk,
    AssignmentPlan,
    AssignmentStep,
    Change,
    Running,
    Unassign,
    plan_assignments,
)
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import Parent
from entrafed.domain.errors import AlreadyThere, AzureProblem, NotFound, Problem, ProblemKind
from entrafed.domain.findings import IN_PROGRESS, AssignmentFinding
from entrafed.engine.absence import Absences
from entrafed.engine.assigned import (
    NO_WAY_IN,
    OUTDATED,
    AssignmentRun,
    blocked_by_the_dead,
    busy,
    finding_of,
    is_outrun,
    keys_in,
    keys_of,
    of_one_connection,
    outdated,
    undone,
)
from entrafed.engine.assignment_lane import AssignmentLane, Pending
from entrafed.engine.assignment_table import AssignmentTable
from entrafed.engine.lanes import Lanes
from entrafed.engine.overlay import Overlay
from entrafed.engine.own_writes import NEVER
from entrafed.engine.pace import Pace
from entrafed.engine.ports import Assignments, Clock
from entrafed.engine.table import Table
from entrafed.engine.timing import Timing

MOST_STEPS = 400  # of one run; a bound for what nobody thought of
_HALTING = frozenset({Reason.THROTTLED, Reason.AZURE_UNAVAILABLE, Reason.SIGN_IN_FAILED, Reason.HOST_BUSY})


class AssignmentSettler:
    """Settles one host, scope or tenant after the other; many at once, but never one twice at a time.

    `heard` knows whether all objects have been heard. `noted` is told of an object that has a new finding, `resync` of
    one that is to be admitted again, `outdated` of one that was admitted from what is no longer so, `repaired` of an
    assignment that was set right, for whom, and what had been done to it.
    """

    def __init__(
        self,
        *,
        azure: Assignments,
        table: AssignmentTable,
        heard: Table,
        absences: Absences,
        clock: Clock,
        timing: Timing,
        pace: Pace,
        noted: Callable[[str], None],
        resync: Callable[[str], None],
        outdated: Callable[[str], None],
        repaired: Callable[[list[AssignmentAsk], Parent, str, str], None],
    ) -> None:
        self._azure = azure
        self._table = table
        self._heard = heard
        self._absences = absences
        self._clock = clock
        self._timing = timing
        self._pace = pace
        self._noted = noted
        self._outdated = outdated
        self._repaired = repaired
        self.lanes = Lanes(
            new=lambda parent: AssignmentLane(Overlay(parent.kind, timing)), clock=clock, pace=pace, resync=resync
        )
        self._started_at = clock.monotonic()

    async def settle(self, parent: Parent) -> float | None:
        """Bring a parent to what is asked. The answer is when to settle it again, in seconds; None: when asked."""
        asks = self._table.asks_of(parent)
        if not asks:
            self.lanes.forget(parent)
            return None
        lane = self.lanes.of(parent)
        self.lanes.start_resync(parent, [ask.uid for ask in asks])
        for ask in asks:
            if ask.is_leaving and ask.sign_in is None:
                self._note(ask, parent, AssignmentFinding(problem=NO_WAY_IN))
        acting = [ask for ask in asks if ask.needs_look]
        if not acting:
            return self.lanes.until_resync(parent)
        run = AssignmentRun(parent)
        if (wait := await self._follow(parent, lane, run)) is not None:
            return wait
        unseen = await self._observe(parent, lane, acting)
        if all(ask.sign_in in unseen for ask in acting):
            return self._report_unseen(parent, unseen)
        await self._write(parent, lane, unseen, run)
        return self._report(parent, lane, run, unseen)

    # Observing

    async def _follow(self, parent: Parent, lane: AssignmentLane, run: AssignmentRun) -> float | None:
        """Ask how a change goes; the answer is when to ask again, in seconds, None when it has ended."""
        pending, now = lane.pending, self._clock.monotonic()
        if pending is None:
            return None
        if pending.due > now:
            return pending.due - now
        try:
            running = await self._azure.follow(pending.sign_in, parent, pending.running)
        except AzureProblem as failure:
            if not failure.answered:  # of the question, which is asked again; the change goes on
                run.fail(pending.step, failure.problem)
                self._note_all(parent, lane, run)
                pending.due = now + self._pace.next_try(parent, [failure.problem])
                return pending.due - now
            lane.pending = None
            self._miss(lane, pending.step, failure, run)
            return None
        if running is not None:
            pending.running, pending.due = running, self._clock.monotonic() + running.after
            if now - pending.since >= self._timing.slow:
                run.halted = busy(parent)
                self._note_all(parent, lane, run)
            return running.after
        lane.pending = None
        self._made(parent, lane, pending.step, run)
        return None

    async def _observe(
        self, parent: Parent, lane: AssignmentLane, acting: list[AssignmentAsk]
    ) -> dict[SignIn | None, Problem]:
        """Look once for each connection, unless that was done a moment ago; the answer is what went wrong for which."""
        if not lane.overlay.needs_look(self._clock.monotonic()):
            return lane.unseen
        keys = frozenset(key for ask in self._table.asks_of(parent) for key in keys_of(ask))
        unseen: dict[SignIn | None, Problem] = {}
        for sign_in in dict.fromkeys(ask.sign_in for ask in acting):
            if sign_in is None:
                continue
            looking = [ask for ask in acting if ask.sign_in == sign_in]
            started = self._clock.monotonic()
            try:
                seen = await self._azure.assignments(sign_in, parent, keys)
            except NotFound as missing:
                # Resource Manager answers 403, not 404, where it shows nothing: a miss is one of somebody who sees.
                if any(ask.wants_nothing for ask in looking):
                    self._absences.proved(parent, own_identity_was_read=True)
                reported = all(self._heard.is_from_before(ask.uid) for ask in looking)
                waited = self._absences.living(parent, missing.problem, reported)
                unseen[sign_in] = replace(waited, reason=missing.problem.reason)
            except AzureProblem as failure:
                unseen[sign_in] = failure.problem
            else:
                self._absences.seen(parent)
                lane.overlay.note_look(seen, started)
        lane.unseen = unseen
        return unseen

    def _report_unseen(self, parent: Parent, unseen: dict[SignIn | None, Problem]) -> float:
        """Nobody could look: that is the finding of all, but of those who have nothing where there is nothing."""
        gone, problems = self._absences.is_proved(parent), list[Problem]()
        for ask in self._table.asks_of(parent):
            if ask.sign_in not in unseen:
                continue
            if ask.wants_nothing and gone:
                self._note(ask, parent, AssignmentFinding(clean=ask.is_leaving))
                continue
            problem = unseen[ask.sign_in]
            self._note(ask, parent, AssignmentFinding(problem=problem))
            problems.append(problem)
            if ask.wants_nothing and self._absences.is_suspected(parent):
                problems.append(replace(problem, kind=ProblemKind.WAITING, after=self._timing.gone_interval))
        return self._pace.next_try(parent, problems) if problems else self.lanes.until_resync(parent)

    # Writing

    async def _write(
        self, parent: Parent, lane: AssignmentLane, unseen: dict[SignIn | None, Problem], run: AssignmentRun
    ) -> None:
        """Take one step after the other, each planned on what is known after the one before."""
        for uid, keys in outdated(
            (ask for ask in self._table.asks_of(parent) if ask.sign_in not in unseen), lane.overlay
        ).items():
            self._outdated(uid)
            run.failed.update(dict.fromkeys(keys, OUTDATED))
        run.plan = self._plan(parent, lane, unseen)
        self._recall_refusals(lane, run)
        if self._is_gathering(parent, lane, run):
            return
        for _ in range(MOST_STEPS):
            step = next((one for one in map(run.without_failures, run.plan.steps) if one is not None), None)
            if step is None or run.halted is not None or lane.pending is not None:
                return
            if lane.overlay.view().is_changing:
                run.halted = busy(parent)
                return
            seeing = [ask for ask in self._table.asks_of(parent) if ask.sign_in not in unseen]
            await self._take(parent, lane, step, seeing, run)
            run.plan = self._plan(parent, lane, unseen)
            self._recall_refusals(lane, run)

    def _is_gathering(self, parent: Parent, lane: AssignmentLane, run: AssignmentRun) -> bool:
        """Whether what is to be made waits a moment for what can be made by the same request."""
        if MOST[parent.kind] == 1 or not run.makes_something:
            return False
        is_more_to_come = self._table.expects(parent) or run.has_unrecorded(lane.overlay.view())
        return lane.gathering.goes_on(is_more_to_come, self._clock.monotonic(), self._timing.gather)

    def _plan(self, parent: Parent, lane: AssignmentLane, unseen: dict[SignIn | None, Problem]) -> AssignmentPlan:
        """The plan of this moment. An ask that could not be looked at for only keeps."""
        return plan_assignments(
            lane.overlay.view(),
            (replace(ask, stance=Stance.KEEP) if ask.sign_in in unseen else ask for ask in self._table.asks_of(parent)),
            change=lane.overlay.change,
            may_remove=self._heard.is_complete,
            most=MOST[parent.kind],
            alone=lane.alone,
        )

    async def _take(
        self, parent: Parent, lane: AssignmentLane, step: AssignmentStep, asks: list[AssignmentAsk], run: AssignmentRun
    ) -> None:
        """Take the part of a step that one connection of these may; what comes of it is in the lane, or in the run."""
        sign_in, part = of_one_connection(step, asks, lane.barred)
        if sign_in is None:
            run.fail(part, IN_PROGRESS)
            return
        try:
            running = await self._send(sign_in, parent, part, asks, lane.overlay)
        except AzureProblem as failure:
            if not self._is_for_another(lane, sign_in, part, failure, asks):
                self._miss(lane, part, failure, run)
            return
        if running is not None:
            now = self._clock.monotonic()
            lane.pending = Pending(running, sign_in, part, since=now, due=now + running.after)
            return
        self._made(parent, lane, part, run)

    async def _send(
        self, sign_in: SignIn, parent: Parent, step: AssignmentStep, asks: list[AssignmentAsk], overlay: Overlay
    ) -> Running | None:
        if isinstance(step, Assign):
            owner = next(ask for ask in asks if any(one in ask.wanted for one in step.assignments))
            description = f"entrafed: ManagedIdentityFederation {owner.namespace}/{owner.name}"
            return await self._azure.assign(sign_in, parent, step.assignments, description)
        gone = tuple(one for one in overlay.view().assignments if one.key in step.keys)
        return await self._azure.unassign(sign_in, parent, gone)

    def _made(self, parent: Parent, lane: AssignmentLane, step: AssignmentStep, run: AssignmentRun) -> None:
        """A step has been taken. What was in the way of another one may be gone with it: an identity that was deleted
        stops every change of a host that still holds it."""
        now = self._clock.monotonic()
        if isinstance(step, Unassign):
            lane.overlay.note_unassigned(step.keys, now)
            lane.refused.clear()
            run.failed = {key: problem for key, problem in run.failed.items() if not problem.stalled}
            return
        for assignment in step.assignments:
            if owners := [ask for ask in self._table.asks_of(parent) if ask.has_made(assignment)]:
                there = (one for one in lane.overlay.view().assignments if one.key == assignment.key)
                self._repaired(owners, parent, assignment.key, undone(next(there, None)))
        lane.overlay.note_assigned(step.assignments, now)

    def _recall_refusals(self, lane: AssignmentLane, run: AssignmentRun) -> None:
        """What was refused a while ago is refused still: one failing item costs the others no calls."""
        now = self._clock.monotonic()
        for key, (problem, until) in lane.refused.items():
            if until > now:
                run.failed.setdefault(key, problem)

    def _is_for_another(
        self, lane: AssignmentLane, by: SignIn, step: AssignmentStep, failure: AzureProblem, asks: list[AssignmentAsk]
    ) -> bool:
        """Whether a connection lacked a right that another one may have, of somebody who wants the same."""
        if failure.problem.reason is not Reason.ACCESS_DENIED:
            return False
        lane.barred |= {(key, by) for key in keys_in(step)}
        other, part = of_one_connection(step, asks, lane.barred)
        if other != by and not any((key, other) in lane.barred for key in keys_in(part)):
            return True
        lane.barred -= {bar for bar in lane.barred if bar[0] in keys_in(step)}  # all have been tried
        return False

    def _miss(self, lane: AssignmentLane, step: AssignmentStep, failure: AzureProblem, run: AssignmentRun) -> None:
        """A step that failed. Of several at once each is tried alone then: one may have kept the others from it."""
        problem, now, keys = failure.problem, self._clock.monotonic(), keys_in(step)
        if isinstance(step, Unassign) and isinstance(failure, NotFound):  # so says one replica: looks will tell
            lane.overlay.note_unanswered(keys, now)
            lane.refused.update(dict.fromkeys(keys, (problem, now + self._timing.quiet)))
            run.fail(step, problem)
            return
        if isinstance(step, Assign) and isinstance(failure, AlreadyThere) and lane.overlay.has_no_marks:
            lane.overlay.note_assigned(step.assignments, now)  # ours by the record, whatever a replica shows
            return
        if problem.stalled and len(keys) > 1 and isinstance(step, Assign):
            lane.alone.update(keys)
            return
        if isinstance(step, Assign) and isinstance(failure, AlreadyThere) and lane.overlay.stands_as_ours(keys[0]):
            lane.overlay.change = Change.ANEW  # our own is not written over: it is taken back first from now on
        if problem.reason is Reason.ACCESS_DENIED:
            problem = blocked_by_the_dead(run.parent, lane.overlay.view(), keys) or problem
        if is_outrun(step, failure):
            problem = replace(problem, kind=ProblemKind.WAITING)
            lane.overlay.look_from = now
        run.fail(step, problem)
        if problem.stalled:
            lane.refused.update(dict.fromkeys(keys, (problem, now + self._timing.forbidden)))
        if not failure.answered:
            lane.overlay.note_unanswered(keys, now)
        if not failure.answered or problem.reason in _HALTING:
            run.halted = problem

    # Reporting

    def _report(
        self, parent: Parent, lane: AssignmentLane, run: AssignmentRun, unseen: dict[SignIn | None, Problem]
    ) -> float:
        """Keep a finding for each ask; the answer is when to look again."""
        asks, now, run.under_way = self._table.asks_of(parent), self._clock.monotonic(), lane.under_way
        problems, waits = list(unseen.values()), [self.lanes.until_resync(parent)]
        for ask in asks:
            if ask.sign_in in unseen:
                self._note(ask, parent, AssignmentFinding(problem=unseen[ask.sign_in]))
            elif ask.stance is not Stance.KEEP or ask.revoked:
                finding = finding_of(ask, asks, lane.overlay, run)
                if ask.is_leaving and not finding.left:
                    finding, wait = self._farewell(ask, lane, finding)
                    waits.append(wait)
                problems += [p for p in (s.problem for s in finding.standings.values()) if p is not None]
                problems += [left.problem for left in finding.left if left.problem is not None]
                self._note(ask, parent, finding)
        if lane.pending is not None:
            waits.append(max(0.0, lane.pending.due - now))
        if lane.overlay.may_be_coming:
            waits.append(self._timing.fresh)
        due = lane.overlay.confirmation_due(now)
        if due is not None:
            waits.append(due)
        if problems:
            waits.append(self._pace.next_try(parent, problems))
        else:
            self._pace.succeeded(parent)
        return min(waits)

    def _note_all(self, parent: Parent, lane: AssignmentLane, run: AssignmentRun) -> None:
        """Keep what is found for each ask without a new look, while a change is under way."""
        run.plan = self._plan(parent, lane, {})
        run.under_way = lane.under_way
        asks = self._table.asks_of(parent)
        for ask in asks:
            if ask.stance is not Stance.KEEP or ask.revoked:
                self._note(ask, parent, finding_of(ask, asks, lane.overlay, run))

    def _note(self, ask: AssignmentAsk, parent: Parent, finding: AssignmentFinding) -> None:
        if self._table.note(parent, ask, finding):
            self._noted(ask.uid)

    def _farewell(
        self, ask: AssignmentAsk, lane: AssignmentLane, finding: AssignmentFinding
    ) -> tuple[AssignmentFinding, float]:
        """Whether an object that leaves may go: nothing of it is left, and nothing of it can still appear."""
        now = self._clock.monotonic()
        if ask.stance is Stance.RETAIN:
            return replace(finding, clean=True), self._timing.resync
        confirmed = all(lane.overlay.is_confirmed(record.assignment.key) for record in ask.records)
        moves = lane.pending is not None or lane.overlay.may_be_coming
        if not self._heard.is_complete or moves or not confirmed:
            lane.empty_looks.forget(ask.uid)
            return finding, self._timing.agreement
        by_others = self._started_at if self._heard.is_from_before(ask.uid) else NEVER
        quiet_at = max(lane.overlay.unanswered_at, by_others) + self._timing.quiet
        if quiet_at > now:
            return finding, quiet_at - now
        if lane.empty_looks.count(ask.uid, quiet_at, lane.overlay.looked_at) >= (1 if quiet_at == NEVER else 2):
            return replace(finding, clean=True), self._timing.resync
        lane.overlay.look_from = max(lane.overlay.look_from, lane.overlay.looked_at + self._timing.agreement)
        return finding, max(0.0, lane.overlay.look_from - now)
