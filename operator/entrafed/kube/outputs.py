"""Annotations of service accounts, and ConfigMaps: what the operator writes into namespaces where it is asked to.

A service account is somebody else's: server-side apply, never forced, of our annotations alone. It names the uid and
the resourceVersion that were read: the API server refuses to make an object that has a uid, and to change one that has
changed. A ConfigMap is ours: created, and changed by a merge patch, as nobody else's fields are in it.
"""

from entrafed.api.metadata import FEDERATION_KIND, GROUP, VERSION, Metadata
from entrafed.api.states import OutputKind
from entrafed.domain.errors import KubeGone, KubeProblem
from entrafed.domain.output_plan import Remove, Write
from entrafed.domain.outputs import (
    KEYS,
    MADE_BY_US,
    MADE_FOR,
    MANAGED_BY,
    Content,
    ObservedOutput,
    Output,
    field_manager,
)
from entrafed.kube.client import Body, Client, Json, path_of

_PLURALS = {OutputKind.SERVICE_ACCOUNT: "serviceaccounts", OutputKind.CONFIG_MAP: "configmaps"}


class Outputs:
    """Reads and writes outputs; one call is one request, and nothing is retried here."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, federation: Metadata, output: Output) -> ObservedOutput | None:
        """What is there; raises `KubeForbidden` or `KubeProblem`."""
        try:
            body = await self._client.get(_path(federation, output))
        except KubeGone:
            return None
        try:
            return _observed(body, federation, output.kind)
        except (KeyError, TypeError, AttributeError) as error:
            raise KubeProblem(f"the API server answered with a {output.kind} that cannot be read") from error

    async def change(
        self, federation: Metadata, output: Output, observed: ObservedOutput | None, step: Write | Remove
    ) -> None:
        """Take a step at what is as it was `observed`; raises `KubeConflict` when it is not."""
        content = step.content if isinstance(step, Write) else None
        if output.kind is OutputKind.SERVICE_ACCOUNT:
            await self._annotate(federation, output, observed, content)
        elif observed is None and content is not None:
            await self._create(federation, output, content)
        elif observed is not None and content is not None:
            await self._patch(federation, output, observed, content)
        elif observed is not None:
            path = _path(federation, output)
            await self._client.delete(path, uid=observed.uid, resource_version=observed.resource_version)

    async def _annotate(
        self, federation: Metadata, output: Output, observed: ObservedOutput | None, content: Content | None
    ) -> None:
        """Without content what was ours goes: what an apply leaves out is given up, and stays where others hold it."""
        if observed is None:
            raise KubeGone(f"{output} is not there")
        metadata = {
            "name": output.name,
            "namespace": federation.namespace,
            "uid": observed.uid,
            "resourceVersion": observed.resource_version,
            **({"annotations": dict(content.values)} if content else {}),
        }
        body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        query = {**_writer(federation), "force": "false"}
        await self._client.patch(_path(federation, output), query, Body.APPLY, body)

    async def _create(self, federation: Metadata, output: Output, content: Content) -> None:
        """By a creation, which never meets what somebody else made a moment before: an apply would add to it."""
        metadata = {
            "name": output.name,
            "namespace": federation.namespace,
            "labels": {MANAGED_BY: MADE_BY_US},
            "annotations": {MADE_FOR: federation.name},
            "ownerReferences": [_reference(federation)] if content.follows else [],
        }
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(content.values)}
        await self._client.post(_folder(federation, output.kind), body, _writer(federation))

    async def _patch(self, federation: Metadata, output: Output, observed: ObservedOutput, content: Content) -> None:
        metadata = {
            "uid": observed.uid,
            "resourceVersion": observed.resource_version,
            "ownerReferences": [_reference(federation)] if content.follows else None,
        }
        body = {"metadata": metadata, "data": dict(content.values)}
        await self._client.patch(_path(federation, output), _writer(federation), Body.MERGE_PATCH, body)


def _folder(federation: Metadata, kind: OutputKind) -> str:
    return path_of("api", "v1", "namespaces", federation.namespace or "", _PLURALS[kind])


def _path(federation: Metadata, output: Output) -> str:
    return _folder(federation, output.kind) + path_of(output.name)


def _writer(federation: Metadata) -> dict[str, str]:
    return {"fieldManager": field_manager(federation.namespace or "", federation.name)}


def _reference(federation: Metadata) -> Json:
    """By which the API server's garbage collector takes a ConfigMap away after its federation."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": FEDERATION_KIND,
        "name": federation.name,
        "uid": federation.uid,
        "controller": True,
    }


def _observed(body: Json, federation: Metadata, kind: OutputKind) -> ObservedOutput:
    metadata = body["metadata"]
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    is_config_map = kind is OutputKind.CONFIG_MAP
    there = (body.get("data") or {}) if is_config_map else annotations
    where = ("f:data",) if is_config_map else ("f:metadata", "f:annotations")
    return ObservedOutput(
        uid=str(metadata["uid"]),
        resource_version=str(metadata["resourceVersion"]),
        values={key: str(there[key]) for key in KEYS[kind] if key in there},
        managers={key: _managers(metadata.get("managedFields") or (), (*where, f"f:{key}")) for key in KEYS[kind]},
        made_for=annotations.get(MADE_FOR) if is_config_map and labels.get(MANAGED_BY) == MADE_BY_US else None,
        follows=any(owner["uid"] == federation.uid for owner in metadata.get("ownerReferences") or ()),
    )


def _managers(managed: Json, path: tuple[str, ...]) -> frozenset[str]:
    """Who holds the field at a path.

    Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """
    return frozenset(str(entry["manager"]) for entry in managed if _has(entry.get("fieldsV1") or {}, path))


def _has(fields: Json, path: tuple[str, ...]) -> bool:
    for step in path:
        if step not in fields:
            return False
        fields = fields[step]
    return True
