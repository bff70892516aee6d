"""Federated identity credentials of applications: what can be done with them."""

from typing import Any

import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.models.federated_identity_credential import FederatedIdentityCredential

from entrafed_lab.azure import ServiceName, SimulatedAzure, Variants
from entrafed_lab.azure.seed import GITHUB, READER_OBJECT, TERRAFORM
from entrafed_lab.azure.variants import SingleCredential
from graph_world import (
    AUDIENCE,
    CREDENTIALS,
    Builder,
    Http,
    create_if_missing,
    credential,
    credentials_of,
    graph_as,
    names,
    query,
    refused,
)
from lab_fixtures import StartAzure

SEEDED = "terraform-production"


@pytest.fixture
def credentials(simulated_azure: SimulatedAzure) -> Builder:
    """Those of an application that the caller owns."""
    return credentials_of(graph_as(simulated_azure))


async def created(credentials: Builder, name: str = "deploy", **given: Any) -> str:
    """Make one; its id."""
    made = await credentials.post(credential(name, **given))
    assert made is not None
    assert made.id is not None
    return made.id


async def test_a_post_answers_with_the_whole_credential(credentials: Builder) -> None:
    made = await credentials.post(credential("deploy", subject="repo:contoso/web:pull_request", description="by hand"))
    assert made is not None
    assert made.id
    assert (made.name, made.issuer, made.subject) == ("deploy", GITHUB, "repo:contoso/web:pull_request")
    assert (made.audiences, made.description) == ([AUDIENCE], "by hand")


async def test_a_list_shows_all_in_the_order_they_were_made(credentials: Builder) -> None:
    await created(credentials, "zebra")
    await created(credentials, "antelope")
    assert await names(credentials) == [SEEDED, "zebra", "antelope"]


async def test_one_is_read_by_id_by_name_and_by_the_alternate_key(simulated_azure: SimulatedAzure) -> None:
    graph = graph_as(simulated_azure)
    application = graph.applications.by_application_id(READER_OBJECT)
    credentials = application.federated_identity_credentials
    made = await created(credentials)
    by_id = await credentials.by_federated_identity_credential_id(made).get()
    by_name = await credentials.by_federated_identity_credential_id("deploy").get()
    by_key = await application.federated_identity_credentials_with_name("deploy").get()
    for found in (by_id, by_name, by_key):
        assert found is not None
        assert (found.id, found.name) == (made, "deploy")


async def test_an_absent_one_is_not_found_whatever_is_done_to_it(credentials: Builder) -> None:
    absent = credentials.by_federated_identity_credential_id("nobody")
    with refused(404, "Request_ResourceNotFound"):
        await absent.get()
    with refused(404, "Request_ResourceNotFound"):
        await absent.patch(FederatedIdentityCredential(subject="x"))
    with refused(404, "Request_ResourceNotFound"):
        await absent.delete()


@pytest.mark.parametrize("by", ["id", "name"])
async def test_a_patch_changes_only_what_it_names(credentials: Builder, by: str) -> None:
    made = await created(credentials, subject="old", description="kept")
    one = credentials.by_federated_identity_credential_id(made if by == "id" else "deploy")
    assert await one.patch(FederatedIdentityCredential(subject="new")) is None
    after = await one.get()
    assert after is not None
    assert (after.id, after.subject, after.issuer, after.description) == (made, "new", GITHUB, "kept")


async def test_a_description_can_be_taken_away_with_null(credentials: Builder) -> None:
    one = credentials.by_federated_identity_credential_id(await created(credentials, description="by hand"))
    await one.patch(FederatedIdentityCredential(additional_data={"description": None}))
    after = await one.get()
    assert after is not None
    assert after.description is None


async def test_a_name_cannot_be_changed(credentials: Builder) -> None:
    one = credentials.by_federated_identity_credential_id(await created(credentials))
    with refused(400, "Request_BadRequest", "name"):
        await one.patch(FederatedIdentityCredential(name="other"))


@pytest.mark.parametrize("by", ["id", "name"])
async def test_a_deleted_one_is_gone(credentials: Builder, by: str) -> None:
    made = await created(credentials)
    await credentials.by_federated_identity_credential_id(made if by == "id" else "deploy").delete()
    assert await names(credentials) == [SEEDED]


async def test_one_that_is_made_again_has_another_id(credentials: Builder) -> None:
    first = await created(credentials)
    await credentials.by_federated_identity_credential_id(first).delete()
    assert await created(credentials) != first


async def test_an_upsert_creates_with_201_and_updates_with_204(simulated_azure: SimulatedAzure) -> None:
    application = graph_as(simulated_azure).applications.by_application_id(READER_OBJECT)
    one = application.federated_identity_credentials_with_name("deploy")
    made = await one.patch(credential(None, subject="first"), create_if_missing())
    assert made is not None
    assert (made.name, made.subject) == ("deploy", "first")
    assert await one.patch(credential(None, subject="second"), create_if_missing()) is None
    after = await one.get()
    assert after is not None
    assert (after.id, after.subject) == (made.id, "second")
    assert [record.status for record in simulated_azure.log.named("credentials.upsert")] == [201, 204]


