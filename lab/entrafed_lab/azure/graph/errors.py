"""Graph's errors: codes, texts and the shape they come in.

Source: https://learn.microsoft.com/graph/errors and https://learn.microsoft.com/graph/resolve-auth-errors
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from entrafed_lab.azure.exchange import Answer, Refused, json_answer


def graph_error(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None, client_request_id: str | None = None
) -> Answer:
    """An error answer of Graph."""
    request_id = str(uuid4())
    inner = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": client_request_id or request_id,
    }
    document = {"error": {"code": code, "message": message, "innerError": inner}}
    return json_answer(status, document, {**(headers or {}), "request-id": request_id})


def bad_request(message: str) -> Refused:
    return Refused(400, "Request_BadRequest", message)


def not_found(key: str) -> Refused:
    return Refused(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    )


def no_segment(segment: str) -> Refused:
    return Refused(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def denied() -> Refused:
    return Refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def same_key(message: str) -> Refused:
    return Refused(409, "Request_MultipleObjectsWithSameKeyValue", message)


def invalid_credential(message: str) -> Refused:
    return Refused(400, "InvalidFederatedIdentityCredentialValue", message)
