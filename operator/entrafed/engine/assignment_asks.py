"""The asks at hosts, scopes and tenants that the items of an object make, and those that what is recorded makes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.domain.asks import Stance
from entrafed.domain.assignment_summary import is_at_home
from entrafed.domain.assignments import Assignment, AssignmentAsk, AssignmentRecord
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import Parent
from entrafed.domain.findings import AssignmentOutcome, Section
from entrafed.domain.times import to_seconds
from entrafed.engine.assignment_records import Recorded, assignments_recorded

SignInBy = Callable[[str | None], SignIn | None]
"""How to sign in by the name of a connection, None for the object's own; None where that cannot be read for now."""

Asks = dict[Parent, AssignmentAsk]


@dataclass(slots=True)
class _Share:
    """One object's share of a parent, in the making."""

    sign_in: SignIn | None
    wanted: set[Assignment] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    records: list[AssignmentRecord] = field(default_factory=list)


def asks_of_items(
    federation: Federation,
    outcomes: Iterable[AssignmentOutcome],
    sign_in_by: SignInBy,
    stance: Stance,
    is_allowed: Callable[[Recorded], bool],
) -> Asks:
    """What the items ask for; and what is recorded and wanted no more, which is taken back. What outlives its item does
    so while it `is_allowed`."""
    everything = assignments_recorded(federation)
    shares = _recorded_shares(everything, sign_in_by)
    asked: set[tuple[Section, str]] = set()
    for outcome in outcomes:
        asked.add((outcome.section, outcome.name))
        recorded = [one for one in everything if (one.section, one.record.item) == (outcome.section, outcome.name)]
        denied = {place.parent for place in outcome.places if place.is_denied}
        for one in recorded if outcome.problem is not None or outcome.found else ():
            if one.parent not in denied:
                shares[one.parent].kept.add(one.record.assignment.key)
        for place in outcome.places:
            share = shares.setdefault(place.parent, _Share(place.sign_in))
            if place.problem is None:
                share.sign_in = place.sign_in
                share.wanted.add(place.assignment)
                continue
            keys = {one.record.assignment.key for one in recorded if one.parent == place.parent}
            is_over = place.problem.reason is Reason.REVOKED
            (share.revoked if is_over else share.kept).update(keys)
    for one in everything:
        if one.outlives and (one.section, one.record.item) not in asked and is_allowed(one):
            shares[one.parent].records.remove(one.record)
    return {
        parent: _ask(federation, parent, share, stance)
        for parent, share in shares.items()
        if share.wanted or share.records
    }


def asks_to_keep(federation: Federation) -> Asks:
    """What is recorded, to be kept: for an object that nothing else is known of."""
    shares = _recorded_shares(assignments_recorded(federation), lambda _: None)
    return {parent: _ask(federation, parent, share, Stance.KEEP) for parent, share in shares.items()}


def asks_of_leaver(
    federation: Federation, sign_in_by: SignInBy, stance: Stance, is_allowed: Callable[[Recorded], bool]
) -> Asks:
    """What is recorded of an object that is being deleted. What is not allowed does not outlive it, whatever its
    `deletionPolicy`."""
    everything = assignments_recorded(federation)
    denied = frozenset(one for one in everything if not is_allowed(one))
    recorded = [one for one in everything if not one.outlives or one in denied]
    shares = _recorded_shares(recorded, sign_in_by)
    for one in recorded:
        if one in denied:
            shares[one.parent].revoked.add(one.record.assignment.key)
    asks = {parent: _ask(federation, parent, share, stance) for parent, share in shares.items()}
    return {parent: ask for parent, ask in asks.items() if stance is Stance.LEAVE or ask.revoked}


def _recorded_shares(recorded: Iterable[Recorded], sign_in_by: SignInBy) -> dict[Parent, _Share]:
    shares: dict[Parent, _Share] = {}
    for one in recorded:
        share = shares.setdefault(one.parent, _Share(sign_in_by(one.connection)))
        share.records.append(one.record)
    return shares


def _ask(federation: Federation, parent: Parent, share: _Share, stance: Stance) -> AssignmentAsk:
    """A connection that was made again under its name may be one of another tenant: that is no way to this parent."""
    sign_in = share.sign_in if share.sign_in and share.sign_in.tenant_id == parent.tenant_id else None
    wanted = {one.key for one in share.wanted}
    kept = share.kept - wanted
    return replace(
        ask_of(federation, sign_in, frozenset(share.wanted)),
        stance=stance if sign_in is not None or stance is not Stance.RECONCILE else Stance.KEEP,
        kept=frozenset(kept),
        revoked=frozenset(share.revoked - wanted - kept),
        records=tuple(share.records),
    )


def ask_of(federation: Federation, sign_in: SignIn | None, wanted: frozenset[Assignment]) -> AssignmentAsk:
    """An object's ask for some assignments of one parent."""
    metadata = federation.metadata
    return AssignmentAsk(
        uid=metadata.uid,
        namespace=metadata.namespace or "",
        name=metadata.name,
        sign_in=sign_in,
        stance=Stance.RECONCILE,
        drift=federation.spec.drift_policy,
        since=to_seconds(metadata.deletion_timestamp or metadata.creation_timestamp, unreadable=float("inf")),
        wanted=wanted,
    )


def with_records(asks: Mapping[Parent, AssignmentAsk], federation: Federation) -> Asks:
    """Asks with what the status records by now. What is made in the target's own tenant is recorded nowhere: it is
    never taken back."""
    by_parent: dict[Parent, list[AssignmentRecord]] = {}
    for one in assignments_recorded(federation):
        by_parent.setdefault(one.parent, []).append(one.record)
    return {
        parent: ask if is_at_home(parent, federation) else replace(ask, records=tuple(by_parent.get(parent, ())))
        for parent, ask in asks.items()
    }
