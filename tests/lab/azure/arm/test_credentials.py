"""Federated identity credentials of managed identities."""

import asyncio
import json
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.msi.aio import ManagedServiceIdentityClient
from azure.mgmt.msi.models import FederatedIdentityCredential, Identity

from arm_world import (
    AUDIENCE,
    GROUP,
    IDENTITIES,
    VERSION,
    CredentialsOf,
    arm_as,
    credential,
    refused,
    send,
)
from azure_callers import MEANWHILE, MovableClock, only, until
from entrafed_lab.azure import SimulatedAzure, Variants
from entrafed_lab.azure.objects import LIMIT
from entrafed_lab.azure.seed import GITHUB, HOME_TENANT, WEB_IDENTITY
from entrafed_lab.azure.variants import ARM_LIMITS, Acceptance, Refusal, YoungIdentity
from lab_fixtures import StartAzure

EXPRESSION = "claims['sub'] matches 'system:serviceaccount:payments:*'"
ENTRA = f"https://login.microsoftonline.com/{HOME_TENANT}/v2.0"
EMPTY = "Federated Identity Credential from HTTP body has empty properties"


async def test_a_put_creates_with_201_and_replaces_with_200(web: CredentialsOf) -> None:
    status, made = await web.put("deploy", credential("first"))
    assert status == 201
    own = f"{WEB_IDENTITY}/federatedIdentityCredentials/deploy".replace("resourceGroups", "resourcegroups")
    assert (made.id, made.name) == (own, "deploy")
    assert made.type == "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
    assert (made.issuer, made.subject, made.audiences) == (GITHUB, "first", [AUDIENCE])
    status, changed = await web.put("deploy", credential("second", audiences=["api://other"]))
    assert status == 200
    assert (changed.subject, changed.audiences) == ("second", ["api://other"])
    assert await web.names() == ["deploy"]


async def test_what_was_put_is_read_at_once(web: CredentialsOf) -> None:
    await web.put("deploy", credential("job-17"))
    found = await web.get("deploy")
    assert (found.name, found.issuer, found.subject) == ("deploy", GITHUB, "job-17")
    assert await web.names() == ["deploy"]


async def test_names_are_compared_without_regard_to_case(web: CredentialsOf) -> None:
    await web.put("Deploy", credential("first"))
    status, changed = await web.put("DEPLOY", credential("second"))
    assert (status, changed.name) == (200, "Deploy")
    assert (await web.get("deploy")).subject == "second"
    assert await web.delete("dePloy") == 200


async def test_a_deletion_answers_200_and_then_204(web: CredentialsOf) -> None:
    await web.put("deploy")
    assert await web.delete("deploy") == 200
    assert await web.delete("deploy") == 204
    with refused(404, "ResourceNotFound"):
        await web.get("deploy")


async def test_a_list_is_paged_on_demand(web: CredentialsOf) -> None:
    for number in range(5):
        await web.put(f"job-{number}")
    assert await web.names(top=2) == [f"job-{number}" for number in range(5)]


@pytest.mark.parametrize(("size", "requests"), [(100, 1), (2, 3)])
async def test_a_list_may_come_in_pages_unasked(start_azure: StartAzure, size: int, requests: int) -> None:
    """Uncertain: how many credentials are on a page by itself."""
    azure = await start_azure(variants=Variants(page=size))
    async with arm_as(azure) as arm:
        web = CredentialsOf(arm, "web")
        for number in range(5):
            await web.put(f"job-{number}")
        assert len(await web.names()) == 5
    assert len(azure.log.named("credentials.list")) == requests


@pytest.mark.parametrize("query", ["$skiptoken=nonsense", "$top=few"])
async def test_a_page_that_is_none_is_refused(simulated_azure: SimulatedAzure, query: str) -> None:
    path = f"{WEB_IDENTITY}/federatedIdentityCredentials?api-version={VERSION}&{query}"
    answer = await send(simulated_azure, "GET", path)
    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_a_credential_has_no_description(simulated_azure: SimulatedAzure) -> None:
    properties = {"issuer": GITHUB, "subject": "x", "audiences": [AUDIENCE], "description": "dropped"}
    path = f"{WEB_IDENTITY}/federatedIdentityCredentials/deploy?api-version={VERSION}"
    answer = await send(simulated_azure, "PUT", path, {"properties": properties, "tags": {"owner": "dropped"}})
    assert answer.status == 201
    assert set(answer.document) == {"id", "name", "type", "properties"}
    assert set(answer.document["properties"]) == {"issuer", "subject", "audiences"}


@pytest.mark.parametrize("name", ["abc", "a" * 120, "0-1", "Mif-prod_1"])
async def test_names_of_3_to_120_letters_digits_hyphens_and_underscores(web: CredentialsOf, name: str) -> None:
    assert await web.put(name)


@pytest.mark.parametrize("name", ["ab", "a" * 121, "-abc", "_abc", "a.bc", "a bc", "ümlaut"])
async def test_other_names_are_refused(web: CredentialsOf, name: str) -> None:
    with refused(400, "BadRequest", f"Federated Identity Credential name '{name}' is invalid."):
        await web.put(name)


