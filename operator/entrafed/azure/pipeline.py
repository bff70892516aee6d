"""What every client of Azure Resource Manager has in common."""

from typing import Any, TypeVar

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import ContentDecodePolicy, RequestIdPolicy, SansIOHTTPPolicy, UserAgentPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from entrafed.azure.calls import Reply
from entrafed.azure.credential import SingleFlight
from entrafed.azure.transport import USER_AGENT
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.connections import SignIn

T = TypeVar("T")


def arm_scope(sign_in: SignIn) -> str:
    return f"{CLOUDS[sign_in.cloud].arm}/.default"  # wherever an endpoint override leads


class Bearer(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Adds the token. Not azure-core's own policy: that keeps a token beside ours, one that was refused included."""

    def __init__(self, credential: SingleFlight, scope: str) -> None:
        self._credential = credential
        self._scope = scope

    async def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        token = await self._credential.get_token(self._scope)
        request.http_request.headers["Authorization"] = f"Bearer {token.token}"


def policies(credential: SingleFlight, sign_in: SignIn) -> list[Any]:
    """Our own list: no retries, no redirects, no registering of resource providers behind the user's back, no logging
    of requests."""
    return [
        RequestIdPolicy(),
        UserAgentPolicy(base_user_agent=USER_AGENT),
        ContentDecodePolicy(),
        Bearer(credential, arm_scope(sign_in)),
    ]


def reply(response: PipelineResponse[Any, Any], value: T, _headers: dict[str, Any]) -> Reply[T]:
    """For an SDK's `cls`: the value with its status."""
    return Reply(response.http_response.status_code, value)


def status(response: PipelineResponse[Any, Any], _value: object, _headers: dict[str, Any]) -> Reply[int]:
    """For an SDK's `cls`: the status alone."""
    return Reply(response.http_response.status_code, response.http_response.status_code)
