"""Hosts: reading them, and changing which identities they have.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/qs-configure-rest-vm,
https://learn.microsoft.com/azure/app-service/overview-managed-identity,
https://learn.microsoft.com/azure/container-apps/managed-identity and
https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

import asyncio
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from entrafed_lab.azure.arm.admission import Admission
from entrafed_lab.azure.arm.errors import arm_error, bad_request, failed_identity_operation, not_found
from entrafed_lab.azure.arm.host_documents import HostDocuments, etag, failure_document, operation_document
from entrafed_lab.azure.arm.identity_block import AT_ONCE, Block, afterwards, read_block
from entrafed_lab.azure.arm.request import ArmRequest
from entrafed_lab.azure.arm.routes import IDENTITY_TYPE
from entrafed_lab.azure.exchange import Answer, Refused, json_answer
from entrafed_lab.azure.host_types import Answering, HostKind, Patching
from entrafed_lab.azure.hosts import Attachment, Host, HostIdentity, HostOperation
from entrafed_lab.azure.objects import Identity
from entrafed_lab.azure.variants import (
    Acceptance,
    IdentityMap,
    MissingIdentity,
    RemovalKeys,
    SiteUpdate,
    TooManyIdentities,
    Variants,
)
from entrafed_lab.azure.world import NoSuchObject, World

LOOK_AGAIN: Final = 10.0  # seconds: the most that Retry-After of an operation under way says
SITES: Final = frozenset({HostKind.SITE, HostKind.SLOT})
MERGING: Final = frozenset({HostKind.VIRTUAL_MACHINE, HostKind.SCALE_SET})
"""Hosts whose map of identities is merged, as documented; of others it is uncertain."""


class Hosts:
    """GET and PATCH of hosts, and of the operations that a PATCH begins. `url` is the address of Resource Manager."""

    def __init__(self, *, world: World, admission: Admission, variants: Variants, url: str) -> None:
        self._world = world
        self._admission = admission
        self._variants = variants
        self._documents = HostDocuments(world=world, variants=variants)
        self._url = url

    async def answer(self, request: ArmRequest) -> Answer:
        host = self._find(request)
        if request.method == "GET":
            return self._show(host)
        if host.type.patching is Patching.NOTHING:
            return self._show(host)  # nothing is read, so nothing changes
        return await self._update(request, host)

    async def operation(self, request: ArmRequest) -> Answer:
        """How an update is going; the form depends on the provider."""
        for host in self._world.hosts.values():
            found = host.operation(request.name or "")
            if found is None or host.kind.namespace.lower() != request.namespace.lower():
                continue
            if host.type.answering is Answering.LOCATION:
                return self._result(host, found)
            return json_answer(200, operation_document(host, found), self._look_again(host, found))
        raise Refused(404, "NotFound", f"The operation '{request.name}' was not found.")

    def _find(self, request: ArmRequest) -> Host:
        try:
            return self._world.host(request.path)
        except NoSuchObject:
            raise not_found(f"{request.type}/{request.name}", request.group or "") from None

    def _show(self, host: Host, status: int = 200) -> Answer:
        headers = {"ETag": etag(host)} if host.type.has_etag else {}
        return json_answer(status, self._documents.document(host), headers)

    async def _update(self, request: ArmRequest, host: Host) -> Answer:
        document = request.document()
        block = None
        if host.type.patching is Patching.IDENTITY:
            if "identity" in document:
                block = self._read(host, document["identity"])
                self._check_right_to_assign(request, host, block)
                block = self._heeded(host, block)
            self._check_dead(request, host, block)
        if host.running is not None:
            message = "The operation cannot be performed because another operation on this resource is in progress."
            raise Refused(409, host.type.busy_code, f"{message} Resource: '{host.resource_id}'.")
        if host.type.has_etag and request.if_match not in {None, "*", etag(host)}:
            raise Refused(
                412, "PreconditionFailed", "The condition in the If-Match header is not met: the etag differs."
            )
        tags = document.get("tags", host.tags)
        if not isinstance(tags, dict):
            raise bad_request("The property 'tags' must be an object of strings.")
        properties = document.get("properties", {})
        if not isinstance(properties, dict):
            raise bad_request("The property 'properties' must be an object.")
        wanted = host.identity if block is None else self._wanted(host, block)
        host.tags = tags
        host.key_vault_reference_identity = str(
            properties.get("keyVaultReferenceIdentity", host.key_vault_reference_identity)
        )
        return await self._carry_out(request, host, wanted)

    async def _carry_out(self, request: ArmRequest, host: Host, wanted: HostIdentity) -> Answer:
        delays = self._world.delays
        at_once = host.type.answering is Answering.AT_ONCE
        lasting = delays.operation if at_once else max(delays.operation, delays.host_operation)
        before, since = host.identity.system, self._world.clock() + lasting
        fresh = {
            key: replace(item, since=since) if key not in host.attached else item
            for key, item in wanted.attached.items()
        }
        operation = host.begin(
            self._world.new_id("operation", host.id), replace(wanted, attached=fresh), seconds=lasting
        )
        if operation.failure is None and wanted.system != before:
            self._world.exchange_system_identity(host, before, wanted.system)
        await asyncio.sleep(delays.operation)
        if not at_once:
            return self._accepted(request, host, operation)
        host.finish(operation)
        if operation.failure is not None:
            raise Refused(400, operation.failure.code, operation.failure.message)
        accepted = host.kind in SITES and self._variants.site_update is SiteUpdate.ACCEPTED
        return self._show(host, 202 if accepted else 200)

    def _accepted(self, request: ArmRequest, host: Host, operation: HostOperation) -> Answer:
        root = f"{self._url}/subscriptions/{request.subscription_id}/providers/{host.kind.namespace}"
        version = f"api-version={request.api_version}"
        address = f"{root}/locations/{host.location}/operations/{operation.id}?{version}"
        waiting = self._look_again(host, operation)
        if host.type.answering is Answering.LOCATION:
            return Answer(202, headers={"Location": address, **waiting})
        shown = self._show(host)
        return replace(shown, headers={**shown.headers, "Azure-AsyncOperation": address, **waiting})

    def _result(self, host: Host, operation: HostOperation) -> Answer:
        if not host.is_over(operation):
            return Answer(202, headers=self._look_again(host, operation))
        if operation.failure is not None:
            failure = failure_document(operation)
            return arm_error(400, str(failure["code"]), str(failure["message"]))
        return self._show(host)

    def _look_again(self, host: Host, operation: HostOperation) -> dict[str, str]:
        """Retry-After: whole seconds, as Azure sends it; fractions only where less than one is left."""
        if host.is_over(operation):
            return {}
        left = min(LOOK_AGAIN, max(0.001, operation.ends - self._world.clock()))
        return {"Retry-After": f"{left:.3f}" if left < 1 else str(math.ceil(left))}

    def _read(self, host: Host, value: object) -> Block:
        block = read_block(value, self._documents.entries(host))
        if len(block.given) + len(block.removed) <= AT_ONCE:
            return block
        if self._variants.too_many_identities is TooManyIdentities.CUT:
            return block.cut(AT_ONCE)
        number = len(block.given) + len(block.removed)
        raise failed_identity_operation(
            host.resource_id,
            f"User Assigned Identities Number '{number}' Assign exceed limit '{AT_ONCE}' in one request.",
        )

    def _check_right_to_assign(self, request: ArmRequest, host: Host, block: Block) -> None:
        """For every identity that the request gives, whether it is on the host already or not."""
        action = f"{IDENTITY_TYPE}/assign/action"
        lacking = [key for key in block.given if not self._admission.may(request.caller, action, key)]
        if self._variants.missing_identity is MissingIdentity.LINKED_AUTHORIZATION:
            lacking += [key for key in block.given if key.lower() not in self._world.identities and key not in lacking]
        self._refuse_linked(request, host, lacking)

    def _check_dead(self, request: ArmRequest, host: Host, block: Block | None) -> None:
        """An identity on the host that was deleted stops every update that leaves it there.

        Source: https://github.com/Azure/aad-pod-identity/issues/339
        """
        left = set(host.attached) if block is None else afterwards(block, set(host.attached), merge=self._merges(host))
        self._refuse_linked(
            request,
            host,
            [
                item.resource_id
                for key, item in host.attached.items()
                if key in left and key not in self._world.identities
            ],
        )

    def _refuse_linked(self, request: ArmRequest, host: Host, scopes: Iterable[str]) -> None:
        linked = ",".join(scopes)
        if linked:
            raise Refused(
                403,
                "LinkedAuthorizationFailed",
                f"The client '{request.caller.app_id}' with object id '{request.caller.object_id}' has permission to "
                f"perform action '{host.kind.value}/write' on scope '{request.path}'; however, it does not have "
                f"permission to perform action '{IDENTITY_TYPE}/assign/action' on the linked scope(s) '{linked}' or "
                "the linked scope(s) are invalid.",
            )

    def _wanted(self, host: Host, block: Block) -> HostIdentity:
        self._check_mixed(host, block)
        current = host.identity
        left = afterwards(block, set(current.attached), merge=self._merges(host))
        kept = {key: item for key, item in current.attached.items() if key in left}
        spelled = {key.lower(): key for key in block.given}
        new = {key: self._attachment(host, spelled[key]) for key in spelled if key not in kept}
        system = current.system
        if block.system and system is None:
            system = self._world.new_system_identity(host)
        return HostIdentity(system if block.system else None, {**kept, **new})

    def _check_mixed(self, host: Host, block: Block) -> None:
        mixed = any(key.lower() not in host.attached for key in block.given) and bool(block.removed)
        refused = self._variants.scale_set_changes is Acceptance.REFUSED
        if mixed and refused and host.kind is HostKind.SCALE_SET:  # terraform-provider-azurerm #25058
            raise failed_identity_operation(host.resource_id, "Identities cannot be added and removed in one request.")

    def _heeded(self, host: Host, block: Block) -> Block:
        """The block without identities that are to go and are not there, or are not known as they are spelled."""
        shown = {self._documents.key(item) for item in host.attached.values()}
        any_case = self._variants.removal_keys is RemovalKeys.ANY_CASE
        unassigned = [
            key for key in block.removed if not (key.lower() in host.attached if any_case else key in shown)
        ]  # fmt: skip
        if unassigned and self._variants.unassigned_removal is Acceptance.REFUSED:
            raise failed_identity_operation(host.resource_id, f"The identity '{unassigned[0]}' is not assigned.")
        return replace(block, removed=tuple(key for key in block.removed if key not in unassigned))

    def _attachment(self, host: Host, key: str) -> Attachment:
        identity = self._world.identities.get(key.lower())
        if identity is None:
            raise failed_identity_operation(host.resource_id, f"Resource '{key}' was not found.")
        if not _may_have(host, identity):
            raise failed_identity_operation(
                host.resource_id, f"The identity '{key}' may not be assigned to resources of '{host.kind.namespace}'."
            )
        return Attachment(key, identity.principal_id, identity.client_id)

    def _merges(self, host: Host) -> bool:
        return host.kind in MERGING or self._variants.identity_map is IdentityMap.MERGE


def _may_have(host: Host, identity: Identity) -> bool:
    return identity.assignable_to is None or host.kind.namespace.lower() in identity.assignable_to
