"""What other people do to applications in further tenants, by the admin API: let them in, and throw them out."""

from dataclasses import dataclass

from entrafed_lab.azure.consent import ANY_TENANT, read_consent
from entrafed_lab.azure.documents import InvalidDocument, parse
from entrafed_lab.azure.exchange import Answer, Call, json_answer, parse_object
from entrafed_lab.azure.foreign import NOTHING, Keys, Route
from entrafed_lab.azure.objects import Application
from entrafed_lab.azure.snapshot import application_document, principal_document
from entrafed_lab.azure.world import NoSuchObject, World


@dataclass(frozen=True, slots=True)
class Consent:
    """An administrator opens `url` in the browser, signs in to `tenant` where the address names none, and accepts."""

    url: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class AudienceChange:
    """Whether other tenants can let an application in: its signInAudience."""

    multi_tenant: bool


class ForeignTenants:
    """Handlers of the admin API; they raise `NoSuchObject` and `InvalidDocument`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Method, pattern of the path, handler."""
        return [
            ("POST", r"/consents", self._consent),
            ("DELETE", r"/principals/(?P<key>[^/]+)", self._throw_out),
            ("PATCH", r"/applications/(?P<key>[^/]+)", self._change_audience),
        ]

    async def _consent(self, call: Call, _: Keys) -> Answer:
        wish = parse(Consent, parse_object(call.body), "consent")
        asked = read_consent(wish.url)
        name = (wish.tenant or "") if asked.tenant in ANY_TENANT else asked.tenant
        tenant = self._world.tenant(name)
        if tenant is None:
            raise NoSuchObject(f"tenant {name}")
        application = self._application(asked.client_id)
        if tenant.id != application.tenant_id and not application.multi_tenant:
            raise InvalidDocument(f"{application.name} is for its own tenant only: no other one can let it in")
        found = self._world.service_principal(tenant.id, application.app_id)
        principal = found or self._world.create_service_principal(tenant.id, application)
        return json_answer(200, {**principal_document(principal), "redirect": asked.redirect(tenant.id)})

    def _application(self, app_id: str) -> Application:
        for item in self._world.applications.values():
            if item.app_id == app_id:
                return item
        raise NoSuchObject(f"application {app_id}")

    async def _throw_out(self, _: Call, keys: Keys) -> Answer:
        found = self._world.principal(keys["key"])
        self._world.delete_service_principal(found.tenant_id, found.app_id)
        return NOTHING

    async def _change_audience(self, call: Call, keys: Keys) -> Answer:
        wish = parse(AudienceChange, parse_object(call.body), "application")
        application = self._world.application(keys["key"])
        application.multi_tenant = wish.multi_tenant
        return json_answer(200, application_document(application))
