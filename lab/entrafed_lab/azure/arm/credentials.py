"""Federated identity credentials of user-assigned identities.

Source: https://learn.microsoft.com/rest/api/managedidentity/federated-identity-credentials
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from entrafed_lab.azure.arm.answers import Pages, Resource
from entrafed_lab.azure.arm.budgets import Budgets
from entrafed_lab.azure.arm.errors import not_found
from entrafed_lab.azure.arm.identities import Identities, id_of, region
from entrafed_lab.azure.arm.request import ArmRequest
from entrafed_lab.azure.arm.routes import CREDENTIAL_TYPE, EXPRESSION_VERSIONS, IDENTITY_TYPE
from entrafed_lab.azure.arm.rules import Draft, Rules, check_name
from entrafed_lab.azure.exchange import Answer, Refused, json_answer
from entrafed_lab.azure.objects import LIMIT, Credential, Identity
from entrafed_lab.azure.variants import Variants, YoungIdentity
from entrafed_lab.azure.world import World


class Credentials:
    """Everything under `/userAssignedIdentities/{..}/federatedIdentityCredentials`."""

    def __init__(
        self, *, world: World, identities: Identities, budgets: Budgets, variants: Variants, pages: Pages
    ) -> None:
        self._world = world
        self._identities = identities
        self._budgets = budgets
        self._variants = variants
        self._rules = Rules(variants)
        self._pages = pages

    async def answer(self, request: ArmRequest) -> Answer:
        if request.name is None:
            self._budgets.take_provider(request)
            return self._list(request, self._parent(request))
        if request.method == "GET":
            self._budgets.take_provider(request)
            return json_answer(200, self._get(request, self._parent(request), request.name))
        if request.method == "PUT":
            return await self._put(request, request.name)
        return await self._delete(request, request.name)

    def _parent(self, request: ArmRequest) -> Identity:
        identity = self._identities.find(request)
        if self._variants.young_identity is YoungIdentity.PARENT_NOT_FOUND and self._is_young(identity):
            raise _no_parent()
        return identity

    def _list(self, request: ArmRequest, identity: Identity) -> Answer:
        documents = [_document(identity, item, request) for item in identity.credentials]
        return self._pages.page(request, documents)

    def _get(self, request: ArmRequest, identity: Identity, name: str) -> Resource:
        found = _find(identity, name)
        if found is None:
            kind = f"{IDENTITY_TYPE}/{identity.name}/federatedIdentityCredentials/{name}"
            raise not_found(kind, identity.resource_group)
        return _document(identity, found, request)

    async def _put(self, request: ArmRequest, name: str) -> Answer:
        if request.identity_id not in self._world.identities:
            raise _no_parent()
        async with self._writing(request) as identity:
            check_name(name)
            draft = self._rules.read(request.document(), request.api_version)
            self._check_ready(identity)
            old = _find(identity, name)
            credential = self._checked(identity, draft, name, old)
            identity.put(credential)
        return json_answer(201 if old is None else 200, _document(identity, credential, request))

    async def _delete(self, request: ArmRequest, name: str) -> Answer:
        self._parent(request)
        async with self._writing(request) as identity:
            found = _find(identity, name)
            if found is None:
                return Answer(204)
            identity.remove(found.name)
        return Answer(200)

    def _checked(self, identity: Identity, draft: Draft, name: str, old: Credential | None) -> Credential:
        others = [item for item in identity.credentials if item is not old]
        self._rules.check(draft, others)
        if old is None and len(others) >= LIMIT:
            limit = self._variants.arm_limit
            raise Refused(limit.status, limit.code, limit.message)
        return Credential(
            id=identity.new_id(name) if old is None else old.id,
            name=name if old is None else old.name,
            issuer=draft.issuer,
            subject=draft.subject,
            audiences=draft.audiences,
            expression=draft.expression,
        )

    def _check_ready(self, identity: Identity) -> None:
        if region(identity.location) in self._world.regions_without_credentials:
            message = "The request format was unexpected: Support for federated identity credentials not enabled."
            raise Refused(405, "MethodNotAllowed", message)
        if self._is_young(identity):
            if self._variants.young_identity is YoungIdentity.PARENT_NOT_FOUND:
                raise _no_parent()
            message = "MS Graph resource not found during Federated Identity Credential creation."
            raise Refused(404, "NotFound", message)

    def _is_young(self, identity: Identity) -> bool:
        return self._world.clock() < identity.created + self._world.delays.identity_replication

    @asynccontextmanager
    async def _writing(self, request: ArmRequest) -> AsyncIterator[Identity]:
        """The identity, when nobody else is writing under it. Every write takes its time, and may fail after it."""
        identity = self._identities.find(request)
        if identity.writes_in_flight:
            raise Refused(
                409,
                "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
                "Too many Federated Identity Credentials are written concurrently for the managed identity "
                f"'{id_of(identity)}'. Concurrent Federated Identity Credentials writes under the same managed "
                "identity are not supported.",
            )
        self._budgets.take_provider(request)
        identity.writes_in_flight += 1
        try:
            await asyncio.sleep(self._world.delays.operation)
            if self._identities.find(request) is not identity:
                raise _no_parent()
            yield identity
        finally:
            identity.writes_in_flight -= 1


def _no_parent() -> Refused:
    return Refused(404, "ParentResourceNotFound", "The parent user-assigned identity doesn't exist.")


def _find(identity: Identity, name: str) -> Credential | None:
    return next((item for item in identity.credentials if item.name.lower() == name.lower()), None)


def _document(identity: Identity, credential: Credential, request: ArmRequest) -> Resource:
    properties: dict[str, object] = {"issuer": credential.issuer, "audiences": list(credential.audiences)}
    if credential.subject is not None:
        properties["subject"] = credential.subject
    if credential.expression is not None and request.api_version in EXPRESSION_VERSIONS:
        properties["claimsMatchingExpression"] = {"value": credential.expression, "languageVersion": 1}
    return {
        "id": f"{id_of(identity)}/federatedIdentityCredentials/{credential.name}",
        "name": credential.name,
        "type": CREDENTIAL_TYPE,
        "properties": properties,
    }
