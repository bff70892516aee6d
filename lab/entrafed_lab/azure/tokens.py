"""Access tokens of simulated tenants: issuing them, and telling who calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

import jwt

from entrafed_lab.azure.clouds import CLOUDS, EXCHANGE_AUDIENCES, STORAGE, VAULTS
from entrafed_lab.azure.exchange import Caller, TokenProblem
from entrafed_lab.azure.keys import ALGORITHM, KeyRing
from entrafed_lab.azure.objects import Identity, ServicePrincipal, Tenant
from entrafed_lab.azure.timing import Clock
from entrafed_lab.azure.variants import ExchangeAudience, Variants
from entrafed_lab.azure.world import World

ACCESS_TOKEN_LIFETIME = 3599  # seconds, as the token endpoint says in expires_in
IDENTITY_TOKEN_LIFETIME = 86399  # seconds: the platform caches tokens of managed identities for a day
IDENTITY_TOKEN_RENEWAL = 3600  # seconds before its end from which the platform gives another one
REMEMBERED_TOKENS = 1000

RESOURCES = frozenset(
    {STORAGE, *VAULTS, *EXCHANGE_AUDIENCES, "https://management.core.windows.net"}
    | {cloud.graph for cloud in CLOUDS.values()}
    | {cloud.arm for cloud in CLOUDS.values()}
) | frozenset(cloud.exchange_app_id for cloud in CLOUDS.values() if cloud.exchange_app_id)
"""Resources that every tenant knows, without a trailing slash."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token with the times that stand in it, in seconds since the epoch."""

    token: str
    not_before: int
    expires_on: int


class Tokens:
    """The signing side of all tenants, and the check that Graph, ARM and Storage make."""

    def __init__(
        self, *, world: World, keys: KeyRing, clock: Clock, variants: Variants, lifetime: int = ACCESS_TOKEN_LIFETIME
    ) -> None:
        self._world = world
        self._keys = keys
        self._clock = clock
        self._variants = variants
        self._lifetime = lifetime
        self._kept: dict[tuple[str, str], Issued] = {}
        self._seen: dict[str, tuple[Caller, float]] = {}

    def for_application(
        self, principal: ServicePrincipal, *, resource: str, federated: bool, identity: Identity | None
    ) -> Issued:
        """What client_credentials gives. `federated`: got with a federated credential, which the token tells."""
        tenant = self._world.tenants[principal.tenant_id]
        extra: dict[str, object] = {"idtyp": "app", "roles": sorted(principal.app_roles)}
        if identity is not None:
            extra["xms_mirid"] = identity.resource_id
        if federated:
            extra["xms_ficinfo"] = "CAAQABgAIAAoAjAA"
        if resource in EXCHANGE_AUDIENCES:
            return self._issue_v2(tenant, principal, resource, extra, self._lifetime)
        claims = {"iss": f"https://sts.windows.net/{tenant.id}/", "ver": "1.0", "appid": principal.app_id, **extra}
        return self._issue(tenant, principal, {**claims, "aud": resource}, self._lifetime)

    def for_managed_identity(self, principal: ServicePrincipal, *, resource_id: str, resource: str) -> Issued:
        """What the endpoint of a host gives to what runs there: for almost a day the same token, whatever happens.

        `resource_id` is the identity's; of a system-assigned one it is the host's.
        """
        kept = self._kept.get((principal.object_id, resource))
        if kept is None or kept.expires_on - IDENTITY_TOKEN_RENEWAL < self._clock():
            tenant = self._world.tenants[principal.tenant_id]
            extra: dict[str, object] = {"idtyp": "app", "xms_mirid": resource_id}
            kept = self._issue_v2(tenant, principal, resource, extra, IDENTITY_TOKEN_LIFETIME)
            self._kept[principal.object_id, resource] = kept
        return kept

    def caller(self, authorization: str | None) -> Caller | TokenProblem:
        """Who sent this Authorization header."""
        if authorization is None or not authorization.lower().startswith("bearer "):
            return TokenProblem.MISSING
        token = authorization[len("bearer ") :].strip()
        seen = self._seen.get(token)
        if seen is None:
            verified = self._verify(token)
            if isinstance(verified, TokenProblem):
                return verified
            if len(self._seen) >= REMEMBERED_TOKENS:
                self._seen.clear()
            seen = self._seen[token] = verified
        caller, expires = seen
        return caller if expires > self._clock() else TokenProblem.EXPIRED

    def _verify(self, token: str) -> tuple[Caller, float] | TokenProblem:
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
            tenant_id = str(claims["tid"])
            if tenant_id not in self._world.tenants:
                return TokenProblem.MALFORMED
            key = self._keys.key(tenant_id).public
            jwt.PyJWS().decode(token, key, [ALGORITHM])  # the signature alone: times are judged by our own clock
            caller = Caller(
                tenant_id=tenant_id,
                object_id=str(claims["oid"]),
                app_id=str(claims.get("appid") or claims.get("azp")),
                audience=str(claims["aud"]).rstrip("/"),
                roles=frozenset(claims.get("roles", ())),
            )
            return caller, float(claims["exp"])
        except (jwt.InvalidTokenError, KeyError, ValueError):
            return TokenProblem.MALFORMED

    def _issue_v2(
        self, tenant: Tenant, principal: ServicePrincipal, resource: str, extra: Mapping[str, object], lifetime: int
    ) -> Issued:
        audience = resource
        app_id = tenant.cloud.exchange_app_id
        guid = self._variants.exchange_audience is ExchangeAudience.GUID
        if resource == tenant.cloud.exchange_audience and app_id is not None and guid:
            audience = app_id
        claims = {"iss": tenant.issuer, "ver": "2.0", "azp": principal.app_id, "azpacr": "2", **extra, "aud": audience}
        return self._issue(tenant, principal, claims, lifetime)

    def _issue(
        self, tenant: Tenant, principal: ServicePrincipal, claims: Mapping[str, object], lifetime: int
    ) -> Issued:
        now = int(self._clock())
        common = {
            "tid": tenant.id,
            "oid": principal.object_id,
            "sub": principal.object_id,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "uti": uuid4().hex[:22],
        }
        return Issued(self._keys.key(tenant.id).sign({**claims, **common}), now, now + lifetime)
