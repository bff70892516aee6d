"""What must be true when everything rests: each function answers with what is not, one line each."""

from collections import Counter
from collections.abc import Iterator

from entrafed.api.conditions import Condition, ConditionType
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState
from entrafed.api.status import CredentialItemStatus, CredentialStatus
from entrafed.domain.times import to_seconds
from sequences.acts import Item
from sequences.book import Book, Content, owner, owner_of, target_denied_since
from sequences.cast import HOLDERS, LIMIT, Pair, Slot, pod_subject, spelled

WELL = {Reason.SYNCED, Reason.ISSUER_UNREACHABLE, Reason.ISSUER_RETIRING}
ISSUER_GRACE = 1200.0  # seconds, of the operator in memory
REVOKED_WITHIN = 60.0  # seconds after its delay


def untruths(book: Book, denied_since: dict[tuple[str, str], float]) -> Iterator[str]:
    """Everything in which statuses, Azure and the book disagree. `denied_since` is kept from one call to the next."""
    living = book.living()
    for slot in book.specs:
        if slot not in living:
            yield f"{slot}: its deletion never ended"
    recorded: set[tuple[str, str]] = set()
    for slot, federation in living.items():
        problems = [*_status(book, slot, federation), *_revocations(book, slot, federation, denied_since)]
        problems += [] if book.specs[slot].suspend else _retirements(book, slot, federation)
        yield from (f"{slot}: {problem}" for problem in problems)
        recorded |= {(book.holder_of(slot), c.credential_name) for c in _credentials(federation)}
    for holder in HOLDERS:
        yield from (f"{holder}: {problem}" for problem in _foreign(book, holder))
        yield from (f"{holder}: {problem}" for problem in _leaks(book, holder, recorded, living))


def _credentials(federation: Federation | None) -> list[CredentialStatus]:
    items = federation.status.federated_credentials if federation else ()
    return [credential for item in items for credential in item.credentials]


def _pair(credential: CredentialStatus) -> tuple[str, str | None]:
    return credential.issuer, credential.subject or spelled(credential.expression)


def _status(book: Book, slot: Slot, federation: Federation) -> Iterator[str]:
    """What the status says against what stands."""
    spec, standing = book.specs[slot], book.standing(book.holder_of(slot))
    rows = {item.name: item for item in federation.status.federated_credentials}
    ready = condition(federation, ConditionType.READY)
    yield from incoherent(federation)
    if federation.status.observed_generation != federation.metadata.generation:
        yield f"generation {federation.metadata.generation} was never observed"
    for item_name, told in rows.items():
        for credential in told.credentials if told.reason != Reason.DRIFTED else ():
            name, content = credential.credential_name, (*_pair(credential), (credential.audience,))
            is_hidden = spec.suspend and (book.holder_of(slot), name) in book.touched
            if standing.get(name) != content and not is_hidden:
                yield f"records {name} {content} for {item_name}, and there is {standing.get(name)}"
    if spec.suspend:
        if ready is None or ready.status != "Unknown":
            yield f"is suspended, and Ready is {ready}"
        return
    well = book.permits_target(slot)
    for item in spec.items:
        allowed = expected(book, slot, item)
        row = rows.get(item.name)
        well = well and allowed <= WELL
        if row is None or row.reason not in allowed:
            yield f"item {item.name} ({item.source}) is {_told(row)}, not {' or '.join(sorted(allowed))}"
    well = well and all(row.reason == Reason.SYNCED for row in federation.status.outputs)
    if (ready is not None and ready.status == "True") is not well:
        yield f"Ready is {ready and ready.message}, and all is {'well' if well else 'not well'}"


def _told(row: CredentialItemStatus | None) -> str:
    if row is None:
        return "not told of"
    return f"{row.reason} {[(c.credential_name, c.origin.value) for c in row.credentials]}"


def expected(book: Book, slot: Slot, item: Item) -> set[Reason]:
    """The reasons that an item's row may show."""
    if not book.permits(slot, item):
        return {Reason.NOT_PERMITTED, Reason.REVOKED}
    pairs = book.pairs(slot, item.source)
    if not pairs:
        return {Reason.IDENTITY_NOT_FOUND}
    found = set[Reason]().union(*(_expected_of_pair(book, slot, item, pair) for pair in pairs))
    wrong = found - WELL
    if not wrong and item.source == "pods" and _has_retiring(book, slot, item):
        return {Reason.ISSUER_RETIRING}
    return wrong or found


