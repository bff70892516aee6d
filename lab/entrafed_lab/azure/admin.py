"""How another process changes the simulation and looks into it: JSON over plain HTTP on loopback.

docs/reference/lab-azure.md says what each request does. Changes are those of other people: none of Azure's rules are
checked.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from urllib.parse import unquote

from entrafed_lab.azure.documents import InvalidDocument, camel, parse
from entrafed_lab.azure.exchange import Answer, Call, ServiceName, json_answer, parse_object
from entrafed_lab.azure.faults import Fault, FaultHandle, Faults
from entrafed_lab.azure.foreign import Foreign
from entrafed_lab.azure.foreign_hosts import ForeignHosts
from entrafed_lab.azure.foreign_roles import ForeignRoles
from entrafed_lab.azure.foreign_tenants import ForeignTenants
from entrafed_lab.azure.request_log import RequestLog, RequestRecord
from entrafed_lab.azure.snapshot import snapshot
from entrafed_lab.azure.timing import Delays
from entrafed_lab.azure.world import NoSuchObject, World

Keys = dict[str, str]
Handler = Callable[[Call, Keys], Awaitable[Answer]]
NOTHING = Answer(204)


class Listening(StrEnum):
    """Whether a service accepts connections."""

    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ServiceWish:
    state: Listening


@dataclass(frozen=True, slots=True)
class TokenWish:
    """A token of an issuer whose keys are held here; `lifetime` in seconds."""

    issuer: str
    subject: str
    audience: str = "api://AzureADTokenExchange"
    claims: dict[str, object] | None = None
    lifetime: float = 600.0


class Admin:
    """What answers on the admin port. `listen` and `issue` are what the simulated Azure does about services, tokens."""

    def __init__(
        self,
        *,
        world: World,
        faults: Faults,
        log: RequestLog,
        listen: Callable[[ServiceName, Listening], Awaitable[None]],
        issue: Callable[..., str],
    ) -> None:
        self._world = world
        self._faults = faults
        self._log = log
        self._listen = listen
        self._issue = issue
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, re.compile(pattern), handler)
            for method, pattern, handler in (
                ("GET", r"/snapshot", self._show_all),
                ("GET", r"/requests", self._list_requests),
                ("DELETE", r"/requests", self._forget_requests),
                ("GET", r"/faults", self._list_faults),
                ("POST", r"/faults", self._add_fault),
                ("DELETE", r"/faults(/(?P<id>\d+))?", self._remove_faults),
                ("GET", r"/delays", self._show_delays),
                ("PUT", r"/delays", self._set_delays),
                ("PUT", r"/services/(?P<name>[a-z]+)", self._set_listening),
                ("POST", r"/tokens", self._token),
                *Foreign(world).routes(),
                *ForeignHosts(world).routes(),
                *ForeignRoles(world).routes(),
                *ForeignTenants(world).routes(),
            )
        ]

    async def answer(self, call: Call) -> Answer:
        """Handle one request; never raises."""
        try:
            for method, pattern, handler in self._routes:
                found = pattern.fullmatch(call.path.rstrip("/"))
                if found is not None and method == call.method:
                    return await handler(call, {key: unquote(value) for key, value in found.groupdict("").items()})
            return _error(404, f"There is no {call.method} {call.path}.")
        except (InvalidDocument, re.error) as invalid:
            return _error(400, str(invalid))
        except NoSuchObject as missing:
            return _error(404, f"There is no {missing.args[0]}.")

    async def _show_all(self, _: Call, __: Keys) -> Answer:
        return json_answer(200, snapshot(self._world))

    async def _list_requests(self, call: Call, _: Keys) -> Answer:
        operation, after = call.query.get("operation"), call.query.get("after", "0")
        if not after.isdigit():
            raise InvalidDocument("after must be a number of a request")
        listed = [
            _record(record)
            for record in self._log
            if record.number > int(after) and operation in {None, record.operation}
        ]  # fmt: skip
        return json_answer(200, {"requests": listed})

    async def _forget_requests(self, _: Call, __: Keys) -> Answer:
        self._log.clear()
        return NOTHING

    async def _list_faults(self, _: Call, __: Keys) -> Answer:
        return json_answer(200, {"faults": [_fault(handle) for handle in self._faults]})

    async def _add_fault(self, call: Call, _: Keys) -> Answer:
        return json_answer(201, _fault(self._faults.add(parse(Fault, parse_object(call.body), "fault"))))

    async def _remove_faults(self, _: Call, keys: Keys) -> Answer:
        chosen = [handle for handle in self._faults if keys["id"] in {"", str(handle.id)}]
        if not chosen and keys["id"]:
            raise NoSuchObject(f"fault {keys['id']}")
        for handle in chosen:
            handle.remove()
        return NOTHING

    async def _show_delays(self, _: Call, __: Keys) -> Answer:
        return json_answer(200, _camel(asdict(self._world.delays)))

    async def _set_delays(self, call: Call, _: Keys) -> Answer:
        self._world.delays = parse(Delays, parse_object(call.body), "delays").effective()
        return await self._show_delays(call, _)

    async def _set_listening(self, call: Call, keys: Keys) -> Answer:
        if keys["name"] not in set(ServiceName) - {ServiceName.ADMIN}:
            raise NoSuchObject(f"service {keys['name']}")
        wish = parse(ServiceWish, parse_object(call.body), "service")
        await self._listen(ServiceName(keys["name"]), wish.state)
        return NOTHING

    async def _token(self, call: Call, _: Keys) -> Answer:
        wish = parse(TokenWish, parse_object(call.body), "token")
        if wish.issuer not in self._world.issuers:
            raise NoSuchObject(f"issuer {wish.issuer} whose keys are held here")
        return json_answer(201, {"token": self._issue(**asdict(wish))})


def _error(status: int, message: str) -> Answer:
    return json_answer(status, {"error": message})


def _camel(document: dict[str, object]) -> dict[str, object]:
    return {camel(key): value for key, value in document.items()}


def _record(record: RequestRecord) -> dict[str, object]:
    return _camel(asdict(record))


def _fault(handle: FaultHandle) -> dict[str, object]:
    return {"id": handle.id, "hits": handle.hits, **_camel(asdict(handle.fault))}
