"""Reads of Graph that are ready to be sent at the same moment share one request, up to 20 of them.

Each costs its own resource units and is answered, and refused, as if it had been sent alone. Writes are never among
them: those to one application come one after the other. Source: https://learn.microsoft.com/graph/json-batching
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import structlog

from entrafed.azure.answers import Bill, read_answer, read_bill
from entrafed.azure.budgets import Budget
from entrafed.azure.calls import Call, Refused, Reply, Unreadable
from entrafed.azure.clock import Clock
from entrafed.azure.exchange import Exchange
from entrafed.domain.errors import AzureProblem

T = TypeVar("T")

MOST = 20  # requests in one batch

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of Graph that is success."""

    status: int
    body: bytes
    bill: Bill


@dataclass(frozen=True, slots=True)
class Wire:
    """How a path is read, and how a batch is sent. Both raise whatever the SDK raises."""

    get: Callable[[str], Awaitable[Response]]
    post: Callable[[bytes], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Member:
    """A read that waits. `path` is relative to the version of the API."""

    call: Call
    budget: Budget
    path: str
    read: Callable[[bytes], Any]
    outcome: "asyncio.Future[Reply[Any] | AzureProblem]"


class Batches:
    """The reads of one connection. `opening` is the budget that one request for several waits for.

    A read waits for its turn in the loop and, as ever, for the budget; whatever is asked for meanwhile goes with it.
    Who is cancelled takes nobody with him. Where something on the way to Graph takes no batches, none is sent any more.
    """

    def __init__(self, *, exchange: Exchange, opening: Budget, wire: Wire, clock: Clock) -> None:
        self._exchange = exchange
        self._opening = opening
        self._wire = wire
        self._clock = clock
        self._waiting: deque[_Member] = deque()
        self._senders: set[asyncio.Task[None]] = set()
        self._yet_to_take = 0
        self._most = MOST

    async def ask(self, call: Call, budget: Budget, path: str, read: Callable[[bytes], T]) -> T:
        """Send one read, alone or with others. Raises `AzureProblem`."""
        member = _Member(call, budget, path, read, asyncio.get_running_loop().create_future())
        self._waiting.append(member)
        self._have_all_sent()
        outcome = await member.outcome
        if isinstance(outcome, AzureProblem):
            raise outcome
        return cast("T", outcome.value)

    async def close(self) -> None:
        """End what is under way; nobody can be waiting any more."""
        senders = list(self._senders)
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)

    def _have_all_sent(self) -> None:
        """As many requests on their way to their turn as those who wait need."""
        while len(self._waiting) > self._yet_to_take * self._most:
            self._yet_to_take += 1
            sender = asyncio.create_task(self._send(), name="reads")
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)

    async def _send(self) -> None:
        """One request for all that wait by the time that it may be sent."""
        members: list[_Member] = []
        try:
            async with self._opening.spend():
                members = self._take()
                for member in members:
                    member.budget.charge()
                await self._exchange_all(members)
        except AzureProblem as held:
            members = self._take()
            for member in members:
                _settle(member, AzureProblem(held.problem))
        finally:
            for member in members:
                member.outcome.cancel()  # of one that is settled it changes nothing

    def _take(self) -> list[_Member]:
        self._yet_to_take -= 1
        taken: list[_Member] = []
        while self._waiting and len(taken) < self._most:
            member = self._waiting.popleft()
            if not member.outcome.done():
                taken.append(member)
        return taken

    async def _exchange_all(self, members: list[_Member]) -> None:
        if not members:
            return
        if len(members) == 1:
            await self._attempt(members[0], partial(self._alone, members[0]))
            return
        posted = asyncio.create_task(self._post(members))
        try:
            parts = (self._attempt(one, partial(self._part, posted, str(n), one)) for n, one in enumerate(members))
            await asyncio.gather(*parts)
        finally:
            posted.cancel()

    async def _attempt(self, member: _Member, send: Callable[[], Awaitable[Reply[Any]]]) -> None:
        _settle(member, await self._exchange.attempt(member.call, member.budget, send))

    async def _alone(self, member: _Member) -> Reply[Any]:
        response = await self._wire.get(member.path)
        return Reply(response.status, member.read(response.body), response.bill)

    async def _post(self, members: list[_Member]) -> Mapping[str, Mapping[str, Any]] | Exception:
        """The parts of the answer by the number of the member, or why there are none: a value, for many receivers."""
        requests = [{"id": str(n), "method": "GET", "url": member.path} for n, member in enumerate(members)]
        try:
            response = await self._wire.post(json.dumps({"requests": requests}).encode())
            return _parts(response.body)
        except Refused as refused:
            status = refused.answer.status
            if status in (401, 408, 429) or status >= 500:
                return refused  # it says of none of the objects whether it is there
            return self._take_no_more_batches(f"{status} to several reads at once")
        except Unreadable as unreadable:
            return self._take_no_more_batches(str(unreadable))
        except Exception as error:
            return error

    def _take_no_more_batches(self, cause: str) -> Unreadable:
        self._most = 1
        self._have_all_sent()
        log.warning("reads of Microsoft Graph are sent one by one from now on", problem=cause)
        return Unreadable(cause)

    async def _part(
        self, posted: "asyncio.Task[Mapping[str, Mapping[str, Any]] | Exception]", name: str, member: _Member
    ) -> Reply[Any]:
        """One member's share of the answer, as if it had come alone."""
        parts = await asyncio.shield(posted)
        if isinstance(parts, Exception):
            raise parts
        if name not in parts:
            raise Unreadable("it leaves this read out")
        part = parts[name]
        status, headers = part.get("status"), part.get("headers")
        if not isinstance(status, int):
            raise Unreadable("it has no status")
        lower = {str(k).lower(): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {}
        body = json.dumps(part.get("body")).encode()
        if not 200 <= status < 300:
            raise Refused(read_answer(status, lower, body, self._clock.now()))
        return Reply(status, member.read(body), read_bill(lower))


def _settle(member: _Member, outcome: Reply[Any] | AzureProblem) -> None:
    if not member.outcome.done():
        member.outcome.set_result(outcome)


def _parts(body: bytes) -> dict[str, Mapping[str, Any]]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("it is not JSON") from None
    responses = document.get("responses") if isinstance(document, dict) else None
    if not isinstance(responses, list):
        raise Unreadable("it is no answer to several reads")
    return {str(one.get("id")): one for one in responses if isinstance(one, dict)}
