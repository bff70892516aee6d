"""The real process around an engine that only writes down, one JSON line each on stdout, what it is told."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from entrafed.api.connection import Connection
from entrafed.api.federation import Federation
from entrafed.api.metadata import Metadata
from entrafed.domain.rules import Namespace
from entrafed.runtime.main import run
from entrafed.runtime.process import World
from entrafed.runtime.settings import Settings, load_settings


class RecordingEngine:
    """Ready when every listed object was seen or is gone. Stopping takes it `stop_after` seconds."""

    def __init__(self, stop_after: float) -> None:
        self._stop_after = stop_after
        self._unseen: frozenset[str] | None = None
        self._stopped = asyncio.Event()

    @property
    def ready(self) -> bool:
        return self._unseen == frozenset()

    def listed(self, uids: frozenset[str]) -> None:
        self._unseen = uids
        _tell("listed", *sorted(uids))

    def saw_federation(self, federation: Federation) -> None:
        self._tick_off(federation.metadata.uid)
        metadata = federation.metadata
        _tell("federation", metadata.name, metadata.uid, "leaving" if metadata.deletion_timestamp else "living")

    def federation_gone(self, uid: str) -> None:
        self._tick_off(uid)
        _tell("federation_gone", uid)

    def saw_connection(self, connection: Connection) -> None:
        _tell("connection", connection.metadata.name)

    def connection_gone(self, name: str) -> None:
        _tell("connection_gone", name)

    def saw_namespace(self, namespace: Namespace) -> None:
        _tell("namespace", namespace.name, namespace.labels.get("team", ""))

    def namespace_gone(self, name: str) -> None:
        _tell("namespace_gone", name)

    def saw_invalid(self, metadata: Metadata, message: str) -> None:
        _tell("invalid", metadata.name, message)

    async def run(self) -> None:
        await self._stopped.wait()

    async def stop(self) -> None:
        await asyncio.sleep(self._stop_after)
        _tell("stopped")
        self._stopped.set()

    def _tick_off(self, uid: str) -> None:
        self._unseen = (self._unseen or frozenset()) - {uid}


def _tell(*words: str) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def record(settings: Settings, world: World) -> AsyncIterator[RecordingEngine]:
    yield RecordingEngine(settings.revocation_delay_seconds)


if __name__ == "__main__":
    kubeconfig, stop_after = sys.argv[1:]
    sys.exit(
        run(
            load_settings({"kubeconfig": kubeconfig, "listen": "127.0.0.1:0", "revocation_delay_seconds": stop_after}),
            record,
        )
    )
