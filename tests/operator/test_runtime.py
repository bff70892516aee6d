"""The process itself, on a real API server, around an engine that records what it is told."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from entrafed.api.metadata import CONNECTIONS, FEDERATIONS
from entrafed.kube.access import Access, Kubeconfig
from entrafed.runtime.process import Ending, Process, World
from entrafed.runtime.settings import Settings, load_settings
from kube_world import Cluster, cluster
from operator_process import ENDS_WITHIN, PATIENCE, until
from recording_operator import RecordingEngine

__all__ = ["cluster"]

PROGRAM = Path(__file__).parents[1] / "recording_operator.py"


class Running:
    """A process of ours, and what its engine was told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout
        assert process.stderr
        self.process = process
        self.told: list[list[str]] = []
        self.logged: list[dict[str, Any]] = []
        self.readers = asyncio.gather(_read(process.stdout, self.told), _read(process.stderr, self.logged))

    async def until_told(self, *words: str) -> None:
        async def was_told() -> bool:
            return any(line[: len(words)] == list(words) for line in self.told)

        await self._until(was_told, f"told {words}")

    async def until_logged(self, event: str) -> dict[str, Any]:
        async def was_logged() -> bool:
            return any(line["event"] == event for line in self.logged)

        await self._until(was_logged, f"logged {event!r}")
        return next(line for line in self.logged if line["event"] == event)

    async def ask(self, path: str) -> tuple[int, str]:
        listen = (await self.until_logged("started"))["listen"]
        async with aiohttp.ClientSession() as session, session.get(f"http://{listen}{path}") as answer:
            return answer.status, await answer.text()

    async def until_ready(self) -> None:
        await self._until(self._is_ready, "ready")

    async def _is_ready(self) -> bool:
        return (await self.ask("/readyz"))[0] == 200

    async def end(self) -> tuple[int, float]:
        """Exit code, and seconds from SIGTERM to the end; then all that it said has been read."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), PATIENCE)
        ended = time.monotonic()
        await self.readers
        return code, ended - started

    async def _until(self, condition: Callable[[], Awaitable[bool]], wanted: str) -> None:
        try:
            await until(condition, wanted)
        except AssertionError as error:
            raise AssertionError(f"{error}; told {self.told[-5:]}, logged {self.logged[-5:]}") from None


@asynccontextmanager
async def running(kubeconfig: Path, *, stop_after: float = 0.0) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        str(kubeconfig),
        str(stop_after),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    operator = Running(process)
    try:
        yield operator
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await operator.readers


async def _read(stream: asyncio.StreamReader, lines: list[Any]) -> None:
    while line := await stream.readline():
        lines.append(json.loads(line))


async def test_the_engine_hears_of_every_kind(cluster: Cluster) -> None:
    before = await cluster.new_federation(await cluster.new_namespace())
    async with running(cluster.kubeconfig) as operator:
        await operator.until_told("listed")
        assert before["metadata"]["uid"] in operator.told[0]
        await operator.until_told("federation", "web", before["metadata"]["uid"], "living")
        namespace = await cluster.new_namespace(team="payments")
        await operator.until_told("namespace", namespace, "payments")
        made = await cluster.new_connection()
        await operator.until_told("connection", made["metadata"]["name"])
        later = await cluster.new_federation(namespace, "later")
        await operator.until_told("federation", "later", later["metadata"]["uid"], "living")
        await cluster.plane.kubectl("delete", FEDERATIONS, "later", "-n", namespace)
        await operator.until_told("federation_gone", later["metadata"]["uid"])
        await cluster.plane.kubectl("delete", CONNECTIONS, made["metadata"]["name"])
        await operator.until_told("connection_gone", made["metadata"]["name"])
        await cluster.plane.kubectl("delete", "namespace", namespace)
        await operator.until_told("namespace_gone", namespace)


async def test_it_is_alive_then_ready_and_shows_metrics(cluster: Cluster) -> None:
    async with running(cluster.kubeconfig) as operator:
        assert (await operator.ask("/healthz")) == (200, "ok\n")
        await operator.until_ready()
        status, metrics = await operator.ask("/metrics")

    assert status == 200
    assert "entrafed_azure_requests_total" in metrics
    assert "process_resident_memory_bytes" in metrics


async def test_sigterm_ends_it_at_once_when_nothing_is_under_way(cluster: Cluster) -> None:
    async with running(cluster.kubeconfig) as operator:
        await operator.until_ready()
        code, seconds = await operator.end()

    assert code == 0
    assert seconds < ENDS_WITHIN
    assert ["stopped"] in operator.told  # what the watch still shows may come after it


async def test_sigterm_ends_it_within_five_seconds_when_the_engine_hangs(cluster: Cluster) -> None:
    async with running(cluster.kubeconfig, stop_after=60) as operator:
        await operator.until_ready()
        code, seconds = await operator.end()

    assert code == 0
    assert seconds < ENDS_WITHIN


async def test_sigterm_ends_it_while_it_still_waits_for_the_api_server(cluster: Cluster, tmp_path: Path) -> None:
    elsewhere = tmp_path / "kubeconfig"
    at_closed_port = cluster.kubeconfig.read_text().replace(cluster.plane.url, "https://127.0.0.1:1")
    elsewhere.write_text(at_closed_port.replace("tokenFile: ", f"tokenFile: {cluster.directory}/"))
    async with running(elsewhere) as operator:
        await operator.until_logged("waiting for the API server")
        assert (await operator.ask("/readyz"))[0] == 503
        assert (await operator.ask("/healthz"))[0] == 200
        code, seconds = await operator.end()

    assert code == 0
    assert seconds < ENDS_WITHIN


async def test_a_start_writes_nothing(cluster: Cluster) -> None:
    await cluster.new_federation(await cluster.new_namespace())
    before = await cluster.writes()
    for _ in range(2):
        async with running(cluster.kubeconfig) as operator:
            await operator.until_ready()
            await operator.end()

    assert await cluster.writes() == before


async def test_the_test_for_writes_sees_a_write(cluster: Cluster) -> None:
    namespace = await cluster.new_namespace()
    before = await cluster.writes()
    await cluster.new_federation(namespace)

    assert await cluster.writes() == before + 1


async def test_a_token_replaced_while_it_runs_is_presented_by_the_watch(cluster: Cluster) -> None:
    cluster.token_file.write_text("not-a-token\n")
    try:
        async with running(cluster.kubeconfig) as operator:
            refused = await operator.until_logged("waiting for the API server")
            cluster.token_file.write_text(await cluster.new_token() + "\n")
            await operator.until_ready()
            made = await cluster.new_connection()
            await operator.until_told("connection", made["metadata"]["name"])
    finally:
        cluster.token_file.write_text(await cluster.new_token() + "\n")
    assert "401" in refused["problem"]


class FailingEngine(RecordingEngine):
    async def run(self) -> None:
        raise RuntimeError("planted")


@asynccontextmanager
async def fail(settings: Settings, world: World) -> AsyncIterator[FailingEngine]:
    yield FailingEngine(0.0)


async def test_an_engine_that_fails_ends_the_process_without_success(cluster: Cluster) -> None:
    access = await Access.open(Kubeconfig(str(cluster.kubeconfig)), time.monotonic)
    process = Process(load_settings({"listen": "127.0.0.1:0"}), access, fail, asyncio.Event())

    assert await asyncio.wait_for(process.run(), PATIENCE) is Ending.FAILED
