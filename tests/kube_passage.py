"""A way to the API server on which single requests of the operator can be stopped: in its place stands this proxy."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import trustme
import yaml
from aiohttp import web

from kube_world import Cluster

OF_ONE_CONNECTION = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}
Seen = Callable[[str, str, int], None]
"""Called with the method, path and status of each request when the API server begins to answer."""


def _unseen(_method: str, _path: str, _status: int) -> None:
    pass


@dataclass
class Hold:
    """The next request of this method whose path matches (is searched) stops here until somebody decides."""

    method: str
    path: str
    hits: int = 0
    _decided: asyncio.Event = field(default_factory=asyncio.Event)
    _goes_on: bool = False

    def stops(self, request: web.BaseRequest) -> bool:
        """Whether this request stops here, and then it counts."""
        if self.hits or request.method != self.method or not re.search(self.path, request.path):
            return False
        self.hits += 1
        return True

    def let_go(self) -> None:
        """Let it go on, whether or not the operator still waits for the answer."""
        self._goes_on = True
        self._decided.set()

    def drop(self) -> None:
        """Let it never have reached the API server."""
        self._decided.set()

    async def goes_on(self) -> bool:
        await self._decided.wait()
        return self._goes_on


class Passage:
    """Passes on whatever it is sent, token and all, and streams the answers back. `kubeconfig` leads through it."""

    def __init__(self, cluster: Cluster, session: aiohttp.ClientSession, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._url = cluster.plane.url
        self._session = session
        self._holds: list[Hold] = []
        self.seen: Seen = _unseen

    def hold(self, method: str, path: str) -> Hold:
        """Stop the next request of this method whose path matches (is searched)."""
        made = Hold(method, path)
        self._holds.append(made)
        return made

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Pass on one request."""
        body = await request.read()
        stopped = next((hold for hold in self._holds if hold.stops(request)), None)
        if stopped is not None and not await stopped.goes_on():
            return web.Response(status=503)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in OF_ONE_CONNECTION}
        async with self._session.request(
            request.method, self._url + request.path_qs, headers=headers, data=body or None
        ) as told:
            self.seen(request.method, request.path, told.status)
            passed = {name: value for name, value in told.headers.items() if name.lower() not in OF_ONE_CONNECTION}
            answer = web.StreamResponse(status=told.status, headers=passed)
            with contextlib.suppress(ConnectionResetError):  # the operator is gone
                await answer.prepare(request)
                async for chunk in told.content.iter_any():
                    await answer.write(chunk)
            return answer


@contextlib.asynccontextmanager
async def passage(cluster: Cluster, ca: trustme.CA, directory: Path) -> AsyncIterator[Passage]:
    """A passage on a port of its own."""
    listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(listening)
    trusting = ssl.create_default_context(cafile=cluster.plane.ca_path)
    connector = aiohttp.TCPConnector(ssl=trusting, limit=0)
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(), auto_decompress=False
    ) as session:
        made = Passage(cluster, session, directory / "kubeconfig")
        runner = web.ServerRunner(web.Server(made.answer, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=listening).start()
        _write_kubeconfig(made.kubeconfig, cluster, ca, port=runner.addresses[0][1])
        try:
            yield made
        finally:
            await runner.cleanup()


def _write_kubeconfig(path: Path, cluster: Cluster, ca: trustme.CA, *, port: int) -> None:
    ca_path = path.with_name("ca.pem")
    ca.cert_pem.write_to_path(ca_path)
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"] = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(ca_path)}
    config["users"][0]["user"] = {"tokenFile": str(cluster.token_file)}
    path.write_text(yaml.safe_dump(config))
