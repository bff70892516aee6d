"""What a workload does, with azure-identity: exchange a token from elsewhere, and read a blob with what it gets."""

import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from azure.core.exceptions import AzureError
from azure.identity.aio import ClientAssertionCredential, ManagedIdentityCredential

EXCHANGE = "api://AzureADTokenExchange"
STORAGE = "https://storage.azure.com"
_ENTRA = re.compile(r"(AADSTS\d+): .*?(?= Trace ID|$)")


class Refused(Exception):
    """A token or a blob is not given. The text is the reason in one line; `code` is Entra's, such as AADSTS700213."""

    def __init__(self, text: str) -> None:
        line = " ".join(text.split())
        found = _ENTRA.search(line)
        super().__init__(found.group() if found else line)
        self.code = found.group(1) if found else None


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that signs in as an application of a tenant; `login` and `blob` are base addresses."""

    login: str
    blob: str
    ca: Path
    tenant_id: str
    client_id: str

    async def exchange(self, assertion: str) -> str:
        """The access token for storage that Entra gives for `assertion`. Raises `Refused`."""
        async with ClientAssertionCredential(
            self.tenant_id,
            self.client_id,
            lambda: assertion,
            authority=self.login,
            connection_verify=str(self.ca),
            retry_total=0,
        ) as credential:
            try:
                return (await credential.get_token(f"{STORAGE}/.default")).token
            except AzureError as error:
                raise Refused(error.message) from None

    async def read(self, path: str, token: str) -> str:
        """The content of a blob: `path` is account/container/name. Raises `Refused`."""
        trusting = ssl.create_default_context(cafile=str(self.ca))
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(f"{self.blob}/{path}", ssl=trusting, headers={"Authorization": f"Bearer {token}"}) as answer,
        ):
            if answer.status != 200:
                raise Refused(f"storage answered {answer.status} {answer.headers.get('x-ms-error-code', '')}")
            return await answer.text()


async def managed_identity_token(client_id: str, host: Mapping[str, str]) -> str:
    """A token of a managed identity to be exchanged, from the endpoint of the host that this workload is on.

    `host` are the environment variables of workloads there. Raises `Refused`.
    """
    with _on(host):
        async with ManagedIdentityCredential(client_id=client_id, retry_total=0) as credential:
            try:
                return str((await credential.get_token(f"{EXCHANGE}/.default")).token)
            except AzureError as error:
                raise Refused(error.message) from None


@contextmanager
def _on(host: Mapping[str, str]) -> Iterator[None]:
    """Be on a host: azure-identity finds its token endpoint in environment variables, and nowhere else."""
    read = ("AZURE_", "IDENTITY_", "IMDS_", "MSI_")
    before = {name: value for name, value in os.environ.items() if name.startswith(read)}
    try:
        for name in before:
            del os.environ[name]
        os.environ.update(host)
        yield
    finally:
        for name in host:
            os.environ.pop(name, None)
        os.environ.update(before)
