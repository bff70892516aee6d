"""How one ask stands after a run at a host, a scope or a tenant, and whose connection takes a step. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.domain.asks import Stance
from entrafed.domain.assignments import (
    Assign,
    Assignment,
    AssignmentAsk,
    AssignmentPlan,
    AssignmentRecord,
    AssignmentStep,
    AssignmentVerdict,
    Change,
    ObservedAssignment,
    ObservedParent,
    Progress,
    Unassign,
)
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AlreadyThere, AzureProblem, NotFound, Problem, ProblemKind
from entrafed.domain.findings import IN_PROGRESS, PROPAGATING, AssignmentFinding, AssignmentLeft, AssignmentStanding
from entrafed.domain.roles import role_and_principal
from entrafed.engine.overlay import Overlay
from entrafed.engine.own_writes import NEVER

NO_WAY_IN = Problem(
    ProblemKind.WAITING,
    Reason.CONNECTION_NOT_FOUND,
    "the EntraConnection through which it was made is not there; it is waited for",
)
CONFLICTS = {
    ParentKind.HOST: "is an entry of one that is gone, which entrafed did not assign; remove it from the host's "
    "identities",
    ParentKind.SCOPE: "is given to this principal with another condition, by somebody else or for another object; "
    "agree on one condition",
    ParentKind.TENANT_APP: "is there already",
}
"""Why something wanted cannot come to stand, in words that go on after what it is."""
OUTDATED = Problem(
    ProblemKind.WAITING,
    Reason.PROGRESSING,
    "the host does not show the identity as it was when it was last looked up; it is looked up again",
)


@dataclass(slots=True)
class AssignmentRun:
    """What one run at a parent has met so far. `halted` is what stopped it before all was tried; `under_way` are the
    keys of a change that has begun and not ended."""

    parent: Parent
    plan: AssignmentPlan = field(default_factory=lambda: AssignmentPlan((), {}, frozenset()))
    failed: dict[str, Problem] = field(default_factory=dict)
    halted: Problem | None = None
    under_way: frozenset[str] = frozenset()

    @property
    def makes_something(self) -> bool:
        """Whether the plan makes anything that has not failed."""
        return any(isinstance(step, Assign) and self.without_failures(step) for step in self.plan.steps)

    def has_unrecorded(self, seen: ObservedParent) -> bool:
        """Whether the plan can make more as soon as that is recorded."""
        made = {one for step in self.plan.steps if isinstance(step, Assign) for one in step.assignments}
        standing = {one.key for one in seen.assignments}
        to_come = (one for one, verdict in self.plan.verdicts.items() if verdict.reason is Reason.PROGRESSING)
        return any(one not in made and (one.key not in standing or self.is_in_doubt(one.key)) for one in to_come)

    def is_in_doubt(self, key: str) -> bool:
        """Whether another value may be wanted by now."""
        return self.failed.get(key) is OUTDATED

    def problem_of(self, key: str) -> Problem | None:
        return self.failed.get(key) or self.halted

    def fail(self, step: AssignmentStep, problem: Problem) -> None:
        """Keep why a step came to nothing."""
        self.failed.update(dict.fromkeys(keys_in(step), problem))

    def without_failures(self, step: AssignmentStep) -> AssignmentStep | None:
        """What is left of a step when that is left out which failed in this run already."""
        if isinstance(step, Unassign):
            keys = tuple(key for key in step.keys if key not in self.failed)
            return Unassign(keys) if keys else None
        assignments = tuple(one for one in step.assignments if one.key not in self.failed)
        return Assign(assignments) if assignments else None


def spoken(parent: Parent, key: str) -> str:
    """An assignment in words."""
    match parent.kind:
        case ParentKind.HOST:
            return f"managed identity {key.rpartition('/')[2]} at {parent.id}"
        case ParentKind.SCOPE:
            return f"role {role_and_principal(key)[0]} at {parent.id}"
    return f"the service principal in tenant {parent.tenant_id}"


def busy(parent: Parent) -> Problem:
    """A change is under way, of ours or of somebody else."""
    message = f"an operation on {parent} is under way, and Azure takes no other before it has ended; it is waited for"
    return Problem(ProblemKind.WAITING, Reason.HOST_BUSY, message, after=15.0)


def undone(there: ObservedAssignment | None) -> str:
    """What somebody else did to an assignment that stood, by what stands now."""
    return "taken back" if there is None else "changed"


def keys_in(step: AssignmentStep) -> tuple[str, ...]:
    """What a step makes or takes back."""
    return step.keys if isinstance(step, Unassign) else tuple(one.key for one in step.assignments)


def keys_of(ask: AssignmentAsk) -> set[str]:
    """What has to be looked at for an ask."""
    return {one.key for one in ask.wanted} | {record.assignment.key for record in ask.records}


def outdated(asks: Iterable[AssignmentAsk], overlay: Overlay) -> dict[str, frozenset[str]]:
    """Identities of a host, by uid of who wants them, that a look shows otherwise than they are wanted, and that were
    looked up before. One that was deleted and made again has another principal; since a host takes identities by
    resource id, making what was wanted would assign the new one, and record the old."""
    seen = overlay.view()
    if overlay.kind is not ParentKind.HOST or seen.is_changing:
        return {}
    there = {one.key: one.value for one in seen.assignments}
    found = {
        ask.uid: frozenset(
            one.key
            for one in _wanted_now(ask)
            if ask.read_at < overlay.shown_since(one.key)
            and (there[one.key] != one.value if one.key in there else ask.has_made(one))
        )
        for ask in asks
    }
    return {uid: keys for uid, keys in found.items() if keys}


def finding_of(
    ask: AssignmentAsk, asks: list[AssignmentAsk], overlay: Overlay, run: AssignmentRun
) -> AssignmentFinding:
    """What a run found for one ask."""
    there = {one.key: one for one in overlay.view().assignments}
    wanted = _wanted_now(ask)
    return AssignmentFinding(
        standings={one: _standing(one, ask, there.get(one.key), overlay, run) for one in sorted(wanted)},
        left=tuple(
            AssignmentLeft(key, run.problem_of(key))
            for key in sorted({record.assignment.key for record in ask.records})
            if (_is_left(key, ask, asks, run) if key in there else _is_going(key, wanted, overlay, run))
        ),
        instance=overlay.view().instance,
    )


def _standing(
    wanted: Assignment, ask: AssignmentAsk, there: ObservedAssignment | None, overlay: Overlay, run: AssignmentRun
) -> AssignmentStanding:
    verdict = run.plan.verdicts.get(wanted, AssignmentVerdict(Reason.PROGRESSING))
    id_ = there.id_ if there else None
    recorded = next((record for record in ask.records if record.assignment.key == wanted.key), None)
    if run.is_in_doubt(wanted.key):
        return _in_doubt(wanted, recorded, id_)
    match verdict.reason:
        case Reason.SYNCED:
            is_new = overlay.unanswered_at != NEVER or (recorded is not None and recorded.progress is Progress.INTENDED)
            is_coming = overlay.may_be_coming and is_new
            problem = PROPAGATING if is_coming or not overlay.is_confirmed(wanted.key) else None
            progress = recorded.progress if problem is not None and recorded is not None else Progress.MADE
            return AssignmentStanding(wanted, verdict.origin, progress, problem, id_)
        case Reason.DRIFTED:
            message = (
                f"{spoken(run.parent, wanted.key)} was {undone(there)} by somebody else, and `driftPolicy` is Report; "
                "bring it back, or set `driftPolicy: Repair`"
            )
            problem = Problem(ProblemKind.CONFLICT, verdict.reason, message)
            return AssignmentStanding(wanted, verdict.origin, Progress.MADE, problem, id_)
        case Reason.ASSIGNMENT_CONFLICT:
            message = f"{spoken(run.parent, wanted.key)} {CONFLICTS[run.parent.kind]}"
            problem = Problem(ProblemKind.CONFLICT, verdict.reason, message)
            return AssignmentStanding(wanted, Origin.PRE_EXISTING, Progress.INTENDED, problem, id_)
    problem = run.problem_of(wanted.key) or IN_PROGRESS
    makes_way = there is not None and overlay.change is Change.ANEW
    if recorded is not None and (makes_way or recorded.assignment == wanted):
        return AssignmentStanding(recorded.assignment, Origin.OPERATOR, recorded.progress, problem, id_)
    return AssignmentStanding(wanted, Origin.OPERATOR, Progress.INTENDED, problem, id_)


def _in_doubt(wanted: Assignment, recorded: AssignmentRecord | None, id_: str | None) -> AssignmentStanding:
    """It stays as it is recorded. What is not, is not to be before it is known whose it is."""
    if recorded is None:
        return AssignmentStanding(wanted, Origin.PRE_EXISTING, Progress.INTENDED, OUTDATED, id_)
    return AssignmentStanding(recorded.assignment, Origin.OPERATOR, recorded.progress, OUTDATED, id_)


def _is_going(key: str, wanted: Collection[Assignment], overlay: Overlay, run: AssignmentRun) -> bool:
    """Whether a change may be under way that makes an assignment, or takes it back: before its end that is not gone."""
    return (overlay.may_be_coming or key in run.under_way) and key not in {one.key for one in wanted}


def _is_left(key: str, ask: AssignmentAsk, asks: list[AssignmentAsk], run: AssignmentRun) -> bool:
    """Whether an assignment is the object's own, and stands although it wants it no more."""
    if ask.stance is Stance.RECONCILE and key in {one.key for one in ask.wanted}:
        return False
    if key in ask.kept:
        return True
    if ask.stance is Stance.RETAIN and key not in ask.revoked:
        return False
    others = [other for other in asks if other.uid != ask.uid]
    if any(other.holds(key) for other in others):
        return _is_recorded_here_only(key, others, run.plan)
    return key in run.plan.left


