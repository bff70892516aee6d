"""Which credentials to write and remove, given what Azure lists and what every object asks for. Pure.

Credentials are a set of pairs: renaming an item or swapping two writes nothing. Only what carries our mark is changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from entrafed.api.choices import DriftPolicy
from entrafed.api.reasons import Reason
from entrafed.domain.asks import Ask, Stance
from entrafed.domain.credentials import LIMIT, NewCredential, ObservedCredential, Pair, Trust
from entrafed.domain.marks import Mark, is_marked_for, pair_mark, read_mark


@dataclass(frozen=True, slots=True)
class Create:
    credential: NewCredential


@dataclass(frozen=True, slots=True)
class Update:
    credential: NewCredential


@dataclass(frozen=True, slots=True)
class Delete:
    name: str


Step = Create | Update | Delete


def name_of(step: Step) -> str:
    """The credential that a step writes or removes."""
    return step.name if isinstance(step, Delete) else step.credential.name


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a wanted trust stands when no step is needed, or none is possible; `name` is the credential in question.

    Of a drifted one, `stands` is what others made of it; None where it is gone.
    """

    reason: Reason
    name: str | None = None
    preexisting: bool = False
    stands: ObservedCredential | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they are to be taken, and a verdict for each trust that needs none."""

    steps: tuple[Step, ...]
    verdicts: Mapping[Trust, Verdict]
    orphans: tuple[str, ...]
    """Names with this cluster's mark that no ask owns, asks for or records: reported, never touched."""
    unmade: frozenset[Trust] = frozenset()
    """Wanted trusts that cannot be written for now: what stood for their items stays."""


@dataclass(slots=True)
class _Draft:
    ours: set[str]
    reported: Mapping[Trust, str]
    """Trusts whose drift is only told, and the names that they were written under."""
    updates: list[Update] = field(default_factory=list)
    creates: list[Create] = field(default_factory=list)
    verdicts: dict[Trust, Verdict] = field(default_factory=dict)

    def refuse(self, trusts: frozenset[Trust]) -> None:
        """Do not create these: there is no room."""
        self.creates = [create for create in self.creates if create.credential.trust not in trusts]
        self.verdicts.update(dict.fromkeys(trusts, Verdict(Reason.QUOTA_EXCEEDED)))


def plan(
    observed: Iterable[ObservedCredential],
    asks: Iterable[Ask],
    *,
    clusters: tuple[str, ...],
    may_remove: bool,
    stuck: frozenset[Trust] = frozenset(),
) -> Plan:
    """Plan one parent.

    `clusters` are our marks, the present one first, then those of clusters that this one replaces. `may_remove` is
    false until every object has been seen after a start: unknown never removes. `stuck` are trusts that Azure was asked
    for in vain: their steps are not to be taken now, and come last. What stood for an item stays while a trust that the
    item wants cannot be written, whoever stands in the way. An item for which there is not room enough gets nothing.
    Azure may carry two flexible credentials of one pair, spelled in two ways: that of others means nothing beside ours.
    """
    listed = sorted(observed, key=lambda c: (_mark_of(c, clusters) is None, c.name))  # of two for one pair ours holds
    asking = sorted(asks, key=lambda a: a.order)
    refused = frozenset[Trust]()
    while True:
        result = _plan(listed, asking, clusters=clusters, may_remove=may_remove, stuck=stuck, refused=refused)
        if not (halves := _half_made(asking, result, stuck)):
            return result
        refused |= halves


def _half_made(asking: list[Ask], result: Plan, stuck: frozenset[Trust]) -> frozenset[Trust]:
    """What is to be created for none but items that lack the room for all of theirs: of the last of them, whose place
    may be what another one lacks."""
    created = {step.credential.trust for step in result.steps if isinstance(step, Create)} - stuck
    over = {trust for trust, verdict in result.verdicts.items() if verdict.reason is Reason.QUOTA_EXCEEDED}
    items: dict[tuple[str, str], set[Trust]] = {}
    for ask in asking:
        for item, trust in ask.items:
            items.setdefault((ask.uid, item), set()).add(trust)
    halved = [trusts for trusts in items.values() if trusts & over]
    vain = created - {trust for trusts in items.values() if not trusts & over for trust in trusts}
    return frozenset(next((found for trusts in reversed(halved) if (found := trusts & vain)), set[Trust]()))


