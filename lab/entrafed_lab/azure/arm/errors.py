"""Resource Manager's errors: codes, texts and the shape they come in.

Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

import json
from collections.abc import Mapping

from entrafed_lab.azure.exchange import Answer, Refused, json_answer


def arm_error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error answer of Resource Manager."""
    return json_answer(status, {"error": {"code": code, "message": message}}, headers)


def bad_request(message: str) -> Refused:
    return Refused(400, "BadRequest", message)


def invalid_parameter(message: str) -> Refused:
    return Refused(400, "InvalidParameter", message)


def failed_identity_operation(resource_id: str, message: str) -> Refused:
    """`message` is that of the identities' resource provider, which stands inside the host's."""
    inner = json.dumps({"error": {"code": "BadRequest", "message": message}})
    return Refused(
        400,
        "FailedIdentityOperation",
        f"Identity operation for resource '{resource_id}' failed with error 'Failed to perform resource identity "
        f"operation. Status: 'BadRequest'. Response: '{inner}'.'.",
    )


def not_found(kind: str, group: str) -> Refused:
    """`kind` is the type and name of a resource, such as Microsoft.ManagedIdentity/userAssignedIdentities/web."""
    return Refused(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def unknown_path(path: str) -> Refused:
    return Refused(404, "InvalidResourceType", f"The resource type of '{path}' could not be found.")


def not_allowed(method: str) -> Refused:
    return Refused(405, "MethodNotAllowed", f"The HTTP method '{method}' is not supported at this location.")
