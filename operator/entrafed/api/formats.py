"""Strings that occur in both kinds, with their bounds and forms."""

from typing import Annotated

from pydantic import Field

from entrafed.api.schema import Form, like, unlike

MAX_VALUE = 600
"""Characters of an issuer, a subject or an audience.

Source: https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
"""

MAX_EXPRESSION = 1024
"""Characters of the expression of a flexible credential: no document gives a limit, and none of ours is longer."""

_ENTRA_HOSTS = (
    r"login\.(microsoftonline\.(com|us|de)|partner\.microsoftonline\.cn|chinacloudapi\.cn|microsoft\.com|windows\.net)"
    r"|sts\.(windows\.net|chinacloudapi\.cn|microsoftonline\.(com|us|de))"
)

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

NO_BLANKS_AROUND = Form(
    "self != '' && self == self.trim()",
    lambda text: text != "" and text == text.strip(),
    "may not be empty, nor begin or end with a blank",
)
NO_WILDCARD = unlike(r"(?s).*\*.*", "may not contain `*`: Entra compares exactly, so each value needs its own item")
HTTPS = like(
    r"\s*https://[^\s/?#@]+(/[^\s?#]*)?\s*",
    "must be an address that begins with `https://`, without user, query or fragment",
)


ENTRA_ISSUER = rf"(?is)\s*https://({_ENTRA_HOSTS})\.?(:[0-9]+)?(/.*)?"
"""A regular expression: every address that could be taken for an issuer of Entra's own tokens."""
NOT_ENTRA = unlike(
    ENTRA_ISSUER,
    "may not be an issuer of Entra: for tokens of a managed identity use `managedIdentity`, for those of a service"
    " connection `azureDevOps`",
)


NO_SLASH_WHERE_THERE_IS_NONE = unlike(
    r"(?i)https://(token\.actions\.(githubusercontent\.com|[a-z0-9-]+\.ghe\.com)(/[^/]*)?|gitlab\.com"
    r"|app\.(eu\.)?terraform\.io|accounts\.google\.com)/",
    "may not end with `/`: this issuer does not, and Entra compares exactly",
)
SLASH_WHERE_THERE_IS_ONE = unlike(
    r"(?i)https://([a-z0-9-]+\.oic|oidc)\.prod-aks\.azure\.com(/.*)?[^/]",
    "must end with `/`: the issuer of an AKS cluster does, and Entra compares exactly",
)
"""Source: https://learn.microsoft.com/azure/aks/use-oidc-issuer"""

Guid = Annotated[str, Field(max_length=36), like(GUID, "must be a GUID, like `11111111-2222-3333-4444-555555555555`")]

ManagedIdentityId = Annotated[
    str,
    Field(max_length=512),
    like(
        rf"(?i)/subscriptions/{GUID}/resourceGroups/[^/?#%\\\s]{{0,89}}[^/?#%\\\s.]"
        r"/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[a-z0-9][a-z0-9_-]{2,127}",
        "must be the resource id of a user-assigned managed identity, like `/subscriptions/<id>/resourceGroups/<name>"
        "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/<name>`",
    ),
]

DnsLabel = Annotated[
    str,
    Field(max_length=63),
    like(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "must be a DNS label: lower-case letters, digits and `-`, beginning and ending with a letter or digit",
    ),
]

DnsSubdomain = Annotated[
    str,
    Field(max_length=253),
    like(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
        "must be a DNS name: lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit",
    ),
]

Issuer = Annotated[
    str,
    Field(max_length=MAX_VALUE),
    NO_BLANKS_AROUND,
    NO_WILDCARD,
    HTTPS,
    NOT_ENTRA,
    NO_SLASH_WHERE_THERE_IS_NONE,
    SLASH_WHERE_THERE_IS_ONE,
]
Subject = Annotated[str, Field(max_length=MAX_VALUE), NO_BLANKS_AROUND, NO_WILDCARD]
Audience = Annotated[str, Field(max_length=MAX_VALUE), NO_BLANKS_AROUND, NO_WILDCARD]
Endpoint = Annotated[
    str,
    Field(max_length=253),
    like(r"https://[^\s/?#@]+", "must be an address that begins with `https://` and ends with a host or port"),
]
