"""Whether a client assertion is good for a client: the checks of the token endpoint, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt

from entrafed_lab.azure.clouds import EXCHANGE_AUDIENCES, issuer_of_tenant
from entrafed_lab.azure.entra_errors import Denied
from entrafed_lab.azure.expressions import matches
from entrafed_lab.azure.issuers import IssuerKeys, IssuerUnreachable
from entrafed_lab.azure.keys import ALGORITHM
from entrafed_lab.azure.objects import Application, Credential, Identity, Tenant
from entrafed_lab.azure.timing import Clock
from entrafed_lab.azure.variants import NoMatch, Variants

CLOCK_SKEW: Final = 300.0  # seconds that Entra tolerates


@dataclass(frozen=True, slots=True)
class Assertion:
    """A client assertion, read but not yet believed."""

    token: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def issuer(self) -> str:
        return str(self.claims.get("iss", ""))

    @property
    def subject(self) -> str:
        return str(self.claims.get("sub", ""))

    @property
    def audiences(self) -> tuple[str, ...]:
        value = self.claims.get("aud", "")
        return tuple(map(str, value)) if isinstance(value, list) else (str(value),)

    def deny(self, code: int, *, client: str = "", what: str = "") -> Denied:
        return Denied(
            code,
            client=client,
            issuer=self.issuer,
            subject=self.subject,
            audience=" ".join(self.audiences),
            what=what,
        )


def read_assertion(token: str) -> Assertion:
    """Take a JWT apart; raises `Denied` when it is none, or has a header that Entra does not take."""
    try:
        decoded = jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise Denied(50027) from None
    assertion = Assertion(token, decoded["header"], decoded["payload"])
    if assertion.header.get("alg") != ALGORITHM:
        raise assertion.deny(5002727, what=f"'alg' must be {ALGORITHM}.")
    if str(assertion.header.get("typ", "JWT")).upper() != "JWT":
        raise assertion.deny(5002727, what="'typ' must be JWT.")
    return assertion


class AssertionCheck:
    """Tenant and client are known already; the rest is checked here: credentials exist, time, issuer, keys and
    signature, rules for Entra-issued tokens, subject, audience, tenant policy."""

    def __init__(self, *, issuers: IssuerKeys, clock: Clock, variants: Variants) -> None:
        self._issuers = issuers
        self._clock = clock
        self._variants = variants

    async def check(
        self,
        assertion: Assertion,
        *,
        client: Application | Identity,
        home: Tenant,
        credentials: Sequence[Credential],
    ) -> Credential:
        """The credential that the assertion satisfies. `credentials` are those this node knows. Raises `Denied`."""
        try:
            return await self._check(assertion, client, home, credentials)
        except Denied as denied:
            generic = self._variants.no_match is NoMatch.GENERIC
            if generic and denied.code in {70025, 700211, 700212, 700213}:
                raise assertion.deny(70021) from None
            raise

    async def _check(
        self, assertion: Assertion, client: Application | Identity, home: Tenant, credentials: Sequence[Credential]
    ) -> Credential:
        client_id = client.client_id if isinstance(client, Identity) else client.app_id
        if assertion.issuer == client_id:
            raise assertion.deny(700027, what="No certificate is registered.")
        if not credentials:
            raise assertion.deny(70025, client=client_id)
        self._check_time(assertion)
        same_issuer = [item for item in credentials if item.issuer == assertion.issuer]
        if not same_issuer:
            raise assertion.deny(700211)
        await self._check_signature(assertion)
        if assertion.issuer.startswith("https://sts.windows.net/"):
            raise assertion.deny(700227)
        if (issuing_tenant := issuer_of_tenant(assertion.issuer)) is not None:
            _check_entra_token(assertion, client, home, issuing_tenant)
        found = _match_audience(assertion, _match_subject(assertion, same_issuer), home)
        if home.federation_disabled:
            raise assertion.deny(700223)
        if home.allowed_issuers and assertion.issuer not in home.allowed_issuers:
            raise assertion.deny(700238)
        return found

    def _check_time(self, assertion: Assertion) -> None:
        now = self._clock()
        expires = float(assertion.claims.get("exp", 0))
        not_before = float(assertion.claims.get("nbf", 0))
        if expires + CLOCK_SKEW <= now or not_before - CLOCK_SKEW > now:
            raise assertion.deny(700024, what=datetime.fromtimestamp(now, UTC).isoformat())

    async def _check_signature(self, assertion: Assertion) -> None:
        try:
            keys = await self._issuers.find(assertion.issuer)
        except IssuerUnreachable as error:
            raise assertion.deny(501661, what=str(error)) from error
        key = keys.get(str(assertion.header.get("kid")))
        if key is None:
            raise assertion.deny(700027, what="The issuer has no such key.")
        try:
            jwt.PyJWS().decode(assertion.token, key, [ALGORITHM])
        except jwt.InvalidTokenError:
            raise assertion.deny(700027, what="The signature is wrong.") from None


def _check_entra_token(assertion: Assertion, client: Application | Identity, home: Tenant, issuing_tenant: str) -> None:
    """An application may trust managed identities of its tenant; and Azure DevOps, whose tokens Entra issues too."""
    if "xms_ficinfo" in assertion.claims:
        raise assertion.deny(700231)
    if assertion.subject.startswith("/eid1/"):
        if isinstance(client, Application) and client.multi_tenant:
            raise assertion.deny(70052)
        return
    if isinstance(client, Identity):
        raise assertion.deny(700222)
    if issuing_tenant != home.id:
        raise assertion.deny(700236)
    if "xms_mirid" not in assertion.claims:
        raise assertion.deny(700226)
    if EXCHANGE_AUDIENCES.isdisjoint(assertion.audiences) and home.cloud.exchange_app_id not in assertion.audiences:
        raise assertion.deny(700227)


def _match_subject(assertion: Assertion, credentials: Sequence[Credential]) -> list[Credential]:
    exact = [item for item in credentials if item.subject == assertion.subject]
    flexible = [item for item in credentials if item.expression and matches(item.expression, assertion.claims)]
    if exact or flexible:
        return exact + flexible
    if any(item.subject is not None and item.subject.lower() == assertion.subject.lower() for item in credentials):
        raise assertion.deny(7002138)
    if assertion.subject.startswith("/eid1"):
        raise assertion.deny(7002137)
    if all(item.subject is None for item in credentials):
        raise assertion.deny(7002131)
    raise assertion.deny(700213)


def _match_audience(assertion: Assertion, credentials: Sequence[Credential], home: Tenant) -> Credential:
    presented = set(assertion.audiences)
    entra_issued = issuer_of_tenant(assertion.issuer) is not None
    if entra_issued and home.cloud.exchange_app_id in presented:
        presented.add(home.cloud.exchange_audience)
    if entra_issued and home.cloud.exchange_audience not in presented:
        raise assertion.deny(7002121)
    for item in credentials:
        if presented.intersection(item.audiences):
            return item
    raise assertion.deny(7002121 if entra_issued else 700212)
