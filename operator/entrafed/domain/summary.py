"""From what is known of a ManagedIdentityFederation to the status that users read. Pure.

What was recorded stays recorded until Azure was seen without it: a status is also the operator's memory.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from entrafed.api.choices import DeletionPolicy
from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, Origin
from entrafed.api.status import (
    MAX_ITEMS,
    CredentialItemStatus,
    CredentialStatus,
    FederationStatus,
    Summary,
    TargetStatus,
)
from entrafed.domain.asks import recorded_pair, recorded_trust
from entrafed.domain.assignment_rows import identity_rows, role_rows, tenant_rows
from entrafed.domain.assignment_summary import AssignmentItem, assignment_items, label_of, problem_at_home
from entrafed.domain.conditions import Conditions
from entrafed.domain.credential_rows import credential_row, remaining, sorted_by_name, with_state
from entrafed.domain.credentials import Pair, Trust
from entrafed.domain.demand import kept_by
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import BEING_REMOVED, IN_PROGRESS, Knowledge, Left, Outcome, Section, Standing
from entrafed.domain.issuers import Remark, remark_on
from entrafed.domain.output_rows import output_row, sorted_rows
from entrafed.domain.states import state_of
from entrafed.domain.targets import short_name, target_status
from entrafed.domain.times import to_text

DELETING = Problem(ProblemKind.WAITING, Reason.DELETING, "what was made for this object is being removed")
IN_PLACE = "Azure holds exactly what is asked for"
SECTION_CONDITIONS = {
    Section.IDENTITIES: ConditionType.IDENTITIES_ASSIGNED,
    Section.ROLES: ConditionType.ROLES_ASSIGNED,
    Section.TENANTS: ConditionType.TENANTS_PROVISIONED,
}
MOST_NAMED = 5  # items that a message names; more would not be read


@dataclass(frozen=True, slots=True)
class _Item:
    """One row of the status, and what is wrong with it."""

    name: str
    credentials: tuple[CredentialStatus, ...]
    problem: Problem | None
    denied_since: str | None = None
    remark: Remark | None = None


def summarise(federation: Federation, knowledge: Knowledge, now: float) -> FederationStatus:
    """The status of an object. `now` is seconds since the epoch; it dates conditions whose status changed."""
    items = _items(federation, knowledge, now)
    assigned = assignment_items(federation, knowledge)
    others = [_Item(label_of(one), (), one.problem, one.denied_since if one.stands else None) for one in assigned]
    others.append(_Item("service principal", (), problem_at_home(federation, knowledge)))
    asked = frozenset(item.name for item in federation.spec.federated_credentials)
    outputs = [_Item(str(one.output), (), one.problem) for one in knowledge.outputs]
    problem = _whole_problem(federation, knowledge, assigned) or _worst([*items, *others, *outputs])
    conditions = Conditions(federation, now)
    if problem is None:
        conditions.set(ConditionType.READY, ConditionStatus.TRUE, Reason.SYNCED, _all_well(federation, items))
    else:
        conditions.set(ConditionType.READY, _unready(problem), problem.reason, problem.message)
        if problem.reason is not Reason.SUSPENDED:
            abnormal = ConditionType.STALLED if problem.stalled else ConditionType.RECONCILING
            conditions.set(abnormal, ConditionStatus.TRUE, problem.reason, problem.message)
    if federation.metadata.deletion_timestamp is None:
        _permission(conditions, federation, knowledge, [*items, *others])
    else:
        conditions.keep(ConditionType.PERMITTED)
    if items:
        _synced(conditions, items, knowledge)
    for section, kind in SECTION_CONDITIONS.items():
        there = [_Item(one.name, (), one.problem) for one in assigned if one.section is section]
        _section(conditions, kind, there, "Azure holds exactly what is asked for")
    _section(conditions, ConditionType.OUTPUTS_WRITTEN, outputs, "the namespace holds exactly what is asked for")
    return FederationStatus(
        observed_generation=federation.metadata.generation,
        target=_target(federation, knowledge),
        summary=Summary(
            target=short_name(federation.spec.target),
            credentials=f"{sum(1 for i in items if i.problem is None and i.name in asked)}/{len(asked)}",
        ),
        federated_credentials=tuple(_row(item) for item in sorted(items, key=lambda i: i.name)),
        identity_assignments=identity_rows(assigned),
        role_assignments=role_rows(assigned),
        tenants=tenant_rows(federation, assigned),
        outputs=sorted_rows(output_row(one) for one in knowledge.outputs[:MAX_ITEMS]),
        conditions=conditions.all(),
        last_handled_reconcile_at=knowledge.handled_request or federation.status.last_handled_reconcile_at,
    )


def _items(federation: Federation, knowledge: Knowledge, now: float) -> list[_Item]:
    """Those of the spec, then those that left it, as far as a status has room: more were never made by us."""
    recorded = _recorded(federation, knowledge)
    leaving = federation.metadata.deletion_timestamp is not None
    outcomes = () if leaving else knowledge.outcomes
    left = _left_by_item(knowledge, outcomes, recorded)
    rows = [_asked(outcome, knowledge, recorded, left.pop(outcome.name, ()), now) for outcome in outcomes]
    if _looked(knowledge):
        rows += [_removed(name, remains, recorded.get(name)) for name, remains in left.items()]
    else:
        rows += _unknown(recorded.values(), frozenset(row.name for row in rows), knowledge.problem or BEING_REMOVED)
    return rows[:MAX_ITEMS]


def _looked(knowledge: Knowledge) -> bool:
    finding = knowledge.finding
    return finding is not None and finding.problem is None and finding.amended is None


def _recorded(federation: Federation, knowledge: Knowledge) -> dict[str, _Item]:
    """What is recorded, by item, with what has come of it since; under its own name what no item is known for."""
    amended = (knowledge.finding and knowledge.finding.amended) or {}
    items = {
        item.name: _Item(
            item.name, tuple(c for c in item.credentials if c.credential_name not in amended), None, item.denied_since
        )
        for item in federation.status.federated_credentials
    }
    for name, credential in sorted(amended.items()):
        if credential is not None:
            place = _written_for(credential.pair, knowledge) or name
            item = items.setdefault(place, _Item(place, (), None))
            items[place] = replace(item, credentials=(*item.credentials, credential_row(credential, Origin.OPERATOR)))
    return items


def _left_by_item(
    knowledge: Knowledge, outcomes: tuple[Outcome, ...], recorded: Mapping[str, _Item]
) -> dict[str, tuple[Left, ...]]:
    """What stands without being asked for: under the item that it retires for, else under that which keeps it, else
    under that which it was written for, else under its own name."""
    items = {c.credential_name: name for name, item in recorded.items() for c in item.credentials}
    successors = {pair: outcome.name for outcome in outcomes for pair in outcome.retiring}
    kept = {outcome.name: kept_by(outcome, knowledge.written) for outcome in outcomes}
    by_item: dict[str, tuple[Left, ...]] = {}
    for left in knowledge.finding.left if knowledge.finding else ():
        pair, known = left.credential.pair, items.get(left.credential.name)
        keepers = [name for name, pairs in kept.items() if pair in pairs]
        if keepers and known not in keepers:
            known = keepers[0]
        known = known or _written_for(pair, knowledge) or left.credential.name
        name = successors.get(pair, known) if pair else known
        by_item[name] = (*by_item.get(name, ()), left)
    return by_item


def _written_for(pair: Pair | None, knowledge: Knowledge) -> str | None:
    """The item that a pair was written for."""
    return next((item for item, trusts in knowledge.written.items() if pair in {t.pair for t in trusts}), None)


def _asked(
    outcome: Outcome,
    knowledge: Knowledge,
    recorded: Mapping[str, _Item],
    left: tuple[Left, ...],
    now: float,
) -> _Item:
    """A row for an item of the spec."""
    known = recorded.get(outcome.name)
    before = tuple(with_state(c, outcome) for c in known.credentials) if known else ()
    if not _looked(knowledge):
        problem = (
            outcome.problem or knowledge.problem or (knowledge.finding and knowledge.finding.problem) or IN_PROGRESS
        )
        return _Item(outcome.name, before, problem, _denied_since(outcome, before))
    if not outcome.trusts or outcome.problem is not None:
        remains = _remains(left, outcome, recorded, None)
        return _Item(outcome.name, remains, outcome.problem or IN_PROGRESS, _denied_since(outcome, remains))
    found = knowledge.finding.standings if knowledge.finding else {}
    if any(trust not in found for trust in outcome.trusts):
        return _Item(outcome.name, before, IN_PROGRESS, _denied_since(outcome, before))
    stands = [c for trust in outcome.trusts for c in _standing(trust, found[trust], recorded.values())]
    retiring = {pair for one in left if (pair := one.credential.pair) and pair in outcome.retiring}
    going = [one for one in left if one.credential.pair not in retiring]
    problems = [found[trust].problem for trust in outcome.trusts] + [one.problem for one in going]
    wrong = [one for one in problems if one is not None]
    what_moves_first = min(wrong, key=lambda one: one.stalled, default=BEING_REMOVED if going else None)
    remains = _remains(left, outcome, recorded, None if what_moves_first else now)
    remark = None if what_moves_first else remark_on(outcome, retiring)
    return _Item(outcome.name, (*stands, *remains), what_moves_first, _denied_since(outcome, remains), remark)


def _denied_since(outcome: Outcome, stands: Iterable[CredentialStatus]) -> str | None:
    """Since when an item is denied, or something that was made for it before and still stands."""
    if outcome.denied_since is None:
        return None
    is_denied = outcome.problem is not None and state_of(outcome.problem) is ItemState.DENIED
    still_stands = any(c.origin is Origin.OPERATOR and recorded_pair(c) in outcome.denied for c in stands)
    return to_text(outcome.denied_since) if is_denied or still_stands else None


def _remains(
    left: Iterable[Left], outcome: Outcome, recorded: Mapping[str, _Item], begins: float | None
) -> tuple[CredentialStatus, ...]:
    """What stands without being asked for. Where its successors stand, it `begins` to retire, unless it has begun."""
    before = {c.credential_name: c for item in recorded.values() for c in item.credentials}
    shown = []
    for one in left:
        row = credential_row(one.credential, Origin.OPERATOR)
        if row.credential_name in before:
            known = before[row.credential_name]
            row = replace(row, state=known.state, retiring_since=known.retiring_since)
        retirement = outcome.retiring.get(one.credential.pair) if one.credential.pair else None
        if retirement is not None:
            begun = retirement.since if retirement.since is not None or not retirement.certain else begins
            row = replace(row, retiring_since=None if begun is None else to_text(begun))
        shown.append(with_state(row, outcome))
    return tuple(shown)


def _standing(trust: Trust, standing: Standing, recorded: Iterable[_Item]) -> tuple[CredentialStatus, ...]:
    """What to record of a wanted trust. Drift forgotten would count as never written, and be made."""
    if standing.problem is not None and standing.problem.reason is Reason.DRIFTED:
        return _written(trust, recorded)
    return (credential_row(standing.credential, standing.origin),) if standing.credential else ()


def _written(trust: Trust, recorded: Iterable[_Item]) -> tuple[CredentialStatus, ...]:
    """What we wrote for a trust, for whichever item."""
    return tuple(
        c for item in recorded for c in item.credentials if c.origin is Origin.OPERATOR and recorded_trust(c) == trust
    )


def _removed(name: str, left: tuple[Left, ...], recorded: _Item | None) -> _Item:
    """A row for what the spec does not have any more. Since when it was denied stays known: it may be renamed only."""
    problem = next((one.problem for one in left if one.problem), BEING_REMOVED)
    credentials = remaining(credential_row(one.credential, Origin.OPERATOR) for one in left)
    return _Item(name, credentials, problem, recorded.denied_since if recorded else None)


def _unknown(recorded: Iterable[_Item], shown: frozenset[str], problem: Problem) -> list[_Item]:
    """Rows for recorded items that the spec does not have any more, while nobody has looked whether they are gone."""
    return [
        _Item(item.name, remaining(ours), problem, item.denied_since)
        for item in recorded
        if item.name not in shown and (ours := tuple(c for c in item.credentials if c.origin is Origin.OPERATOR))
    ]


def _row(item: _Item) -> CredentialItemStatus:
    problem = item.problem
    return CredentialItemStatus(
        name=item.name,
        state=state_of(problem),
        reason=problem.reason if problem else item.remark.reason if item.remark else Reason.SYNCED,
        message=problem.message if problem else item.remark.message if item.remark else IN_PLACE,
        denied_since=item.denied_since,
        credentials=sorted_by_name(item.credentials),
    )


def _whole_problem(
    federation: Federation, knowledge: Knowledge, assigned: tuple[AssignmentItem, ...]
) -> Problem | None:
    if federation.metadata.deletion_timestamp is not None:
        return _deletion(federation, knowledge, assigned)
    if knowledge.problem is not None:
        return knowledge.problem
    if knowledge.finding is None:
        return IN_PROGRESS
    return knowledge.finding.problem


def _deletion(federation: Federation, knowledge: Knowledge, assigned: tuple[AssignmentItem, ...]) -> Problem:
    """What keeps a deleted object: never nothing, or it would be gone."""
    finding = knowledge.finding
    problem = knowledge.problem or (finding.problem if finding else None)
    left = finding.left if finding else ()
    failed = [(one.credential.name, one.problem) for one in left if one.problem is not None]
    failed += [
        (label_of(one), one.problem) for one in assigned if one.problem is not None and one.problem is not BEING_REMOVED
    ]
    failed += [(str(one.output), one.problem) for one in knowledge.outputs if one.problem not in (None, DELETING)]
    if problem is None and failed:
        names = ", ".join(name for name, _ in failed[:MOST_NAMED])
        problem = replace(failed[0][1], message=f"{names}: {failed[0][1].message}")
    if problem is None:
        return DELETING
    message = f"cannot clean up ({problem.reason}): {problem.message}"
    if federation.spec.deletion_policy is DeletionPolicy.DELETE:  # what is denied is removed under either
        message += "; set `deletionPolicy: Retain` to let the object go without removing what it made"
    return replace(problem, reason=Reason.DELETION_BLOCKED, message=message)


def _worst(items: list[_Item]) -> Problem | None:
    """What to say of the items as a whole: while anything still moves, that it moves; then what must be acted on."""
    problems = [(item.name, item.problem) for item in sorted(items, key=lambda i: i.name) if item.problem]
    if not problems:
        return None
    moving = [entry for entry in problems if not entry[1].stalled]
    first_failure = [entry for entry in moving if entry[1].warning]
    name, problem = (first_failure or moving or problems)[0]
    others = [other for other, _ in problems if other != name]
    more = (
        f" (also not in place: {', '.join(others[:MOST_NAMED])}{', ...' if len(others) > MOST_NAMED else ''})"
        if others
        else ""
    )
    return replace(problem, message=f"{name}: {problem.message}{more}")


def _unready(problem: Problem) -> ConditionStatus:
    known = problem.stalled or problem.warning
    return ConditionStatus.FALSE if known else ConditionStatus.UNKNOWN


def _all_well(federation: Federation, items: list[_Item]) -> str:
    many = "1 credential is" if len(items) == 1 else f"{len(items)} credentials are"
    remarks = [f"; {item.name}: {item.remark.message}" for item in items if item.remark]
    more = ", ..." if len(remarks) > 1 else ""
    return f"{many} in place on {short_name(federation.spec.target)}{''.join(remarks[:1])}{more}"


def _permission(conditions: Conditions, federation: Federation, knowledge: Knowledge, items: list[_Item]) -> None:
    connection, refusers = federation.spec.connection_ref.name, _refusers(knowledge)
    refused = [item.name for item in items if item.problem and state_of(item.problem) is ItemState.DENIED]
    asked = {outcome.name for outcome in knowledge.outcomes} | {label_of(one) for one in knowledge.assignments}
    outlived = [item.name for item in items if item.denied_since and item.name in asked]
    unjudged = next((i.problem for i in items if i.problem and i.problem.reason is Reason.ISSUER_UNKNOWN), None)
    if knowledge.problem is not None and knowledge.problem.reason is Reason.NOT_PERMITTED:
        conditions.set(ConditionType.PERMITTED, ConditionStatus.FALSE, Reason.NOT_PERMITTED, knowledge.problem.message)
    elif refused:
        by = " or ".join(sorted({refusers.get(name, connection) for name in refused}))
        message = f"no rule of EntraConnection {by} allows: {', '.join(sorted(refused))}"
        conditions.set(ConditionType.PERMITTED, ConditionStatus.FALSE, Reason.NOT_PERMITTED, message)
    elif outlived:
        by = " or ".join(sorted({refusers.get(name, connection) for name in outlived}))
        message = f"no rule of EntraConnection {by} allows what still stands for: {', '.join(sorted(outlived))}"
        conditions.set(ConditionType.PERMITTED, ConditionStatus.FALSE, Reason.NOT_PERMITTED, message)
    elif unjudged is not None:
        conditions.set(ConditionType.PERMITTED, ConditionStatus.UNKNOWN, unjudged.reason, unjudged.message)
    elif knowledge.may_show_target:
        message = f"the rules of EntraConnection {connection} allow all that is asked for"
        conditions.set(ConditionType.PERMITTED, ConditionStatus.TRUE, Reason.PERMITTED, message)
    else:
        problem = knowledge.problem or IN_PROGRESS
        conditions.set(ConditionType.PERMITTED, ConditionStatus.UNKNOWN, problem.reason, problem.message)


def _refusers(knowledge: Knowledge) -> dict[str, str]:
    """The connections by which hosts, roles and tenants are denied: a tenant may be by its own."""
    return {
        label_of(outcome): place.sign_in.connection
        for outcome in knowledge.assignments
        for place in outcome.places
        if place.is_denied
    }


def _synced(conditions: Conditions, items: list[_Item], knowledge: Knowledge) -> None:
    problem = _worst(items)
    if problem is None:
        conditions.set(ConditionType.CREDENTIALS_SYNCED, ConditionStatus.TRUE, Reason.SYNCED, IN_PLACE)
        return
    status = _unready(problem) if _looked(knowledge) else ConditionStatus.UNKNOWN
    conditions.set(ConditionType.CREDENTIALS_SYNCED, status, problem.reason, problem.message)


def _section(conditions: Conditions, kind: ConditionType, items: list[_Item], well: str) -> None:
    """The condition of a section, while there are items in it."""
    problem = _worst(items)
    if problem is not None:
        conditions.set(kind, _unready(problem), problem.reason, problem.message)
    elif items:
        conditions.set(kind, ConditionStatus.TRUE, Reason.SYNCED, well)


def _target(federation: Federation, knowledge: Knowledge) -> TargetStatus | None:
    if knowledge.target is None or not knowledge.may_show_target:
        return federation.status.target
    return target_status(knowledge.target)
