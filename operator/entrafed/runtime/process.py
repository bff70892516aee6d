"""The life of the process: start, watch and reconcile, end."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

import structlog

from entrafed.domain.errors import KubeProblem
from entrafed.kube.access import Access
from entrafed.kube.api_server import ApiServer
from entrafed.kube.client import Client
from entrafed.kube.cluster import NotInstalled, cluster_id, list_federation_uids
from entrafed.runtime.clock import SystemClock
from entrafed.runtime.health import HealthServer
from entrafed.runtime.informer import Backoffs, Informer
from entrafed.runtime.metrics import Metrics
from entrafed.runtime.settings import Settings
from entrafed.runtime.watching import Feed, Watcher
from entrafed.runtime.writes import WriteGate

ENGINE_GRACE = 3.5  # seconds: writes in flight get 3 from the engine itself
KOPF_GRACE = 1.0  # seconds; it needs none, unless the API server hangs
LOOK_AGAIN = 5.0  # seconds between looks for objects that were listed, and deleted before the watch began

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Engine(Watcher, Protocol):
    """What the process needs of the engine besides telling it what it saw."""

    @property
    def ready(self) -> bool:
        """Whether every object that was listed at the start has been seen."""
        ...

    def listed(self, uids: frozenset[str]) -> None:
        """The uids of all federations at the start."""
        ...

    async def run(self) -> None:
        """Reconcile until stopped; returns or raises."""
        ...

    async def stop(self) -> None:
        """Start no more work, and wait for what is under way."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """What an engine is made of, besides its settings."""

    kube: ApiServer
    cluster_id: str
    clock: SystemClock
    metrics: Metrics
    gate: WriteGate


Build = Callable[[Settings, World], AbstractAsyncContextManager[Engine]]
"""Makes the engine and what it needs of Microsoft; closing the context closes their connections."""


class Ending(Enum):
    """How the process ended; the value is its exit code."""

    STOPPED = 0
    FAILED = 1


@dataclass(frozen=True, slots=True)
class Start:
    """What must be known before anything is reconciled."""

    cluster_id: str
    uids: frozenset[str]


class Process:
    """One run of the operator. `stop` is set by a signal."""

    def __init__(self, settings: Settings, access: Access, build: Build, stop: asyncio.Event) -> None:
        self._settings = settings
        self._access = access
        self._build = build
        self._stop = stop
        self._clock = SystemClock()
        self._metrics = Metrics(self._clock.monotonic)
        self._gate = WriteGate()
        self._engine: Engine | None = None
        self._informer: Informer | None = None

    async def run(self) -> Ending:
        """Run until `stop` is set or something ends that must not. Raises `CannotListen`."""
        health = HealthServer(
            self._settings.listen, alive=self._what_is_dead, ready=self._what_is_missing, metrics=self._metrics.render
        )
        log.info("started", listen=await health.start(), api_server=self._access.server)
        try:
            async with self._client() as client:
                start = await self._unless_stopped(self._find_start(client))
                return Ending.STOPPED if start is None else await self._reconcile(client, start)
        finally:
            await health.stop()

    async def _reconcile(self, client: Client, start: Start) -> Ending:
        world = World(
            kube=ApiServer.over(client, self._clock, instance=socket.gethostname()),
            cluster_id=start.cluster_id,
            clock=self._clock,
            metrics=self._metrics,
            gate=self._gate,
        )
        async with self._build(self._settings, world) as engine:
            engine.listed(start.uids)
            self._engine, self._informer = engine, Informer(self._access, Feed(engine))
            self._informer.start()
            running = asyncio.create_task(engine.run(), name="engine")
            looking = asyncio.create_task(self._tick_off_the_deleted(client, engine, start.uids), name="start")
            try:
                return await self._until_an_end(running, self._informer)
            finally:
                looking.cancel()
                await self._end(engine, self._informer, running)

    async def _until_an_end(self, running: asyncio.Task[None], informer: Informer) -> Ending:
        stopped = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait((stopped, running, informer.ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        if self._stop.is_set():
            log.info("stopping")
            return Ending.STOPPED
        ended: asyncio.Future[None] = running if running.done() else informer.ended
        log.error("ended by itself", part="engine" if running.done() else "watch", exc_info=ended.exception())
        return Ending.FAILED

    async def _end(self, engine: Engine, informer: Informer, running: asyncio.Task[None]) -> None:
        self._gate.close()
        await asyncio.gather(_bounded(engine.stop(), ENGINE_GRACE), informer.stop(within=KOPF_GRACE))
        running.cancel()
        await asyncio.wait([running], timeout=0.2)

    async def _find_start(self, client: Client) -> Start:
        for delay in Backoffs():
            try:
                return Start(await cluster_id(client), await list_federation_uids(client))
            except (KubeProblem, NotInstalled) as problem:
                log.warning("waiting for the API server", problem=str(problem), again_in_seconds=delay)
            await self._clock.sleep(delay)
        raise AssertionError("the backoffs have no end")

    async def _tick_off_the_deleted(self, client: Client, engine: Engine, listed: frozenset[str]) -> None:
        """What is deleted between our list and Kopf's is never seen and never reported as gone by anybody else."""
        while not engine.ready:
            await self._clock.sleep(LOOK_AGAIN)
            try:
                present = await list_federation_uids(client)
            except (KubeProblem, NotInstalled) as problem:
                log.warning("cannot list again", problem=str(problem))
                continue
            for uid in listed - present:
                engine.federation_gone(uid)

    async def _unless_stopped(self, work: Coroutine[None, None, T]) -> T | None:
        """The result of some work, or None when the process is stopped first."""
        task, stopped = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        done, pending = await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        for left in pending:
            left.cancel()
        return task.result() if task in done else None

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        client = Client(self._access.client(connections=32), self._gate.pass_through)
        try:
            yield client
        finally:
            await client.close()

    async def _what_is_dead(self) -> str | None:
        if self._informer is not None and not await self._informer.is_alive():
            return "the watch of the API server is dead"
        return None

    async def _what_is_missing(self) -> str | None:
        if self._engine is None:
            return "waiting for the API server"
        return None if self._engine.ready else "not every ManagedIdentityFederation has been seen yet"


async def _bounded(work: Awaitable[None], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(work, seconds)
