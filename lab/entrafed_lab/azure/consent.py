"""The address at which an administrator of a tenant consents to an application.

Source: https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
"""

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from entrafed_lab.azure.documents import InvalidDocument

ANY_TENANT = frozenset({"organizations", "common"})
"""In place of a tenant: that of whoever signs in."""


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """What such an address asks for. `tenant` is an id, a domain, or one of `ANY_TENANT`."""

    tenant: str
    client_id: str
    redirect_uri: str | None
    state: str | None
    scope: str | None

    def redirect(self, tenant_id: str) -> str | None:
        """Where the browser goes once consent is given."""
        if self.redirect_uri is None:
            return None
        told = {"admin_consent": "True", "tenant": tenant_id, "scope": self.scope, "state": self.state}
        return f"{self.redirect_uri}?{urlencode({key: value for key, value in told.items() if value is not None})}"


def read_consent(url: str) -> ConsentRequest:
    """Raises `InvalidDocument` for an address that Entra would not understand."""
    parts = urlsplit(url)
    segments = unquote(parts.path).strip("/").split("/")
    older = len(segments) == 2 and segments[1] == "adminconsent"
    newer = len(segments) == 3 and segments[1:] == ["v2.0", "adminconsent"]
    if parts.scheme != "https" or not (older or newer):
        raise InvalidDocument(
            f"{url} is no address for consent: https://<login>/<tenant>/v2.0/adminconsent?client_id=<id>&scope=<scope>"
            " or https://<login>/<tenant>/adminconsent?client_id=<id>"
        )
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    for name in ("client_id", "scope") if newer else ("client_id",):
        if name not in query:
            raise InvalidDocument(f"{url} lacks {name}, which is required")
    return ConsentRequest(
        segments[0], query["client_id"].lower(), query.get("redirect_uri"), query.get("state"), query.get("scope")
    )