def _is_recorded_here_only(key: str, others: list[AssignmentAsk], plan: AssignmentPlan) -> bool:
    """Whether an assignment of ours passes to another object, whose status does not say so yet: forgotten before, it
    would be taken for somebody else's, and stay for ever."""
    taken = (plan.verdicts.get(one) for other in others for one in _wanted_now(other) if one.key == key)
    passes = any(
        one and one.origin is Origin.OPERATOR and one.reason is not Reason.ASSIGNMENT_CONFLICT for one in taken
    )
    return passes and not any(other.has_recorded(key) for other in others)


def _wanted_now(ask: AssignmentAsk) -> frozenset[Assignment]:
    return ask.wanted if ask.stance is Stance.RECONCILE else frozenset()


def blocked_by_the_dead(parent: Parent, seen: ObservedParent, keys: tuple[str, ...]) -> Problem | None:
    """Why Azure may refuse a change of a host whatever right is granted: it holds an identity that is gone."""
    dead = [one.key.rpartition("/")[2] for one in seen.assignments if one.value is None and one.key not in keys]
    if not dead:
        return None
    message = (
        f"Azure refuses every change of the identities of {parent} while it holds {', '.join(sorted(dead)[:5])}, which "
        "is gone; remove that from the host, or from the object that asks for it"
    )
    return Problem(ProblemKind.TERMINAL, Reason.HOST_BLOCKED, message)


