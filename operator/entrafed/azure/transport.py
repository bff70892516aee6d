"""The one way out to Microsoft: a shared aiohttp session, and the gates that every request passes.

Why one session for three SDKs: msgraph's default transport loses pool slots for ever when calls are cancelled
(https://github.com/encode/httpcore/issues/1093), and azure-core's own opens a new connection for every call when it is
given a CA file.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from httpx_aiohttp import AiohttpTransport

from entrafed.azure.answers import read_answer
from entrafed.azure.calls import Refused, Unreadable
from entrafed.azure.clock import Clock

USER_AGENT = "entrafed"
CONNECT_TIMEOUT = 10.0  # seconds; the whole request has its own, longer bound


def tls(ca_file: Path | None) -> ssl.SSLContext:
    """The machine's trusted authorities, and those of a file when one is named."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=str(ca_file))
    return context


def open_session(context: ssl.SSLContext) -> aiohttp.ClientSession:
    """The shared session; to be made inside the running loop. It keeps no cookie and heeds no proxy variable.

    Its connector has no limit of its own: the slots of the budgets are the limit, so that a service that hangs never
    takes the connections of another.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def azure_transport(session: aiohttp.ClientSession, read_timeout: float) -> AioHttpTransport:
    return AioHttpTransport(
        session=session, session_owner=False, connection_timeout=CONNECT_TIMEOUT, read_timeout=read_timeout
    )


def is_write(method: str) -> bool:
    return method not in ("GET", "HEAD")


class GatedTransport(httpx.AsyncBaseTransport):
    """Graph's way to the shared session: asks before each write, at the last moment before it is sent."""

    def __init__(self, session: aiohttp.ClientSession, context: ssl.SSLContext, may_write: Callable[[], None]) -> None:
        self._inner = AiohttpTransport(client=session, verify=context)
        self._may_write = may_write

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if is_write(request.method):
            self._may_write()
        return await self._inner.handle_async_request(request)


class WriteGate(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """The same for ARM; stands last, after the token was waited for."""

    def __init__(self, may_write: Callable[[], None]) -> None:
        self._may_write = may_write

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        if is_write(request.http_request.method):
            self._may_write()


class OneHost(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Refuses to send the token elsewhere, wherever a `nextLink` points; stands before the token is added."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        require_same_host(request.http_request.url, self._base_url)


class RefuseFailures(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Turns every answer that is not success into one exception, before the SDK reads it into one of its many."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_response(
        self, request: PipelineRequest[HttpRequest], response: PipelineResponse[HttpRequest, AsyncHttpResponse]
    ) -> None:
        answer = response.http_response
        if not 200 <= answer.status_code < 300:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            raise Refused(read_answer(answer.status_code, headers, _body(answer), self._clock.now()))


def require_same_host(url: str, base_url: str) -> None:
    """Raise `Unreadable` when a link of an answer leads away from the service that gave it."""
    theirs, ours = urlsplit(url), urlsplit(base_url)
    if (theirs.scheme, theirs.netloc.lower()) != (ours.scheme, ours.netloc.lower()):
        raise Unreadable("the link to the next page leads to another host")


def _body(answer: Any) -> bytes:
    content = answer.content  # loaded already: the pipeline runs without streaming
    return content if isinstance(content, bytes) else b""
