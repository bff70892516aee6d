"""The verb *admit*: what an object may ask for, and where. Reads Azure, writes nothing.

What cannot be resolved for now changes nothing: the previous ask stands, or what the status records is kept. Unknown
never removes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from entrafed.api.choices import DeletionPolicy
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.rules import Rule
from entrafed.domain.asks import Ask, Stance
from entrafed.domain.assignments import AssignmentAsk
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import Pair, Parent, Trust
from entrafed.domain.demand import asking, is_over
from entrafed.domain.errors import AzureProblem, NotFound, Problem, ProblemKind
from entrafed.domain.findings import Knowledge, Outcome
from entrafed.domain.marks import owner_mark
from entrafed.domain.rules import rules_allowing_target
from entrafed.domain.targets import ResolvedTarget
from entrafed.domain.times import to_seconds
from entrafed.engine.absence import Absences, was_reported_missing
from entrafed.engine.access import Access, Accesses, Unresolved
from entrafed.engine.assignment_admission import AssignmentAdmitter
from entrafed.engine.assignment_admission import Case as AssignmentCase
from entrafed.engine.issuers import ClusterIssuers
from entrafed.engine.objects import Objects
from entrafed.engine.outcomes import SUSPENDED, Case, Judge
from entrafed.engine.ports import Clock
from entrafed.engine.reads import Reads
from entrafed.engine.recorded import (
    denied_since,
    is_recorded,
    may_stand,
    pinned_target,
    records_of,
    retiring_of,
    target_denied_since,
    trusts_by_item,
    untold,
    withdrawn,
)
from entrafed.engine.table import Table
from entrafed.engine.timing import Timing
from entrafed.engine.unrecorded import Unrecorded
from entrafed.engine.versions import Inputs


@dataclass(frozen=True, slots=True)
class Admission:
    """What an object came to. Without an ask it asks for nothing anywhere.

    `problem` has it admitted again as its kind says; `due` is in seconds from now, for a permission that runs out.
    `finished`: it is being deleted, and there is nothing to wait for at its target. What is not `resolved` says nothing
    about what was found for the ask, which is that of an earlier admission.
    """

    inputs: Inputs
    knowledge: Knowledge
    parent: Parent | None = None
    ask: Ask | None = None
    problem: Problem | None = None
    due: float | None = None
    finished: bool = False
    resolved: bool = True
    assigned: Mapping[Parent, AssignmentAsk] = field(default_factory=dict)
    """What it asks for at hosts, scopes and tenants."""


class Admitter:
    """Admits one object after the other."""

    def __init__(
        self,
        *,
        objects: Objects,
        reads: Reads,
        issuers: ClusterIssuers,
        table: Table,
        accesses: Accesses,
        assignments: AssignmentAdmitter,
        absences: Absences,
        clock: Clock,
        timing: Timing,
    ) -> None:
        self._objects = objects
        self._reads = reads
        self._table = table
        self._accesses = accesses
        self._assignments = assignments
        self._absences = absences
        self._clock = clock
        self._timing = timing
        self._judge = Judge(reads, issuers, clock, timing)
        self._unrecorded = Unrecorded(reads, absences, clock, timing)

    def inputs_of(self, federation: Federation) -> Inputs:
        """What an admission of this object would be made from now."""
        metadata = federation.metadata
        connection = self._objects.connections.get(federation.spec.connection_ref.name)
        return Inputs(
            generation=metadata.generation,
            leaving=metadata.deletion_timestamp is not None,
            request=metadata.reconcile_requested_at,
            connection=(connection.metadata.uid, connection.metadata.generation) if connection else None,
            namespace=self._objects.namespaces.get(metadata.namespace or ""),
            partners=self._objects.partners_of(federation),
            retiring=retiring_of(federation),
        )

    async def admit(self, federation: Federation, not_before: float) -> Admission:
        """Find out what an object may ask for. What was read of Azure before `not_before` is read again."""
        inputs = self.inputs_of(federation)
        try:
            if inputs.leaving:
                return await self._leave(federation, inputs)
            return await self._stay(federation, inputs, not_before)
        except Unresolved as unresolved:
            return self._unresolved(federation, inputs, unresolved)

    async def is_as_recorded(self, federation: Federation) -> bool:
        """Whether the rules allow all that the status records, and the cluster's issuers are the same still; or that
        cannot be told for now. Azure is not asked."""
        try:
            access = self._accesses.of(federation)
        except Unresolved:
            return True
        pinned = pinned_target(federation)
        if pinned is None or pinned.client_id in self._accesses.own_clients():
            return False
        rules = rules_allowing_target(access.rules, federation.spec.target, pinned)
        if not self._assignments.is_allowed(federation, AssignmentCase(access, pinned, rules, None)):
            return False
        outcomes = await self._outcomes(federation, access, rules, None, self._clock.now())
        return not retiring_of(federation) and all(is_recorded(federation, outcome) for outcome in outcomes)

    def kept(self, federation: Federation) -> tuple[Parent, Ask] | None:
        """What the status records, to be kept: for an object that nothing else is known of."""
        pinned = pinned_target(federation)
        if pinned is None:
            return None
        return pinned.parent, self._ask(federation, None, Stance.KEEP)

    def kept_assignments(self, federation: Federation) -> Mapping[Parent, AssignmentAsk]:
        """The same of hosts, scopes and tenants."""
        return self._assignments.keep(federation)

    def _unresolved(self, federation: Federation, inputs: Inputs, unresolved: Unresolved) -> Admission:
        problem, uid = unresolved.problem, federation.metadata.uid
        before, parent = self._table.ask_of(uid), self._table.parent_of(uid)
        if before is None or parent is None:
            parent, before = self.kept(federation) or (None, None)
        elif inputs.leaving or federation.spec.suspend:
            kept = before.kept | {trust.pair for trust in before.wanted}
            before = replace(before, stance=Stance.KEEP, wanted=frozenset(), kept=kept, items=())
        outcomes = tuple(untold(federation, problem, self._clock.now()))
        assignments = self._assignments.untold(federation, problem)
        knowledge = Knowledge(outcomes=outcomes, problem=problem, assignments=assignments)
        assigned = self._assignments.stand(federation, keep=inputs.leaving or federation.spec.suspend)
        return Admission(
            inputs, knowledge, parent=parent, ask=before, problem=problem, resolved=False, assigned=assigned
        )

    async def _stay(self, federation: Federation, inputs: Inputs, not_before: float) -> Admission:
        access = self._accesses.of(federation)
        pinned = pinned_target(federation)
        if not federation.spec.suspend:
            target, rules = await self._target(federation, access, pinned, not_before)
        elif pinned is not None:
            target, rules = pinned, rules_allowing_target(access.rules, federation.spec.target, pinned)
        else:
            raise Unresolved(SUSPENDED)
        if target is None:
            return await self._denied(federation, inputs, access)
        fresh_from = None if federation.spec.suspend else not_before
        now = self._clock.now()  # of all that it comes to: what is over a moment later would have nobody to tell it
        multi = target.multi_tenant
        outcomes = await self._outcomes(federation, access, rules, fresh_from, now, multi_tenant=multi)
        assigned = await self._assignments.stay(federation, AssignmentCase(access, target, rules, fresh_from))
        problem = SUSPENDED if federation.spec.suspend else None if rules else _target_denied(access)
        knowledge = Knowledge(
            outcomes=outcomes,
            target=target,
            problem=problem,
            may_show_target=bool(rules),
            written=self._written(federation),
            handled_request=inputs.request,
            assignments=assigned.outcomes,
        )
        admission = self._asking(federation, inputs, access, target, knowledge, now=now)
        dues = [due for due in (admission.due, assigned.due) if due is not None]
        first = next((p for p in (admission.problem, assigned.problem) if p is not None and not p.stalled), None)
        return replace(
            admission,
            problem=first or admission.problem or assigned.problem,
            due=min(dues, default=None),
            assigned=assigned.asks,
        )

    async def _target(
        self, federation: Federation, access: Access, pinned: ResolvedTarget | None, not_before: float
    ) -> tuple[ResolvedTarget | None, tuple[Rule, ...]]:
        """The target, and the rules that allow it. What no rule can allow is not looked at; None when it never was."""
        target = federation.spec.target
        allowed = rules_allowing_target(access.rules, target, pinned)
        by_other_ids = target.application is not None and access.rules
        if not allowed and not by_other_ids:
            return pinned, ()
        try:
            found = await self._reads.target(access.sign_in, target, not_before)
        except NotFound as missing:
            if not allowed:
                return pinned, ()
            reported = was_reported_missing(federation)
            raise Unresolved(self._absences.living(federation.metadata.uid, missing.problem, reported)) from None
        except AzureProblem as failure:
            if not allowed and failure.problem.stalled:  # whom Azure refuses what is no affair of who may not ask
                return pinned, ()
            raise Unresolved(failure.problem) from None
        self._absences.seen(federation.metadata.uid)
        rules = rules_allowing_target(access.rules, target, found)
        if rules and found.tenant_id != access.sign_in.tenant_id:
            message = f"the target is of tenant {found.tenant_id}, the connection of {access.sign_in.tenant_id}"
            raise Unresolved(Problem(ProblemKind.TERMINAL, Reason.IDENTITY_IN_OTHER_TENANT, message))
        if rules and pinned is not None and pinned.parent != found.parent:
            raise Unresolved(_replaced(pinned, found))
        return found if rules else pinned, () if found.client_id in self._accesses.own_clients() else rules

    async def _denied(self, federation: Federation, inputs: Inputs, access: Access) -> Admission:
        """A target that no status shows to have been allowed: nothing about it, or what was found there, is told.

        Something may have been written there all the same, in the moment between a permission and the first status. It
        goes as all that is not allowed any more.
        """
        uid, problem = federation.metadata.uid, _target_denied(access)
        outcomes = tuple(Outcome(item.name, (), problem) for item in federation.spec.federated_credentials)
        knowledge = Knowledge(outcomes=outcomes, problem=problem, handled_request=inputs.request)
        denied = Admission(inputs, knowledge, resolved=False)
        parent, finding = self._table.parent_of(uid), self._table.finding_of(uid)
        try:
            if parent is None and self._table.is_from_before(uid):
                parent = await self._unrecorded.parent(federation, access.sign_in)
        except Unresolved as unresolved:
            return replace(denied, problem=unresolved.problem)
        if parent is None or (finding is not None and finding.clean):
            self._table.nothing_stands_for(uid)
            return denied
        now = self._clock.now()
        wait = target_denied_since(federation, now) + self._timing.revocation_delay - now
        ask = self._ask(federation, access.sign_in, Stance.KEEP if wait > 0 else Stance.LEAVE)
        return replace(denied, parent=parent, ask=ask, due=wait if wait > 0 else None)

    async def _outcomes(
        self,
        federation: Federation,
        access: Access,
        rules: tuple[Rule, ...],
        not_before: float | None,
        now: float,
        *,
        multi_tenant: bool | None = None,
    ) -> tuple[Outcome, ...]:
        """What the items come to, with what is denied dated; `now` is in seconds since the epoch."""
        case = Case(
            sign_in=access.sign_in,
            namespace=access.namespace,
            rules=rules,
            own_clients=self._accesses.own_clients(),
            cluster_issuers=access.cluster_issuers,
            multi_tenant=multi_tenant,
            records=records_of(federation),
            recorded=self._written(federation),
            not_before=not_before,
        )
        items = federation.spec.federated_credentials
        outcomes = [await self._judge.outcome(item, case) for item in items]
        if not_before is None:
            names = case.recorded.keys() - {item.name for item in items}
            outcomes += [await self._judge.former(name, case) for name in sorted(names)]
        return tuple(self._dated(federation, outcome, now) for outcome in outcomes)

    def _written(self, federation: Federation) -> dict[str, tuple[Trust, ...]]:
        """What was written, by item: as recorded, or as asked for last, which may not have come to the status yet."""
        before = self._table.ask_of(federation.metadata.uid)
        return trusts_by_item(records_of(federation), before.items if before is not None else ())

    def _dated(self, federation: Federation, outcome: Outcome, now: float) -> Outcome:
        """A refusal with the time of the first: what was allowed once is removed a while after that. Revoked is an item
        of which nothing may stand."""
        if outcome.denied_since is None:
            return outcome
        problem, since = outcome.problem, denied_since(federation, outcome, now)
        is_revoked = outcome.is_denied_whole and is_over(since, now=now, delay=self._timing.revocation_delay)
        if problem is not None and problem.reason is Reason.NOT_PERMITTED and is_revoked:
            problem = replace(problem, reason=Reason.REVOKED)
        return replace(outcome, problem=problem, denied_since=since)

    def _asking(
        self,
        federation: Federation,
        inputs: Inputs,
        access: Access,
        target: ResolvedTarget,
        knowledge: Knowledge,
        *,
        now: float,
    ) -> Admission:
        """The ask that the outcomes make."""
        stance = Stance.KEEP if federation.spec.suspend else Stance.RECONCILE
        ask, due = asking(
            self._ask(federation, access.sign_in, stance),
            knowledge.outcomes,
            knowledge.written,
            now=now,
            delay=self._timing.revocation_delay,
        )
        problem = _to_be_looked_at_again(knowledge.outcomes)
        return Admission(inputs, knowledge, parent=target.parent, ask=ask, problem=problem, due=due)

    def _ask(self, federation: Federation, sign_in: SignIn | None, stance: Stance) -> Ask:
        metadata, spec = federation.metadata, federation.spec
        return Ask(
            uid=metadata.uid,
            owner=owner_mark(metadata.namespace or "", metadata.name),
            namespace=metadata.namespace or "",
            name=metadata.name,
            sign_in=sign_in,
            stance=stance,
            drift=spec.drift_policy,
            since=to_seconds(metadata.deletion_timestamp or metadata.creation_timestamp, unreadable=float("inf")),
            records=records_of(federation),
        )

    async def _leave(self, federation: Federation, inputs: Inputs) -> Admission:
        """An object that is being deleted. To clean up is always allowed; rules are asked of what is to stay."""
        uid = federation.metadata.uid
        retain = federation.spec.deletion_policy is DeletionPolicy.RETAIN
        revoked = await self._not_to_be_retained(federation) if retain else frozenset[Pair]()
        stance = Stance.RETAIN if retain else Stance.LEAVE
        elsewhere = Admission(inputs, Knowledge(), finished=True, assigned=self._assignments.leave(federation, stance))
        known = self._table.parent_of(uid) or _parent_of(pinned_target(federation))
        if (retain and not revoked) or (known is None and not self._table.is_from_before(uid)):
            return elsewhere
        sign_in = self._accesses.of(federation).sign_in
        parent = known or await self._unrecorded.parent(federation, sign_in)
        if parent is None:
            return elsewhere
        ask = replace(self._ask(federation, sign_in, stance), revoked=revoked)
        return replace(elsewhere, parent=parent, ask=ask, finished=False)

    async def _not_to_be_retained(self, federation: Federation) -> frozenset[Pair]:
        """Pairs that do not outlive the object, whatever its deletionPolicy: no rule allows them at this moment.

        Nobody is left to count a delay for. Where rules cannot be asked, what the status says was denied counts.
        """
        try:
            access = self._accesses.of(federation)
        except Unresolved:
            return withdrawn(federation)
        pinned = pinned_target(federation)
        rules = rules_allowing_target(access.rules, federation.spec.target, pinned)
        if pinned is None and federation.spec.target.application is not None:
            rules = access.rules  # they may know it by another id than the spec does, and it is not looked at any more
        elif pinned is not None and pinned.client_id in self._accesses.own_clients():
            rules = ()
        outcomes = await self._outcomes(federation, access, rules, None, self._clock.now())
        denied = frozenset(pair for outcome in outcomes if may_stand(federation, outcome) for pair in outcome.denied)
        allowed = {trust.pair for outcome in outcomes for trust in outcome.trusts} - denied
        asked = {outcome.name for outcome in outcomes}
        return denied | (withdrawn(federation, besides=asked) - allowed)


def _parent_of(target: ResolvedTarget | None) -> Parent | None:
    return None if target is None else target.parent


def _to_be_looked_at_again(outcomes: tuple[Outcome, ...]) -> Problem | None:
    """Of what could not be told, whatever is to be looked at first."""
    unknown = [o.problem for o in outcomes if o.problem and o.denied_since is None and o.problem is not SUSPENDED]
    return next((p for p in unknown if not p.stalled), unknown[0] if unknown else None)


def _target_denied(access: Access) -> Problem:
    message = (
        f"no rule of EntraConnection {access.sign_in.connection} allows namespace {access.namespace.name} this target; "
        "ask for a rule, or name another target"
    )
    return Problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED, message)


def _replaced(pinned: ResolvedTarget, found: ResolvedTarget) -> Problem:
    message = (
        f"the spec's target names {found.parent} now, and named {pinned.parent} when this object was first reconciled; "
        "nothing is written to another one: delete this object and create it again if that is meant"
    )
    return Problem(ProblemKind.TERMINAL, Reason.TARGET_REPLACED, message)
