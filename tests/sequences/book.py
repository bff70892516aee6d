"""The second book: what users asked for and others did, kept beside the operator, which is judged by it."""

from dataclasses import dataclass, field

from entrafed.api.conditions import ConditionType
from entrafed.api.federation import Federation
from entrafed.api.states import Origin
from entrafed.api.status import CredentialStatus
from entrafed.domain import credentials
from entrafed.domain.marks import Mark, owner_mark, pair_mark, read_mark
from entrafed.domain.times import to_seconds
from entrafed_lab.azure.objects import CredentialHolder
from sequences.acts import Apply, Item
from sequences.cast import (
    CONNECTIONS,
    ENTRA,
    HOLDERS,
    IDENTITIES,
    NAMESPACES,
    SOURCES,
    TARGETS,
    Pair,
    Slot,
    is_expression,
    pair_of,
    permits,
    permits_target,
    pod_subject,
    spelled,
)
from sequences.ground import Ground

Content = tuple[str, str | None, tuple[str, ...]]
"""Issuer, subject or expression, audiences."""
Place = tuple[str, str]
"""Holder and name of a credential."""


@dataclass
class Book:
    """What there is, by whose wish."""

    ground: Ground
    specs: dict[Slot, Apply] = field(default_factory=dict)
    """Of objects that exist, those included that are being deleted."""
    rules: dict[str, str] = field(default_factory=lambda: dict.fromkeys(CONNECTIONS, "everything"))
    labelled: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(NAMESPACES, False))
    foreign: dict[Place, Content] = field(default_factory=dict)
    """Without a mark of this cluster."""
    orphans: dict[Place, Content] = field(default_factory=dict)
    """With a mark of this cluster, of an owner that never was, for what nobody asked for yet."""
    may_stay: set[Place] = field(default_factory=set)
    """With a mark of this cluster: retained, or left behind."""
    touched: set[Place] = field(default_factory=set)
    """What others ever laid hands on, or what a process may have changed that died before it could tell."""
    recorded: dict[Slot, set[str]] = field(default_factory=dict)
    """Names that the status of an object ever called the operator's."""

    announced: tuple[str, ...] = ()
    """Who issues the tokens of service accounts."""

    def __post_init__(self) -> None:
        self.announced = (self.ground.issuer,)
        for holder in HOLDERS:
            self.foreign |= {(holder, name): content for name, content in self.standing(holder).items()}

    # What stands

    def holder(self, holder: str) -> CredentialHolder:
        return self.ground.azure.world.holder(HOLDERS[holder])

    def standing(self, holder: str) -> dict[str, Content]:
        """What Azure holds now."""
        found = self.holder(holder).credentials
        return {c.name: (c.issuer, c.subject or spelled(c.expression), c.audiences) for c in found}

    def found(self, slot: Slot) -> Federation | None:
        return self.ground.found(slot)

    def living(self) -> dict[Slot, Federation]:
        """Objects that are not being deleted."""
        found = {slot: self.found(slot) for slot in self.specs}
        return {slot: one for slot, one in found.items() if one and not one.metadata.deletion_timestamp}

    def refusals(self) -> list[float]:
        """Since when items and targets are denied, as their statuses tell, in seconds since the epoch."""
        rows = [row for one in self.living().values() for row in one.status.federated_credentials]
        items = [to_seconds(row.denied_since, unreadable=0.0) for row in rows if row.denied_since]
        return [*items, *(since for one in self.living().values() if (since := target_denied_since(one)) is not None)]

    def retirements(self) -> list[float]:
        """Since when credentials of former issuers retire, as their statuses tell, in seconds since the epoch."""
        return [to_seconds(c.retiring_since, unreadable=0.0) for c in self._of_pods() if c.retiring_since]

    def has_former_issuers(self) -> bool:
        """Whether a status tells of an issuer that the cluster has no more."""
        return any(credential.issuer not in self.announced for credential in self._of_pods())

    def _of_pods(self) -> list[CredentialStatus]:
        rows = [(slot, row) for slot, one in self.living().items() for row in one.status.federated_credentials]
        return [c for slot, row in rows for c in row.credentials if c.subject == pod_subject(slot.namespace)]

    def is_ours(self, name: str) -> bool:
        """Whether a name has a mark of this cluster."""
        mark = read_mark(name)
        return mark is not None and mark.cluster == self.ground.cluster

    # What is asked for

    def holder_of(self, slot: Slot) -> str:
        return TARGETS[self.specs[slot].target][0]

    def pair(self, slot: Slot, source: str) -> Pair | None:
        """The first of `pairs`."""
        return next(iter(self.pairs(slot, source)), None)

    def pairs(self, slot: Slot, source: str) -> tuple[Pair, ...]:
        """What a source stands for: nothing where nobody can know, and one for each issuer of the cluster."""
        issuers = self.announced if source == "pods" else self.announced[:1]
        found = [pair_of(source, slot.namespace, self.ground.azure.world, issuer) for issuer in issuers]
        return tuple(pair for pair in found if pair is not None)

    def permits_target(self, slot: Slot) -> bool:
        book = self.rules[self.specs[slot].connection]
        return permits_target(book, slot.namespace, self.labelled[slot.namespace], self.holder_of(slot))

    def permits(self, slot: Slot, item: Item) -> bool:
        book = self.rules[self.specs[slot].connection]
        return permits(book, slot.namespace, self.labelled[slot.namespace], self.holder_of(slot), item.source)

    def permits_pair(self, slot: Slot, pair: tuple[str, str | None]) -> bool:
        """Whether the rules allow what was written once. An identity's is not known by what the rules know it by."""
        book = self.rules[self.specs[slot].connection]
        sources = IDENTITIES if pair[0] == ENTRA else [s for s in SOURCES if pair in self.pairs(slot, s)]
        if pair[1] == pod_subject(slot.namespace):  # also of an issuer that the cluster had before
            sources = ["pods"]
        labelled, holder = self.labelled[slot.namespace], self.holder_of(slot)
        return any(permits(book, slot.namespace, labelled, holder, source) for source in sources)

    # Keeping it

    def keep(self) -> None:
        """Note what the statuses tell, and what stays of those who left."""
        for slot in list(self.specs):
            found = self.found(slot)
            if found is not None:
                self.recorded.setdefault(slot, set()).update(_recorded(found))
                continue
            holder, spec = self.holder_of(slot), self.specs.pop(slot)
            recorded = self.recorded.pop(slot, set())
            if spec.delete == "Retain":
                left = {
                    n
                    for n in self.standing(holder)
                    if self.is_ours(n) and (n in recorded or owner_of(n) == owner(slot))
                }
                self.may_stay |= {(holder, name) for name in left | self._names(slot, spec)}

    def _names(self, slot: Slot, spec: Apply) -> set[str]:
        """What the operator calls the credentials of an object: they may stand a moment after it has left."""
        pairs = [pair for item in spec.items for pair in self.pairs(slot, item.source)]
        return {str(Mark(self.ground.cluster, owner(slot), pair_mark(as_product(pair)))) for pair in pairs}

    def ask(self, slot: Slot, spec: Apply) -> None:
        """Note what an object asks for from now on."""
        self.specs[slot] = spec
        pairs = {pair for item in spec.items for pair in self.pairs(slot, item.source)}
        holder = self.holder_of(slot)
        for place in [place for place, content in self.orphans.items() if place[0] == holder and content[:2] in pairs]:
            del self.orphans[place]

    def asked(self, holder: str) -> set[Pair]:
        """Pairs that somebody asks for there."""
        asking = [(slot, spec) for slot, spec in self.specs.items() if self.holder_of(slot) == holder]
        return {pair for slot, spec in asking for item in spec.items for pair in self.pairs(slot, item.source)}

    def nobody_tells(self) -> None:
        """Note that the operator dies: of its writes under way no status tells until its object is looked at again."""
        self.touched |= {(holder, name) for holder in HOLDERS for name in self.standing(holder) if self.is_ours(name)}
        self.touched |= {(self.holder_of(s), name) for s, one in self.living().items() for name in _recorded(one)}

    def others_did(self, holder: str, name: str) -> None:
        """Note that somebody else wrote or removed a credential just now."""
        place, content = (holder, name), self.standing(holder).get(name)
        self.touched.add(place)
        if place in self.orphans and content is not None and content[:2] in self.asked(holder):
            del self.orphans[place]
        kept = self.orphans if place in self.orphans else None if self.is_ours(name) else self.foreign
        if kept is None:
            return
        if content is None:
            kept.pop(place, None)
        else:
            kept[place] = content


def as_product(pair: Pair) -> credentials.Pair:
    """A pair as the product has it: an expression is no subject."""
    issuer, subject = pair
    if is_expression(subject):
        return credentials.Pair(issuer, expression=subject)
    return credentials.Pair(issuer, subject)


def owner(slot: Slot) -> str:
    return owner_mark(slot.namespace, slot.name)


def owner_of(name: str) -> str | None:
    mark = read_mark(name)
    return mark.owner if mark else None


def _recorded(federation: Federation) -> set[str]:
    return {
        credential.credential_name
        for item in federation.status.federated_credentials
        for credential in item.credentials
        if credential.origin is Origin.OPERATOR
    }


def target_denied_since(federation: Federation) -> float | None:
    """Since when an object that never told its target is denied, as its status tells, in seconds since the epoch."""
    permitted = next((c for c in federation.status.conditions if c.type is ConditionType.PERMITTED), None)
    if federation.status.target is not None or permitted is None or permitted.status != "False":
        return None
    return to_seconds(permitted.last_transition_time, unreadable=0.0)
