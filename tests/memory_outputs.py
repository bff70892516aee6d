"""Service accounts and ConfigMaps of a cluster in memory: who holds which annotation or entry.

As much of field management as the operator meets. A test on a real API server shows that it behaves like this.
"""

from collections.abc import Mapping
from typing import Any

from entrafed.api.metadata import Metadata
from entrafed.api.states import OutputKind
from entrafed.domain.errors import KubeConflict
from entrafed.domain.output_plan import Remove, Write
from entrafed.domain.outputs import KEYS, MADE_FOR, ObservedOutput, field_manager

Body = dict[str, Any]

MANAGERS = "managers"
"""Where a body in memory tells who holds a key: the sense of `managedFields`, not its form."""


def values_of(body: Body) -> dict[str, str]:
    """The annotations of a service account, or the entries of a ConfigMap."""
    holder = body if body["kind"] == OutputKind.CONFIG_MAP else body["metadata"]
    values: dict[str, str] = holder.setdefault("data" if holder is body else "annotations", {})
    return values


def managers_of(body: Body) -> dict[str, list[str]]:
    managers: dict[str, list[str]] = body["metadata"].setdefault(MANAGERS, {})
    return managers


def observed(body: Body, federation: Metadata) -> ObservedOutput:
    kind, metadata = OutputKind(body["kind"]), body["metadata"]
    values, managers = values_of(body), managers_of(body)
    return ObservedOutput(
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        values={key: values[key] for key in KEYS[kind] if key in values},
        managers={key: frozenset(managers.get(key, ())) for key in KEYS[kind]},
        made_for=metadata.get("annotations", {}).get(MADE_FOR) if kind is OutputKind.CONFIG_MAP else None,
        follows=metadata.get("owner") == federation.uid,
    )


def update(body: Body, key: str, value: str | None, manager: str) -> None:
    """Set or remove a value as an update does: who changes it takes it from all who held it."""
    values, managers = values_of(body), managers_of(body)
    if value is None:
        values.pop(key, None)
        managers.pop(key, None)
    else:
        holders = managers.get(key, []) if values.get(key) == value else []
        values[key], managers[key] = value, sorted({*holders, manager})


def apply(body: Body, wanted: Mapping[str, str], manager: str) -> None:
    """Server-side apply, not forced: raises `KubeConflict`; what is left out is given up."""
    values, managers = values_of(body), managers_of(body)
    for key, value in wanted.items():
        if values.get(key) not in (None, value) and set(managers.get(key, ())) - {manager}:
            raise KubeConflict(f"{key} is held by {managers[key]}")
    for key in [key for key in KEYS[OutputKind.SERVICE_ACCOUNT] if manager in managers.get(key, ())]:
        managers[key].remove(manager)
        if not managers[key] and key not in wanted:
            del values[key], managers[key]
    for key, value in wanted.items():
        values[key], managers[key] = value, sorted({*managers.get(key, ()), manager})


def new_config_map(federation: Metadata, name: str) -> Body:
    """A ConfigMap that was made for a federation, still empty."""
    metadata = {"namespace": federation.namespace, "name": name, "annotations": {MADE_FOR: federation.name}}
    return {"kind": "ConfigMap", "metadata": metadata}


def change(body: Body, federation: Metadata, step: Write | Remove) -> None:
    """What a step of the operator makes of a service account, or of a ConfigMap that stays."""
    manager = field_manager(federation.namespace or "", federation.name)
    if body["kind"] == OutputKind.SERVICE_ACCOUNT:
        apply(body, step.content.values if isinstance(step, Write) else {}, manager)
    elif isinstance(step, Write):
        for key, value in step.content.values.items():
            update(body, key, value, manager)
        body["metadata"]["owner"] = federation.uid if step.content.follows else None
