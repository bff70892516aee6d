"""Rows of the status: the credentials of an item. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from entrafed.api.states import CredentialState, Origin
from entrafed.api.status import CredentialStatus
from entrafed.domain.asks import recorded_pair
from entrafed.domain.credentials import ObservedCredential
from entrafed.domain.findings import Outcome


def credential_row(observed: ObservedCredential, origin: Origin) -> CredentialStatus:
    """A credential as it was seen."""
    return CredentialStatus(
        credential_name=observed.name,
        issuer=observed.issuer,
        subject=observed.subject,
        expression=observed.expression,
        audience=observed.audiences[0] if observed.audiences else "",
        origin=origin,
    )


def with_state(credential: CredentialStatus, outcome: Outcome) -> CredentialStatus:
    """The same, saying why it stands for an item; of an item that nothing is known of, what was said before."""
    pair = recorded_pair(credential)
    retirement = outcome.retiring.get(pair)
    if retirement is not None and (retirement.certain or retirement.since is not None):
        return replace(credential, state=CredentialState.RETIRING)
    is_unknown = retirement is not None or not outcome.trusts
    if is_unknown or credential.origin is Origin.PRE_EXISTING or (credential.retiring_since and outcome.problem):
        return credential
    is_asked_for = pair in {trust.pair for trust in outcome.trusts} - outcome.denied
    return replace(credential, state=CredentialState.STANDING if is_asked_for else CredentialState.REMAINING)


def remaining(credentials: Iterable[CredentialStatus]) -> tuple[CredentialStatus, ...]:
    """The same, of an item that is no more."""
    return tuple(replace(credential, state=CredentialState.REMAINING) for credential in credentials)


def sorted_by_name(credentials: tuple[CredentialStatus, ...]) -> tuple[CredentialStatus, ...]:
    """In the order of their names, each once: the first counts."""
    by_name = {c.credential_name: c for c in reversed(credentials)}
    return tuple(by_name[name] for name in sorted(by_name))
