"""The Instance Metadata Service of simulated virtual machines: `/{host}/metadata/identity/oauth2/token`.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

from entrafed_lab.azure.exchange import Answer, Call, Refused, ServiceName, json_answer
from entrafed_lab.azure.host_tokens import HostTokens, NoToken, Selectors, Unnamed, token_document
from entrafed_lab.azure.host_types import Endpoint
from entrafed_lab.azure.throttling import Charge, Limit, Throttle
from entrafed_lab.azure.timing import Clock
from entrafed_lab.azure.tokens import Tokens
from entrafed_lab.azure.variants import UnknownParameter, Variants
from entrafed_lab.azure.world import World

PATH = "metadata/identity/oauth2/token"
REQUESTS = Limit.per_second(20)  # per machine, for everything about identities
_SELECTORS = Selectors("client_id", ("object_id",), ("msi_res_id", "mi_res_id"))
_KNOWN = _SELECTORS.names | {"api-version", "resource", "bypass_cache"}

_REFUSALS = {
    NoToken.NO_SUCH_IDENTITY: ("invalid_request", "Identity not found"),
    NoToken.SEVERAL_IDENTITIES: (
        "invalid_request",
        (
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the "
            "token request"
        ),
    ),
    NoToken.SEVERAL_SELECTORS: ("invalid_request", "Only one of client_id, object_id and msi_res_id may be given."),
    NoToken.UNKNOWN_RESOURCE: (
        "invalid_resource",
        "AADSTS50001: The application named {resource} was not found in the tenant.",
    ),
}


class InstanceMetadata:
    """What answers under http://169.254.169.254 of each machine, and of what runs as one."""

    name = ServiceName.IMDS

    def __init__(self, *, world: World, tokens: Tokens, variants: Variants, throttle: Throttle, clock: Clock) -> None:
        self._tokens = HostTokens(world=world, tokens=tokens, selectors=_SELECTORS, endpoint=Endpoint.IMDS)
        self._variants = variants
        self._throttle = throttle
        self._clock = clock

    def error(self, status: int, code: str, message: str) -> Answer:
        return json_answer(status, {"error": code, "error_description": message})

    async def answer(self, call: Call) -> Answer:
        try:
            return self._answer(call)
        except Refused as refused:
            return self.error(refused.status, refused.code, refused.message)

    def _answer(self, call: Call) -> Answer:
        host, path = self._tokens.host(call)
        if host is None or path != PATH:
            raise Refused(404, "not_found", "There is nothing here.")
        if call.method != "GET":
            raise Refused(405, "method_not_allowed", "Only GET is possible.")
        if call.headers.get("metadata", "").lower() != "true":
            raise Refused(400, "bad_request_102", "Required metadata header not specified")
        for name in ("api-version", "resource"):
            if not call.query.get(name):
                raise Refused(400, "invalid_request", f"Required query variable '{name}' is missing")
        unknown = sorted(set(call.query) - _KNOWN)
        if unknown and self._variants.imds_parameters is UnknownParameter.REFUSED:
            raise Refused(400, "invalid_request", f"Unknown query variable '{unknown[0]}'")
        verdict = self._throttle.take([Charge(host.id, REQUESTS)])
        if verdict is not None and verdict.retry_after is not None:
            raise Refused(429, "too_many_requests", "Too many requests")
        resource = call.query["resource"]
        found = self._tokens.token(host, call.query, otherwise=Unnamed.THE_ONLY_ONE)
        if isinstance(found, NoToken):
            code, message = _REFUSALS[found]
            raise Refused(400, code, message.format(resource=resource))
        left = str(found[1].expires_on - int(self._clock()))
        extra = {"refresh_token": "", "expires_in": left, "ext_expires_in": left}
        return json_answer(200, {**token_document(*found, resource), **extra})
