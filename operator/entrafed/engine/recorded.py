"""What the status of an object records: the operator's own memory, in a place where a hand may have written too."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.federation import Federation
from entrafed.api.formats import Guid, ManagedIdentityId
from entrafed.api.states import Origin
from entrafed.domain.asks import Record, recorded_pair, recorded_trust
from entrafed.domain.credentials import Pair, Parent, ParentKind, Trust, resource_key
from entrafed.domain.errors import Problem
from entrafed.domain.findings import Outcome
from entrafed.domain.targets import ResolvedTarget
from entrafed.domain.times import to_seconds

_GUID: TypeAdapter[str] = TypeAdapter(Guid)
_RESOURCE_ID: TypeAdapter[str] = TypeAdapter(ManagedIdentityId)


def pinned_target(federation: Federation) -> ResolvedTarget | None:
    """The target as the status records it; None where that names none: its ids become parts of addresses."""
    status = federation.status.target
    if status is None:
        return None
    try:
        tenant_id = _GUID.validate_python(status.tenant_id).lower()
        client_id = _GUID.validate_python(status.client_id).lower()
        if status.resource_id is not None:
            kind, id_ = ParentKind.MANAGED_IDENTITY, resource_key(_RESOURCE_ID.validate_python(status.resource_id))
        else:
            kind, id_ = ParentKind.APPLICATION, _GUID.validate_python(status.object_id).lower()
    except ValidationError:
        return None
    return ResolvedTarget(
        parent=Parent(kind, tenant_id, id_),
        client_id=client_id,
        object_id=id_ if kind is ParentKind.APPLICATION else status.object_id,
        principal_id=status.principal_id,
        tenant_id=tenant_id,
    )


def records_of(federation: Federation) -> tuple[Record, ...]:
    """What the status says is written by us."""
    return tuple(
        Record(item.name, c.credential_name, recorded_trust(c), _moment(c.retiring_since))
        for item in federation.status.federated_credentials
        for c in item.credentials
        if c.origin is Origin.OPERATOR
    )


def _moment(text: str | None) -> float | None:
    """What is no time counts as one to come."""
    return None if text is None else to_seconds(text, unreadable=float("inf"))


def retiring_of(federation: Federation) -> frozenset[tuple[str, float]]:
    """Names of what the status says retires, and since when, in seconds since the epoch."""
    return frozenset((r.name, r.retiring_since) for r in records_of(federation) if r.retiring_since is not None)


def is_recorded(federation: Federation, outcome: Outcome) -> bool:
    """Whether the status shows all that an item came to, whoever made it, and nothing that is to go."""
    items = (item for item in federation.status.federated_credentials if item.name == outcome.name)
    shown = {recorded_pair(credential) for item in items for credential in item.credentials}
    return outcome.denied_since is None and not outcome.retiring and shown >= {trust.pair for trust in outcome.trusts}


def withdrawn(federation: Federation, besides: Collection[str] = ()) -> frozenset[Pair]:
    """Pairs of which the status says that no rule allows them any more, those of some items left out."""
    denied = {item.name for item in federation.status.federated_credentials if item.denied_since} - set(besides)
    return frozenset(record.trust.pair for record in records_of(federation) if record.item in denied)


def may_stand(federation: Federation, outcome: Outcome) -> bool:
    """Whether something may stand for an item: unless the status says that it was denied, and that nothing does."""
    row = next((one for one in federation.status.federated_credentials if one.name == outcome.name), None)
    return row is None or row.denied_since is None or bool(row.credentials)


def denied_since(federation: Federation, outcome: Outcome, now: float) -> float:
    """Since when an item is denied, in seconds since the epoch: as was recorded for it, or for a pair of it under
    another name, else `now`. A time to come is none: it would defer the removal."""
    pairs = {trust.pair for trust in outcome.trusts}
    recorded = (
        to_seconds(item.denied_since, unreadable=now)
        for item in federation.status.federated_credentials
        if item.denied_since
        and (item.name == outcome.name or not pairs.isdisjoint(recorded_pair(c) for c in item.credentials))
    )
    return min([now, *recorded])


def untold(federation: Federation, problem: Problem, now: float) -> Iterator[Outcome]:
    """The items of an object of which nothing can be told: what the status says was denied counts as that still."""
    denied, recorded = withdrawn(federation), trusts_by_item(records_of(federation))
    for item in federation.spec.federated_credentials:
        pairs = denied & {trust.pair for trust in recorded.get(item.name, ())}
        outcome = Outcome(item.name, (), problem, pairs)
        yield replace(outcome, denied_since=denied_since(federation, outcome, now)) if pairs else outcome


def target_denied_since(federation: Federation, now: float) -> float:
    """Since when no rule allows the target, in seconds since the epoch: as the status says, else `now`."""
    permitted = next((c for c in federation.status.conditions if c.type is ConditionType.PERMITTED), None)
    if permitted is None or permitted.status is not ConditionStatus.FALSE:
        return now
    return min(now, to_seconds(permitted.last_transition_time, unreadable=now))


def trusts_by_item(records: Iterable[Record], asked: Iterable[tuple[str, Trust]] = ()) -> dict[str, tuple[Trust, ...]]:
    """What was written, or asked for, by the item that it was meant for; each trust once."""
    by_item: dict[str, tuple[Trust, ...]] = {}
    for item, trust in (*((record.item, record.trust) for record in records), *asked):
        known = by_item.get(item, ())
        by_item[item] = known if trust in known else (*known, trust)
    return by_item
