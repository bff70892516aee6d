"""`EntraConnection`: how the operator signs in to a tenant."""

from enum import StrEnum


class CloudName(StrEnum):
    """The clouds that Entra runs in."""

    AZURE_PUBLIC = "AzurePublic"
    AZURE_US_GOVERNMENT = "AzureUSGovernment"
    AZURE_CHINA = "AzureChina"
