"""Who keeps the record of a credential: what a status is to tell although nobody looked for it, and to whom a leaver's
credentials pass. Pure."""

from entrafed.domain.asks import Ask
from entrafed.domain.credentials import ObservedCredential
from entrafed.domain.marks import read_mark
from entrafed.engine.lane import Lane


def amendments_of(
    ask: Ask, asks: list[Ask], lane: Lane, clusters: tuple[str, ...]
) -> dict[str, ObservedCredential | None]:
    """In which the records of an ask that only keeps are out of date.

    A write of ours was under way when it came to that; or a pair that it keeps stands under the name of another, who
    may leave as soon as it is recorded here.
    """
    recorded = {record.name: record.trust for record in ask.records}
    pairs = {trust.pair for trust in recorded.values()}
    others = [other for other in asks if other.uid != ask.uid]
    amended: dict[str, ObservedCredential | None] = {}
    for name, written in lane.own_writes().items():
        pair = None if written is None else written.pair
        if name in recorded:
            is_news = written is None or not written.carries(recorded[name])
        else:
            is_own = written is not None and _owner(name, clusters) == ask.owner
            is_news = is_own and not any(other.holds(name, pair) for other in others)
        if is_news:
            amended[name] = written
    for credential in lane.view():
        if credential.pair in pairs and credential.name not in recorded and _owner(credential.name, clusters):
            amended[credential.name] = credential
    return amended


def is_handed_over(ask: Ask, asks: list[Ask], lane: Lane, clusters: tuple[str, ...]) -> bool:
    """Whether those who hold a pair under the mark of one who leaves have all of its credentials in their records."""
    others = [other for other in asks if other.uid != ask.uid]
    recorded = {record.name for other in others for record in other.records}
    return all(
        credential.name in recorded
        for credential in lane.view()
        if _owner(credential.name, clusters) == ask.owner
        and any(other.holds(credential.name, credential.pair) for other in others)
    )


def _owner(name: str, clusters: tuple[str, ...]) -> str | None:
    mark = read_mark(name)
    return mark.owner if mark and mark.cluster in clusters else None
