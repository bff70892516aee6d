"""Federated identity credentials as this product sees them: a set of pairs under a parent."""

from dataclasses import dataclass
from enum import StrEnum

LIMIT = 20
"""Credentials that one application or one user-assigned identity can carry.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""


class ParentKind(StrEnum):
    """What Azure refuses two writers of."""

    APPLICATION = "application"
    MANAGED_IDENTITY = "managed identity"
    HOST = "host"
    SCOPE = "scope"
    TENANT_APP = "application in tenant"


@dataclass(frozen=True, slots=True)
class Parent:
    """The Azure thing written to, and the unit of serial work.

    `id` is lower-case: the object id of an application; the ARM id of an identity, a host or a scope; the client id of
    an application in another tenant, which is then the `tenant_id`. The connection is not part of it: two connections
    share the lane. Nor is the cloud: a tenant is in one only, and so what a status records names its parent even while
    the connection cannot be read.
    """

    kind: ParentKind
    tenant_id: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """Issuer and subject: unique under a parent, compared exactly and case-sensitively.

    A flexible credential has an expression over the token's claims in place of the subject.
    """

    issuer: str
    subject: str = ""
    expression: str = ""
    """Spelled as `domain.claims` spells it; empty for an ordinary credential."""


@dataclass(frozen=True, slots=True, order=True)
class Trust:
    """The whole content of a credential: whose tokens are accepted, and for which audience."""

    pair: Pair
    audience: str


@dataclass(frozen=True, slots=True)
class ObservedCredential:
    """A credential as Azure lists it. Foreign ones may have odd audiences.

    A flexible one has no subject. Its expression is None where Azure does not show it, as on managed identities.
    """

    name: str
    issuer: str
    subject: str | None
    audiences: tuple[str, ...]
    expression: str | None = None

    @property
    def pair(self) -> Pair | None:
        if self.subject is not None:
            return Pair(self.issuer, self.subject)
        return None if self.expression is None else Pair(self.issuer, expression=self.expression)

    def carries(self, trust: Trust) -> bool:
        return self.pair == trust.pair and self.audiences == (trust.audience,)


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential to be written. `description` is for people who meet it in the portal; ARM has no room for it."""

    name: str
    trust: Trust
    description: str

    @property
    def written(self) -> ObservedCredential:
        """The credential as a list shows it afterwards."""
        pair, audiences = self.trust.pair, (self.trust.audience,)
        if pair.expression:
            return ObservedCredential(self.name, pair.issuer, None, audiences, pair.expression)
        return ObservedCredential(self.name, pair.issuer, pair.subject, audiences)


def resource_key(resource_id: str) -> str:
    """An ARM id in the one spelling that we compare: Azure itself answers with other cases and blanks at the end."""
    return resource_id.strip().rstrip("/").lower()
