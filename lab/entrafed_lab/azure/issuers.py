"""Where the token endpoint finds the keys of an issuer: its own, those the lab holds, or really over HTTPS."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from entrafed_lab.azure.clouds import issuer_of_tenant
from entrafed_lab.azure.keys import KeyRing, PublicKeys
from entrafed_lab.azure.timing import Clock
from entrafed_lab.azure.world import World

FETCH_TIMEOUT = 5.0  # seconds for discovery document and keys together
READ_KEYS = 100  # Entra looks at no more keys of an issuer than these


class IssuerUnreachable(Exception):
    """The discovery document or the keys of an issuer could not be read, or are not what they should be."""


class IssuerKeys:
    """Verification keys by issuer."""

    def __init__(self, *, world: World, keys: KeyRing, clock: Clock, trusted_cas: Sequence[Path]) -> None:
        self._world = world
        self._keys = keys
        self._clock = clock
        self._trusted_cas = tuple(trusted_cas)
        self._session: aiohttp.ClientSession | None = None
        self._cached: dict[str, tuple[float, PublicKeys]] = {}

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def find(self, issuer: str) -> PublicKeys:
        """The issuer's keys; raises `IssuerUnreachable`."""
        tenant_id = issuer_of_tenant(issuer) or _v1_tenant(issuer)
        if tenant_id is not None:
            if tenant_id not in self._world.tenants:
                raise IssuerUnreachable(f"there is no tenant {tenant_id}")
            own = self._keys.key(tenant_id)
            return {own.kid: own.public}
        if issuer in self._world.issuers:
            held = self._keys.key(issuer)
            return {held.kid: held.public}
        return await self._remote(issuer)

    async def _remote(self, issuer: str) -> PublicKeys:
        cached = self._cached.get(issuer)
        if cached is not None and cached[0] > self._clock():
            return cached[1]
        try:
            async with asyncio.timeout(FETCH_TIMEOUT):
                found = await self._fetch(issuer)
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, OSError) as error:
            raise IssuerUnreachable(str(error) or type(error).__name__) from error
        self._cached[issuer] = (self._clock() + self._world.delays.key_cache, found)
        return found

    async def _fetch(self, issuer: str) -> PublicKeys:
        if not issuer.startswith("https://"):
            raise ValueError("an issuer must be an https address")
        discovery = await self._get(issuer.rstrip("/") + "/.well-known/openid-configuration")
        if discovery["issuer"] != issuer:
            raise ValueError(f"its discovery document names the issuer {discovery['issuer']}")
        jwks = await self._get(str(discovery["jwks_uri"]))
        listed = jwks["keys"]
        if not isinstance(listed, list):
            raise TypeError("its key set has no list of keys")
        return dict(pair for pair in map(_rsa_key, listed[:READ_KEYS]) if pair is not None)

    async def _get(self, url: str) -> Mapping[str, object]:
        async with self._client().get(url) as response:
            response.raise_for_status()
            document = await response.json(content_type=None)
        if not isinstance(document, dict):
            raise TypeError(f"{url} is not a JSON object")
        return document

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context()
            for path in self._trusted_cas:
                context.load_verify_locations(path)
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), trust_env=False)
        return self._session


def _v1_tenant(issuer: str) -> str | None:
    prefix = "https://sts.windows.net/"
    return issuer[len(prefix) :].rstrip("/") if issuer.startswith(prefix) else None


def _rsa_key(jwk: Mapping[str, str]) -> tuple[str, rsa.RSAPublicKey] | None:
    if jwk.get("kty") != "RSA" or jwk.get("use", "sig") != "sig":
        return None
    try:
        key = RSAAlgorithm.from_jwk(dict(jwk))
    except InvalidKeyError:
        return None
    return (jwk["kid"], key) if isinstance(key, rsa.RSAPublicKey) else None
