"""Federated identity credentials of applications.

Source: https://learn.microsoft.com/graph/api/application-post-federatedidentitycredentials and the pages beside it
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from entrafed_lab.azure.exchange import Answer, Refused
from entrafed_lab.azure.graph.answers import Entity, Pages, entity, wrapped_entity
from entrafed_lab.azure.graph.applications import Applications
from entrafed_lab.azure.graph.errors import bad_request, invalid_credential, no_segment, not_found, same_key
from entrafed_lab.azure.graph.request import GraphRequest, Segment, Version
from entrafed_lab.azure.graph.rules import Draft, Rules, check_pair
from entrafed_lab.azure.objects import LIMIT, Application, Credential, find
from entrafed_lab.azure.variants import ConcurrentWrites, FlexibleOnV1, SingleCredential, Variants
from entrafed_lab.azure.world import World

FILTERABLE = ("name", "subject")

ByName = dict[str, Credential]
"""Credentials by name, in the order they were made."""


class Credentials:
    """Everything under `/applications/{..}/federatedIdentityCredentials`."""

    def __init__(self, *, world: World, applications: Applications, variants: Variants, pages: Pages) -> None:
        self._world = world
        self._applications = applications
        self._variants = variants
        self._rules = Rules(variants)
        self._pages = pages

    async def answer(self, request: GraphRequest) -> Answer:
        application, rest = self._applications.find(request)
        key = _key(rest)
        if request.method == "GET":
            self._applications.check_read(request.caller, application)
            return self._list(request, application) if key is None else self._get(request, application, key)
        self._applications.check_write(request.caller, application)
        match request.method, key:
            case "POST", None:
                return await self._create(request, application)
            case "PATCH", str() if request.upsert:
                return await self._upsert(request, application, rest[-1], key)
            case "PATCH", str():
                return await self._update(request, application, key)
            case "DELETE", str():
                return await self._delete(application, key)
        raise Refused(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")

    def _list(self, request: GraphRequest, application: Application) -> Answer:
        seen = application.history.at(self._world.replicas.directory())
        documents = [_document(item, request.version) for item in seen.values()]
        breaks_off = self._variants.flexible_on_v1 is FlexibleOnV1.BROKEN_OFF and request.version is Version.V1
        if breaks_off and any(item.subject is None for item in seen.values()):
            return _broken_off(documents)
        path = f"applications/{application.object_id}/federatedIdentityCredentials"
        return self._pages.page(request, _context(application), documents, path=path, filterable=FILTERABLE)

    def _get(self, request: GraphRequest, application: Application, key: str) -> Answer:
        found = find(application.history.at(self._world.replicas.directory()).values(), key)
        if found is None:
            raise not_found(key)
        document = _document(found, request.version)
        if self._variants.single_credential is SingleCredential.WRAPPED:
            return wrapped_entity(request.version, _context(application), document, request.options)
        return entity(200, request.version, _context(application), document, request.options)

    async def _create(self, request: GraphRequest, application: Application) -> Answer:
        draft = self._rules.read(request.document(), request.version)
        async with self._writing(application) as credentials:
            created = self._add(application, draft, draft.name or "", credentials)
        return self._created(request, application, created)

    async def _upsert(self, request: GraphRequest, application: Application, segment: Segment, key: str) -> Answer:
        if segment.key_name != "name":
            raise bad_request("create-if-missing needs the alternate key 'name'.")
        draft = self._rules.read(request.document(), request.version)
        async with self._writing(application) as credentials:
            if key in credentials:
                self._change(application, draft, key, credentials)
                return Answer(204)
            created = self._add(application, draft, key, credentials)
        return self._created(request, application, created)

    async def _update(self, request: GraphRequest, application: Application, key: str) -> Answer:
        draft = self._rules.read(request.document(), request.version)
        async with self._writing(application) as credentials:
            self._change(application, draft, _name_of(key, credentials), credentials)
        return Answer(204)

    async def _delete(self, application: Application, key: str) -> Answer:
        async with self._writing(application) as credentials:
            del credentials[_name_of(key, credentials)]
        return Answer(204)

    def _add(self, application: Application, draft: Draft, name: str, credentials: ByName) -> Credential:
        credential = Credential(
            id=application.new_id(name),
            name=name,
            issuer=draft.issuer or "",
            subject=draft.subject,
            audiences=draft.audiences or (),
            description=draft.description,
            expression=draft.expression,
        )
        if draft.name is not None and draft.name != name:
            raise bad_request("Property 'name' does not agree with the key in the address.")
        self._check(application, credential)
        if name in credentials:
            raise same_key(f"FederatedIdentityCredential with name {name} already exists.")
        check_pair(credential, _others(credentials, name))
        if len(credentials) >= LIMIT:
            limit = self._variants.graph_limit
            raise Refused(limit.status, limit.code, limit.message)
        credentials[name] = credential
        return credential

    def _change(self, application: Application, draft: Draft, name: str, credentials: ByName) -> None:
        if draft.name is not None and draft.name != name:
            raise bad_request("Property 'name' of a federatedIdentityCredential cannot be changed.")
        changed = draft.applied_to(credentials[name])
        self._check(application, changed)
        check_pair(changed, _others(credentials, name))
        credentials[name] = changed

    def _check(self, application: Application, credential: Credential) -> None:
        self._rules.check(credential)
        allowed = self._world.tenants[application.tenant_id].allowed_issuers
        if allowed and credential.issuer not in allowed:
            raise invalid_credential(f"The issuer '{credential.issuer}' is not allowed as per assigned policy.")

    def _created(self, request: GraphRequest, application: Application, credential: Credential) -> Answer:
        document = _document(credential, request.version)
        return entity(201, request.version, _context(application), document, request.options)

    @asynccontextmanager
    async def _writing(self, application: Application) -> AsyncIterator[ByName]:
        """The credentials to work on; what is left in them is written when the block ends without an exception."""
        variant = self._variants.concurrent_writes
        if application.writes_in_flight and variant in {ConcurrentWrites.CONFLICT, ConcurrentWrites.UNAVAILABLE}:
            status = 409 if variant is ConcurrentWrites.CONFLICT else 503
            raise Refused(status, "Directory_ConcurrencyViolation", "Concurrent write of the same object. Retry later.")
        application.writes_in_flight += 1
        try:
            before = dict(application.history.current)
            await asyncio.sleep(self._world.delays.operation)
            credentials = before if variant is ConcurrentWrites.LOST else dict(application.history.current)
            yield credentials
            application.history.write(credentials)
        finally:
            application.writes_in_flight -= 1


def _key(rest: tuple[Segment, ...]) -> str | None:
    """Id or name of the credential that the path names; None for the collection."""
    if not rest or rest[0].name.lower() != "federatedidentitycredentials" or len(rest) > 2:
        raise no_segment(rest[-1].name if rest else "")
    if len(rest) == 2:
        return rest[1].name
    if rest[0].key_name not in {None, "name"}:
        raise no_segment(f"federatedIdentityCredentials({rest[0].key_name}=..)")
    return rest[0].key


def _name_of(key: str, credentials: ByName) -> str:
    found = find(credentials.values(), key)
    if found is None:
        raise not_found(key)
    return found.name


def _others(credentials: ByName, name: str) -> list[Credential]:
    return [item for item in credentials.values() if item.name != name]


def _context(application: Application) -> str:
    return f"applications('{application.object_id}')/federatedIdentityCredentials"


def _broken_off(documents: list[Entity]) -> Answer:
    """What is sent of a list when its first flexible credential turns out not to fit v1.0: too late for another status.

    Source: https://github.com/microsoftgraph/msgraph-sdk-python/issues/1359
    """
    at = next(number for number, document in enumerate(documents) if document["subject"] is None)
    begun = {key: documents[at][key] for key in ("id", "name", "issuer")}
    message = "The property 'subject[Nullable=False]' of type 'Edm.String' has a null value, which is not allowed."
    error = {"error": {"code": "InternalServerError", "message": message}}
    sent = json.dumps({"value": [*documents[:at], begun]}).removesuffix("}]}")
    return Answer(200, (sent + json.dumps(error)).encode(), "application/json; charset=utf-8")


def _document(credential: Credential, version: Version) -> Entity:
    document: dict[str, object] = {
        "id": credential.id,
        "name": credential.name,
        "issuer": credential.issuer,
        "subject": credential.subject,
        "description": credential.description,
        "audiences": list(credential.audiences),
    }
    if version is Version.BETA:
        value = {"value": credential.expression, "languageVersion": 1}
        document["claimsMatchingExpression"] = value if credential.expression else None
    return document
