"""The token endpoint of simulated App Services: `/{host}/msi/token`, which Functions and Container Apps have too.

Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity
"""

from uuid import uuid4

from entrafed_lab.azure.exchange import Answer, Call, Refused, ServiceName, json_answer
from entrafed_lab.azure.host_tokens import HostTokens, NoToken, Selectors, Unnamed, token_document
from entrafed_lab.azure.host_types import Endpoint
from entrafed_lab.azure.tokens import Tokens
from entrafed_lab.azure.world import World

PATH = "msi/token"
VERSION = "2019-08-01"
_SELECTORS = Selectors("client_id", ("principal_id", "object_id"), ("mi_res_id",))

_REFUSALS = {
    NoToken.NO_SUCH_IDENTITY: (
        "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
    ),
    NoToken.NO_SYSTEM_IDENTITY: "No Managed Identity found for this app.",
    NoToken.SEVERAL_SELECTORS: "Only one of client_id, principal_id, object_id and mi_res_id may be given.",
    NoToken.UNKNOWN_RESOURCE: "AADSTS500011: The resource principal named {resource} was not found in the tenant.",
}


class AppService:
    """What answers under IDENTITY_ENDPOINT of each app."""

    name = ServiceName.APP_SERVICE

    def __init__(self, *, world: World, tokens: Tokens) -> None:
        self._tokens = HostTokens(world=world, tokens=tokens, selectors=_SELECTORS, endpoint=Endpoint.APP_SERVICE)

    def error(self, status: int, code: str, message: str) -> Answer:
        del code  # this service has none
        return json_answer(status, {"statusCode": status, "message": message, "correlationId": str(uuid4())})

    async def answer(self, call: Call) -> Answer:
        try:
            return self._answer(call)
        except Refused as refused:
            return self.error(refused.status, refused.code, refused.message)

    def _answer(self, call: Call) -> Answer:
        host, path = self._tokens.host(call)
        if host is None or path != PATH:
            raise Refused(404, "", "There is nothing here.")
        if call.headers.get("x-identity-header") != host.identity_header:
            raise Refused(401, "", "The header X-IDENTITY-HEADER is missing or wrong.")
        if call.query.get("api-version") != VERSION:
            raise Refused(400, "", f"The api-version must be {VERSION}.")
        resource = call.query.get("resource", "")
        if not resource:
            raise Refused(400, "", "The parameter resource is missing.")
        found = self._tokens.token(host, call.query, otherwise=Unnamed.SYSTEM_ASSIGNED)
        if isinstance(found, NoToken):
            raise Refused(400, "", _REFUSALS[found].format(resource=resource))
        return json_answer(200, token_document(*found, resource))