def _plan(
    listed: list[ObservedCredential],
    asking: list[Ask],
    *,
    clusters: tuple[str, ...],
    may_remove: bool,
    stuck: frozenset[Trust],
    refused: frozenset[Trust],
) -> Plan:
    """The plan when nothing of what is `refused` for want of room is written."""
    misnamed = _misnamed(listed, asking, clusters) if may_remove else set()
    there = tuple(c for c in listed if c.name not in misnamed)
    ours = _ours(there, asking, clusters)
    draft = _Draft(ours, reported=_reported(asking))
    held = {c.name for c in there if any(ask.holds(c.name, c.pair) for ask in asking)}
    placed = {_place(trust, ask, there, clusters[0], draft) for trust, ask in _holders(there, asking, draft).items()}
    doubles = _doubles(there, draft)
    used = (held - doubles) | placed
    misnamed -= _overwrite(listed, misnamed, draft)
    draft.refuse(refused)
    unmade = stuck | {trust for trust, verdict in draft.verdicts.items() if verdict.reason is not Reason.SYNCED}
    unused = sorted(ours - used - stood_for(unmade, asking))
    deletes = [Delete(name) for name in unused if _may_go(name, there, asking)] if may_remove else []
    broken = [Delete(name) for name in sorted(misnamed)]
    succeeded = {pair.subject for ask in asking for pair in ask.retiring}
    draft.creates.sort(key=lambda create: create.credential.trust.pair.subject not in succeeded)  # what made way for it
    yielding = _yielding(there, ours, asking) if may_remove else {}
    room = LIMIT - len([c for c in listed if c.name not in misnamed])
    steps = [*broken, *draft.updates, *_make_before_break(draft, deletes, yielding, stuck, room=room)]
    owned = ours - {name for name in doubles if not _those_who_had(name, asking)}
    orphans = tuple(c.name for c in there if c.name not in owned | used and _mark_of(c, clusters))
    return Plan(tuple(steps), draft.verdicts, orphans, unmade)


def _mark_of(credential: ObservedCredential, clusters: tuple[str, ...]) -> Mark | None:
    """The mark of a credential that one of our clusters wrote, None for any other."""
    mark = read_mark(credential.name)
    return mark if mark and mark.cluster in clusters else None


def _misnamed(there: list[ObservedCredential], asking: list[Ask], clusters: tuple[str, ...]) -> set[str]:
    """Ours by its full mark, but holding another pair than the mark says: drift, which has to make way.

    Of one who only wants to be told it makes way as well for another who asks for the same, and wants it repaired.
    What somebody keeps stays where nobody wants the name.
    """
    acting = [a for a in asking if a.stance is Stance.RECONCILE]
    repairing = [a for a in acting if a.drift is DriftPolicy.REPAIR]
    owners, shared = {a.owner for a in repairing}, {trust for a in repairing for trust in a.wanted}
    names = {(a.owner, pair_mark(trust.pair)) for a in acting for trust in a.wanted & shared}
    return {
        c.name
        for c in there
        if (mark := _mark_of(c, clusters))
        and ((mark.owner, mark.pair) in names or (mark.owner in owners and not _is_kept(c, asking)))
        and (c.pair is None or pair_mark(c.pair) != mark.pair)
    }


def _is_kept(credential: ObservedCredential, asking: list[Ask]) -> bool:
    return any(credential.pair in ask.kept and ask.holds(credential.name, credential.pair) for ask in asking)


def _overwrite(listed: list[ObservedCredential], misnamed: set[str], draft: _Draft) -> set[str]:
    """Of the misnamed, what is wanted back and can be overwritten where it stands: a list may be old, and what it shows
    as changed be right again. It cannot while another holds its pair (of two that are swapped one has to go first), nor
    become flexible, or cease to be."""
    held = {c.pair for c in listed}
    standing = {c.name.lower(): c for c in listed if c.name in misnamed}
    overwritten = set[str]()
    for create in list(draft.creates):
        new = create.credential
        there = standing.get(new.name)
        if there is None or there.pair is None or new.trust.pair in held:
            continue
        if bool(there.pair.expression) == bool(new.trust.pair.expression):
            draft.creates.remove(create)
            draft.updates.append(Update(replace(new, name=there.name)))
            overwritten.add(there.name)
    return overwritten