@pytest.mark.parametrize("audiences", [None, [], [AUDIENCE, "api://other"]])
async def test_there_is_exactly_one_audience(web: CredentialsOf, audiences: list[str] | None) -> None:
    with refused(400, "BadRequest", "Federated identity credentials must have exactly one audience."):
        await web.put("deploy", credential(audiences=audiences))


@pytest.mark.parametrize("missing", ["issuer", "subject"])
@pytest.mark.parametrize("empty", [None, ""])
async def test_issuer_and_subject_are_required(web: CredentialsOf, missing: str, empty: str | None) -> None:
    with refused(400, "BadRequest", EMPTY):
        await web.put("deploy", credential(**{missing: empty}))


async def test_a_body_without_properties_is_refused(web: CredentialsOf) -> None:
    with refused(400, "BadRequest", EMPTY):
        await web.put("deploy", FederatedIdentityCredential())
    with refused(400, "InvalidRequestContent"):
        await web.put("deploy", b"[]")


async def test_issuer_and_subject_are_unique_on_the_identity(web: CredentialsOf) -> None:
    await web.put("first", credential("job-17"))
    with refused(400, "BadRequest", "Issuer and subject combination already exists for this Managed Identity."):
        await web.put("second", credential("job-17", audiences=["api://other"]))
    assert (await web.put("first", credential("job-17", audiences=["api://other"])))[0] == 200
    assert (await web.put("second", credential("Job-17")))[0] == 201


async def test_another_identity_may_have_the_same_pair(arm: ManagedServiceIdentityClient, web: CredentialsOf) -> None:
    await web.put("deploy", credential("job-17"))
    assert (await CredentialsOf(arm, "api").put("deploy", credential("job-17")))[0] == 201


@pytest.mark.parametrize("limit", ARM_LIMITS, ids=lambda limit: f"{limit.status}-{limit.code}")
async def test_the_21st_is_refused_in_one_of_several_ways(start_azure: StartAzure, limit: Refusal) -> None:
    """Uncertain: no document tells status and code."""
    azure = await start_azure(variants=Variants(arm_limit=limit))
    identity = azure.world.identity(WEB_IDENTITY)
    for number in range(LIMIT):
        identity.add_foreign_credential(name=f"foreign-{number}", issuer=GITHUB, subject=f"job-{number}")
    async with arm_as(azure) as arm:
        web = CredentialsOf(arm, "web")
        with refused(limit.status, limit.code):
            await web.put("deploy", credential("mine"))
        assert (await web.put("foreign-1", credential("replaced")))[0] == 200
        await web.delete("foreign-1")
        assert (await web.put("deploy", credential("mine")))[0] == 201


@pytest.mark.parametrize("taken", list(Acceptance))
async def test_an_entra_issuer_may_be_refused_at_once(start_azure: StartAzure, taken: Acceptance) -> None:
    """Uncertain: that the exchange fails is certain, whether the write does is not."""
    async with arm_as(await start_azure(variants=Variants(entra_issuer_on_identities=taken))) as arm:
        web = CredentialsOf(arm, "web")
        if taken is Acceptance.ACCEPTED:
            assert (await web.put("deploy", credential(issuer=ENTRA)))[0] == 201
        else:
            with refused(400, "BadRequest"):
                await web.put("deploy", credential(issuer=ENTRA))


@pytest.mark.parametrize("senseless", [{"issuer": " https://oidc.example "}, {"audiences": ["api://typo"]}])
async def test_what_can_never_work_is_accepted_in_silence(web: CredentialsOf, senseless: dict[str, Any]) -> None:
    _, made = await web.put("deploy", credential(**senseless))
    assert {name: getattr(made, name) for name in senseless} == senseless


def flexible() -> bytes:
    matching = {"value": EXPRESSION, "languageVersion": 1}
    properties = {"issuer": "https://oidc.example/", "audiences": [AUDIENCE], "claimsMatchingExpression": matching}
    return json.dumps({"properties": properties}).encode()


@pytest.mark.parametrize("taken", list(Acceptance))
@pytest.mark.parametrize("version", ["2025-01-31-preview", "2025-05-31-preview"])
async def test_preview_versions_may_take_an_expression(
    start_azure: StartAzure, taken: Acceptance, version: str
) -> None:
    """Uncertain: the previews have the property, one page says that identities take none."""
    azure = await start_azure(variants=Variants(expressions_on_identities=taken))
    async with arm_as(azure) as arm:
        web = CredentialsOf(arm, "web")
        if taken is Acceptance.REFUSED:
            with refused(400, "BadRequest", "expression"):
                await web.put("any-pod", flexible(), api_version=version)
            return
        assert (await web.put("any-pod", flexible(), api_version=version))[0] == 201
    path = f"{WEB_IDENTITY}/federatedIdentityCredentials/any-pod?api-version={version}"
    properties = (await send(azure, "GET", path)).document["properties"]
    assert properties["claimsMatchingExpression"] == {"value": EXPRESSION, "languageVersion": 1}
    assert "subject" not in properties