def is_outrun(step: AssignmentStep, failure: AzureProblem) -> bool:
    """Whether somebody else may have been faster, and a look tells how things stand now. A host refuses so to give up
    an identity that it has no more, or has no other left beside."""
    refusals = (Reason.IDENTITY_NOT_ASSIGNABLE, Reason.VALUE_REFUSED)
    is_refused = isinstance(step, Unassign) and failure.problem.reason in refusals
    return is_refused or isinstance(failure, AlreadyThere | NotFound)


def of_one_connection(
    step: AssignmentStep, asks: list[AssignmentAsk], barred: Collection[tuple[str, SignIn]] = ()
) -> tuple[SignIn | None, AssignmentStep]:
    """The connection that takes the first part of a step, and all of the step that it may take. Of several who want the
    same one is preferred that is not `barred` from its key."""
    if isinstance(step, Unassign):
        writers = {key: _writer(key, [a for a in asks if a.has_recorded(key)], asks, barred) for key in step.keys}
        sign_in = writers[step.keys[0]]
        return sign_in, Unassign(tuple(key for key in step.keys if writers[key] == sign_in))
    makers = {one: _writer(one.key, _wanting(one, asks), (), barred) for one in step.assignments}
    sign_in = makers[step.assignments[0]]
    return sign_in, Assign(tuple(one for one in step.assignments if makers[one] == sign_in))


def _wanting(assignment: Assignment, asks: list[AssignmentAsk]) -> list[AssignmentAsk]:
    return [ask for ask in asks if assignment in _wanted_now(ask)]


def _writer(
    key: str,
    concerned: Iterable[AssignmentAsk],
    others: Iterable[AssignmentAsk],
    barred: Collection[tuple[str, SignIn]],
) -> SignIn | None:
    """Who writes: one of those concerned, and of the others only where none of these has a connection."""
    ways = [ask.sign_in for ask in concerned if ask.sign_in is not None]
    ways = ways or [ask.sign_in for ask in others if ask.sign_in is not None]
    return next((way for way in ways if (key, way) not in barred), ways[0] if ways else None)
