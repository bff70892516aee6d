"""User-assigned identities."""

from typing import Any

import pytest
from azure.mgmt.msi.aio import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity, IdentityUpdate

from arm_world import GROUP, IDENTITIES, VERSION, CredentialsOf, arm_as, credential, refused, send
from entrafed_lab.azure import ServiceName, SimulatedAzure, Variants
from entrafed_lab.azure.seed import HOME_TENANT, SUBSCRIPTION, WEB_IDENTITY
from lab_fixtures import StartAzure


def status(run: Any, *_: object) -> int:
    """For `cls=`: what the SDK otherwise hides."""
    return int(run.http_response.status_code)


async def names(pages: Any) -> list[str]:
    return [item.name async for item in pages]


async def test_an_identity_shows_its_ids_with_resourcegroups_in_lower_case(arm: ManagedServiceIdentityClient) -> None:
    web = await arm.user_assigned_identities.get(GROUP, "web")
    assert web.id == WEB_IDENTITY.replace("resourceGroups", "resourcegroups")
    assert (web.name, web.type) == ("web", "Microsoft.ManagedIdentity/userAssignedIdentities")
    assert (web.location, web.tags) == ("westeurope", {})
    assert web.tenant_id == HOME_TENANT
    assert web.client_id == "dddddddd-0001-4ddd-8ddd-dddddddddddd"
    assert web.principal_id == "eeeeeeee-0001-4eee-8eee-eeeeeeeeeeee"


@pytest.mark.parametrize("spelled", [WEB_IDENTITY.upper(), WEB_IDENTITY.lower(), WEB_IDENTITY.replace("/", "//")])
async def test_paths_are_read_without_regard_to_case_and_doubled_slashes(
    simulated_azure: SimulatedAzure, spelled: str
) -> None:
    answer = await send(simulated_azure, "GET", f"{spelled}?api-version={VERSION}")
    assert answer.status == 200
    assert answer.document["id"] == WEB_IDENTITY.replace("resourceGroups", "resourcegroups")


async def test_a_put_creates_with_201_and_updates_with_200(arm: ManagedServiceIdentityClient) -> None:
    calls = arm.user_assigned_identities
    new = Identity(location="West Europe", tags={"team": "payments"})
    assert await calls.create_or_update("PAYMENTS", "job", new, cls=status) == 201
    made = await calls.get(GROUP, "job")
    assert made.id == f"{IDENTITIES}/job".replace("resourceGroups", "resourcegroups")
    assert (made.location, made.tags) == ("westeurope", {"team": "payments"})
    assert await calls.create_or_update(GROUP, "JOB", Identity(location="westeurope"), cls=status) == 200
    after = await calls.get(GROUP, "job")
    assert (after.name, after.tags) == ("job", {})
    assert (after.client_id, after.principal_id) == (made.client_id, made.principal_id)


async def test_an_identity_stays_where_it_is(arm: ManagedServiceIdentityClient) -> None:
    with refused(409, "InvalidResourceLocation", "already exists in location 'westeurope'"):
        await arm.user_assigned_identities.create_or_update(GROUP, "web", Identity(location="northeurope"))


async def test_an_identity_needs_a_location(simulated_azure: SimulatedAzure) -> None:
    answer = await send(simulated_azure, "PUT", f"{IDENTITIES}/job?api-version={VERSION}", {"tags": {}})
    assert (answer.status, answer.code) == (400, "LocationRequired")


async def test_a_patch_changes_the_tags(arm: ManagedServiceIdentityClient) -> None:
    calls = arm.user_assigned_identities
    changed = await calls.update(GROUP, "web", IdentityUpdate(tags={"team": "web"}))
    assert changed.tags == {"team": "web"}
    assert (await calls.update(GROUP, "web", IdentityUpdate())).tags == {"team": "web"}
    assert (await calls.update(GROUP, "web", IdentityUpdate(tags={}))).tags == {}
    with refused(404, "ResourceNotFound"):
        await calls.update(GROUP, "nobody", IdentityUpdate(tags={}))


