"""A blob, for whoever has a token of its tenant for Storage and a role. There is no SDK of it here: plain HTTP."""

import pytest

from azure_callers import MovableClock, only
from azure_clients import plain_client
from blob_world import BLOB, read
from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import HOME_TENANT, PARTNER_TENANT, READER_APP, STORAGE_ACCOUNT
from lab_fixtures import StartAzure
from sign_in_world import sign_in, trust, workload

CONTAINER = "/blobServices/default/containers"


async def reader_token(azure: SimulatedAzure, scope: str = "https://storage.azure.com/.default") -> str:
    trust(azure)
    return await sign_in(workload(azure), scope)


async def test_a_federated_workload_reads_the_blob(simulated_azure: SimulatedAzure) -> None:
    token = await reader_token(simulated_azure)
    assert await read(simulated_azure, token) == (200, "", "Hello from the simulated storage.\n")


@pytest.mark.parametrize(
    ("token", "code"), [(None, "NoAuthenticationInformation"), ("rubbish", "InvalidAuthenticationInfo")]
)
async def test_nobody_reads_it_without_a_valid_token(
    simulated_azure: SimulatedAzure, token: str | None, code: str
) -> None:
    status, told, content = await read(simulated_azure, token)
    assert (status, told) == (401, code)
    assert f"<Code>{code}</Code>" in content


async def test_a_refusal_says_where_to_sign_in(simulated_azure: SimulatedAzure) -> None:
    url = f"{simulated_azure.url(ServiceName.BLOB)}/{BLOB}"
    async with plain_client(simulated_azure) as client, client.get(url) as answer:
        assert answer.headers["WWW-Authenticate"] == (
            f"Bearer authorization_uri=https://login.microsoftonline.com/{HOME_TENANT}/oauth2/authorize "
            "resource_id=https://storage.azure.com"
        )


async def test_a_token_for_something_else_is_refused(simulated_azure: SimulatedAzure) -> None:
    token = await reader_token(simulated_azure, "https://vault.azure.net/.default")
    assert (await read(simulated_azure, token))[:2] == (401, "InvalidAuthenticationInfo")


async def test_an_expired_token_is_refused(start_azure: StartAzure) -> None:
    clock = MovableClock()
    azure = await start_azure(clock=clock)
    token = await reader_token(azure)
    clock.forward(3600)
    assert (await read(azure, token))[:2] == (401, "InvalidAuthenticationInfo")


async def test_a_token_of_another_tenant_is_refused(simulated_azure: SimulatedAzure) -> None:
    trust(simulated_azure)
    simulated_azure.world.create_service_principal(PARTNER_TENANT, simulated_azure.world.application(READER_APP))
    token = await sign_in(workload(simulated_azure, tenant_id=PARTNER_TENANT))
    assert (await read(simulated_azure, token))[:2] == (401, "InvalidAuthenticationInfo")


async def test_a_token_of_a_principal_that_is_gone_is_refused(simulated_azure: SimulatedAzure) -> None:
    token = await reader_token(simulated_azure)
    del simulated_azure.world.service_principals[HOME_TENANT, READER_APP]
    assert (await read(simulated_azure, token))[:2] == (401, "InvalidAuthenticationInfo")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("contosodata/reports/other.txt", "BlobNotFound"),
        ("contosodata/other/hello.txt", "ContainerNotFound"),
        ("otherdata/reports/hello.txt", "ResourceNotFound"),
    ],
)
async def test_what_does_not_exist_is_404(simulated_azure: SimulatedAzure, path: str, code: str) -> None:
    token = await reader_token(simulated_azure)
    assert (await read(simulated_azure, token, path))[:2] == (404, code)


async def test_without_a_role_for_the_data_it_is_not_read(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.world.take_rights("storage-reader")
    token = await reader_token(simulated_azure)
    status, code, content = await read(simulated_azure, token)
    assert (status, code) == (403, "AuthorizationPermissionMismatch")
    assert "not authorized to perform this operation using this permission" in content
    simulated_azure.world.give_role("storage-reader", "Owner", STORAGE_ACCOUNT)
    assert (await read(simulated_azure, token))[0] == 403


@pytest.mark.parametrize(
    "role", ["Storage Blob Data Reader", "Storage Blob Data Contributor", "Storage Blob Data Owner"]
)
@pytest.mark.parametrize(
    "scope", [STORAGE_ACCOUNT, STORAGE_ACCOUNT.partition("/providers")[0], f"{STORAGE_ACCOUNT}{CONTAINER}/reports"]
)
async def test_a_role_at_account_group_or_container_reads_it(
    simulated_azure: SimulatedAzure, role: str, scope: str
) -> None:
    simulated_azure.world.take_rights("storage-reader")
    simulated_azure.world.give_role("storage-reader", role, scope)
    assert (await read(simulated_azure, await reader_token(simulated_azure)))[0] == 200


async def test_a_role_at_another_container_does_not(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.world.take_rights("storage-reader")
    simulated_azure.world.give_role(
        "storage-reader", "Storage Blob Data Reader", f"{STORAGE_ACCOUNT}{CONTAINER}/reports-2"
    )
    assert (await read(simulated_azure, await reader_token(simulated_azure)))[0] == 403


@pytest.mark.parametrize(("container", "status"), [("reports", 200), ("invoices", 403)])
async def test_a_role_holds_within_its_condition(simulated_azure: SimulatedAzure, container: str, status: int) -> None:
    simulated_azure.world.take_rights("storage-reader")
    attribute = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]"
    simulated_azure.world.give_role(
        "storage-reader",
        "Storage Blob Data Reader",
        STORAGE_ACCOUNT,
        condition=f"{attribute} StringEquals '{container}'",
    )
    assert (await read(simulated_azure, await reader_token(simulated_azure)))[0] == status


async def test_a_role_works_some_time_after_it_was_given(start_azure: StartAzure) -> None:
    clock = MovableClock()
    azure = await start_azure(clock=clock, delays=only(role_effect=60))
    azure.world.take_rights("storage-reader")
    token = await reader_token(azure)
    assert (await read(azure, token))[0] == 200
    clock.forward(60)
    assert (await read(azure, token))[0] == 403
    azure.world.give_role("storage-reader", "Storage Blob Data Reader", STORAGE_ACCOUNT)
    assert (await read(azure, token))[0] == 403
    clock.forward(60)
    assert (await read(azure, token))[0] == 200


async def test_the_blob_can_only_be_read(simulated_azure: SimulatedAzure) -> None:
    token = await reader_token(simulated_azure)
    assert (await read(simulated_azure, token, method="DELETE"))[:2] == (405, "UnsupportedHttpVerb")
