"""What other people do to applications, identities and credentials, by the admin API."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

from entrafed_lab.azure.documents import parse
from entrafed_lab.azure.exchange import Answer, Call, json_answer, parse_object
from entrafed_lab.azure.objects import CredentialHolder
from entrafed_lab.azure.seed import CredentialSeed, require_identity_id
from entrafed_lab.azure.snapshot import application_document, credential_document, identity_document
from entrafed_lab.azure.world import NoSuchObject, World

Keys = dict[str, str]
Route = tuple[str, str, Callable[[Call, Keys], Awaitable[Answer]]]
NOTHING = Answer(204)

_HOLDER = r"/(?P<kind>applications|identities)/(?P<key>[^/]+)"
_CREDENTIAL = _HOLDER + r"/credentials/(?P<name>[^/]+)"


@dataclass(frozen=True, slots=True)
class NewApplication:
    """An app registration. `owners` are object ids of service principals."""

    name: str
    tenant_id: str
    owners: tuple[str, ...] = ()
    unique_name: str | None = None


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """A user-assigned managed identity."""

    resource_id: str
    location: str = "westeurope"

    def __post_init__(self) -> None:
        require_identity_id(self.resource_id)


@dataclass(frozen=True, slots=True)
class CredentialChange:
    """New content of a credential; what is not given stays. Subject and expression take each other's place."""

    issuer: str | None = None
    subject: str | None = None
    audiences: tuple[str, ...] | None = None
    description: str | None = None
    expression: str | None = None


class Foreign:
    """Handlers of the admin API; they raise `NoSuchObject` and `InvalidDocument`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Method, pattern of the path, handler."""
        return [
            ("POST", r"/applications", self._create_application),
            ("POST", r"/identities", self._create_identity),
            ("POST", r"/identities/(?P<key>[^/]+)/recreate", self._recreate_identity),
            ("DELETE", _HOLDER, self._delete_holder),
            ("POST", _HOLDER + "/credentials", self._create_credential),
            ("PATCH", _CREDENTIAL, self._change_credential),
            ("DELETE", _CREDENTIAL, self._delete_credential),
        ]

    async def _create_application(self, call: Call, _: Keys) -> Answer:
        wish = parse(NewApplication, parse_object(call.body), "application")
        if wish.tenant_id not in self._world.tenants:
            raise NoSuchObject(f"tenant {wish.tenant_id}")
        made = self._world.create_application(
            wish.name, tenant_id=wish.tenant_id, owners=wish.owners, unique_name=wish.unique_name
        )
        self._world.create_service_principal(wish.tenant_id, made)
        return json_answer(201, application_document(made))

    async def _create_identity(self, call: Call, _: Keys) -> Answer:
        wish = parse(NewIdentity, parse_object(call.body), "identity")
        made = self._world.create_identity(wish.resource_id, location=wish.location)
        return json_answer(201, identity_document(made))

    async def _recreate_identity(self, _: Call, keys: Keys) -> Answer:
        return json_answer(200, identity_document(self._world.recreate_identity(keys["key"])))

    async def _delete_holder(self, _: Call, keys: Keys) -> Answer:
        if keys["kind"] == "applications":
            self._world.delete_application(keys["key"])
        else:
            self._world.delete_identity(keys["key"])
        return NOTHING

    async def _create_credential(self, call: Call, keys: Keys) -> Answer:
        seed = parse(CredentialSeed, parse_object(call.body), "credential")
        made = self._holder(keys).add_foreign_credential(**asdict(seed))
        return json_answer(201, credential_document(made))

    async def _change_credential(self, call: Call, keys: Keys) -> Answer:
        change = parse(CredentialChange, parse_object(call.body), "credential")
        changed = self._holder_of_credential(keys).change_credential(keys["name"], **asdict(change))
        return json_answer(200, credential_document(changed))

    async def _delete_credential(self, _: Call, keys: Keys) -> Answer:
        self._holder_of_credential(keys).remove(keys["name"])
        return NOTHING

    def _holder(self, keys: Keys) -> CredentialHolder:
        world = self._world
        return world.application(keys["key"]) if keys["kind"] == "applications" else world.identity(keys["key"])

    def _holder_of_credential(self, keys: Keys) -> CredentialHolder:
        holder = self._holder(keys)
        if holder.credential(keys["name"]) is None:
            raise NoSuchObject(f"credential {keys['name']}")
        return holder
