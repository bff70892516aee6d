"""What somebody else made of a credential of ours, in words: what was asked for and what stands, by field. Pure."""

from collections.abc import Iterator

from entrafed.api.reasons import Reason
from entrafed.api.status import FederationStatus
from entrafed.domain.credentials import ObservedCredential, Trust

LONGEST = 100  # characters of one value: issuer, subject or expression, and audience, twice each, fit into a note
CONTEXT = 20  # characters shown before the first that differs, where a value is cut

REMOVED = "removed"


def difference(asked: Trust, stands: ObservedCredential | None) -> str:
    """How a credential differs from what was asked for, in words that go on after "it was": `removed`, or `changed`
    with the fields that differ. Stable while Azure holds the same."""
    if stands is None:
        return REMOVED
    fields = (
        ("issuer", asked.pair.issuer, stands.issuer),
        ("subject", asked.pair.subject, stands.subject or ""),
        ("expression", asked.pair.expression, stands.expression or ""),
        ("audience", asked.audience, ", ".join(stands.audiences)),
    )
    told = (
        f"{name}: asked for {_quoted(want, have)}, stands {_quoted(have, want)}"
        for name, want, have in fields
        if want != have
    )
    return f"changed ({'; '.join(told)})"


def news_of_drift(before: FederationStatus, after: FederationStatus) -> Iterator[str]:
    """What a status says of drifted items that the one before did not, whatever else Ready may be about."""
    known = {item.name for item in before.federated_credentials if item.reason == Reason.DRIFTED}
    for item in after.federated_credentials:
        if item.reason == Reason.DRIFTED and item.name not in known:
            yield f"{item.name}: {item.message}"


def _quoted(value: str, other: str) -> str:
    """A value between quotes, cut around the first character in which it differs from another."""
    if not value:
        return "none"
    start = 0
    if len(value) > LONGEST:
        same = next(
            (at for at, (a, b) in enumerate(zip(value, other, strict=False)) if a != b), min(len(value), len(other))
        )
        start = max(0, min(same - CONTEXT, len(value) - LONGEST))
    end = start + LONGEST
    shown = "".join(c if c.isprintable() else "?" for c in value[start:end])
    return f'"{"..." if start else ""}{shown}{"..." if end < len(value) else ""}"'
