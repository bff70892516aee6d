"""How one ask stands after a run of *settle*: which credential stands for each trust, and what is left over. Pure."""

from dataclasses import dataclass, field, replace

from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.domain.asks import Ask, Stance
from entrafed.domain.credentials import LIMIT, ObservedCredential, Trust
from entrafed.domain.drift import difference
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import IN_PROGRESS, PROPAGATING, Finding, Left, Standing
from entrafed.domain.marks import read_mark
from entrafed.domain.plan import Delete, Plan, Step, Verdict, name_of, stood_for
from entrafed.engine.lane import Lane

NO_ROOM = Problem(
    ProblemKind.CONFLICT,
    Reason.QUOTA_EXCEEDED,
    f"the target has not room for all that the item wants: Entra allows {LIMIT} federated credentials, those of others "
    "included; remove some that nobody uses, or use another target",
)


@dataclass(slots=True)
class Run:
    """What one run of *settle* has met so far: what failed, by the credential's name, and the trusts that could not be
    written. `halted` is what stopped it before all was tried."""

    plan: Plan
    failed: dict[str, Problem] = field(default_factory=dict)
    stuck: set[Trust] = field(default_factory=set)
    halted: Problem | None = None

    def miss(self, step: Step, problem: Problem) -> None:
        """A step is not to be taken in this run any more."""
        self.failed[name_of(step)] = problem
        if not isinstance(step, Delete):
            self.stuck.add(step.credential.trust)

    def problem_of(self, name: str) -> Problem | None:
        return self.failed.get(name) or self.halted


def finding_of(ask: Ask, asks: list[Ask], lane: Lane, run: Run, clusters: tuple[str, ...]) -> Finding:
    """What a run found for one ask."""
    view = {credential.name: credential for credential in lane.view()}
    others = [other for other in asks if other.uid != ask.uid]
    told = {verdict.stands.name for verdict in run.plan.verdicts.values() if verdict.stands is not None}
    spared = stood_for(run.plan.unmade, others) | told
    wanted = ask.wanted if ask.stance is Stance.RECONCILE else frozenset()
    return Finding(
        standings={trust: _standing(trust, view, lane, run) for trust in sorted(wanted)},
        left=tuple(
            Left(credential, run.problem_of(name))
            for name, credential in sorted(view.items())
            if name not in spared and _is_left(credential, ask, others, clusters)
        ),
    )


def _standing(trust: Trust, view: dict[str, ObservedCredential], lane: Lane, run: Run) -> Standing:
    verdict = run.plan.verdicts.get(trust)
    if verdict is not None and verdict.reason is Reason.SYNCED and verdict.name is not None:
        origin = Origin.PRE_EXISTING if verdict.preexisting else Origin.OPERATOR
        return Standing(view[verdict.name], origin, None if lane.is_confirmed(verdict.name) else PROPAGATING)
    if verdict is not None:
        return Standing(None, Origin.OPERATOR, _problem_of(trust, verdict))
    step = next((s for s in run.plan.steps if not isinstance(s, Delete) and s.credential.trust == trust), None)
    holding = [c for c in view.values() if c.pair == trust.pair]
    holder = next((c for c in holding if step is None or c.name == name_of(step)), None)
    problem = run.problem_of(name_of(step)) if step else None
    return Standing(holder, Origin.OPERATOR, problem or IN_PROGRESS)


def _is_left(credential: ObservedCredential, ask: Ask, others: list[Ask], clusters: tuple[str, ...]) -> bool:
    """Whether a credential is the object's own, and stands although it wants it no more."""
    mark = read_mark(credential.name)
    if mark is None or mark.cluster not in clusters:
        return False
    own = mark.owner == ask.owner or credential.name in {record.name for record in ask.records}
    wanted = ask.stance is Stance.RECONCILE and credential.pair in {trust.pair for trust in ask.wanted}
    if not own or wanted:
        return False
    if credential.pair in ask.kept:
        return True
    if ask.stance is Stance.RETAIN and credential.pair not in ask.revoked:
        return False
    return not any(other.holds(credential.name, credential.pair) for other in others)


def _problem_of(trust: Trust, verdict: Verdict) -> Problem:
    """Why a wanted trust does not stand, in words."""
    pair = f"issuer and {'expression' if trust.pair.expression else 'subject'}"
    match verdict.reason:
        case Reason.CREDENTIAL_CONFLICT:
            message = (
                f"credential {verdict.name}, which entrafed did not make, has this {pair} with another "
                "audience; remove it, or ask for its audience"
            )
        case Reason.AUDIENCE_CONFLICT:
            message = (
                f"the same {pair} are asked for with another audience, and Entra takes only one; agree on one audience"
            )
        case Reason.QUOTA_EXCEEDED:
            return NO_ROOM
        case Reason.DRIFTED:
            message = (
                f"credential {verdict.name} was {difference(trust, verdict.stands)} by somebody else, and "
                "`driftPolicy` is Report; bring it back, or set `driftPolicy: Repair`"
            )
        case _:
            return replace(IN_PROGRESS, reason=verdict.reason)
    return Problem(ProblemKind.CONFLICT, verdict.reason, message)
