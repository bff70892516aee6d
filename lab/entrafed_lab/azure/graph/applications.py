"""Applications: who may see and change them, and how they are found."""

from entrafed_lab.azure.exchange import Answer, Caller
from entrafed_lab.azure.graph.answers import Entity, Pages, entity
from entrafed_lab.azure.graph.errors import denied, no_segment, not_found
from entrafed_lab.azure.graph.request import GraphRequest, Segment
from entrafed_lab.azure.objects import Application
from entrafed_lab.azure.variants import OwnedByReads, Variants
from entrafed_lab.azure.world import World

READ_ALL = frozenset({"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All"})
WRITE_ALL = "Application.ReadWrite.All"
WRITE_OWNED = "Application.ReadWrite.OwnedBy"
FILTERABLE = ("id", "appId", "displayName", "uniqueName", "signInAudience")


class Applications:
    """GET of applications; every other part finds an application through here."""

    def __init__(self, *, world: World, variants: Variants, pages: Pages) -> None:
        self._world = world
        self._variants = variants
        self._pages = pages

    def answer(self, request: GraphRequest) -> Answer:
        if request.method != "GET" or len(request.segments) > 2:
            raise no_segment(request.segments[-1].name)
        if len(request.segments) == 1 and request.segments[0].key is None:
            return self._list(request)
        application, _ = self.find(request)
        self.check_read(request.caller, application)
        return entity(200, request.version, "applications", _document(application), request.options)

    def find(self, request: GraphRequest) -> tuple[Application, tuple[Segment, ...]]:
        """The application that the path names, as this request's replica knows it, and the segments behind it."""
        first, *rest = request.segments
        if first.key is None:
            if not rest:
                raise no_segment(first.name)
            key_name, key = None, rest.pop(0).name
        else:
            key_name, key = first.key_name, first.key
        seen = self._world.replicas.directory()
        for item in self._world.applications.values():
            if item.tenant_id == request.caller.tenant_id and item.created <= seen and _is(item, key_name, key):
                return item, tuple(rest)
        raise not_found(key)

    def check_read(self, caller: Caller, application: Application) -> None:
        if caller.roles & READ_ALL:
            return
        if WRITE_OWNED not in caller.roles:
            raise denied()
        owned = caller.object_id in application.owners
        if not owned and self._variants.owned_by_reads is OwnedByReads.OWNED:
            raise denied()

    def check_write(self, caller: Caller, application: Application) -> None:
        if WRITE_ALL in caller.roles:
            return
        if WRITE_OWNED not in caller.roles or caller.object_id not in application.owners:
            raise denied()

    def _list(self, request: GraphRequest) -> Answer:
        if not request.caller.roles & (READ_ALL | {WRITE_OWNED}):
            raise denied()
        seen = self._world.replicas.directory()
        visible = [
            item
            for item in self._world.applications.values()
            if item.tenant_id == request.caller.tenant_id and item.created <= seen
        ]
        if not request.caller.roles & READ_ALL and self._variants.owned_by_reads is OwnedByReads.OWNED:
            visible = [item for item in visible if request.caller.object_id in item.owners]
        documents = [_document(item) for item in visible]
        return self._pages.page(request, "applications", documents, path="applications", filterable=FILTERABLE)


def _is(application: Application, key_name: str | None, key: str) -> bool:
    match key_name:
        case None:
            return application.object_id == key.lower()
        case "appId":
            return application.app_id == key.lower()
        case "uniqueName":
            return application.unique_name == key
    raise no_segment(f"applications({key_name}=..)")


def _document(application: Application) -> Entity:
    return {
        "id": application.object_id,
        "appId": application.app_id,
        "displayName": application.name,
        "uniqueName": application.unique_name,
        "signInAudience": application.sign_in_audience,
    }
