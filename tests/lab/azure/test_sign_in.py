"""From a service account's token to a list of credentials, through azure-identity and msgraph-sdk."""

import time

from azure_clients import graph_client, operator_credential
from entrafed_lab.azure import SimulatedAzure
from entrafed_lab.azure.seed import READER_OBJECT
from lab_fixtures import StartAzure


async def test_the_operator_signs_in_and_lists_the_credentials_of_its_application(
    simulated_azure: SimulatedAzure,
) -> None:
    async with operator_credential(simulated_azure) as credential:
        graph = graph_client(simulated_azure, credential)
        listed = await graph.applications.by_application_id(READER_OBJECT).federated_identity_credentials.get()
    assert listed is not None
    assert [item.name for item in listed.value or []] == ["terraform-production"]
    assert [record.operation for record in simulated_azure.log] == ["token", "credentials.list"]


async def test_a_simulated_azure_starts_in_no_time(start_azure: StartAzure) -> None:
    await start_azure()
    started = time.process_time()
    await start_azure()
    assert time.process_time() - started < 0.3
