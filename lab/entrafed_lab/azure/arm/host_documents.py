"""Hosts as their resource providers show them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from entrafed_lab.azure.arm.answers import Resource
from entrafed_lab.azure.host_types import Answering, HostKind
from entrafed_lab.azure.hosts import Attachment, Host, HostIdentity, HostOperation
from entrafed_lab.azure.variants import DeadIdentity, HostModel, IdentityKeys, Variants
from entrafed_lab.azure.world import World

_UPDATING = {Answering.ASYNC_OPERATION: "Updating", Answering.LOCATION: "InProgress"}
_UNIQUE = {HostKind.VIRTUAL_MACHINE: "vmId", HostKind.SCALE_SET: "uniqueId"}
_OF_ITS_KIND: Mapping[HostKind, Mapping[str, object]] = {
    HostKind.SCALE_SET: {"upgradePolicy": {"mode": "Automatic"}},
    HostKind.SITE: {"state": "Running"},
    HostKind.SLOT: {"state": "Running"},
    HostKind.AUTOMATION_ACCOUNT: {"state": "Ok"},
    HostKind.WORKFLOW: {"state": "Enabled"},
}


class HostDocuments:
    """What a GET shows."""

    def __init__(self, *, world: World, variants: Variants) -> None:
        self._world = world
        self._variants = variants

    def document(self, host: Host) -> Resource:
        found: dict[str, object] = {
            "id": host.resource_id,
            "name": host.resource_id.rpartition("/")[2],
            "type": host.kind.value,
            "location": host.location,
            "tags": host.tags,
            "properties": {**self._properties(host), **_OF_ITS_KIND.get(host.kind, {})},
        }
        identity = self.identity(host)
        if identity is not None:
            found["identity"] = identity
        if host.type.has_etag:
            found["etag"] = etag(host)
        return found

    def identity(self, host: Host) -> Resource | None:
        """The identity block; providers differ in how they show that there is none."""
        shown = self._shown(host)
        if shown.system is None and not shown.attached:
            return {"type": "None"} if host.type.answering is Answering.LOCATION else None
        spelling = host.type.both if shown.system and shown.attached else None
        block: dict[str, object] = {"type": spelling or ("SystemAssigned" if shown.system else "UserAssigned")}
        if shown.system is not None:
            block |= {"principalId": shown.system.principal_id, "tenantId": host.tenant_id}
        if shown.attached:
            block["userAssignedIdentities"] = {
                self.key(item): self._entry(key, item) for key, item in shown.attached.items()
            }
        return block

    def entries(self, host: Host) -> Mapping[str, Mapping[str, object]]:
        """The user-assigned identities, by resource id in lower case."""
        return {key: self._entry(key, item) for key, item in self._shown(host).attached.items()}

    def key(self, attachment: Attachment) -> str:
        """A resource id, spelled as the host shows it."""
        match self._variants.identity_keys:
            case IdentityKeys.AS_GIVEN:
                return attachment.resource_id
            case IdentityKeys.LOWER:
                return attachment.resource_id.lower()
        parts = attachment.resource_id.split("/")
        return "/".join([*parts[:3], parts[3].lower(), *parts[4:]])

    def _shown(self, host: Host) -> HostIdentity:
        """Only those that answer before they are done can show what is wanted."""
        at_once = self._variants.host_model is HostModel.AT_ONCE and host.type.answering is not Answering.AT_ONCE
        return host.running.wanted if at_once and host.running is not None else host.identity

    def _entry(self, key: str, item: Attachment) -> Mapping[str, object]:
        living = self._world.identities.get(key)
        dead = living is None or living.principal_id != item.principal_id
        nulled = dead and self._variants.dead_identity is DeadIdentity.NULL_CLIENT
        return {"principalId": item.principal_id, "clientId": None if nulled else item.client_id}

    def _properties(self, host: Host) -> Mapping[str, object]:
        found: dict[str, object] = {}
        if host.kind in _UNIQUE:
            found[_UNIQUE[host.kind]] = host.unique_id
        if host.type.answering in _UPDATING:
            ended = "Failed" if host.last_failed else "Succeeded"
            found["provisioningState"] = _UPDATING[host.type.answering] if host.running is not None else ended
        if host.kind in (HostKind.SITE, HostKind.SLOT):
            found["keyVaultReferenceIdentity"] = host.key_vault_reference_identity
        return found


def etag(host: Host) -> str:
    return f'"{host.generation}"'


def operation_document(host: Host, operation: HostOperation) -> Resource:
    """An operation, as the address in Azure-AsyncOperation shows it."""
    found: dict[str, object] = {"name": operation.id, "startTime": _time(operation.began), "status": "InProgress"}
    if not host.is_over(operation):
        return found
    found |= {"status": "Succeeded", "endTime": _time(operation.ends)}
    if operation.failure is not None:
        found |= {"status": "Failed", "error": failure_document(operation)}
    return found


def failure_document(operation: HostOperation) -> Mapping[str, object]:
    """Why an operation failed."""
    failure = operation.failure
    return {} if failure is None else {"code": failure.code, "message": failure.message}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