async def test_stable_versions_know_no_expression(simulated_azure: SimulatedAzure, web: CredentialsOf) -> None:
    with refused(400, "BadRequest", EMPTY):
        await web.put("any-pod", flexible())
    simulated_azure.world.identity(WEB_IDENTITY).add_foreign_credential(
        name="any-pod", issuer="https://oidc.example/", expression=EXPRESSION
    )
    (listed,) = await web.list()
    assert (listed.name, listed.subject) == ("any-pod", None)


async def test_nothing_is_put_under_an_identity_that_does_not_exist(arm: ManagedServiceIdentityClient) -> None:
    nobody = CredentialsOf(arm, "nobody")
    with refused(404, "ParentResourceNotFound", "The parent user-assigned identity doesn't exist."):
        await nobody.put("deploy")
    for request in (nobody.names(), nobody.get("deploy"), nobody.delete("deploy")):
        with refused(404, "ResourceNotFound", "userAssignedIdentities/nobody"):
            await request


@pytest.mark.parametrize("answer", list(YoungIdentity))
async def test_a_new_identity_takes_no_credential_for_a_while(start_azure: StartAzure, answer: YoungIdentity) -> None:
    """Uncertain: which of two codes."""
    clock = MovableClock()
    azure = await start_azure(
        clock=clock, delays=only(identity_replication=10.0), variants=Variants(young_identity=answer)
    )
    async with arm_as(azure) as arm:
        await arm.user_assigned_identities.create_or_update(GROUP, "fresh", Identity(location="westeurope"))
        fresh = CredentialsOf(arm, "fresh")
        clock.forward(9.9)
        with refused(404, answer.value):
            await fresh.put("deploy")
        if answer is YoungIdentity.GRAPH_NOT_FOUND:
            assert await fresh.names() == []
        clock.forward(0.2)
        assert (await fresh.put("deploy"))[0] == 201


async def test_some_regions_have_no_credentials(
    simulated_azure: SimulatedAzure, arm: ManagedServiceIdentityClient
) -> None:
    simulated_azure.world.regions_without_credentials.add("malaysiasouth")
    simulated_azure.world.create_identity(f"{IDENTITIES}/south", location="Malaysia South")
    with refused(
        405,
        "MethodNotAllowed",
        "The request format was unexpected: Support for federated identity credentials not enabled.",
    ):
        await CredentialsOf(arm, "south").put("deploy")


CONCURRENT = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
WRITES = {
    "two creations": (("put", "one"), ("put", "two")),
    "a creation and a deletion": (("put", "one"), ("delete", "old")),
    "two deletions": (("delete", "old"), ("delete", "nobody")),
}


@pytest.mark.parametrize("writes", WRITES.values(), ids=WRITES)
async def test_two_writes_under_one_identity_at_once_are_a_conflict(
    start_azure: StartAzure, writes: tuple[tuple[str, str], ...]
) -> None:
    azure = await start_azure(delays=only(operation=MEANWHILE))
    azure.world.identity(WEB_IDENTITY).add_foreign_credential(name="old", issuer=GITHUB, subject="old")
    async with arm_as(azure) as arm:
        web = CredentialsOf(arm, "web")
        answers = await asyncio.gather(*[getattr(web, verb)(name) for verb, name in writes], return_exceptions=True)
        (error,) = [answer for answer in answers if isinstance(answer, HttpResponseError)]
        assert error.error is not None
        assert (error.status_code, error.error.code) == (409, CONCURRENT)
        assert "not supported" in (error.error.message or "")
    assert [record.overlapping for record in azure.log.writes()] == [True, True]


async def test_reads_and_writes_under_other_identities_are_no_conflict(start_azure: StartAzure) -> None:
    async with arm_as(await start_azure(delays=only(operation=0.1))) as arm:
        web, api = CredentialsOf(arm, "web"), CredentialsOf(arm, "api")
        await asyncio.gather(web.put("deploy"), api.put("deploy"), web.names(), api.names())
        assert [*await web.names(), *await api.names()] == ["deploy", "deploy"]


async def test_one_write_after_the_other_is_no_conflict(start_azure: StartAzure) -> None:
    async with arm_as(await start_azure(delays=only(operation=0.05))) as arm:
        web = CredentialsOf(arm, "web")
        await web.put("deploy")
        await web.delete("deploy")


async def test_an_identity_that_goes_during_a_write_takes_nothing(start_azure: StartAzure) -> None:
    azure = await start_azure(delays=only(operation=MEANWHILE))
    async with arm_as(azure) as arm:
        writing = asyncio.create_task(CredentialsOf(arm, "web").put("deploy"))
        await until(lambda: azure.world.identity(WEB_IDENTITY).writes_in_flight)
        azure.world.recreate_identity(WEB_IDENTITY)
        with refused(404, "ParentResourceNotFound"):
            await writing
    assert azure.world.identity(WEB_IDENTITY).credentials == ()