def _has_retiring(book: Book, slot: Slot, item: Item) -> bool:
    """Whether a credential of an issuer that the cluster had before is told of."""
    rows = [row for row in book.living()[slot].status.federated_credentials if row.name == item.name]
    return any(c.origin == "Operator" and c.issuer not in book.announced for row in rows for c in row.credentials)


def _expected_of_pair(book: Book, slot: Slot, item: Item, pair: Pair) -> set[Reason]:
    """The reasons that one of the pairs may give."""
    _, content = _standing(book, book.holder_of(slot), pair)
    if content is not None and content[2] == (item.audience,):
        return {_synced(pair)}
    refused = {Reason.VALUE_REFUSED} if item.source == "refused" else set[Reason]()
    return {*_excuses(book, slot, item, pair), *refused} or {_synced(pair)}


def _standing(book: Book, holder: str, pair: Pair) -> tuple[str, Content] | tuple[None, None]:
    """Name and content of what stands for a pair. Two flexible ones may, spelled in two ways: then it is ours."""
    found = [(name, content) for name, content in book.standing(holder).items() if content[:2] == pair]
    return min(found, key=lambda one: not book.is_ours(one[0]), default=(None, None))


def _synced(pair: Pair) -> Reason:
    """Of a credential that is as it should be. Microsoft does not reach an API server on this machine."""
    return Reason.ISSUER_UNREACHABLE if "//127.0.0.1:" in pair[0] else Reason.SYNCED


def _excuses(book: Book, slot: Slot, item: Item, pair: Pair) -> Iterator[Reason]:
    """Why an item may be wanting."""
    holder = book.holder_of(slot)
    name, content = _standing(book, holder, pair)
    if book.specs[slot].drift == "Report":
        yield Reason.DRIFTED
    if content is None or name is None:
        if not _has_room(book, slot, item):
            yield Reason.QUOTA_EXCEEDED
        if _others_want(book, slot, pair, item.audience):
            yield Reason.AUDIENCE_CONFLICT  # of two that are asked for, neither of which finds room
    elif not book.is_ours(name):
        yield Reason.CREDENTIAL_CONFLICT
        yield Reason.AUDIENCE_CONFLICT
    elif _others_want(book, slot, pair, item.audience):
        yield Reason.AUDIENCE_CONFLICT


def _has_room(book: Book, slot: Slot, item: Item) -> bool:
    """Whether what is missing of an item finds a place: it is written all or not at all."""
    holder = book.holder_of(slot)
    missing = [pair for pair in book.pairs(slot, item.source) if _standing(book, holder, pair)[0] is None]
    return len(book.standing(holder)) + len(missing) <= LIMIT


def _others_want(book: Book, slot: Slot, pair: Pair, audience: str) -> bool:
    """Whether another object asks for the item's pair with another audience, or has it so and keeps it for now."""
    others = [other for other in book.specs if other != slot and book.holder_of(other) == book.holder_of(slot)]
    asking = [(other, i) for other in others for i in book.specs[other].items]
    asked = {(one, i.audience) for other, i in asking for one in book.pairs(other, i.source)}
    kept = {(_pair(c), c.audience) for other in others for c in _credentials(book.found(other))}
    return any(one == pair and other != audience for one, other in asked | kept)


def _revocations(
    book: Book, slot: Slot, federation: Federation, denied_since: dict[tuple[str, str], float]
) -> Iterator[str]:
    """What no rule allows goes when its time is over."""
    now, uid = book.ground.clock.monotonic(), federation.metadata.uid
    recorded = {(uid, credential.credential_name) for credential in _credentials(federation)}
    for key in [key for key in denied_since if key[0] == uid and key not in recorded]:
        del denied_since[key]
    for item in federation.status.federated_credentials:
        for credential in item.credentials:
            key = (uid, credential.credential_name)
            if credential.origin != "Operator" or book.permits_pair(slot, _pair(credential)):
                denied_since.pop(key, None)
                continue
            since = denied_since.setdefault(key, now)
            if now - since > _revoked_by(book):
                yield f"{credential} has been denied for {now - since:.0f} s, and item {item.name} is {_told(item)}"


