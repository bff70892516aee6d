"""What Kubernetes and Prometheus ask the process."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from entrafed.runtime.settings import Listen

CLOSE_TIMEOUT = 0.2
"""Seconds that a request under way has at the end: a probe that is lost then is asked again of the next process."""


class CannotListen(Exception):
    """The port cannot be opened. The message is one line for the person who starts the process."""


Check = Callable[[], Awaitable[str | None]]
"""Answers what is wrong, or None when nothing is."""


class HealthServer:
    """Serves /healthz, /readyz and /metrics.

    /healthz asks whether the process turns: never whether Azure or the API server answer, which no restart mends.
    """

    def __init__(self, listen: Listen, *, alive: Check, ready: Check, metrics: Callable[[], bytes]) -> None:
        self._listen = listen
        self._alive, self._ready, self._metrics = alive, ready, metrics
        app = web.Application()
        app.router.add_get("/healthz", self._show_alive)
        app.router.add_get("/readyz", self._show_ready)
        app.router.add_get("/metrics", self._show_metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_TIMEOUT)

    async def start(self) -> Listen:
        """Open the port; the answer is where, which matters when port 0 was asked for. Raises `CannotListen`."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._listen.host, self._listen.port).start()
        except OSError as error:
            raise CannotListen(f"cannot listen on {self._listen}: {error.strerror or error}") from error
        return Listen(f"{self._listen.rpartition(':')[0]}:{self._runner.addresses[0][1]}")

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()

    async def _show_alive(self, _: web.Request) -> web.Response:
        return await self._probe(self._alive)

    async def _show_ready(self, _: web.Request) -> web.Response:
        return await self._probe(self._ready)

    async def _probe(self, check: Check) -> web.Response:
        problem = await check()
        return web.Response(text="ok\n") if problem is None else web.Response(text=f"{problem}\n", status=503)

    async def _show_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