def _reported(asking: list[Ask]) -> dict[Trust, str]:
    """Trusts that were written once, and that nobody who wants them now wants repaired, with the names that they were
    written under. A status may have been written by hand: a name that speaks of another pair is none of theirs."""
    wanting: dict[Trust, list[Ask]] = {}
    for ask in asking:
        if ask.stance is Stance.RECONCILE:
            for trust in ask.wanted:
                wanting.setdefault(trust, []).append(ask)
    reported: dict[Trust, str] = {}
    for trust, asks in wanting.items():
        names = [r.name for a in asks for r in a.records if r.trust == trust]
        if names and all(a.drift is DriftPolicy.REPORT for a in asks):
            reported[trust] = next((name for name in names if is_marked_for(name, trust.pair)), "")
    return reported


def stood_for(unmade: frozenset[Trust], asking: Iterable[Ask]) -> set[str]:
    """Names recorded for the items that want a trust which cannot be written for now."""
    return {
        record.name
        for ask in asking
        for item, trust in ask.items
        if trust in unmade
        for record in ask.records
        if record.item == item and record.trust.pair not in ask.revoked
    }


def _ours(there: tuple[ObservedCredential, ...], asking: list[Ask], clusters: tuple[str, ...]) -> set[str]:
    """A mark of this cluster is ours when its owner asks here, or when somebody asks for its pair or records it."""
    owners = {a.owner for a in asking}
    pairs = {t.pair for a in asking for t in a.wanted}
    records = {r.name for a in asking for r in a.records}
    return {
        c.name
        for c in there
        if (mark := _mark_of(c, clusters)) and (mark.owner in owners or c.pair in pairs or c.name in records)
    }


def _holders(there: tuple[ObservedCredential, ...], asking: list[Ask], draft: _Draft) -> dict[Trust, Ask]:
    """One trust per pair: of two audiences the one that stands holds, else the older ask's; the other is a conflict.

    Also one that is only kept holds its pair: who cannot be asked now is not overruled.
    """
    standing = {c.pair: c.audiences for c in reversed(there) if c.pair}
    kept = _kept(asking)
    by_pair: dict[Pair, dict[Trust, Ask]] = {}
    for ask in asking:
        if ask.stance is Stance.RECONCILE:
            for trust in sorted(ask.wanted):
                if trust.pair not in ask.revoked:
                    by_pair.setdefault(trust.pair, {}).setdefault(trust, ask)
    chosen: dict[Trust, Ask] = {}
    for pair, trusts in by_pair.items():
        candidates = [*(t for t in kept if t.pair == pair), *trusts]
        holder = next((t for t in candidates if standing.get(pair) == (t.audience,)), candidates[0])
        if holder in trusts:
            chosen[holder] = trusts[holder]
        draft.verdicts.update({t: Verdict(Reason.AUDIENCE_CONFLICT) for t in trusts if t != holder})
    return chosen


def _kept(asking: list[Ask]) -> list[Trust]:
    """Trusts that were written, and are neither written nor removed for now."""
    return [
        record.trust
        for ask in asking
        for record in ask.records
        if (ask.stance is Stance.KEEP or record.trust.pair in ask.kept) and ask.holds(record.name, record.trust.pair)
    ]