def _retirements(book: Book, slot: Slot, federation: Federation) -> Iterator[str]:
    """What trusts an issuer that the cluster had before retires while its successors stand, and goes in time."""
    for item in federation.status.federated_credentials:
        for credential in item.credentials:
            if credential.subject != pod_subject(slot.namespace) or credential.origin != "Operator":
                continue
            since, is_former = credential.retiring_since, credential.issuer not in book.announced
            if since is not None and not is_former:
                yield f"{credential} retires, and {book.announced} are announced"
            if since is None and is_former and item.reason in WELL:
                yield f"{credential} does not retire, and item {item.name} is {_told(item)}"
            age = book.ground.clock.now() - to_seconds(since, unreadable=0.0) if since else 0.0
            is_kept = item.reason not in {*WELL, Reason.PROGRESSING}  # it stands in for a successor that does not stand
            if age > ISSUER_GRACE + REVOKED_WITHIN and not is_kept:
                yield f"{credential} has retired for {age:.0f} s"


def _foreign(book: Book, holder: str) -> Iterator[str]:
    """Nothing of others was changed, removed or added."""
    standing = {n: c for n, c in book.standing(holder).items() if not book.is_ours(n)}
    wanted = {name: content for (place, name), content in book.foreign.items() if place == holder}
    if standing != wanted:
        yield f"of others there is {standing} instead of {wanted}"
    for (place, name), content in book.orphans.items():
        if place == holder and book.standing(holder).get(name) != content:
            yield f"orphan {name} is {book.standing(holder).get(name)} instead of {content}"


def _leaks(book: Book, holder: str, recorded: set[tuple[str, str]], living: dict[Slot, Federation]) -> Iterator[str]:
    """Everything with our mark is in a status, or may stay.

    A suspended object may have more than it tells: what was on its way to Azure when it was suspended. What was written
    at a target before any status told of it goes as all that is not allowed any more.
    """
    untold = {owner(slot) for slot, one in living.items() if one.status.target is None and _may_wait(book, slot, one)}
    owners = {owner(slot): slot for slot in living if book.holder_of(slot) == holder and book.permits_target(slot)}
    standing = book.standing(holder)
    for name, content in standing.items():
        slot = owners.get(owner_of(name) or "")
        may_stay = _tells_less(book, slot, name) if slot else (holder, name) in book.may_stay
        may_stay = may_stay or owner_of(name) in untold
        if book.is_ours(name) and (holder, name) not in recorded and not may_stay:
            yield f"{name} {content} is left over"
    pairs = Counter((c.issuer, c.subject, c.expression) for c in book.holder(holder).credentials)
    if len(standing) > LIMIT or any(count > 1 for count in pairs.values()):
        yield f"cannot be: {standing}"


def _may_wait(book: Book, slot: Slot, federation: Federation) -> bool:
    """Whether what an object does not tell of need not be gone yet: while it is suspended, or not denied for long."""
    since = target_denied_since(federation)
    return book.specs[slot].suspend or (since is not None and book.ground.clock.now() - since <= _revoked_by(book))


def _revoked_by(book: Book) -> float:
    """Seconds of the clock after a refusal, by which what it concerns is gone."""
    return book.ground.revocation_delay + REVOKED_WITHIN * book.ground.scale


def _tells_less(book: Book, slot: Slot, name: str) -> bool:
    """Whether an object may have more than it records: suspended, or of drift that it tells of in words."""
    spec, place = book.specs[slot], (book.holder_of(slot), name)
    return spec.suspend or (spec.drift == "Report" and place in book.touched)


def incoherent(federation: Federation) -> Iterator[str]:
    """What kstatus would stumble over."""
    metadata, status = federation.metadata, federation.status
    ready = condition(federation, ConditionType.READY)
    abnormal = [c for c in (ConditionType.RECONCILING, ConditionType.STALLED) if condition(federation, c)]
    if status.observed_generation > metadata.generation:
        yield f"observed generation {status.observed_generation} of {metadata.generation}"
    if ready is None:
        yield "Ready is missing"
        return
    if any(condition(federation, c).status != "True" for c in abnormal):  # type: ignore[union-attr]
        yield f"{abnormal} not true"
    if len(abnormal) > 1:
        yield "Reconciling and Stalled at once"
    is_calm = ready.status == "True" or ready.reason == Reason.SUSPENDED
    if is_calm is bool(abnormal):
        yield f"Ready is {ready.status} ({ready.reason}) with {abnormal or 'neither Reconciling nor Stalled'}"
    if ready.status == "True" and any(item.state is not ItemState.SYNCED for item in status.federated_credentials):
        yield "Ready, and an item is not Synced"


def condition(federation: Federation, kind: ConditionType) -> Condition | None:
    return next((c for c in federation.status.conditions if c.type is kind), None)
