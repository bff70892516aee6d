"""Whether an assertion satisfies a credential: each way in which it can fail, as azure-identity sees it."""

import time

import jwt
import pytest

from azure_clients import assertion_credential
from entrafed_lab.azure import SimulatedAzure, Variants
from entrafed_lab.azure.keys import SigningKey, external_token
from entrafed_lab.azure.seed import BILLING_APP, GITHUB, READER_APP
from entrafed_lab.azure.variants import NoMatch
from lab_fixtures import CLUSTER_ISSUER, StartAzure
from sign_in_world import EXCHANGE, WEB, denial, sign_in, trust, workload


async def test_an_expired_assertion_is_700024(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    assert (await denial(workload(simulated_azure, lifetime=-301))).code == 700024


async def test_an_assertion_from_the_future_is_700024(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    assert (await denial(workload(simulated_azure, claims={"nbf": time.time() + 330}))).code == 700024


async def test_five_minutes_of_wrong_clocks_are_forgiven(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    assert await sign_in(workload(simulated_azure, lifetime=-270))


@pytest.mark.parametrize("issuer", [f"{CLUSTER_ISSUER}/", f" {CLUSTER_ISSUER}", CLUSTER_ISSUER.upper()])
async def test_an_issuer_has_to_match_to_the_letter(simulated_azure: SimulatedAzure, issuer: str) -> None:
    trust(simulated_azure, issuer=issuer)
    found = await denial(workload(simulated_azure))
    assert (found.code, found.status, found.error) == (700211, 401, "invalid_client")
    assert f"'{CLUSTER_ISSUER}'" in found.document["error_description"]


async def test_another_subject_is_700213(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    found = await denial(workload(simulated_azure, subject="system:serviceaccount:payments:worker"))
    assert (found.code, found.status, found.error) == (700213, 401, "invalid_client")
    assert "'system:serviceaccount:payments:worker'" in found.document["error_description"]


async def test_a_subject_in_other_letters_is_7002138(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure, subject=WEB.upper())
    assert (await denial(workload(simulated_azure))).code == 7002138


async def test_a_subject_has_no_wildcards(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure, subject="system:serviceaccount:payments:*")
    assert (await denial(workload(simulated_azure))).code == 700213


async def test_another_audience_is_700212(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    found = await denial(workload(simulated_azure, audience="https://kubernetes.default.svc"))
    assert (found.code, found.status, found.error) == (700212, 401, "invalid_client")


async def test_one_audience_of_several_is_enough(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    assert await sign_in(workload(simulated_azure, claims={"aud": ["https://kubernetes.default.svc", EXCHANGE]}))


async def test_the_pair_decides_and_not_the_issuer_of_one_and_the_subject_of_another(
    simulated_azure: SimulatedAzure,
) -> None:
    reader = simulated_azure.world.application("storage-reader")
    reader.add_foreign_credential(name="cluster", issuer=CLUSTER_ISSUER, subject="somebody")
    reader.add_foreign_credential(name="github", issuer=GITHUB, subject=WEB)
    assert (await denial(workload(simulated_azure))).code == 700213


@pytest.mark.parametrize("wrong", ["none", "issuer", "subject", "audience"])
async def test_an_older_endpoint_says_70021_for_whatever_does_not_match(start_azure: StartAzure, wrong: str) -> None:
    azure = await start_azure(variants=Variants(no_match=NoMatch.GENERIC))
    match wrong:
        case "none":
            credential = workload(azure, client_id=BILLING_APP)
        case "issuer":
            credential = workload(azure)
        case "subject":
            trust(azure, subject="somebody")
            credential = workload(azure)
        case _:
            trust(azure)
            credential = workload(azure, audience="another")
    found = await denial(credential)
    assert (found.code, found.status, found.error) == (70021, 400, "invalid_request")
    assert f"Assertion Issuer: '{CLUSTER_ISSUER}'" in found.document["error_description"]


async def test_a_flexible_credential_matches_any_branch(simulated_azure: SimulatedAzure) -> None:
    branches = "claims['sub'] matches 'repo:contoso/web:ref:refs/heads/*'"
    trust(simulated_azure, issuer=GITHUB, subject=None, expression=branches)
    assert await sign_in(workload(simulated_azure, issuer=GITHUB, subject="repo:contoso/web:ref:refs/heads/main"))


async def test_what_no_expression_matches_is_7002131(simulated_azure: SimulatedAzure) -> None:
    branches = "claims['sub'] matches 'repo:contoso/web:ref:refs/heads/*'"
    trust(simulated_azure, issuer=GITHUB, subject=None, expression=branches)
    tag = workload(simulated_azure, issuer=GITHUB, subject="repo:contoso/web:ref:refs/tags/v1")
    assert (await denial(tag)).code == 7002131


async def test_an_assertion_signed_by_somebody_else_is_700027(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    forged = external_token(SigningKey(), issuer=CLUSTER_ISSUER, subject=WEB, audience=EXCHANGE)
    assert (await denial(assertion_credential(simulated_azure, forged, client_id=READER_APP))).code == 700027


async def test_an_assertion_with_a_changed_subject_is_700027(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    header, _, signature = simulated_azure.issue(issuer=CLUSTER_ISSUER, subject="somebody").split(".")
    payload = simulated_azure.issue(issuer=CLUSTER_ISSUER, subject=WEB).split(".")[1]
    tampered = assertion_credential(simulated_azure, f"{header}.{payload}.{signature}", client_id=READER_APP)
    assert (await denial(tampered)).code == 700027


async def test_an_assertion_of_the_application_itself_needs_a_certificate(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    own = external_token(SigningKey(), issuer=READER_APP, subject=READER_APP, audience=EXCHANGE)
    assert (await denial(assertion_credential(simulated_azure, own, client_id=READER_APP))).code == 700027


async def test_an_assertion_that_is_not_signed_with_rs256_is_5002727(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    claims = {"iss": CLUSTER_ISSUER, "sub": WEB, "aud": EXCHANGE, "exp": time.time() + 60}
    shared = jwt.encode(claims, "k" * 32, algorithm="HS256")
    assert (await denial(assertion_credential(simulated_azure, shared, client_id=READER_APP))).code == 5002727


async def test_an_assertion_of_another_type_of_token_is_5002727(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    logout = simulated_azure.keys.key(CLUSTER_ISSUER).sign({"iss": CLUSTER_ISSUER}, typ="logout+jwt")
    assert (await denial(assertion_credential(simulated_azure, logout, client_id=READER_APP))).code == 5002727
