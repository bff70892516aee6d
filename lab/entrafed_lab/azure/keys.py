"""Signing keys of simulated issuers, and what a verifier reads of other people's keys."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ALGORITHM = "RS256"


class SigningKey:
    """An RSA key pair of 2,048 bits with its key id."""

    def __init__(self) -> None:
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = self._private.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.kid = hashlib.sha256(der).hexdigest()[:27]
        self.public = public

    def sign(self, claims: Mapping[str, object], **headers: str) -> str:
        """A compact JWT, signed with RS256."""
        return jwt.encode(dict(claims), self._private, ALGORITHM, headers={"kid": self.kid, **headers})

    def jwk(self) -> dict[str, Any]:
        """The public half, as it stands in a JWKS."""
        return {**RSAAlgorithm.to_jwk(self.public, as_dict=True), "kid": self.kid, "use": "sig", "alg": ALGORITHM}


class KeyRing:
    """A key per issuer, made at first use: making one takes a tenth of a second."""

    def __init__(self) -> None:
        self._keys: dict[str, SigningKey] = {}

    def key(self, issuer: str) -> SigningKey:
        if issuer not in self._keys:
            self._keys[issuer] = SigningKey()
        return self._keys[issuer]

    def rotate(self, issuer: str) -> SigningKey:
        """Replace the key of an issuer; tokens signed before stop being valid."""
        self._keys[issuer] = SigningKey()
        return self._keys[issuer]


PublicKeys = Mapping[str, rsa.RSAPublicKey]
"""Verification keys by key id."""


def external_token(
    key: SigningKey,
    *,
    issuer: str,
    subject: str,
    audience: str,
    claims: Mapping[str, object] | None = None,
    lifetime: float = 600.0,
    now: float | None = None,
) -> str:
    """A token as an OIDC issuer such as GitHub Actions hands it out; `lifetime` in seconds."""
    issued = int(time.time() if now is None else now)
    standard = {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": issued,
        "nbf": issued - 5,
        "exp": issued + int(lifetime),
    }
    return key.sign({**standard, **(claims or {})})
