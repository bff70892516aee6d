"""The one way out to Microsoft: a shared aiohttp session, and a checkpoint that every request and answer passes.

Why one session for three SDKs: msgraph's default transport loses pool slots for ever when calls are cancelled
(https://github.com/encode/httpcore/issues/1093), and azure-core's own opens a new connection for every call when it is
given a CA file.

Why the checkpoint raises on every answer that is not success: left to themselves, the SDKs send a request again after a
401 with a claims challenge, follow redirects, and read errors into some twenty exceptions, or into log lines.
"""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
from azure.core.pipeline.transport import AioHttpTransport, AioHttpTransportResponse
from httpx_aiohttp import AiohttpTransport

from entrafed.azure.answers import read_answer
from entrafed.azure.calls import Refused, Unreadable
from entrafed.azure.clock import Clock

USER_AGENT = "entrafed"
BATCH = "/$batch"
"""Where several requests to Graph are sent as one: a POST of reads alone, and so no write."""
CONNECT_TIMEOUT = 10.0  # seconds; the whole request has its own bound, and no other


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
        middlewares=(_once,),
    )


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request once: aiohttp itself sends PUT, DELETE and GET again when a used connection breaks."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent, and nothing is sent again
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error


class Checkpoint:
    """Between one connection and one service. `base_url` is the service's; `may_write` raises when no write may start;
    without it nothing that is sent counts as a write."""

    def __init__(self, base_url: str, clock: Clock, may_write: Callable[[], None] | None = None) -> None:
        self._origin = _origin(base_url)
        self._clock = clock
        self._may_write = may_write

    def let_out(self, method: str, url: str) -> None:
        """The last moment before a request is sent, with its token, wherever a link in an answer pointed."""
        if _origin(url) != self._origin:
            raise Unreadable("a link in it leads to another host")
        if self._may_write is not None and method not in ("GET", "HEAD") and not url.endswith(BATCH):
            self._may_write()

    def let_in(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raise `Refused` for an answer that is not success, `Unreadable` for a success that is somebody's web page,
        before any SDK has seen it."""
        lower = {name.lower(): value for name, value in headers.items()}
        if not 200 <= status < 300:
            raise Refused(read_answer(status, lower, body, self._clock.now()))
        if body and "json" not in lower.get("content-type", ""):
            raise Unreadable("it is not JSON")


class AzureTransport(AioHttpTransport):  # type: ignore[misc]  # azure-core loads the class by name, untyped
    """The way of azure-identity and azure-mgmt to the shared session."""

    def __init__(self, session: aiohttp.ClientSession, checkpoint: Checkpoint) -> None:
        super().__init__(session=session, session_owner=False, connection_timeout=CONNECT_TIMEOUT, read_timeout=None)
        self._checkpoint = checkpoint

    async def send(self, request: Any, **options: Any) -> Any:
        self._checkpoint.let_out(request.method, request.url)
        response = await super().send(request, **options)
        # azure-mgmt-authorization still sends requests of azure-core's older kind, which has answers of its own
        body = response.body() if isinstance(response, AioHttpTransportResponse) else response.content
        self._checkpoint.let_in(response.status_code, response.headers, body)
        return response


class GraphTransport(httpx.AsyncBaseTransport):
    """The way of msgraph to the shared session."""

    def __init__(self, session: aiohttp.ClientSession, context: ssl.SSLContext, checkpoint: Checkpoint) -> None:
        self._inner = AiohttpTransport(client=session, verify=context)
        self._checkpoint = checkpoint

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._checkpoint.let_out(request.method, str(request.url))
        response = await self._inner.handle_async_request(request)
        self._checkpoint.let_in(response.status_code, response.headers, await response.aread())
        return response


def is_at(base_url: str, url: str) -> bool:
    """Whether an address is one of a service."""
    return _origin(url) == _origin(base_url)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
