"""The three clouds that Entra runs in: where to sign in, where to write, which audience a token exchange has.

Source: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud and
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
"""

from dataclasses import dataclass

from entrafed.api.connection import CloudName


@dataclass(frozen=True, slots=True)
class Cloud:
    """Addresses (https, no trailing slash) and the audience of a cloud."""

    login: str
    graph: str
    arm: str
    exchange_audience: str

    def entra_issuer(self, tenant_id: str) -> str:
        """The issuer of tokens that managed identities of this tenant hold."""
        return f"{self.login}/{tenant_id}/v2.0"


CLOUDS = {
    CloudName.AZURE_PUBLIC: Cloud(
        login="https://login.microsoftonline.com",
        graph="https://graph.microsoft.com",
        arm="https://management.azure.com",
        exchange_audience="api://AzureADTokenExchange",
    ),
    CloudName.AZURE_US_GOVERNMENT: Cloud(
        login="https://login.microsoftonline.us",
        graph="https://graph.microsoft.us",
        arm="https://management.usgovcloudapi.net",
        exchange_audience="api://AzureADTokenExchangeUSGov",
    ),
    CloudName.AZURE_CHINA: Cloud(
        login="https://login.partner.microsoftonline.cn",
        graph="https://microsoftgraph.chinacloudapi.cn",
        arm="https://management.chinacloudapi.cn",
        exchange_audience="api://AzureADTokenExchangeChina",
    ),
}
