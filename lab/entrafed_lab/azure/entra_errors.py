# ruff: noqa: E501 - the messages are Microsoft's, each on its line
"""What the token endpoint says when it says no.

Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes and
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from entrafed_lab.azure.exchange import Answer, json_answer

_FEDERATION = (
    "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. "
    "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
)


@dataclass(frozen=True, slots=True)
class _Shape:
    status: int
    error: str
    message: str


_SHAPES = {
    50027: _Shape(400, "invalid_request", "JWT token is invalid or malformed."),
    70003: _Shape(400, "unsupported_grant_type", "The app requested an unsupported grant type '{what}'."),
    70011: _Shape(400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid: {what}"),
    70021: _Shape(400, "invalid_request", f"No matching federated identity record found for presented assertion. Assertion Issuer: '{{issuer}}'. Assertion Subject: '{{subject}}'. Assertion Audience: '{{audience}}'. {_FEDERATION}"),
    70025: _Shape(401, "invalid_client", "The client '{client}' has no configured federated identity credentials."),
    70052: _Shape(400, "invalid_request", "The identity must be a managed identity, single tenant app, or service account."),
    90002: _Shape(400, "invalid_request", "Tenant '{what}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."),
    90013: _Shape(400, "invalid_request", "Invalid input received from the user."),
    500011: _Shape(400, "invalid_resource", "The resource principal named {what} was not found in the tenant."),
    501661: _Shape(400, "invalid_request", "Unable to read the OIDC metadata or keys of the external issuer '{issuer}': request to external OIDC endpoint failed. {what}"),
    700016: _Shape(400, "unauthorized_client", "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant."),
    700024: _Shape(401, "invalid_client", "Client assertion is not within its valid time range. Current time: {what}."),
    700027: _Shape(401, "invalid_client", "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.] {what}"),
    700211: _Shape(401, "invalid_client", f"No matching federated identity record found for presented assertion issuer '{{issuer}}'. {_FEDERATION}"),
    700212: _Shape(401, "invalid_client", f"No matching federated identity record found for presented assertion audience '{{audience}}'. {_FEDERATION}"),
    700213: _Shape(401, "invalid_client", f"No matching federated identity record found for presented assertion subject '{{subject}}'. {_FEDERATION}"),
    700222: _Shape(401, "invalid_client", "AAD-issued tokens may not be used for federated identity flows."),
    700223: _Shape(401, "invalid_client", "Workload identity federation is disabled by policy in this tenant."),
    700226: _Shape(401, "invalid_client", "Only MSI tokens may be used as federated identity credentials for AAD issuer."),
    700227: _Shape(401, "invalid_client", "Entra ID token with audience '{audience}' may not be used for federated identity credential flows."),
    700231: _Shape(401, "invalid_client", "Entra ID tokens obtained with a federated identity credential may not be used for federated identity credential flows."),
    700236: _Shape(401, "invalid_client", "Entra ID tokens issued by issuer '{issuer}' may not be used for federated identity credential flows for applications or managed identities registered in this tenant."),
    700238: _Shape(401, "invalid_client", "Workload identity federation with issuer '{issuer}' is constrained by policy in this tenant."),
    900144: _Shape(400, "invalid_request", "The request body must contain the following parameter: '{what}'."),
    900382: _Shape(400, "invalid_request", "Confidential Client is not supported in Cross Cloud request."),
    5002727: _Shape(401, "invalid_client", "The JWT header of the presented assertion is wrong: {what}"),
    7000215: _Shape(401, "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'."),
    7000216: _Shape(401, "invalid_client", "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."),
    7000229: _Shape(401, "invalid_client", "The client application {client} is missing service principal in the tenant {tenant}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119"),
    7002121: _Shape(401, "invalid_client", "No matching federated identity record found for presented assertion audience '{audience}' of an Entra ID token."),
    7002131: _Shape(401, "invalid_client", f"No matching federated identity record found for presented assertion: no expression matched the claims. {_FEDERATION}"),
    7002137: _Shape(401, "invalid_client", f"No matching federated identity record found for presented assertion subject '{{subject}}'. {_FEDERATION}"),
    7002138: _Shape(401, "invalid_client", f"No matching federated identity record found for presented assertion subject '{{subject}}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. {_FEDERATION}"),
}  # fmt: skip

CODES = frozenset(_SHAPES)
"""All that the token endpoint can say."""


class Denied(Exception):
    """The token endpoint refuses; `code` is the number behind AADSTS."""

    def __init__(
        self,
        code: int,
        *,
        client: str = "",
        tenant: str = "",
        issuer: str = "",
        subject: str = "",
        audience: str = "",
        what: str = "",
    ) -> None:
        self.code = code
        shape = _SHAPES[code]
        self.message = shape.message.format(
            client=client, tenant=tenant, issuer=issuer, subject=subject, audience=audience, what=what
        )
        super().__init__(f"AADSTS{code}: {self.message}")


def denial(denied: Denied) -> Answer:
    """The documented error body."""
    shape = _SHAPES[denied.code]
    return token_error(shape.status, shape.error, f"AADSTS{denied.code}: {denied.message}", (denied.code,))


def token_error(status: int, error: str, description: str, codes: tuple[int, ...]) -> Answer:
    """An error of the token endpoint; `codes` are the numbers behind AADSTS."""
    trace, correlation = str(uuid4()), str(uuid4())
    timestamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    document: dict[str, object] = {
        "error": error,
        "error_description": f"{description} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
        "error_codes": list(codes),
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
    }
    if codes:
        document["error_uri"] = f"https://login.microsoftonline.com/error?code={codes[0]}"
    return json_answer(status, document)