def _place(trust: Trust, ask: Ask, there: tuple[ObservedCredential, ...], cluster: str, draft: _Draft) -> str:
    """Decide how one trust comes to stand; the answer is the name that it stands, or will stand, under."""
    name = str(Mark(cluster, ask.owner, pair_mark(trust.pair)))
    holder = next((c for c in there if c.pair == trust.pair), None)
    if holder is None:
        if trust in draft.reported:
            name = draft.reported[trust] or name
            stands = next((c for c in there if c.name == name), None)
            draft.verdicts[trust] = Verdict(Reason.DRIFTED, name, stands=stands)
        elif (taken := next((c for c in there if c.name.lower() == name), None)) is not None:
            is_told = ask.drift is DriftPolicy.REPORT
            draft.verdicts[trust] = Verdict(Reason.DRIFTED if is_told else Reason.PROGRESSING, name, stands=taken)
        else:
            draft.creates.append(Create(NewCredential(name, trust, _describe(ask))))
        return name
    if holder.carries(trust):
        draft.verdicts[trust] = Verdict(Reason.SYNCED, holder.name, preexisting=holder.name not in draft.ours)
    elif trust in draft.reported:
        draft.verdicts[trust] = Verdict(Reason.DRIFTED, holder.name, stands=holder)
    elif holder.name in draft.ours:
        draft.updates.append(Update(NewCredential(holder.name, trust, _describe(ask))))
    else:
        draft.verdicts[trust] = Verdict(Reason.CREDENTIAL_CONFLICT, holder.name)
    return holder.name


def _doubles(there: tuple[ObservedCredential, ...], draft: _Draft) -> set[str]:
    """Ours beside another of ours that serves: a flexible one of the same pair, spelled in another way."""
    serving = {trust.pair: verdict.name for trust, verdict in draft.verdicts.items() if verdict.reason is Reason.SYNCED}
    return {c.name for c in there if c.name in draft.ours and c.pair in serving and serving[c.pair] != c.name}


def _describe(ask: Ask) -> str:
    return f"entrafed: ManagedIdentityFederation {ask.namespace}/{ask.name}"


def _may_go(name: str, there: tuple[ObservedCredential, ...], asking: list[Ask]) -> bool:
    """Whether those who had this credential let it go; of several that leave, the last decides.

    One who is suspended, and does not hold it, neither removes it nor keeps others from it; of whom nothing is known
    but a status, anything may be wanted.
    """
    credential = next(c for c in there if c.name == name)
    had = _those_who_had(name, asking)
    if any(credential.pair in a.revoked for a in had):
        return True
    acting = [a for a in had if a.stance is not Stance.KEEP]
    if not acting or any(a.sign_in is None for a in had):
        return False
    leaving = [a for a in acting if a.is_leaving]
    return not leaving or len(leaving) < len(acting) or leaving[-1].stance is Stance.LEAVE


def _those_who_had(name: str, asking: list[Ask]) -> list[Ask]:
    """Whose mark it carries, or who records it."""
    mark = read_mark(name)
    return [a for a in asking if (mark and mark.owner == a.owner) or name in {r.name for r in a.records}]


def _yielding(
    there: tuple[ObservedCredential, ...], ours: set[str], asking: list[Ask]
) -> dict[str | None, list[Delete]]:
    """What retires for all who hold it, by subject: it makes way for its successor, which has the same. First what
    retires for longest: it has the fewest tokens left."""
    found: dict[str | None, list[Delete]] = {}
    since = {r.name: r.retiring_since for ask in asking for r in ask.records if r.retiring_since is not None}
    for credential in sorted(there, key=lambda c: since.get(c.name, float("inf"))):
        holders = [ask for ask in asking if ask.holds(credential.name, credential.pair)]
        if credential.name in ours and holders and all(credential.pair in ask.retiring for ask in holders):
            found.setdefault(credential.subject, []).append(Delete(credential.name))
    return found


def _make_before_break(
    draft: _Draft,
    deletes: list[Delete],
    yielding: dict[str | None, list[Delete]],
    stuck: frozenset[Trust],
    *,
    room: int,
) -> list[Step]:
    """All creations first; where there is no room, one removal makes it; what still finds none is over the quota.

    A creation that is stuck takes no room from the others.
    """
    steps: list[Step] = []
    going = list(deletes)
    waiting = [create for create in draft.creates if create.credential.trust in stuck]
    for create in draft.creates:
        if create in waiting:
            continue
        predecessors = yielding.get(create.credential.trust.pair.subject, [])
        if room <= 0 and (making_room := going or predecessors):
            steps.append(making_room.pop(0))
            room += 1
        if room > 0:
            steps.append(create)
            room -= 1
        else:
            draft.verdicts[create.credential.trust] = Verdict(Reason.QUOTA_EXCEEDED)
    return [*steps, *going, *waiting]
