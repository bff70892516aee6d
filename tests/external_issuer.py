"""An issuer outside of Azure, whose discovery document and keys are read over HTTPS."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import trustme
from aiohttp import web

from entrafed_lab.azure.keys import SigningKey, external_token
from sign_in_world import EXCHANGE, WEB


class Issuer:
    """An OIDC issuer on loopback that a test may change while it serves."""

    def __init__(self) -> None:
        self.key = SigningKey()
        self.keys: Any = {"keys": [self.key.jwk()]}
        self.url = ""
        self.discovery: dict[str, Any] = {}
        self.status = 200
        self.reads = 0

    def serve_as(self, url: str, *, keys_at: str) -> None:
        """Be the issuer of that name."""
        self.url = url
        self.discovery = {"issuer": url, "jwks_uri": keys_at}

    def token(
        self, key: SigningKey | None = None, *, subject: str = WEB, claims: Mapping[str, object] | None = None
    ) -> str:
        return external_token(key or self.key, issuer=self.url, subject=subject, audience=EXCHANGE, claims=claims)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.reads += 1
        if self.status != 200:
            return web.Response(status=self.status)
        if request.path.endswith("/.well-known/openid-configuration"):
            return web.json_response(self.discovery)
        return web.json_response(self.keys, content_type="application/jwk-set+json")


@asynccontextmanager
async def serving(ca: trustme.CA) -> AsyncIterator[Issuer]:
    """An issuer on loopback, over TLS by this CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    issuer = Issuer()
    runner = web.ServerRunner(web.Server(issuer.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    issuer.serve_as(url, keys_at=f"{url}/keys")
    try:
        yield issuer
    finally:
        await runner.cleanup()
