"""Issuers of tokens: which cannot be read by Entra, and how those that a cluster had before retire. Pure."""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from entrafed.api.reasons import Reason
from entrafed.api.status import CredentialStatus, FederationStatus
from entrafed.domain.asks import Record
from entrafed.domain.credentials import Pair
from entrafed.domain.findings import Outcome, Retirement

_PRIVATE_NAMES = ("local", "localhost", "internal", "test", "invalid", "svc", "lan", "corp", "home", "home.arpa")
"""Names under which nobody on the internet finds anything: RFC 6761, 6762 and 8375, ICANN's `internal`, what ICANN
delegates to nobody because companies and households use it, and Kubernetes' own."""


def is_unreachable(issuer: str) -> bool:
    """Whether Entra, which reads an issuer's keys over the internet by https, certainly cannot read those of this one.

    Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
    """
    try:
        parts = urlsplit(issuer)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return True
    if parts.scheme != "https" or not host:
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or any(host.endswith(f".{name}") for name in _PRIVATE_NAMES)


@dataclass(frozen=True, slots=True)
class Announced:
    """The issuers of a cluster's service account tokens.

    `certain_in` is in seconds: until then others may be announced as well, by API servers that were not asked yet.
    """

    issuers: frozenset[str]
    certain_in: float = 0.0


def retiring(
    item: str, subject: str, records: Iterable[Record], announced: Announced, *, now: float, grace: float
) -> dict[Pair, Retirement]:
    """What was written for former issuers of an item, a service account, and is to stay for now.

    It is known by its subject, under the item's own name or, where it is recorded to retire, under any: the item may
    have been renamed. A time to come, which only a hand can have recorded, counts as now: it would defer the removal.
    """
    pairs: dict[Pair, Retirement] = {}
    for record in records:
        pair, since = record.trust.pair, record.retiring_since
        if pair.issuer in announced.issuers or pair.subject != subject or (record.item != item and since is None):
            continue
        if since is None or now < since + grace:
            pairs[pair] = Retirement(None if since is None else min(since, now), certain=announced.certain_in <= 0)
    return pairs


@dataclass(frozen=True, slots=True)
class Remark:
    """What is worth saying of something, or of an item that stands as asked for."""

    reason: Reason
    message: str


def remark_on(outcome: Outcome, retiring: Iterable[Pair]) -> Remark | None:
    """What is to be said of an item that stands as asked for, while these pairs of it stand as well."""
    unreachable = next((t.pair.issuer for t in outcome.trusts if is_unreachable(t.pair.issuer)), None)
    if unreachable is not None:
        message = (
            f"in place, but issuer {unreachable} is not on the internet: Entra cannot read its keys there, and refuses "
            "its tokens (AADSTS501661); give the issuer a public address"
        )
        return Remark(Reason.ISSUER_UNREACHABLE, message)
    former = sorted({pair.issuer for pair in retiring if outcome.retiring[pair].certain})
    if not former:
        return None
    message = f"in place; what trusts the former issuer {', '.join(former)} retires, and is removed when its tokens end"
    return Remark(Reason.ISSUER_RETIRING, message)


def news_of_issuers(before: FederationStatus, after: FederationStatus) -> Iterator[Remark]:
    """What a status says of issuers that the one before did not."""
    was, now = _by_name(before), _by_name(after)
    for name, credential in now.items():
        if credential.retiring_since and not (name in was and was[name].retiring_since):
            note = f"credential {name} retires: {credential.issuer} is an issuer of this cluster no more"
            yield Remark(Reason.ISSUER_RETIRING, note)
    for name, credential in was.items():
        if credential.retiring_since and name not in now:
            note = f"credential {name} has retired: {credential.issuer} is trusted no more"
            yield Remark(Reason.ISSUER_RETIRED, note)
    known = {item.name for item in before.federated_credentials if item.reason == Reason.ISSUER_UNREACHABLE}
    for item in after.federated_credentials:
        if item.reason == Reason.ISSUER_UNREACHABLE and item.name not in known:
            yield Remark(Reason.ISSUER_UNREACHABLE, f"{item.name}: {item.message}")


def _by_name(status: FederationStatus) -> dict[str, CredentialStatus]:
    return {c.credential_name: c for item in status.federated_credentials for c in item.credentials}
