"""From what is known of hosts, roles and tenants to the parts of a status that speak of them. Pure.

What was recorded stays recorded until Azure was seen without it: a status is also the operator's memory.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from entrafed.api.assignment_status import MAX_PLACES, MAX_ROWS, AssignmentState
from entrafed.api.choices import DeletionPolicy
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.domain.assignments import Progress
from entrafed.domain.credentials import Parent, ParentKind, resource_key
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import (
    BEING_REMOVED,
    IN_PROGRESS,
    AssignmentFinding,
    AssignmentOutcome,
    Knowledge,
    Place,
    Section,
)
from entrafed.domain.recorded_rows import denials, identities_in, roles_in, tenants_in
from entrafed.domain.roles import role_key
from entrafed.domain.times import to_text

WORDS = {Section.IDENTITIES: "identity assignment", Section.ROLES: "role assignment", Section.TENANTS: "tenant"}
"""What an item of a section is called in messages."""

_STATES = {Progress.INTENDED: AssignmentState.ASSIGNING, Progress.MADE: AssignmentState.ASSIGNED}
_KINDS = {
    Section.IDENTITIES: ParentKind.HOST,
    Section.ROLES: ParentKind.SCOPE,
    Section.TENANTS: ParentKind.TENANT_APP,
}


NO_ROOM = Problem(
    ProblemKind.WAITING,
    Reason.PROGRESSING,
    "the status has no room for more before something is removed that was made earlier and is not asked for any more",
)


@dataclass(frozen=True, slots=True)
class AssignmentRow:
    """One assignment of an item as a status shows it, whatever its section. `place` is the id of the parent, of a
    tenant its own; `id_` Azure's own id of it; `role` as in `Place`."""

    place: str
    key: str
    value: str
    origin: Origin
    state: AssignmentState
    instance: str = ""
    id_: str | None = None
    role: str = ""


@dataclass(frozen=True, slots=True)
class AssignmentItem:
    """One item of a section: its rows, and what is wrong with it."""

    section: Section
    name: str
    rows: tuple[AssignmentRow, ...]
    problem: Problem | None
    denied_since: str | None = None
    consent_url: str | None = None
    is_shown: bool = True
    """Whether a status has room for it."""

    @property
    def stands(self) -> bool:
        """Whether anything of ours stands for it, or may."""
        return any(row.origin is Origin.OPERATOR for row in self.rows)


def label_of(item: AssignmentItem | AssignmentOutcome) -> str:
    """What an item is called in messages that speak of all sections."""
    return f"{WORDS[item.section]} {item.name}"


def assignment_items(federation: Federation, knowledge: Knowledge) -> tuple[AssignmentItem, ...]:
    """All items: those of the spec, then those that left it while something of theirs still stands."""
    recorded = _recorded(federation)
    found = {(parent.kind, _place(parent)): finding for parent, finding in knowledge.assigned.items()}
    leaving = federation.metadata.deletion_timestamp is not None
    asked = () if leaving else knowledge.assignments
    items = [_asked(outcome, recorded.get((outcome.section, outcome.name), ()), found) for outcome in asked]
    shown, wished = {(item.section, item.name) for item in items}, items_asked_for(federation)
    items = [item for item in items if item.rows or (item.section, item.name) in wished]
    denied = denials(federation.status)
    tenants = {parent.tenant_id for parent in knowledge.places if parent.kind is ParentKind.TENANT_APP}
    for (section, name), rows in recorded.items():
        is_left_alone = section is Section.TENANTS and name not in tenants and _outlives(federation, name)
        if (section, name) in shown or is_left_alone:
            continue
        left, problem = _leftover(section, rows, found)
        if left:
            items.append(AssignmentItem(section, name, left, problem, denied.get((section, name))))
    fitting = (_fitting([item for item in items if item.section is section], recorded) for section in Section)
    return tuple(sorted(chain(*fitting), key=lambda item: (item.section, item.name)))


def _fitting(items: list[AssignmentItem], recorded: Collection[tuple[Section, str]]) -> list[AssignmentItem]:
    """The items of one section, those that the status tells of first: nothing of another was made by us."""
    known_first = sorted(items, key=lambda item: (item.section, item.name) not in recorded)
    too_many = (replace(item, problem=NO_ROOM, is_shown=False) for item in known_first[MAX_ROWS:])
    return [*known_first[:MAX_ROWS], *too_many]


def items_asked_for(federation: Federation) -> tuple[tuple[Section, str], ...]:
    """The items of the spec, by section and name, in its order."""
    spec = federation.spec
    return (
        *((Section.IDENTITIES, item.name) for item in spec.identity_assignments),
        *((Section.ROLES, item.name) for item in spec.role_assignments),
        *((Section.TENANTS, item.tenant_id.lower()) for item in spec.tenants),
    )


def is_at_home(parent: Parent, federation: Federation) -> bool:
    """Whether a parent is the target's service principal in its own tenant, which no item asks for."""
    target = federation.status.target
    asked = {one.tenant_id.lower() for one in federation.spec.tenants}
    is_its_own = target is None or parent.tenant_id == target.tenant_id
    return parent.kind is ParentKind.TENANT_APP and is_its_own and parent.tenant_id not in asked


def problem_at_home(federation: Federation, knowledge: Knowledge) -> Problem | None:
    """Why the target has no service principal in its own tenant, without which nobody gets a token for it."""
    found = [finding for parent, finding in knowledge.assigned.items() if is_at_home(parent, federation)]
    problems = [problem for one in found for problem in (one.problem, *(s.problem for s in one.standings.values()))]
    return next((problem for problem in problems if problem is not None), None)


def _place(parent: Parent) -> str:
    return parent.tenant_id if parent.kind is ParentKind.TENANT_APP else parent.id


