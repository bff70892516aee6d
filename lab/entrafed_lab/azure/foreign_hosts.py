"""What other people do to hosts, by the admin API: make them, delete them, lock them, and have their updates fail."""

from dataclasses import dataclass

from entrafed_lab.azure.documents import InvalidDocument, parse
from entrafed_lab.azure.exchange import Answer, Call, json_answer, parse_object
from entrafed_lab.azure.foreign import NOTHING, Keys, Route
from entrafed_lab.azure.hosts import Failure
from entrafed_lab.azure.seed import HostSeed
from entrafed_lab.azure.snapshot import host_document
from entrafed_lab.azure.world import NoSuchObject, World

_HOST = r"/hosts/(?P<host>[^/]+)"
LEVELS = ("ReadOnly", "CanNotDelete")


@dataclass(frozen=True, slots=True)
class NewLock:
    """A management lock."""

    scope: str
    level: str = "ReadOnly"

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise InvalidDocument(f"lock.level: possible are {', '.join(LEVELS)}")


class ForeignHosts:
    """Handlers of the admin API; they raise `NoSuchObject` and `InvalidDocument`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Method, pattern of the path, handler."""
        return [
            ("POST", r"/hosts", self._create),
            ("DELETE", _HOST, self._delete),
            ("POST", _HOST + "/recreate", self._recreate),
            ("POST", _HOST + "/failures", self._fail),
            ("PUT", _HOST + "/identities/(?P<key>[^/]+)", self._attach),
            ("DELETE", _HOST + "/identities/(?P<key>[^/]+)", self._detach),
            ("POST", r"/locks", self._lock),
            ("DELETE", r"/locks", self._unlock),
        ]

    async def _create(self, call: Call, _: Keys) -> Answer:
        wish = parse(HostSeed, parse_object(call.body), "host")
        made = self._world.create_host(
            wish.resource_id,
            host_id=wish.id,
            identities=wish.identities,
            location=wish.location,
            system_assigned=wish.system_assigned,
        )
        return json_answer(201, host_document(made))

    async def _delete(self, _: Call, keys: Keys) -> Answer:
        self._world.delete_host(keys["host"])
        return NOTHING

    async def _recreate(self, _: Call, keys: Keys) -> Answer:
        return json_answer(200, host_document(self._world.recreate_host(keys["host"])))

    async def _fail(self, call: Call, keys: Keys) -> Answer:
        self._world.host(keys["host"]).failures.append(parse(Failure, parse_object(call.body), "failure"))
        return NOTHING

    async def _attach(self, _: Call, keys: Keys) -> Answer:
        self._world.attach(keys["host"], keys["key"])
        return NOTHING

    async def _detach(self, _: Call, keys: Keys) -> Answer:
        self._world.detach(keys["host"], keys["key"])
        return NOTHING

    async def _lock(self, call: Call, _: Keys) -> Answer:
        wish = parse(NewLock, parse_object(call.body), "lock")
        self._world.lock(wish.scope, wish.level)
        return NOTHING

    async def _unlock(self, call: Call, _: Keys) -> Answer:
        scope = call.query.get("scope", "").lower()
        found = [lock for lock in self._world.locks if lock.scope == scope]
        if not found:
            raise NoSuchObject(f"lock on {scope}")
        for lock in found:
            self._world.locks.remove(lock)
        return NOTHING
