"""What the resource provider demands of a federated identity credential on a managed identity.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from entrafed_lab.azure.arm.errors import bad_request
from entrafed_lab.azure.arm.routes import EXPRESSION_VERSIONS
from entrafed_lab.azure.clouds import issuer_of_tenant
from entrafed_lab.azure.exchange import Refused
from entrafed_lab.azure.objects import Credential
from entrafed_lab.azure.variants import Acceptance, Variants

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,119}")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a PUT says, in full."""

    issuer: str
    subject: str | None
    audiences: tuple[str, ...]
    expression: str | None


class Rules:
    """Reading and checking credentials, under one set of variants."""

    def __init__(self, variants: Variants) -> None:
        self._variants = variants

    def read(self, document: Mapping[str, object], api_version: str) -> Draft:
        """The draft in a request body; raises `Refused`. Properties that this version does not know are dropped."""
        properties = document.get("properties")
        if not isinstance(properties, dict):
            raise _empty()
        issuer, subject, audiences = (properties.get(name) for name in ("issuer", "subject", "audiences"))
        expression = None
        if api_version in EXPRESSION_VERSIONS and "claimsMatchingExpression" in properties:
            expression = self._expression(properties["claimsMatchingExpression"])
        if not isinstance(issuer, str) or not issuer:
            raise _empty()
        if (not isinstance(subject, str) or not subject) and expression is None:
            raise _empty()
        if not isinstance(audiences, list) or len(audiences) != 1 or not isinstance(audiences[0], str):
            raise bad_request("Federated identity credentials must have exactly one audience.")
        return Draft(issuer, subject if isinstance(subject, str) else None, tuple(audiences), expression)

    def check(self, draft: Draft, others: Sequence[Credential]) -> None:
        """Raises `Refused` when the credential cannot stand beside the others."""
        refused = self._variants.entra_issuer_on_identities is Acceptance.REFUSED
        if refused and issuer_of_tenant(draft.issuer) is not None:
            raise bad_request("AAD-issued tokens may not be used for federated identity flows.")
        if draft.subject is not None and any(item.pair == (draft.issuer, draft.subject) for item in others):
            raise bad_request("Issuer and subject combination already exists for this Managed Identity.")

    def _expression(self, value: object) -> str:
        text = value.get("value") if isinstance(value, dict) else None
        if not isinstance(text, str) or self._variants.expressions_on_identities is Acceptance.REFUSED:
            raise bad_request("The claims matching expression lacks all required claims or contains unallowed claims.")
        return text


def check_name(name: str) -> None:
    """Raises `Refused` for a name that a credential cannot have."""
    if not NAME.fullmatch(name):
        raise bad_request(f"Federated Identity Credential name '{name}' is invalid.")


def _empty() -> Refused:
    return bad_request("Federated Identity Credential from HTTP body has empty properties")