Found = Mapping[tuple[ParentKind, str], AssignmentFinding]


def _asked(outcome: AssignmentOutcome, recorded: tuple[AssignmentRow, ...], found: Found) -> AssignmentItem:
    """An item of the spec."""
    kind = _KINDS[outcome.section]
    rows: list[AssignmentRow] = []
    problems: list[Problem] = [] if outcome.problem is None else [outcome.problem]
    stands = set[tuple[str, str]]()
    for place in outcome.places:
        row, problem = _placed(place, found.get((kind, _place(place.parent))))
        if problem is not None:
            problems.append(problem)
        if row is not None:
            rows.append(row)
            stands.add((row.place, row.key))
    for place in outcome.found:
        row = _found(place, recorded)
        rows.append(row)
        stands.add((row.place, row.key))
    keeping = outcome.problem is not None or any(place.is_denied for place in outcome.places)
    others = tuple(row for row in recorded if (row.place, row.key) not in stands)
    left, removing = _leftover(outcome.section, others, found, keeping=keeping)
    if removing is not None and not keeping:
        problems.append(removing)
    since = None if outcome.denied_since is None else to_text(outcome.denied_since)
    before = {(row.place, row.key) for row in recorded}
    known = [row for row in rows if (row.place, row.key) in before]
    new = [row for row in rows if (row.place, row.key) not in before]  # not made before a status has room for it
    shown = (*known, *left, *new)[:MAX_PLACES]
    if len(shown) < len(known) + len(left) + len(new):
        problems.append(NO_ROOM)
    moving = min(problems, key=lambda one: one.stalled, default=None)
    return AssignmentItem(outcome.section, outcome.name, shown, moving, since, outcome.consent_url)


def _found(place: Place, recorded: tuple[AssignmentRow, ...]) -> AssignmentRow:
    """What stands where nothing can be looked at: made by others, unless the status remembers better."""
    at, key = _place(place.parent), place.assignment.key
    ours = next((row for row in recorded if (row.place, row.key, row.origin) == (at, key, Origin.OPERATOR)), None)
    return ours or AssignmentRow(at, key, place.assignment.value, Origin.PRE_EXISTING, AssignmentState.ASSIGNED)


def _placed(place: Place, finding: AssignmentFinding | None) -> tuple[AssignmentRow | None, Problem | None]:
    """How one place of an item stands."""
    if place.problem is not None:
        return None, place.problem
    if finding is None:
        return None, IN_PROGRESS
    if finding.problem is not None:
        return None, finding.problem
    standing = finding.standings.get(place.assignment)
    if standing is None:
        return None, IN_PROGRESS
    is_told = standing.origin is Origin.OPERATOR or standing.problem is None
    row = AssignmentRow(
        place=_place(place.parent),
        key=standing.as_.key,
        value=standing.as_.value,
        origin=standing.origin,
        state=_STATES[standing.progress],
        instance=finding.instance,
        id_=standing.id_,
        role=place.role,
    )
    return (row if is_told else None), standing.problem


def _leftover(
    section: Section, recorded: Iterable[AssignmentRow], found: Found, *, keeping: bool = False
) -> tuple[tuple[AssignmentRow, ...], Problem | None]:
    """Of what was recorded and is asked for no more: what still stands, or may, and what is wrong with that."""
    rows: list[AssignmentRow] = []
    problem: Problem | None = None
    for row in recorded:
        finding = found.get((_KINDS[section], row.place))
        if finding is None or finding.problem is not None:
            if row.origin is Origin.OPERATOR:
                rows.append(row)
                problem = problem or (finding.problem if finding else None)
            continue
        left = next((one for one in finding.left if one.key == row.key), None)
        if left is not None and row.origin is Origin.OPERATOR:
            rows.append(row if keeping else replace(row, state=AssignmentState.REMOVING))
            problem = left.problem or problem
    return tuple(rows), (problem or BEING_REMOVED) if rows else None


def _recorded(federation: Federation) -> dict[tuple[Section, str], tuple[AssignmentRow, ...]]:
    """What the status shows, by section and item; what no operator can have written is forgotten."""
    status = federation.status
    recorded: dict[tuple[Section, str], tuple[AssignmentRow, ...]] = {}
    for identity in status.identity_assignments:
        recorded[Section.IDENTITIES, identity.name] = tuple(
            AssignmentRow(
                resource_key(one.resource_id),
                resource_key(one.identity_id),
                one.principal_id,
                one.origin,
                one.state,
                one.instance_id or "",
            )
            for one in identities_in(identity)
        )
    for role in status.role_assignments:
        recorded[Section.ROLES, role.name] = tuple(
            AssignmentRow(
                resource_key(one.scope),
                role_key(one.role_definition_id, one.principal_id),
                one.condition or "",
                one.origin,
                one.state,
                id_=one.assignment_name,
                role=one.role or "",
            )
            for one in roles_in(role)
        )
    client_id = status.target.client_id if status.target else None
    for tenant in tenants_in(status.tenants):
        if tenant.origin is not None and tenant.assignment is not None and client_id is not None:
            row = AssignmentRow(
                tenant.tenant_id, client_id, "", tenant.origin, tenant.assignment, id_=tenant.service_principal_id
            )
            recorded[Section.TENANTS, tenant.tenant_id] = (row,)
    return recorded


def _outlives(federation: Federation, tenant_id: str) -> bool:
    """Whether the service principal in a tenant stays when the object goes."""
    asked = {one.tenant_id.lower(): one.deletion_policy for one in federation.spec.tenants}
    recorded = {one.tenant_id: one.deletion_policy for one in tenants_in(federation.status.tenants)}
    policy = asked.get(tenant_id, recorded.get(tenant_id, DeletionPolicy.RETAIN))
    return policy is DeletionPolicy.RETAIN
