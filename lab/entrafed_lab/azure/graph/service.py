"""What answers under https://graph.microsoft.com: who calls, what it costs, where it goes."""

from urllib.parse import unquote
from uuid import uuid4

from entrafed_lab.azure.clouds import CLOUDS
from entrafed_lab.azure.exchange import Answer, Call, Caller, Refused, ServiceName, TokenProblem
from entrafed_lab.azure.graph.answers import Pages
from entrafed_lab.azure.graph.applications import Applications
from entrafed_lab.azure.graph.batch import Dispatch, run_batch
from entrafed_lab.azure.graph.budgets import charges, resource_units
from entrafed_lab.azure.graph.credentials import Credentials
from entrafed_lab.azure.graph.errors import graph_error, no_segment
from entrafed_lab.azure.graph.request import GraphRequest, read_request, read_version
from entrafed_lab.azure.graph.service_principals import ServicePrincipals
from entrafed_lab.azure.throttling import Throttle, Verdict
from entrafed_lab.azure.variants import Variants
from entrafed_lab.azure.world import World

AUDIENCES = frozenset(cloud.graph for cloud in CLOUDS.values()) | {"00000003-0000-0000-c000-000000000000"}
SHOWN_FROM = 0.8  # share of a budget from which x-ms-throttle-limit-percentage is sent

_TOKEN_PROBLEMS = {
    TokenProblem.MISSING: "Access token is empty.",
    TokenProblem.MALFORMED: "Access token validation failure. Invalid token.",
    TokenProblem.EXPIRED: "Lifetime validation failed, the token is expired.",
}


class Graph:
    """The service. `dispatch` is where members of a batch go: through everything that a request goes through."""

    name = ServiceName.GRAPH

    def __init__(self, *, world: World, variants: Variants, throttle: Throttle, url: str, dispatch: Dispatch) -> None:
        self._throttle = throttle
        self._dispatch = dispatch
        pages = Pages(url=url, size=variants.page)
        self._applications = Applications(world=world, variants=variants, pages=pages)
        self._credentials = Credentials(world=world, applications=self._applications, variants=variants, pages=pages)
        self._service_principals = ServicePrincipals(world=world, pages=pages)

    def error(self, status: int, code: str, message: str) -> Answer:
        return graph_error(status, code, message)

    async def answer(self, call: Call) -> Answer:
        try:
            caller = _authenticated(call)
            if call.method == "POST" and unquote(call.path).rstrip("/").endswith("/$batch"):
                return await run_batch(call, read_version(call.path)[0], self._dispatch)
            verdict = self._throttle.take(charges(call, caller))
            if verdict is not None and verdict.retry_after is not None:
                raise self._throttled(verdict)
            answer = await self._routed(read_request(call, caller))
            return Answer(
                answer.status, answer.body, answer.content_type, {**answer.headers, **_headers(call, verdict)}
            )
        except Refused as refused:
            client_request_id = call.headers.get("client-request-id")
            return graph_error(refused.status, refused.code, refused.message, refused.headers, client_request_id)

    async def _routed(self, request: GraphRequest) -> Answer:
        if not request.segments:
            raise no_segment("")
        names = [segment.name for segment in request.segments]
        if names[0] == "servicePrincipals" and len(names) <= 2:
            return self._service_principals.answer(request)
        if names[0] != "applications":
            raise no_segment(names[0])
        behind = 1 if request.segments[0].key is not None else 2
        if len(names) > behind:
            return await self._credentials.answer(request)
        return self._applications.answer(request)

    def _throttled(self, verdict: Verdict) -> Refused:
        headers = {
            "Retry-After": self._throttle.retry_after(verdict.retry_after or 0.0),
            "x-ms-throttle-limit-percentage": "1.00",
            "x-ms-throttle-scope": verdict.budget,
            "x-ms-throttle-information": "ResourceUnitLimitExceeded",
        }
        return Refused(429, "TooManyRequests", "Too many requests from the same application and tenant.", headers)


def _authenticated(call: Call) -> Caller:
    if isinstance(call.caller, TokenProblem):
        raise _unauthorized(_TOKEN_PROBLEMS[call.caller])
    if call.caller.audience not in AUDIENCES:
        raise _unauthorized("Access token validation failure. Invalid audience.")
    return call.caller


def _unauthorized(message: str) -> Refused:
    challenge = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
    return Refused(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": challenge})


def _headers(call: Call, verdict: Verdict | None) -> dict[str, str]:
    headers = {"request-id": str(uuid4()), "x-ms-resource-unit": str(resource_units(call))}
    if call.headers.get("client-request-id"):
        headers["client-request-id"] = call.headers["client-request-id"]
    if verdict is not None and verdict.used >= SHOWN_FROM:
        headers["x-ms-throttle-limit-percentage"] = f"{verdict.used:.2f}"
    return headers
