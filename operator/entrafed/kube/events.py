"""Kubernetes events: one POST each, in the group that has `action` and `regarding`."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from entrafed.api.metadata import GROUP, VERSION
from entrafed.domain.errors import KubeProblem, WritesStopped
from entrafed.domain.events import Event
from entrafed.kube.client import Client, Json, path_of

CONTROLLER = f"{GROUP}/operator"
NAMESPACE_OF_THE_CLUSTER = "default"
"""Where the API server wants events about objects that have no namespace."""

LONGEST_NOTE = 1024  # characters; https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
LONGEST_NAME = 230  # characters of the object's name in the event's own, which may have 253

log = structlog.get_logger(__name__)


class Recorder:
    """Writes events. `now` is seconds since the epoch; `instance` tells this process from others, usually its host."""

    def __init__(self, client: Client, *, now: Callable[[], float], instance: str) -> None:
        self._client = client
        self._now = now
        self._instance = instance
        self._count = itertools.count()

    async def record(self, event: Event) -> None:
        """Write one event. An event that the API server does not take is logged and lost."""
        body = self._body(event)
        path = path_of("apis", "events.k8s.io", "v1", "namespaces", body["metadata"]["namespace"], "events")
        try:
            await self._client.post(path, body)
        except (KubeProblem, WritesStopped) as problem:
            log.warning(
                "event lost", namespace=event.regarding.namespace, name=event.regarding.name, problem=str(problem)
            )

    def _body(self, event: Event) -> Json:
        at = self._now()
        regarding = event.regarding
        suffix = f"{int(at * 1_000_000):x}{next(self._count) % 4096:03x}"
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{regarding.name[:LONGEST_NAME].rstrip('-.')}.{suffix}",
                "namespace": regarding.namespace or NAMESPACE_OF_THE_CLUSTER,
            },
            "eventTime": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance[:128],
            "type": event.type.value,
            "reason": event.reason.value,
            "action": event.action,
            "note": shortened(event.note),
            "regarding": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": event.kind.value,
                "namespace": regarding.namespace or "",
                "name": regarding.name,
                "uid": regarding.uid,
                "resourceVersion": regarding.resource_version,
            },
        }


def shortened(note: str) -> str:
    """A note as long as the API server takes it, which counts bytes."""
    if len(note.encode()) <= LONGEST_NOTE:
        return note
    return note.encode()[: LONGEST_NOTE - 3].decode(errors="ignore") + "…"
