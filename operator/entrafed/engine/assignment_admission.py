"""The part of *admit* that is about hosts, roles and tenants. Reads Azure, writes nothing."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from entrafed.api.federation import ApplicationTarget, Federation, Target
from entrafed.api.reasons import Reason
from entrafed.api.rules import Rule
from entrafed.domain.asks import Stance
from entrafed.domain.assignment_summary import items_asked_for
from entrafed.domain.assignments import Assignment, AssignmentAsk, AssignmentRecord, Progress
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AzureProblem, NotFound, Problem
from entrafed.domain.findings import AssignmentOutcome, Place, Section
from entrafed.domain.recorded_rows import denials
from entrafed.domain.roles import RoleDefinition, role_and_principal
from entrafed.domain.rules import allows_identity_assignment, allows_role, allows_tenant, rules_allowing_target
from entrafed.domain.targets import ResolvedTarget
from entrafed.domain.times import to_seconds
from entrafed.engine.access import Access, Accesses, Unresolved
from entrafed.engine.assignment_asks import Asks, ask_of, asks_of_items, asks_of_leaver, asks_to_keep
from entrafed.engine.assignment_records import Recorded, assignments_recorded, assignments_shown
from entrafed.engine.assignment_table import AssignmentTable
from entrafed.engine.outcomes import SUSPENDED
from entrafed.engine.ports import Clock
from entrafed.engine.reads import Reads
from entrafed.engine.recorded import pinned_target
from entrafed.engine.timing import Timing
from entrafed.engine.wishes import TenantAccess, WishCase, Wishes, refusal_of, way_in

_BY_CLIENT_ID = Target(application=ApplicationTarget())


@dataclass(frozen=True, slots=True)
class Case:
    """What the items of one object are judged by: its access and target, and the rules that allow the target.
    `not_before` as in `WishCase`; None: nothing may be read of Azure."""

    access: Access
    target: ResolvedTarget
    rules: tuple[Rule, ...]
    not_before: float | None


@dataclass(frozen=True, slots=True)
class Assigned:
    """What the items came to: `problem` is what has the object admitted again, `due` seconds until a permission runs
    out."""

    outcomes: tuple[AssignmentOutcome, ...] = ()
    asks: Mapping[Parent, AssignmentAsk] = field(default_factory=dict)
    problem: Problem | None = None
    due: float | None = None


class AssignmentAdmitter:
    """Admits the items of one object after the other."""

    def __init__(
        self, *, accesses: Accesses, reads: Reads, table: AssignmentTable, clock: Clock, timing: Timing
    ) -> None:
        self._accesses = accesses
        self._reads = reads
        self._table = table
        self._clock = clock
        self._timing = timing
        self._wishes = Wishes(reads, timing)

    async def stay(self, federation: Federation, case: Case) -> Assigned:
        """An object that stays."""
        judged = self._with_lapsed(await self._outcomes(federation, case), federation, case)
        judged = (
            *judged,
            *self._stranded(federation, case, {one.name for one in judged if one.section is Section.TENANTS}),
        )
        now = self._clock.now()  # of all items: what is over for one a moment later would have nobody to look at it
        outcomes = tuple(self._dated(federation, outcome, now) for outcome in judged)
        stance = Stance.KEEP if case.not_before is None else Stance.RECONCILE
        asks = asks_of_items(
            federation,
            outcomes,
            lambda name: self._sign_in(name, case),
            stance,
            lambda one: self._allows(federation, one, case),
        )
        if case.not_before is not None:
            asks = {parent: replace(ask, read_at=case.not_before) for parent, ask in asks.items()}
            asks |= await self._at_home(federation, case, case.not_before)
        unknown = [one.problem for one in outcomes if one.problem is not None and one.problem is not SUSPENDED]
        first = next((problem for problem in unknown if not problem.stalled), unknown[0] if unknown else None)
        dues = [
            one.denied_since + self._timing.revocation_delay - now
            for one in outcomes
            if one.denied_since is not None and not self._is_over(one.denied_since, now)
        ]
        return Assigned(outcomes, asks, first, min(dues, default=None))

    def untold(self, federation: Federation, problem: Problem) -> tuple[AssignmentOutcome, ...]:
        """The items of an object of which nothing can be told: what the status says was denied counts as that still."""
        since, now = denials(federation.status), self._clock.now()
        return tuple(
            AssignmentOutcome(
                section,
                name,
                problem=problem,
                denied_since=to_seconds(since[section, name], unreadable=now) if (section, name) in since else None,
            )
            for section, name in items_asked_for(federation)
        )

    def keep(self, federation: Federation) -> Asks:
        """An object of which nothing else is known than what its status records."""
        return asks_to_keep(federation)

    def stand(self, federation: Federation, *, keep: bool) -> Asks:
        """An object of which nothing can be told for now: what it asked for before stands, or is only kept."""
        before = self._table.asks_by(federation.metadata.uid)
        if not before:
            return asks_to_keep(federation)
        return {parent: replace(ask, stance=Stance.KEEP) for parent, ask in before.items()} if keep else before

    def leave(self, federation: Federation, stance: Stance) -> Asks:
        """An object that is being deleted. Rules are asked of what is to stay; where they cannot be, what the status
        says was denied counts."""
        case = self._case_of_leaver(federation)

        def is_allowed(one: Recorded) -> bool:
            if case is not None:
                return self._allows(federation, one, case)
            return (one.section, one.record.item) not in denials(federation.status)

        return asks_of_leaver(federation, lambda name: self._sign_in(name, case), stance, is_allowed)

    def is_allowed(self, federation: Federation, case: Case) -> bool:
        """Whether the rules allow all that the status shows. Azure is not asked."""
        return all(self._allows(federation, one, case) for one in assignments_shown(federation))

    def _case_of_leaver(self, federation: Federation) -> Case | None:
        pinned = pinned_target(federation)
        try:
            access = self._accesses.of(federation)
        except Unresolved:
            return None
        if pinned is None:
            return None
        return Case(access, pinned, rules_allowing_target(access.rules, federation.spec.target, pinned), None)

    async def _outcomes(self, federation: Federation, case: Case) -> tuple[AssignmentOutcome, ...]:
        if case.not_before is None:
            recorded = self._by_records(federation, case)
            known = {(outcome.section, outcome.name) for outcome in recorded}
            names = (item for item in items_asked_for(federation) if item not in known)
            return (*recorded, *(AssignmentOutcome(*name, problem=SUSPENDED) for name in names))
        wish = WishCase(
            sign_in=case.access.sign_in,
            target=case.target,
            rules=case.rules,
            own_clients=self._accesses.own_clients(),
            partner=lambda name: self._partner(name, case),
            not_before=case.not_before,
        )
        return await self._wishes.outcomes(federation, wish)

    async def _at_home(self, federation: Federation, case: Case, not_before: float) -> Asks:
        """An application without a service principal in its own tenant gives nobody a token: it is made, and never
        deleted. Where it may not be read, somebody else sees to it."""
        if case.target.parent.kind is not ParentKind.APPLICATION or not case.rules:
            return {}
        sign_in, tenant_id, client_id = case.access.sign_in, case.target.tenant_id, case.target.client_id
        try:
            await self._reads.service_principal(sign_in, client_id, not_before)
        except NotFound:
            assignment = Assignment(client_id)
            ask = ask_of(federation, sign_in, frozenset({assignment}))
            record = AssignmentRecord(tenant_id, assignment, Progress.INTENDED)
            return {Parent(ParentKind.TENANT_APP, tenant_id, client_id): replace(ask, records=(record,))}
        except AzureProblem:
            return {}
        return {}

    def _by_records(self, federation: Federation, case: Case) -> tuple[AssignmentOutcome, ...]:
        """What was made, judged without a look at Azure."""
        by_item: dict[tuple[Section, str], list[Place]] = {}
        for one in assignments_recorded(federation):
            refusal = (
                None
                if self._allows(federation, one, case)
                else refusal_of(case.access.sign_in, f"what was made for {one.record.item}")
            )
            place = Place(one.parent, one.record.assignment, case.access.sign_in, refusal)
            by_item.setdefault((one.section, one.record.item), []).append(place)
        return tuple(
            AssignmentOutcome(
                section,
                name,
                tuple(place for place in places if place.is_denied),
                None if all(place.is_denied for place in places) else SUSPENDED,
                denied_since=0.0 if any(place.is_denied for place in places) else None,
            )
            for (section, name), places in by_item.items()
        )

    def _with_lapsed(
        self, outcomes: tuple[AssignmentOutcome, ...], federation: Federation, case: Case
    ) -> tuple[AssignmentOutcome, ...]:
        """Of an item that cannot be told, what was made for it and no rule allows any more is denied as any other."""
        if case.not_before is None or all(outcome.problem is None for outcome in outcomes):
            return outcomes  # told by the records alone, or told
        refused = {(one.section, one.name): one.places for one in self._by_records(federation, case)}
        told = []
        for outcome in outcomes:
            known = {place.parent for place in outcome.places}
            places = refused.get((outcome.section, outcome.name), ()) if outcome.problem is not None else ()
            lapsed = tuple(place for place in places if place.parent not in known)
            told.append(replace(outcome, places=(*outcome.places, *lapsed), denied_since=0.0) if lapsed else outcome)
        return tuple(told)

    def _stranded(self, federation: Federation, case: Case, asked: Collection[str]) -> Iterator[AssignmentOutcome]:
        """Tenants that are not asked for any more, and out of which there is no way to take the application."""
        for one in assignments_recorded(federation):
            if one.connection is None or one.record.item in asked:
                continue
            if one.outlives and self._allows(federation, one, case):
                continue
            partner = way_in(one.connection, one.parent.tenant_id, self._partner(one.connection, case))
            if isinstance(partner, Problem):
                yield AssignmentOutcome(one.section, one.record.item, problem=partner)

    def _allows(self, federation: Federation, one: Recorded, case: Case) -> bool:
        """Whether the rules allow what is recorded. Where they cannot be asked, what the status says counts."""
        key = one.record.assignment.key
        match one.section:
            case Section.IDENTITIES:
                return allows_identity_assignment(case.rules, key, one.parent.id)
            case Section.ROLES:
                return allows_role(case.rules, RoleDefinition(role_and_principal(key)[0], one.role), one.parent.id)
        partner = self._partner(one.connection or "", case)
        if isinstance(partner, Problem):
            return (one.section, one.record.item) not in denials(federation.status)
        return all(allows_tenant(rules, one.parent.tenant_id) for rules in (case.rules, partner.rules))

    def _partner(self, name: str, case: Case) -> TenantAccess | Problem:
        """The way into another tenant by the name of a connection, or why there is none."""
        try:
            access = self._accesses.through(name, case.access.namespace.name)
        except Unresolved as unresolved:
            return unresolved.problem
        by_client = replace(case.target, object_id=None)  # object ids are of the home tenant
        return TenantAccess(access.sign_in, rules_allowing_target(access.rules, _BY_CLIENT_ID, by_client))

    def _sign_in(self, name: str | None, case: Case | None) -> SignIn | None:
        """The object's own, or that of another connection by its name."""
        if name is None or case is None:
            return case.access.sign_in if case else None
        partner = self._partner(name, case)
        return None if isinstance(partner, Problem) else partner.sign_in

    def _dated(self, federation: Federation, outcome: AssignmentOutcome, now: float) -> AssignmentOutcome:
        """A refusal with the time of the first: what was allowed once is taken back a while after that."""
        if outcome.denied_since is None:
            return outcome
        recorded = denials(federation.status).get((outcome.section, outcome.name))
        since = now if recorded is None else min(now, to_seconds(recorded, unreadable=now))
        places = outcome.places
        if self._is_over(since, now):
            places = tuple(
                replace(place, problem=replace(place.problem, reason=Reason.REVOKED))
                if place.problem is not None and place.is_denied
                else place
                for place in places
            )
        return replace(outcome, places=places, denied_since=since)

    def _is_over(self, denied_since: float, now: float) -> bool:
        return denied_since + self._timing.revocation_delay <= now
