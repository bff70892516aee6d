"""Finalizers by one JSON patch, which tests that the object is still the one that was read.

A JSON patch, because the list belongs to everybody: server-side apply would have us own the whole object's presence,
and a merge patch replaces what others wrote meanwhile.
"""

from collections.abc import Sequence

from entrafed.api.metadata import Metadata

Patch = list[dict[str, object]]


def adding(metadata: Metadata, finalizer: str) -> Patch:
    """The patch that puts a finalizer behind those that are there."""
    if metadata.finalizers:
        return [_unchanged(metadata), {"op": "add", "path": "/metadata/finalizers/-", "value": finalizer}]
    return replacing(metadata, [finalizer])  # there is no list to append to: `add` with `/-` would be refused


def removing(metadata: Metadata, finalizer: str) -> Patch:
    """The patch that takes a finalizer away and leaves the others. Raises ValueError when it is not there."""
    path = f"/metadata/finalizers/{metadata.finalizers.index(finalizer)}"
    return [_unchanged(metadata), {"op": "remove", "path": path}]


def replacing(metadata: Metadata, finalizers: Sequence[str]) -> Patch:
    """The patch after which exactly these are there."""
    return [_unchanged(metadata), {"op": "add", "path": "/metadata/finalizers", "value": list(finalizers)}]


def _unchanged(metadata: Metadata) -> dict[str, object]:
    return {"op": "test", "path": "/metadata/resourceVersion", "value": metadata.resource_version}
