"""The bodies that go to Graph and come from it."""

import json
from dataclasses import dataclass
from typing import Any

from entrafed.azure.calls import Unreadable
from entrafed.domain.credentials import NewCredential, ObservedCredential
from entrafed.domain.targets import OwnIdentity


@dataclass(frozen=True, slots=True)
class Application:
    """An app registration; ids lower-case."""

    object_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class CredentialsPage:
    """One page of a list; `next_link` is an absolute URL."""

    credentials: tuple[ObservedCredential, ...]
    next_link: str | None


def read_application(body: bytes) -> Application:
    found = _object(body)
    return Application(object_id=_text(found, "id").lower(), client_id=_text(found, "appId").lower())


def read_service_principal(body: bytes) -> OwnIdentity:
    found = _object(body)
    return OwnIdentity(client_id=_text(found, "appId").lower(), object_id=_text(found, "id").lower())


def read_credentials_page(body: bytes) -> CredentialsPage:
    """A list of credentials. Those of others may be of a kind that is not ours: only their name is insisted on."""
    page = _object(body)
    items, link = page.get("value"), page.get("@odata.nextLink")
    if not isinstance(items, list) or not isinstance(link, str | None):
        raise Unreadable("it is no list")
    return CredentialsPage(credentials=tuple(_credential(item) for item in items), next_link=link or None)


def read_nothing(_: bytes) -> None:
    """For answers whose status says it all."""


def written(credential: NewCredential) -> bytes:
    """A whole credential, to be created."""
    return json.dumps({"name": credential.name, **_content(credential)}).encode()


def rewritten(credential: NewCredential) -> bytes:
    """Everything of a credential but its name, which cannot change."""
    return json.dumps(_content(credential)).encode()


def _content(credential: NewCredential) -> dict[str, object]:
    trust = credential.trust
    return {
        "issuer": trust.pair.issuer,
        "subject": trust.pair.subject,
        "audiences": [trust.audience],
        "description": credential.description,
    }


def _credential(item: object) -> ObservedCredential:
    if not isinstance(item, dict):
        raise Unreadable("a credential is no object")
    subject, audiences = item.get("subject"), item.get("audiences")
    return ObservedCredential(
        name=_text(item, "name"),
        issuer=str(item.get("issuer") or ""),
        subject=subject if isinstance(subject, str) else None,  # flexible credentials have none
        audiences=tuple(str(a) for a in audiences) if isinstance(audiences, list) else (),
    )


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
