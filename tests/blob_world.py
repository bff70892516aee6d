"""Blobs of a simulated storage account. There is no SDK of them here: plain HTTP."""

from azure_clients import plain_client
from entrafed_lab.azure import ServiceName, SimulatedAzure

BLOB = "contosodata/reports/hello.txt"


async def read(azure: SimulatedAzure, token: str | None, path: str = BLOB, method: str = "GET") -> tuple[int, str, str]:
    """Status, error code and content."""
    headers = {"x-ms-version": "2023-11-03"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
    async with (
        plain_client(azure) as client,
        client.request(method, f"{azure.url(ServiceName.BLOB)}/{path}", headers=headers) as answer,
    ):
        return answer.status, answer.headers.get("x-ms-error-code", ""), await answer.text()
