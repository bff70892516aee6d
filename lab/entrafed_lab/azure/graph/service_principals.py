"""Service principals: an application in a tenant.

Source: https://learn.microsoft.com/graph/api/serviceprincipal-post-serviceprincipals
"""

from entrafed_lab.azure.exchange import Answer, Caller
from entrafed_lab.azure.graph.answers import Entity, Pages, entity
from entrafed_lab.azure.graph.applications import READ_ALL, WRITE_ALL, WRITE_OWNED
from entrafed_lab.azure.graph.errors import bad_request, denied, no_segment, not_found, same_key
from entrafed_lab.azure.graph.request import GraphRequest
from entrafed_lab.azure.objects import ServicePrincipal
from entrafed_lab.azure.world import NoSuchObject, World

CONTEXT = "servicePrincipals"
FILTERABLE = ("id", "appId", "displayName", "servicePrincipalType")


class ServicePrincipals:
    """Everything under `/servicePrincipals`."""

    def __init__(self, *, world: World, pages: Pages) -> None:
        self._world = world
        self._pages = pages

    def answer(self, request: GraphRequest) -> Answer:
        first = request.segments[0]
        single = len(request.segments) == 2 or first.key is not None
        match request.method, single:
            case "GET", False:
                self._check_read(request.caller)
                documents = [_document(item) for item in self._visible(request.caller.tenant_id)]
                return self._pages.page(request, CONTEXT, documents, path=CONTEXT, filterable=FILTERABLE)
            case "GET", True:
                self._check_read(request.caller)
                return entity(200, request.version, CONTEXT, _document(self._find(request)), request.options)
            case "POST", False:
                return self._create(request)
            case "DELETE", True:
                return self._delete(request)
        raise no_segment(first.name)

    def _visible(self, tenant_id: str) -> list[ServicePrincipal]:
        seen = self._world.replicas.directory()
        departed = [item for item, when in self._world.departed if when > seen]
        principals = (*self._world.service_principals.values(), *departed)
        return [item for item in principals if item.tenant_id == tenant_id and item.created <= seen]

    def _find(self, request: GraphRequest) -> ServicePrincipal:
        first = request.segments[0]
        key_name, key = (first.key_name, first.key) if first.key is not None else (None, request.segments[1].name)
        if key_name not in {None, "appId"}:
            raise no_segment(f"servicePrincipals({key_name}=..)")
        for item in self._visible(request.caller.tenant_id):
            if key.lower() == (item.app_id if key_name == "appId" else item.object_id):
                return item
        raise not_found(key)

    def _create(self, request: GraphRequest) -> Answer:
        app_id = request.document().get("appId")
        if not isinstance(app_id, str):
            raise bad_request("Property 'appId' is required and cannot be empty.")
        if not request.caller.roles & {WRITE_ALL, WRITE_OWNED}:
            raise denied()
        try:
            application = self._world.application(app_id.lower())
        except NoSuchObject:
            raise bad_request(
                f"The appId '{app_id}' of the service principal does not reference a valid application object."
            ) from None
        tenant_id = request.caller.tenant_id
        if application.tenant_id != tenant_id and not application.multi_tenant:
            raise bad_request(f"The application '{app_id}' is not available in this tenant.")
        if self._world.service_principal(tenant_id, application.app_id) is not None:
            raise same_key(f"The service principal name {application.app_id} is already in use.")
        created = self._world.create_service_principal(tenant_id, application)
        created.owners.add(request.caller.object_id)
        return entity(201, request.version, CONTEXT, _document(created), request.options)

    def _delete(self, request: GraphRequest) -> Answer:
        found = self._find(request)
        owned = WRITE_OWNED in request.caller.roles and request.caller.object_id in found.owners
        if WRITE_ALL not in request.caller.roles and not owned:
            raise denied()
        if found not in self._world.service_principals.values():  # a replica that lags shows it still
            raise not_found(found.object_id)
        self._world.delete_service_principal(found.tenant_id, found.app_id)
        return Answer(204)

    def _check_read(self, caller: Caller) -> None:
        if not caller.roles & (READ_ALL | {WRITE_OWNED}):
            raise denied()


def _document(principal: ServicePrincipal) -> Entity:
    return {
        "id": principal.object_id,
        "appId": principal.app_id,
        "displayName": principal.name,
        "servicePrincipalType": "ManagedIdentity" if principal.managed_identity else "Application",
        "accountEnabled": True,
    }
