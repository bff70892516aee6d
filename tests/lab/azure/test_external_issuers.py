"""Issuers outside: the token endpoint reads their discovery document and keys over HTTPS, and believes nothing else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import trustme

from azure_callers import MovableClock, only
from azure_clients import assertion_credential
from entrafed_lab.azure import SimulatedAzure
from entrafed_lab.azure.keys import SigningKey, external_token
from entrafed_lab.azure.seed import READER_APP
from external_issuer import Issuer, serving
from lab_fixtures import StartAzure
from sign_in_world import EXCHANGE, WEB, denial, sign_in, trust


@pytest_asyncio.fixture
async def issuer(azure_ca: trustme.CA) -> AsyncIterator[Issuer]:
    async with serving(azure_ca) as issuer:
        yield issuer


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
