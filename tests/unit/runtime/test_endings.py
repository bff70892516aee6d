"""The process ends by itself, and not with success, when a part of it has ended."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from entrafed.domain.errors import WritesStopped
from entrafed.kube.access import Access, Kubeconfig
from entrafed.runtime.health import CannotListen, HealthServer
from entrafed.runtime.informer import Backoffs, Informer, WatchEnded
from entrafed.runtime.settings import Listen
from entrafed.runtime.watching import Feed
from entrafed.runtime.writes import WriteGate
from unit.runtime.test_watching import Heard

KINDS = {
    "/api/v1": {"namespaces": False},
    "/apis/entrafed.io/v1beta1": {"managedidentityfederations": True, "entraconnections": False},
    "/apis/apiextensions.k8s.io/v1": {"customresourcedefinitions": False},
}
VERBS = ["get", "list", "watch"]
BROKEN = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "planted"}}


async def api_server_with_a_broken_watch(request: web.Request) -> web.Response:
    if request.path == "/api":
        return web.json_response({"versions": ["v1"]})
    if request.path == "/apis":
        versions = [path.split("/")[2:] for path in KINDS if path.startswith("/apis/")]
        groups = [{"name": g, "versions": [{"version": v}], "preferredVersion": {"version": v}} for g, v in versions]
        return web.json_response({"groups": groups})
    if (found := KINDS.get(request.path)) is not None:
        kinds = [{"name": n, "kind": n, "namespaced": namespaced, "verbs": VERBS} for n, namespaced in found.items()]
        return web.json_response({"resources": kinds})
    if "watch" in request.query:
        return web.Response(text=json.dumps(BROKEN) + "\n")
    return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})


@pytest.fixture
async def access() -> AsyncIterator[Access]:
    app = web.Application()
    app.router.add_get("/{path:.*}", api_server_with_a_broken_watch)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there = Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield Access(Kubeconfig("x"), there, time.monotonic)
    await runner.cleanup()


async def test_the_end_of_the_watch_is_an_error_when_nobody_asked_for_it(access: Access) -> None:
    informer = Informer(access, Feed(Heard()))
    informer.start()

    with pytest.raises(WatchEnded):
        await asyncio.wait_for(informer.ended, 30)
    assert not await informer.is_alive()


async def test_a_watch_that_was_never_started_is_stopped_at_once(access: Access) -> None:
    await asyncio.wait_for(Informer(access, Feed(Heard())).stop(within=5.0), 1)


def test_no_write_passes_a_closed_gate() -> None:
    gate = WriteGate()
    gate.pass_through()
    gate.close()

    with pytest.raises(WritesStopped):
        gate.pass_through()


def test_backoffs_grow_to_a_bound_and_never_end() -> None:
    delays = [delay for delay, _ in zip(Backoffs(cap=8.0), range(8), strict=False)]

    assert delays == [0.5, 1, 2, 4, 8, 8, 8, 8]


@asynccontextmanager
async def serving(alive: str | None, ready: str | None) -> AsyncIterator[str]:
    async def say(problem: str | None) -> str | None:
        return problem

    server = HealthServer(
        Listen("127.0.0.1:0"), alive=lambda: say(alive), ready=lambda: say(ready), metrics=lambda: b"x 1\n"
    )
    try:
        yield f"http://{await server.start()}"
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/healthz", (200, "ok\n")), ("/readyz", (503, "not yet\n")), ("/metrics", (200, "x 1\n"))],
)
async def test_each_question_has_its_own_answer(path: str, expected: tuple[int, str]) -> None:
    async with (
        serving(alive=None, ready="not yet") as url,
        aiohttp.ClientSession() as session,
        session.get(url + path) as answer,
    ):
        assert (answer.status, await answer.text()) == expected


async def test_a_port_that_is_taken_is_told() -> None:
    async with serving(alive=None, ready=None) as url:
        taken = url.removeprefix("http://")
        server = HealthServer(Listen(taken), alive=nothing, ready=nothing, metrics=lambda: b"")
        try:
            with pytest.raises(CannotListen, match=f"cannot listen on {taken}"):
                await server.start()
        finally:
            await server.stop()


async def nothing() -> None:
    return None
