"""What Graph demands of a federated identity credential on an application.

Source: https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from entrafed_lab.azure.exchange import Refused
from entrafed_lab.azure.expressions import InvalidExpression, parse_expression
from entrafed_lab.azure.graph.errors import bad_request, invalid_credential
from entrafed_lab.azure.graph.request import Version
from entrafed_lab.azure.objects import Credential
from entrafed_lab.azure.variants import Acceptance, IdsInExpressions, Variants

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}")
LONGEST = 600  # characters of issuer, subject, audience and description
_PROPERTIES = frozenset({"id", "name", "issuer", "subject", "audiences", "description", "claimsMatchingExpression"})


@dataclass(frozen=True, slots=True)
class Platform:
    """Whose tokens an expression can match: `texts` by `eq` and `matches`, `ids` by `eq` only.

    Source: https://learn.microsoft.com/entra/workload-id/workload-identities-flexible-federated-identity-credentials
    and, for GitLab's ids,
    https://learn.microsoft.com/entra/workload-id/workload-identities-federated-credential-mutable-subjects
    """

    issuers: re.Pattern[str]
    texts: frozenset[str] = frozenset({"sub"})
    ids: frozenset[str] = frozenset()


PLATFORMS = (
    Platform(
        re.compile(
            r"https://token\.actions\.githubusercontent\.com(/.+)?|https://token\.actions\.[^/]+\.ghe\.com(/.+)?"
            r"|https://[^/]+/_services/token"
        ),
        frozenset({"sub", "job_workflow_ref"}),
        frozenset({"repository_id", "repository_owner_id"}),
    ),
    Platform(re.compile(r"https://gitlab\.[^/]+"), ids=frozenset({"project_id", "namespace_id", "user_id"})),
    Platform(re.compile(r"https://app\.(eu\.)?terraform\.io")),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """The properties that a request sets; those in `given` only."""

    given: frozenset[str]
    name: str | None = None
    issuer: str | None = None
    subject: str | None = None
    audiences: tuple[str, ...] | None = None
    description: str | None = None
    expression: str | None = None

    def applied_to(self, old: Credential) -> Credential:
        """What a PATCH makes of a credential."""
        changes = {name: getattr(self, name) for name in self.given - {"name"}}
        return replace(old, **changes)


class Rules:
    """Reading and checking credentials, under one set of variants."""

    def __init__(self, variants: Variants) -> None:
        self._variants = variants

    def read(self, document: Mapping[str, object], version: Version) -> Draft:
        """The draft in a request body; raises `Refused` for unknown or mistyped properties."""
        expressions = version is Version.BETA or self._variants.expressions_on_v1 is Acceptance.ACCEPTED
        known = _PROPERTIES if expressions else _PROPERTIES - {"claimsMatchingExpression"}
        for name in document:
            if name not in known:
                raise bad_request(f"Invalid property '{name}'.")
        if "id" in document:
            raise bad_request("Property 'id' is read-only and cannot be set.")
        given = frozenset("expression" if name == "claimsMatchingExpression" else name for name in document)
        return Draft(
            given=given,
            name=_text(document, "name"),
            issuer=_text(document, "issuer"),
            subject=_text(document, "subject"),
            audiences=_audiences(document),
            description=_text(document, "description"),
            expression=_expression(document.get("claimsMatchingExpression")),
        )

    def check(self, credential: Credential) -> None:
        """Raises `Refused` when the credential is not a valid one."""
        if not NAME.fullmatch(credential.name):
            raise bad_request(f"Invalid value specified for property 'name' of resource: '{credential.name}'.")
        if not credential.issuer:
            raise bad_request("Property 'issuer' is required and cannot be empty.")
        if len(credential.audiences) != 1:
            raise bad_request("Property 'audiences' must have exactly one value.")
        if credential.subject and credential.expression is not None:
            raise bad_request("'subject' and 'claimsMatchingExpression' are mutually exclusive.")
        if not credential.subject and credential.expression is None:
            raise bad_request("Property 'subject' is required and cannot be empty.")
        if credential.expression is not None:
            self._check_expression(credential.issuer, credential.expression)

    def _check_expression(self, issuer: str, expression: str) -> None:
        try:
            terms = parse_expression(expression)
        except InvalidExpression as error:
            raise invalid_credential(f"The claims matching expression is invalid: {error}.") from error
        platform = next((one for one in PLATFORMS if one.issuers.fullmatch(issuer)), None)
        if platform is None:
            raise invalid_credential(f"Claims matching expressions are not supported for the issuer '{issuer}'.")
        claims = {term.claim for term in terms}
        allowed = {(claim, "eq") for claim in platform.texts | platform.ids}
        allowed |= {(claim, "matches") for claim in platform.texts}
        needs_id = platform.ids and self._variants.ids_in_expressions is IdsInExpressions.NEEDED
        lacks = "sub" not in claims or (needs_id and not claims & platform.ids)
        if lacks or not {(term.claim, term.operator) for term in terms} <= allowed:
            raise invalid_credential(
                "The FederatedIdentityCredential.ClaimsMatchingExpression.Value is invalid. Rule exception: Expression "
                f"configured for issuer '{issuer}' either lacks all required claims or contains unallowed claims. "
                "paramName: FederatedIdentityCredential.ClaimsMatchingExpression.Value, "
                f"paramValue: {expression}, objectType: Microsoft.Online.DirectoryServices.Application"
            )


def check_pair(credential: Credential, others: Sequence[Credential]) -> None:
    """Issuer and subject are unique on the application."""
    if credential.subject is not None and any(item.pair == credential.pair for item in others):
        raise invalid_credential(
            "The combination of issuer and subject must be unique for the application. "
            f"Issuer: {credential.issuer} and Subject: {credential.subject} already exist. "
            f"paramName: FederatedIdentityCredential.Subject, paramValue: {credential.subject}, "
            "objectType: Microsoft.Online.DirectoryServices.Application"
        )


def _text(document: Mapping[str, object], name: str) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise bad_request(f"Property '{name}' must be a string.")
    if len(value) > LONGEST:
        raise _too_long(name)
    return value


def _audiences(document: Mapping[str, object]) -> tuple[str, ...] | None:
    value = document.get("audiences")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad_request("Property 'audiences' must be a collection of strings.")
    if any(len(item) > LONGEST for item in value):
        raise _too_long("audiences")
    return tuple(value)


def _expression(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("value"), str) or value.get("languageVersion") != 1:
        raise bad_request("Property 'claimsMatchingExpression' needs a 'value' and 'languageVersion' 1.")
    return str(value["value"])


def _too_long(name: str) -> Refused:
    return bad_request(f"Invalid value specified for property '{name}': it is longer than {LONGEST} characters.")
