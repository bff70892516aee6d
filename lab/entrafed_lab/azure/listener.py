"""One port of 127.0.0.1: HTTP in, `Call` to whoever answers, `Answer` out. Only this knows the web framework."""

import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from entrafed_lab.azure.exchange import Answer, Call, ConnectionDropped, ServiceName

LOOPBACK: Final = "127.0.0.1"
LET_FINISH: Final = 1.0  # seconds that requests under way have when a port is closed
BACKLOG: Final = 512

Answering = Callable[[Call], Awaitable[Answer]]


class Listener:
    """Holds its port from the start; connections are refused while it is not open."""

    def __init__(
        self, service: ServiceName, answering: Answering, *, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        """`port` is a wish: another one is taken when it is not free. 0 takes any."""
        self._service = service
        self._answering = answering
        self._tls = tls
        self._runner: web.ServerRunner | None = None
        try:
            self._socket = _bound(port)
        except OSError:
            self._socket = _bound(0)
        self.port: int = self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://{LOOPBACK}:{self.port}"

    async def open(self) -> None:
        """Accept connections; nothing happens when it does already."""
        if self._runner is not None:
            return
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=LET_FINISH)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket, ssl_context=self._tls, backlog=BACKLOG).start()

    async def refuse(self) -> None:
        """Cut all connections and refuse new ones, but keep the port."""
        if self._runner is None:
            return
        await self._close_connections()
        self._socket = _bound(self.port)

    async def close(self) -> None:
        """Let go of the port."""
        await self._close_connections()
        self._socket.close()

    async def _close_connections(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = Call(
            service=self._service,
            method=request.method,
            path=request.raw_path.partition("?")[0],
            query=dict(request.rel_url.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        try:
            answer = await self._answering(call)
        except ConnectionDropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()  # goes nowhere
        headers = dict(answer.headers)
        if answer.content_type is not None:
            headers["Content-Type"] = answer.content_type
        return web.Response(status=answer.status, body=answer.body or None, headers=headers)


def _bound(port: int) -> socket.socket:
    """A socket that has the port, and does not listen yet."""
    with contextlib.ExitStack() as undo:
        made = undo.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((LOOPBACK, port))
        undo.pop_all()
    return made
