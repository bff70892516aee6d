"""What the items of one object, taken together, ask for. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from entrafed.domain.asks import Ask
from entrafed.domain.credentials import Pair, Trust
from entrafed.domain.findings import Outcome


def asking(
    ask: Ask, outcomes: tuple[Outcome, ...], written: Mapping[str, tuple[Trust, ...]], *, now: float, delay: float
) -> tuple[Ask, float | None]:
    """The ask that items make, and when, in seconds from now, they make another though nothing has changed.

    `written` is what was written for each item; `delay`, in seconds, that of a revocation.
    """
    items = tuple((o.name, trust) for o in outcomes if o.problem is None for trust in o.trusts)
    retiring = {pair: retirement for outcome in outcomes for pair, retirement in outcome.retiring.items()}
    kept, revoked = set(retiring), set[Pair]()
    due = [outcome.due for outcome in outcomes if outcome.due is not None]
    for outcome in outcomes:
        stays = kept_by(outcome, written)
        if outcome.denied_since is not None and is_over(outcome.denied_since, now=now, delay=delay):
            revoked |= outcome.denied
            stays -= outcome.denied
        elif outcome.denied_since is not None:
            due.append(outcome.denied_since + delay - now)
        kept |= stays
    wanted = frozenset(trust for _, trust in items)
    pairs_wanted = {trust.pair for trust in wanted}
    asked = replace(
        ask,
        wanted=wanted,
        kept=frozenset(kept - pairs_wanted),
        retiring=frozenset(pair for pair, one in retiring.items() if one.certain) - pairs_wanted,
        revoked=frozenset(revoked - pairs_wanted - kept),
        items=items,
    )
    return asked, min(due, default=None)


def kept_by(outcome: Outcome, written: Mapping[str, tuple[Trust, ...]]) -> frozenset[Pair]:
    """Pairs that stay for an item that may not be asked for, or is not known: what it stands for, and what was written
    for it before."""
    if outcome.problem is None:
        return frozenset()
    return frozenset(trust.pair for trust in (*written.get(outcome.name, ()), *outcome.trusts))


def is_over(denied_since: float, *, now: float, delay: float) -> bool:
    """Whether what is denied goes. Times are seconds since the epoch, the delay is in seconds."""
    return denied_since + delay <= now
