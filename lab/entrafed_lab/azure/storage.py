"""Blobs of simulated storage accounts: `GET /{account}/{container}/{blob}`, for whoever has a token and a role.

Source: https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory and
https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
"""

from urllib.parse import unquote
from uuid import uuid4
from xml.sax.saxutils import escape

from entrafed_lab.azure.clouds import STORAGE
from entrafed_lab.azure.exchange import Answer, Call, Refused, ServiceName, TokenProblem
from entrafed_lab.azure.objects import Blob, StorageAccount
from entrafed_lab.azure.rights import may_use
from entrafed_lab.azure.world import World

CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
READ = f"{CONTAINERS}/blobs/read"

_TOKEN_PROBLEMS = {
    TokenProblem.MISSING: (
        "NoAuthenticationInformation",
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
    ),
    TokenProblem.MALFORMED: ("InvalidAuthenticationInfo", "Authentication failed: the token is malformed."),
    TokenProblem.EXPIRED: ("InvalidAuthenticationInfo", "Lifetime validation failed. The token is expired."),
}


class Storage:
    """What answers under https://{account}.blob.core.windows.net, with the account in the path."""

    name = ServiceName.BLOB

    def __init__(self, *, world: World) -> None:
        self._world = world

    def error(self, status: int, code: str, message: str) -> Answer:
        request_id = str(uuid4())
        text = (
            '<?xml version="1.0" encoding="utf-8"?>'
            f"<Error><Code>{escape(code)}</Code><Message>{escape(message)} RequestId:{request_id}</Message></Error>"
        )
        headers = {"x-ms-error-code": code, "x-ms-request-id": request_id}
        return Answer(status, text.encode(), "application/xml", headers)

    async def answer(self, call: Call) -> Answer:
        try:
            return self._answer(call)
        except Refused as refused:
            answer = self.error(refused.status, refused.code, refused.message)
            return Answer(answer.status, answer.body, answer.content_type, {**answer.headers, **refused.headers})

    def _answer(self, call: Call) -> Answer:
        account, _, rest = unquote(call.path).lstrip("/").partition("/")
        container, _, name = rest.partition("/")
        found_account = self._world.storage_accounts.get(account)
        if found_account is None:
            raise Refused(404, "ResourceNotFound", "The specified resource does not exist.")
        principal_id = self._authenticate(call, found_account.tenant_id)
        if call.method not in {"GET", "HEAD"}:
            raise Refused(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")
        self._authorize(principal_id, found_account, container, name)
        held = [blob for blob in self._world.blobs if blob.account is found_account]
        if all(blob.container != container for blob in held):
            raise Refused(404, "ContainerNotFound", "The specified container does not exist.")
        found = next((blob for blob in held if (blob.container, blob.name) == (container, name)), None)
        if found is None:
            raise Refused(404, "BlobNotFound", "The specified blob does not exist.")
        return _content(found)

    def _authorize(self, principal_id: str, account: StorageAccount, container: str, name: str) -> None:
        attributes = {
            f"@resource[{CONTAINERS}:name]".lower(): container,
            f"@resource[{CONTAINERS}/blobs:path]".lower(): name,
        }
        scope = f"{account.resource_id}/blobServices/default/containers/{container}"
        if not may_use(self._world, principal_id, READ, scope, attributes):
            message = "This request is not authorized to perform this operation using this permission."
            raise Refused(403, "AuthorizationPermissionMismatch", message)

    def _authenticate(self, call: Call, tenant_id: str) -> str:
        """The object id of the principal that calls."""
        caller = call.caller
        if isinstance(caller, TokenProblem):
            raise _unauthorized(*_TOKEN_PROBLEMS[caller], tenant_id)
        if caller.audience != STORAGE:
            raise _unauthorized("InvalidAuthenticationInfo", "Audience validation failed.", tenant_id)
        if caller.tenant_id != tenant_id:
            raise _unauthorized("InvalidAuthenticationInfo", "Issuer validation failed.", tenant_id)
        principal = self._world.service_principal(caller.tenant_id, caller.app_id)
        if principal is None or principal.object_id != caller.object_id:
            raise _unauthorized("InvalidAuthenticationInfo", "The principal does not exist.", tenant_id)
        return principal.object_id


def _unauthorized(code: str, message: str, tenant_id: str) -> Refused:
    authorize = f"https://login.microsoftonline.com/{tenant_id}/oauth2/authorize"
    challenge = f"Bearer authorization_uri={authorize} resource_id={STORAGE}"
    return Refused(401, code, message, {"WWW-Authenticate": challenge})


def _content(blob: Blob) -> Answer:
    return Answer(200, blob.content, "text/plain; charset=utf-8", {"x-ms-blob-type": "BlockBlob"})
