"""What the answers of the API server mean for a writer."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from entrafed.domain.errors import KubeConflict, KubeForbidden, KubeGone, KubeProblem, WritesStopped
from entrafed.kube.access import Access, Kubeconfig
from entrafed.kube.client import Body, Client
from entrafed.kube.cluster import cluster_issuer, list_uids

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def api_server(
    folder: Path, answer: Answer, may_write: Callable[[], None] = lambda: None
) -> AsyncIterator[Client]:
    """A client of an API server that answers everything with `answer`. The token it presents is in `folder`/token."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    (folder / "token").write_text("first\n")
    (folder / "kubeconfig").write_text(
        yaml.safe_dump(
            {
                "current-context": "x",
                "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "x", "user": {"tokenFile": "token"}}],
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            }
        )
    )
    access = await Access.open(Kubeconfig(str(folder / "kubeconfig")), time.monotonic)
    client = Client(access.client(connections=2), may_write)
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


def always(status: int, body: object) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return answer


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (404, {}, KubeGone),
        (409, {"message": "the object has been modified"}, KubeConflict),
        (422, {"message": "the server rejected our request", "details": {}}, KubeConflict),
        (422, {"message": "is invalid", "details": {"causes": [{"field": "spec"}]}}, KubeProblem),
        (403, {"message": f'configmaps "{"x" * 253}" is forbidden: User "me" cannot get resource'}, KubeForbidden),
        (403, {"message": 'configmaps "x" is forbidden: exceeded quota: none, requested: 1'}, KubeProblem),
        (403, {"message": 'configmaps "x" is forbidden: unable to create new content in namespace y'}, KubeProblem),
        (500, {"message": "duplicate entries for key"}, KubeProblem),
        (503, "not an object", KubeProblem),
    ],
)
async def test_an_answer_that_is_not_success(
    status: int, body: object, meaning: type[Exception], tmp_path: Path
) -> None:
    async with api_server(tmp_path, always(status, body)) as client:
        with pytest.raises(KubeProblem) as caught:
            await client.patch("/x", {}, Body.JSON_PATCH, [])

    assert type(caught.value) is meaning
    assert f"PATCH /x with {status}" in str(caught.value)


async def test_a_long_message_stays_one_short_line(tmp_path: Path) -> None:
    async with api_server(tmp_path, always(500, {"message": "no\n" * 500})) as client:
        with pytest.raises(KubeProblem) as caught:
            await client.get("/x")

    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


async def test_success_that_is_not_json_is_a_problem(tmp_path: Path) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>")

    async with api_server(tmp_path, page) as client:
        with pytest.raises(KubeProblem, match="not JSON"):
            await client.get("/x")


async def test_an_api_server_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    async with api_server(tmp_path, always(200, {})):
        access = await Access.open(Kubeconfig(str(tmp_path / "kubeconfig")), time.monotonic)
    late = Client(access.client(connections=1), lambda: None)
    try:
        with pytest.raises(KubeProblem, match="cannot reach the API server"):
            await late.get("/x")
    finally:
        await late.close()


async def test_a_token_replaced_in_its_file_is_presented_after_a_refusal(tmp_path: Path) -> None:
    presented: list[str | None] = []

    async def picky(request: web.Request) -> web.Response:
        presented.append(request.headers.get("Authorization"))
        return web.json_response({"ok": True}, status=200 if presented[-1] == "Bearer second" else 401)

    async with api_server(tmp_path, picky) as client:
        (tmp_path / "token").write_text("second\n")
        answer = await client.patch("/x", {}, Body.JSON_PATCH, [{"op": "test"}])

    assert answer == {"ok": True}
    assert presented == ["Bearer first", "Bearer second"]


async def test_the_same_refused_token_is_not_presented_twice(tmp_path: Path) -> None:
    asked: list[str] = []

    async def refuse(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"message": "Unauthorized"}, status=401)

    async with api_server(tmp_path, refuse) as client:
        with pytest.raises(KubeProblem, match="401"):
            await client.get("/x")

    assert asked == ["/x"]


async def test_when_writes_are_stopped_only_reads_are_sent(tmp_path: Path) -> None:
    sent: list[str] = []

    async def note(request: web.Request) -> web.Response:
        sent.append(request.method)
        return web.json_response({})

    def refuse() -> None:
        raise WritesStopped("the process is ending")

    async with api_server(tmp_path, note, refuse) as client:
        with pytest.raises(WritesStopped):
            await client.patch("/x", {}, Body.APPLY, {})
        with pytest.raises(WritesStopped):
            await client.post("/x", {})
        await client.get("/x")

    assert sent == ["GET"]


async def test_a_list_without_anything_is_empty(tmp_path: Path) -> None:
    async with api_server(tmp_path, always(200, {"metadata": {}, "items": None})) as client:
        assert await list_uids(client, "x") == frozenset()


async def test_a_list_is_read_to_its_last_page(tmp_path: Path) -> None:
    async def pages(request: web.Request) -> web.Response:
        last = request.query.get("continue") == "more"
        item = {"metadata": {"uid": "b" if last else "a"}}
        return web.json_response({"metadata": {} if last else {"continue": "more"}, "items": [item]})

    async with api_server(tmp_path, pages) as client:
        assert await list_uids(client, "x") == {"a", "b"}


async def test_the_issuer_keeps_the_slash_that_the_cluster_gives_it(tmp_path: Path) -> None:
    async with api_server(tmp_path, always(200, {"issuer": "https://issuer.example/"})) as client:
        assert await cluster_issuer(client) == "https://issuer.example/"


async def test_the_issuer_is_not_asked_of_the_same_api_server_again_and_again(tmp_path: Path) -> None:
    """Behind one address are several, which may announce different issuers: each connection leads to one."""
    connections: list[object] = []

    async def answer(request: web.Request) -> web.Response:
        connections.append(request.transport)
        return web.json_response({"issuer": "https://issuer.example/"})

    async with api_server(tmp_path, answer) as client:
        for _ in range(3):
            await client.get("/other")
            await cluster_issuer(client)

    asked = connections[1::2]
    assert len({id(connection) for connection in asked}) == 3


@pytest.mark.parametrize("document", [{}, {"issuer": ""}, {"issuer": 7}, []])
async def test_a_discovery_document_without_issuer_is_a_problem(document: object, tmp_path: Path) -> None:
    async with api_server(tmp_path, always(200, document)) as client:
        with pytest.raises(KubeProblem, match="names no issuer"):
            await cluster_issuer(client)
