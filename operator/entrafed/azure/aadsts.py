"""The token endpoint's error codes in words.

Sources: https://learn.microsoft.com/entra/identity-platform/reference-error-codes and
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

from dataclasses import dataclass

from entrafed.domain.errors import ProblemKind


@dataclass(frozen=True, slots=True)
class SignInError:
    """What a code means, and who must act when it is the operator itself that is refused."""

    meaning: str
    kind: ProblemKind = ProblemKind.FORBIDDEN


_TRANSIENT = ProblemKind.TRANSIENT

AADSTS = {
    50013: SignInError("the signature or the key of the assertion is not valid"),
    50027: SignInError("the presented token is not a valid JWT"),
    70021: SignInError(
        "no federated identity credential matches the token: its issuer, subject or audience differs, or it "
        "was created a moment ago",
        _TRANSIENT,
    ),
    70025: SignInError(
        "the application or identity has no federated identity credentials: they were deleted, or created a moment ago",
        _TRANSIENT,
    ),
    70052: SignInError("a multi-tenant application cannot trust the Entra issuer of Azure DevOps"),
    90002: SignInError("the tenant does not exist in this cloud"),
    500011: SignInError("the resource that a token was asked for is unknown in the tenant"),
    501661: SignInError(
        "Entra could not read the issuer's discovery document or keys: the issuer must be reachable from the internet",
        _TRANSIENT,
    ),
    700016: SignInError("no application with this client id exists in the tenant"),
    700024: SignInError("the token is expired or not valid yet: a stale token file, or clocks that differ", _TRANSIENT),
    700027: SignInError(
        "the token's signature does not verify with the issuer's keys: the keys were rotated, or it is another issuer",
        _TRANSIENT,
    ),
    700211: SignInError(
        "no federated identity credential has the token's issuer: compare them letter by letter, last slash included"
    ),
    700212: SignInError("no federated identity credential has the token's audience: each cloud has its own"),
    700213: SignInError("no federated identity credential has the token's subject"),
    700222: SignInError("tokens of Entra itself cannot be trusted by a managed identity"),
    700223: SignInError("workload identity federation is disabled by a policy of the tenant"),
    700226: SignInError("only tokens of managed identities can be trusted with an Entra issuer"),
    700227: SignInError("the token was issued for a wrong resource: ask for the cloud's token exchange audience"),
    700231: SignInError("a token that was itself obtained by federation cannot be exchanged again"),
    700236: SignInError("the managed identity and the application must be in the same tenant"),
    700238: SignInError("workload identity federation is constrained by a policy of the tenant"),
    900382: SignInError("a managed identity of one cloud cannot be trusted in another"),
    5002727: SignInError("the header of the presented token is not one of a JWT for federation"),
    7000215: SignInError("the client secret is wrong"),
    7000229: SignInError("the application has no service principal in the tenant: an administrator must consent to it"),
    7002121: SignInError("the audience of the Entra token does not match the federated identity credential"),
    7002131: SignInError("no flexible federated identity credential's expression matches the token"),
    7002137: SignInError("no federated identity credential has the subject of this Entra-issued token"),
    7002138: SignInError("the token's subject matches a federated identity credential except for upper and lower case"),
}


def explain(code: int) -> str | None:
    """What an AADSTS number means, in a clause without a full stop; None for a number that is not in the table."""
    known = AADSTS.get(code)
    return known.meaning if known else None
