"""The bodies that go to Graph and come from it."""

import json
from dataclasses import dataclass
from typing import Any

from entrafed.azure.calls import Unreadable
from entrafed.azure.error_table import NO_NULL_SUBJECT
from entrafed.domain.claims import canonical
from entrafed.domain.credentials import NewCredential, ObservedCredential
from entrafed.domain.targets import ServicePrincipal


@dataclass(frozen=True, slots=True)
class Application:
    """An app registration; ids lower-case."""

    object_id: str
    client_id: str
    multi_tenant: bool | None = None


@dataclass(frozen=True, slots=True)
class CredentialsPage:
    """One page of a list; `next_link` is an absolute URL.

    `hides`: there are flexible credentials, of which this version of Graph does not show all.
    """

    credentials: tuple[ObservedCredential, ...]
    next_link: str | None
    hides: bool = False


LANGUAGE = 1
"""Version of the language of expressions."""


def read_application(body: bytes) -> Application:
    found = _object(body)
    audience = found.get("signInAudience")
    multi_tenant = audience != "AzureADMyOrg" if isinstance(audience, str) else None
    return Application(_text(found, "id").lower(), _text(found, "appId").lower(), multi_tenant)


def read_service_principal(body: bytes) -> ServicePrincipal:
    found = _object(body)
    return ServicePrincipal(client_id=_text(found, "appId").lower(), object_id=_text(found, "id").lower())


def read_credentials_page(body: bytes) -> CredentialsPage:
    """A list of credentials. Those of others may be of a kind that is not ours: only their name is insisted on."""
    try:
        page = _object(body)
    except Unreadable:
        if NO_NULL_SUBJECT.encode() in body:
            return CredentialsPage(credentials=(), next_link=None, hides=True)
        raise
    items, link = page.get("value"), page.get("@odata.nextLink")
    if not isinstance(items, list) or not isinstance(link, str | None):
        raise Unreadable("it is no list")
    credentials = tuple(_credential(item) for item in items)
    return CredentialsPage(credentials, next_link=link or None, hides=any(c.pair is None for c in credentials))


def read_nothing(_: bytes) -> None:
    """For answers whose status says it all."""


def written(credential: NewCredential) -> bytes:
    """A whole credential, to be created."""
    return json.dumps({"name": credential.name, **_content(credential)}).encode()


def rewritten(credential: NewCredential) -> bytes:
    """Everything of a credential but its name, which cannot change."""
    return json.dumps(_content(credential)).encode()


def _content(credential: NewCredential) -> dict[str, object]:
    pair, audience = credential.trust.pair, credential.trust.audience
    flexible = {"claimsMatchingExpression": {"value": pair.expression, "languageVersion": LANGUAGE}}
    return {
        "issuer": pair.issuer,
        **(flexible if pair.expression else {"subject": pair.subject}),
        "audiences": [audience],
        "description": credential.description,
    }


def _credential(item: object) -> ObservedCredential:
    if not isinstance(item, dict):
        raise Unreadable("a credential is no object")
    subject, audiences = item.get("subject"), item.get("audiences")
    return ObservedCredential(
        name=_text(item, "name"),
        issuer=str(item.get("issuer") or ""),
        subject=subject if isinstance(subject, str) else None,
        audiences=tuple(str(a) for a in audiences) if isinstance(audiences, list) else (),
        expression=_expression(item.get("claimsMatchingExpression")),
    )


def _expression(found: object) -> str | None:
    """None also for one in a later version of the language: whatever it means, it is not one of ours."""
    if not isinstance(found, dict) or found.get("languageVersion") != LANGUAGE:
        return None
    value = found.get("value")
    return canonical(value) if isinstance(value, str) and value else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("it is not JSON") from None
    if not isinstance(parsed, dict):
        raise Unreadable("it is no object")
    return parsed


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{key} is missing")
    return value
