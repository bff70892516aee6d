"""Names of Microsoft's clouds. The lab's addresses are local; issuers and audiences keep these real names."""

from dataclasses import dataclass

from entrafed_lab.azure.seed import CloudName


@dataclass(frozen=True, slots=True)
class Cloud:
    login: str
    graph: str
    arm: str
    exchange_audience: str
    exchange_app_id: str | None
    """`aud` of tokens for the exchange resource, where it is known."""


CLOUDS = {
    CloudName.PUBLIC: Cloud(
        "https://login.microsoftonline.com",
        "https://graph.microsoft.com",
        "https://management.azure.com",
        "api://AzureADTokenExchange",
        "fb60f99c-7a34-4190-8149-302f77469936",
    ),
    CloudName.US_GOVERNMENT: Cloud(
        "https://login.microsoftonline.us",
        "https://graph.microsoft.us",
        "https://management.usgovcloudapi.net",
        "api://AzureADTokenExchangeUSGov",
        None,
    ),
    CloudName.CHINA: Cloud(
        "https://login.partner.microsoftonline.cn",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
        "api://AzureADTokenExchangeChina",
        None,
    ),
}

EXCHANGE_AUDIENCES = frozenset(cloud.exchange_audience for cloud in CLOUDS.values())
STORAGE = "https://storage.azure.com"
VAULTS = frozenset({"https://vault.azure.net", "https://vault.usgovcloudapi.net", "https://vault.azure.cn"})


def issuer_of_tenant(issuer: str) -> str | None:
    """The tenant id in a v2.0 issuer of any cloud."""
    for cloud in CLOUDS.values():
        if issuer.startswith(cloud.login + "/") and issuer.endswith("/v2.0"):
            return issuer[len(cloud.login) + 1 : -len("/v2.0")]
    return None