async def test_a_deletion_answers_200_and_then_204(arm: ManagedServiceIdentityClient) -> None:
    calls = arm.user_assigned_identities
    assert await calls.delete(GROUP, "web", cls=status) == 200
    assert await calls.delete(GROUP, "web", cls=status) == 204
    with refused(
        404,
        "ResourceNotFound",
        f"The Resource 'Microsoft.ManagedIdentity/userAssignedIdentities/web' under resource group '{GROUP}' was not "
        "found.",
    ):
        await calls.get(GROUP, "web")


async def test_an_identity_that_is_made_again_is_another_one_without_credentials(
    arm: ManagedServiceIdentityClient, web: CredentialsOf
) -> None:
    calls = arm.user_assigned_identities
    old = await calls.get(GROUP, "web")
    await web.put("deploy")
    await calls.delete(GROUP, "web")
    new = await calls.create_or_update(GROUP, "web", Identity(location="westeurope"))
    assert new.client_id != old.client_id
    assert new.principal_id != old.principal_id
    assert await web.names() == []


async def test_lists_are_of_a_group_or_of_a_subscription(
    simulated_azure: SimulatedAzure, arm: ManagedServiceIdentityClient
) -> None:
    elsewhere = IDENTITIES.replace(GROUP, "platform")
    simulated_azure.world.create_identity(f"{elsewhere}/shared")
    assert await names(arm.user_assigned_identities.list_by_resource_group(GROUP)) == ["web", "api"]
    assert await names(arm.user_assigned_identities.list_by_subscription()) == ["web", "api", "shared"]


async def test_the_next_page_is_behind_an_absolute_link_that_the_sdk_follows(start_azure: StartAzure) -> None:
    azure = await start_azure(variants=Variants(page=1))
    async with arm_as(azure) as arm:
        assert await names(arm.user_assigned_identities.list_by_resource_group(GROUP)) == ["web", "api"]
    first = await send(azure, "GET", f"{IDENTITIES}?api-version={VERSION}")
    assert first.document["nextLink"].startswith(f"{azure.url(ServiceName.ARM)}{IDENTITIES}?")


async def test_a_group_that_does_not_exist_is_not_found(arm: ManagedServiceIdentityClient) -> None:
    with refused(404, "ResourceGroupNotFound", "Resource group 'nowhere' could not be found."):
        await arm.user_assigned_identities.get("nowhere", "web")
    with refused(404, "ResourceGroupNotFound"):
        await names(arm.user_assigned_identities.list_by_resource_group("nowhere"))
    with refused(404, "ResourceGroupNotFound"):
        await CredentialsOf(arm, "web", group="nowhere").put("deploy", credential())


@pytest.mark.parametrize("version", ["2018-11-30", "2021-09-30-preview", "2022-01-31-preview", "2024-11-30"])
async def test_every_version_of_the_sdk_is_served(arm: ManagedServiceIdentityClient, version: str) -> None:
    found = await arm.user_assigned_identities.get(GROUP, "web", api_version=version)
    assert found.name == "web"


@pytest.mark.parametrize("path", [WEB_IDENTITY, f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity"])
async def test_a_version_is_required(simulated_azure: SimulatedAzure, path: str) -> None:
    answer = await send(simulated_azure, "GET", path)
    assert (answer.status, answer.code) == (400, "MissingApiVersionParameter")


@pytest.mark.parametrize(("path", "version"), [("", "1999-01-01"), ("/federatedIdentityCredentials", "2018-11-30")])
async def test_an_unknown_version_is_refused(simulated_azure: SimulatedAzure, path: str, version: str) -> None:
    answer = await send(simulated_azure, "GET", f"{WEB_IDENTITY}{path}?api-version={version}")
    assert (answer.status, answer.code) == (400, "NoRegisteredProviderFound")