async def test_without_the_preference_a_patch_creates_nothing(simulated_azure: SimulatedAzure) -> None:
    application = graph_as(simulated_azure).applications.by_application_id(READER_OBJECT)
    one = application.federated_identity_credentials_with_name("deploy")
    with refused(404, "Request_ResourceNotFound"):
        await one.patch(credential(None))
    await application.federated_identity_credentials.post(credential("deploy"))
    assert await one.patch(FederatedIdentityCredential(subject="x")) is None
    await one.delete()


async def test_an_upsert_needs_the_alternate_key(credentials: Builder) -> None:
    with refused(400, "Request_BadRequest"):
        await credentials.by_federated_identity_credential_id("deploy").patch(credential(None), create_if_missing())


async def test_the_last_writer_wins_whatever_if_match_says(credentials: Builder) -> None:
    one = credentials.by_federated_identity_credential_id(await created(credentials))
    stale: RequestConfiguration[Any] = RequestConfiguration()
    stale.headers.add("If-Match", 'W/"stale"')
    await one.patch(FederatedIdentityCredential(subject="mine"), stale)
    after = await one.get()
    assert after is not None
    assert after.subject == "mine"


@pytest.mark.parametrize(("name", "value"), [("name", "deploy"), ("subject", "repo:contoso/web:environment:deploy")])
async def test_a_list_is_filtered_by_name_or_subject(credentials: Builder, name: str, value: str) -> None:
    await created(credentials)
    listed = await credentials.get(query(filter=f"{name} eq '{value}'"))
    assert listed is not None
    assert [item.name for item in listed.value or []] == ["deploy"]
    assert (await credentials.get(query(filter=f"{name} eq 'nobody''s'"))).value == []  # type: ignore[union-attr]


async def test_a_list_is_filtered_by_nothing_else(credentials: Builder) -> None:
    with refused(400, "Request_UnsupportedQuery", "issuer"):
        await credentials.get(query(filter=f"issuer eq '{TERRAFORM}'"))
    with refused(400, "Request_BadRequest"):
        await credentials.get(query(filter="startswith(name,'mif-')"))


async def test_a_selection_leaves_the_rest_out(credentials: Builder) -> None:
    listed = await credentials.get(query(select=["name", "subject"]))
    assert listed is not None
    (item,) = listed.value or []
    assert item.name == SEEDED
    assert item.subject is not None
    assert (item.id, item.issuer, item.audiences) == (None, None, None)


async def test_further_pages_are_behind_an_absolute_link(simulated_azure: SimulatedAzure, credentials: Builder) -> None:
    for name in ("two", "three", "four"):
        await created(credentials, name)
    first = await credentials.get(query(top=3))
    assert first is not None
    assert [item.name for item in first.value or []] == [SEEDED, "two", "three"]
    assert (first.odata_next_link or "").startswith(simulated_azure.url(ServiceName.GRAPH))
    second = await credentials.with_url(first.odata_next_link or "").get()
    assert second is not None
    assert [item.name for item in second.value or []] == ["four"]
    assert second.odata_next_link is None


async def test_pages_may_be_smaller_than_a_full_application(start_azure: StartAzure) -> None:
    """Uncertain: how many credentials Graph puts on a page by itself."""
    credentials = credentials_of(graph_as(await start_azure(variants=Variants(page=1))))
    await created(credentials)
    first = await credentials.get()
    assert first is not None
    assert [item.name for item in first.value or []] == [SEEDED]
    assert await names(credentials.with_url(first.odata_next_link or "")) == ["deploy"]


@pytest.mark.parametrize("shape", list(SingleCredential))
async def test_a_single_credential_may_come_wrapped(start_azure: StartAzure, shape: SingleCredential) -> None:
    """Uncertain: the reference shows an object, one of its samples a `value` around it."""
    credentials = credentials_of(graph_as(await start_azure(variants=Variants(single_credential=shape))))
    found = await credentials.by_federated_identity_credential_id(SEEDED).get()
    assert found is not None
    if shape is SingleCredential.PLAIN:
        assert found.name == SEEDED
    else:
        assert found.name is None
        assert found.additional_data["value"]["name"] == SEEDED


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_no_other_method_is_known_for_one(http: Http, method: str) -> None:
    answer = await http.send(method, f"{CREDENTIALS}/{SEEDED}", {})
    assert (answer.status, (await answer.json())["error"]["code"]) == (405, "Request_BadRequest")


@pytest.mark.parametrize("body", ["text", [], 17])
async def test_a_body_that_is_no_object_is_refused(http: Http, body: object) -> None:
    answer = await http.send("POST", CREDENTIALS, body)
    assert (answer.status, (await answer.json())["error"]["code"]) == (400, "Request_BadRequest")


async def test_a_body_is_required(http: Http) -> None:
    assert (await http.send("POST", CREDENTIALS)).status == 400
