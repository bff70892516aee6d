"""Kopf as the informer: it lists, watches and reconnects; it is given no change handlers and writes nothing.

Kopf runs in a thread and an event loop of its own. It takes every task of its loop that was not there before it for its
own, waits five seconds for them at the end and cancels them; it also takes the signals of the main thread. Here neither
can touch the engine.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import kopf
import structlog

from entrafed.api.metadata import CONNECTIONS, FEDERATIONS, GROUP, VERSION
from entrafed.kube.access import Access
from entrafed.runtime.watching import Body, Feed

CONNECTIONS_TO_API_SERVER = 16  # three watches, and lists beside them; Kopf's own session has no limit
BEAT_TIMEOUT = 2.0  # seconds; a loop that needs longer for nothing is stuck
LOGIN_PAUSE = 2.0  # seconds; Kopf logs in anew at each 401 without a pause: 40 requests a second were seen
NEVER_USED = f"{GROUP}/no-finalizer-of-kopf"
"""Kopf takes the finalizer of this name off whatever it watches: ours must have another."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Backoffs:
    """Seconds between attempts, without end: an API server that is down for an hour is no reason to restart."""

    cap: float = 30.0

    def __iter__(self) -> Iterator[float]:
        delay = 0.5
        while True:
            yield delay
            delay = min(delay * 2, self.cap)


def kopf_settings() -> kopf.OperatorSettings:
    """Kopf's settings, where ours differ from its own."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # our events are written by the engine, one per transition
    settings.scanning.disabled = True  # needs no rights on CustomResourceDefinitions
    settings.peering.standalone = True  # an object named "default" of anybody's could pause us otherwise
    settings.persistence.finalizer = NEVER_USED
    settings.queueing.idle_timeout = 0.2  # seconds; at 5, a start with 10,000 objects keeps 10,000 tasks alive
    settings.queueing.exit_timeout = 1.0  # seconds; our handlers take none
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = 600
    settings.watching.client_timeout = 630
    settings.watching.connect_timeout = 10
    settings.watching.reconnect_backoff = 1.0
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = Backoffs()
    return settings


class Informer:
    """Tells a feed of every federation, connection and namespace, in the loop that it was started in.

    `ended` is done when Kopf has ended: with its exception when that was not asked for.
    """

    def __init__(self, access: Access, feed: Feed) -> None:
        self._access = access
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._kopf_loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stopping = threading.Event()
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> None:
        """Begin to list and watch."""
        # A daemon: whatever Kopf waits for, the process can end.
        threading.Thread(target=self._run, name="kopf", daemon=True).start()

    async def stop(self, *, within: float) -> None:
        """End in so many seconds, or leave Kopf to end with the process."""
        self._stopping.set()
        if self._kopf_loop is not None and self._stop is not None and not self.ended.done():
            self._call(self._kopf_loop, self._stop.set)
            await asyncio.wait([self.ended], timeout=within)

    async def is_alive(self) -> bool:
        """Whether Kopf's loop turns."""
        if self.ended.done():
            return False
        if self._kopf_loop is None:
            return True  # it was started a moment ago
        beat = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._kopf_loop)
        try:
            await asyncio.wait_for(asyncio.wrap_future(beat), BEAT_TIMEOUT)
        except TimeoutError:
            return False
        return True

    def _run(self) -> None:
        try:
            asyncio.run(self._operate())
        except BaseException as error:  # a thread has nobody else to tell
            self._call(self._loop, self._conclude, error)
        else:
            self._call(self._loop, self._conclude, None)

    async def _operate(self) -> None:
        self._stop = asyncio.Event()
        self._kopf_loop = asyncio.get_running_loop()
        if self._stopping.is_set():
            return
        await kopf.operator(registry=self._registry(), settings=kopf_settings(), clusterwide=True, stop_flag=self._stop)

    def _conclude(self, error: BaseException | None) -> None:
        if self.ended.done():
            return
        if self._stopping.is_set():
            self.ended.set_result(None)
        else:
            self.ended.set_exception(WatchEnded("watching the API server has ended", error))

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        pauses = itertools.chain([0.0], itertools.repeat(LOGIN_PAUSE))

        @kopf.on.login(id="log_in", registry=registry)
        async def log_in(**_: Any) -> kopf.AiohttpSession:
            await asyncio.sleep(next(pauses))
            session = self._access.session(connections=CONNECTIONS_TO_API_SERVER)
            return kopf.AiohttpSession(server=self._access.server, aiohttp_session=session)

        @kopf.on.event(GROUP, VERSION, FEDERATIONS, registry=registry)
        async def federation(event: kopf.RawEvent, **_: Any) -> None:
            self._hand_over(self._feed.federation, event)

        @kopf.on.event(GROUP, VERSION, CONNECTIONS, registry=registry)
        async def connection(event: kopf.RawEvent, **_: Any) -> None:
            self._hand_over(self._feed.connection, event)

        @kopf.on.event("", "v1", "namespaces", registry=registry)
        async def namespace(event: kopf.RawEvent, **_: Any) -> None:
            self._hand_over(self._feed.namespace, event)

        return registry

    def _hand_over(self, receive: Callable[[str | None, Body], None], event: kopf.RawEvent) -> None:
        self._call(self._loop, _receive, receive, event["type"], event["object"])

    def _call(self, loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: object) -> None:
        try:
            loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            log.debug("too late", function=getattr(function, "__name__", "?"))  # that loop has ended already


def _receive(receive: Callable[[str | None, Body], None], change: str | None, body: Body) -> None:
    try:
        receive(change, body)
    except Exception:
        metadata = body.get("metadata") or {}
        log.exception("event not understood", name=metadata.get("name"), namespace=metadata.get("namespace"))


class WatchEnded(Exception):
    """Kopf ended although nobody asked it to: what happens in the cluster would not be heard any more."""
