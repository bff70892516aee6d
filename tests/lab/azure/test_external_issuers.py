"""Issuers outside: the token endpoint reads their discovery document and keys over HTTPS, and believes nothing else."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from aiohttp import web

from azure_callers import MovableClock, only
from azure_clients import assertion_credential
from entrafed_lab.azure import SimulatedAzure
from entrafed_lab.azure.keys import SigningKey, external_token
from entrafed_lab.azure.seed import READER_APP
from lab_fixtures import StartAzure
from sign_in_world import EXCHANGE, WEB, denial, sign_in, trust


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

    def token(self, key: SigningKey | None = None) -> str:
        return external_token(key or self.key, issuer=self.url, subject=WEB, audience=EXCHANGE)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.reads += 1
        if self.status != 200:
            return web.Response(status=self.status)
        if request.path.endswith("/.well-known/openid-configuration"):
            return web.json_response(self.discovery)
        return web.json_response(self.keys, content_type="application/jwk-set+json")


@pytest_asyncio.fixture
async def issuer(azure_ca: trustme.CA) -> AsyncIterator[Issuer]:
    """Served over TLS by the tests' own CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    azure_ca.issue_cert("127.0.0.1").configure_cert(context)
    issuer = Issuer()
    runner = web.ServerRunner(web.Server(issuer.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    issuer.serve_as(url, keys_at=f"{url}/keys")
    yield issuer
    await runner.cleanup()


@pytest.fixture
def ca_file(azure_ca: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "issuers-ca.pem"
    azure_ca.cert_pem.write_to_path(path)
    return path


@pytest_asyncio.fixture
async def azure(start_azure: StartAzure, ca_file: Path, issuer: Issuer) -> SimulatedAzure:
    """One in which the reader trusts service account payments/web of the issuer."""
    azure = await start_azure(trusted_issuer_cas=[ca_file])
    trust(azure, issuer=issuer.url)
    return azure


async def refusal(azure: SimulatedAzure, token: str) -> int:
    """The AADSTS code."""
    return (await denial(assertion_credential(azure, token, client_id=READER_APP))).code


async def test_keys_are_found_through_the_discovery_document(azure: SimulatedAzure, issuer: Issuer) -> None:
    assert await sign_in(assertion_credential(azure, issuer.token(), client_id=READER_APP))
    assert issuer.reads == 2


async def test_an_issuer_with_a_slash_at_its_end_keeps_it(
    start_azure: StartAzure, ca_file: Path, issuer: Issuer
) -> None:
    azure = await start_azure(trusted_issuer_cas=[ca_file])
    issuer.serve_as(f"{issuer.url}/", keys_at=f"{issuer.url}/keys")
    trust(azure, issuer=issuer.url)
    assert await sign_in(assertion_credential(azure, issuer.token(), client_id=READER_APP))


async def test_a_key_that_the_issuer_does_not_have_is_700027(azure: SimulatedAzure, issuer: Issuer) -> None:
    assert await refusal(azure, issuer.token(SigningKey())) == 700027


async def test_a_key_for_encryption_is_no_key(azure: SimulatedAzure, issuer: Issuer) -> None:
    issuer.keys = {"keys": [{**issuer.key.jwk(), "use": "enc"}]}
    assert await refusal(azure, issuer.token()) == 700027


@pytest.mark.parametrize(("before", "code"), [(99, None), (100, 700027)])
async def test_the_first_hundred_keys_are_read(
    azure: SimulatedAzure, issuer: Issuer, before: int, code: int | None
) -> None:
    other = SigningKey().jwk()
    issuer.keys = {"keys": [*({**other, "kid": str(number)} for number in range(before)), issuer.key.jwk()]}
    if code is None:
        assert await sign_in(assertion_credential(azure, issuer.token(), client_id=READER_APP))
    else:
        assert await refusal(azure, issuer.token()) == code


async def test_keys_are_remembered_so_a_rotation_needs_overlap(
    start_azure: StartAzure, ca_file: Path, issuer: Issuer
) -> None:
    clock = MovableClock()
    azure = await start_azure(trusted_issuer_cas=[ca_file], clock=clock, delays=only(key_cache=300))
    trust(azure, issuer=issuer.url)
    await sign_in(assertion_credential(azure, issuer.token(), client_id=READER_APP))
    new = SigningKey()
    issuer.keys = {"keys": [new.jwk()]}
    assert await refusal(azure, issuer.token(new)) == 700027
    clock.forward(301)
    assert await sign_in(assertion_credential(azure, issuer.token(new), client_id=READER_APP))


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_an_issuer_that_does_not_show_its_keys_is_501661(
    azure: SimulatedAzure, issuer: Issuer, status: int
) -> None:
    issuer.status = status
    assert await refusal(azure, issuer.token()) == 501661


async def test_a_discovery_document_that_names_another_issuer_is_501661(azure: SimulatedAzure, issuer: Issuer) -> None:
    issuer.discovery["issuer"] = f"{issuer.url}/other"
    assert await refusal(azure, issuer.token()) == 501661


@pytest.mark.parametrize("document", [[], {}, {"keys": None}, "keys"])
async def test_keys_in_another_shape_are_501661(azure: SimulatedAzure, issuer: Issuer, document: object) -> None:
    issuer.keys = document
    assert await refusal(azure, issuer.token()) == 501661


async def test_an_issuer_whose_certificate_nobody_trusts_is_501661(start_azure: StartAzure, issuer: Issuer) -> None:
    azure = await start_azure()
    trust(azure, issuer=issuer.url)
    assert await refusal(azure, issuer.token()) == 501661


@pytest.mark.parametrize("address", ["https://127.0.0.1:9", "https://kubernetes.default.svc.cluster.local"])
async def test_an_issuer_that_cannot_be_reached_is_501661(simulated_azure: SimulatedAzure, address: str) -> None:
    trust(simulated_azure, issuer=address)
    token = external_token(SigningKey(), issuer=address, subject=WEB, audience=EXCHANGE)
    found = await denial(assertion_credential(simulated_azure, token, client_id=READER_APP))
    assert found.code == 501661
    assert address in found.document["error_description"]


async def test_an_issuer_without_tls_is_501661(azure: SimulatedAzure, issuer: Issuer) -> None:
    plain = issuer.url.replace("https:", "http:")
    trust(azure, issuer=plain)
    token = external_token(issuer.key, issuer=plain, subject=WEB, audience=EXCHANGE)
    assert await refusal(azure, token) == 501661
    assert issuer.reads == 0
