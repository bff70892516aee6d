"""The operator's own sign-in: one token per scope, one request for it however many calls wait."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from azure.core.credentials import AccessToken

from entrafed.api.reasons import Reason
from entrafed.azure.budgets import Budget
from entrafed.azure.calls import Call, Seen
from entrafed.azure.clock import Clock
from entrafed.azure.failures import understand
from entrafed.domain.errors import AzureProblem, Problem, ProblemKind


class Source(Protocol):
    """The credential of azure-identity that tokens come from."""

    async def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, enable_cae: bool = False
    ) -> AccessToken: ...


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A projected service account token, read for every token request: kubelet replaces it long before it ends."""

    path: Path

    def read(self) -> str:
        """The token; `AzureProblem` when there is none."""
        try:
            text = self.path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeError) as error:
            cause = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text"
        else:
            if text:
                return text
            cause = "it is empty"
        message = (
            f"Cannot read the operator's service account token {self.path}: {cause}; mount a projected token there"
        )
        raise AzureProblem(Problem(ProblemKind.TRANSIENT, Reason.SIGN_IN_FAILED, message))


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two token requests the same."""

    scopes: tuple[str, ...]
    enable_cae: bool
    claims: str | None


class SingleFlight:
    """Azure's `AsyncTokenCredential`, shared by Graph and ARM.

    azure-identity has no single flight: 200 calls at once are 200 token requests. A flight is a task of its own, so
    that a caller who is cancelled takes nobody with him. `get_token` returns `AccessToken` itself: for any other type
    kiota sends requests without Authorization, silently. `skew` is how many seconds before its end a token is old.
    """

    def __init__(
        self,
        source: Callable[[], Source],
        *,
        call: Call,
        budget: Budget,
        clock: Clock,
        skew: float,
        timeout: float,
        seen: Seen,
    ) -> None:
        self._make_source = source
        self._source = source()
        self._call = call
        self._budget = budget
        self._clock = clock
        self._skew = skew
        self._timeout = timeout
        self._seen = seen
        self._tokens: dict[tuple[tuple[str, ...], bool], AccessToken] = {}
        self._flights: dict[Key, asyncio.Task[AccessToken | AzureProblem]] = {}

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **_: Any,
    ) -> AccessToken:
        """A token that lives longer than `skew`. Raises `AzureProblem`. `tenant_id` is ignored: there is only one."""
        token = self._tokens.get((scopes, enable_cae))
        if token is not None and claims is None and token.expires_on - self._clock.now() > self._skew:
            return token
        outcome = await asyncio.shield(self._flight(Key(scopes, enable_cae, claims)))
        if isinstance(outcome, AzureProblem):
            raise AzureProblem(outcome.problem, request_id=outcome.request_id)  # each waiter its own traceback
        return outcome

    def forget(self) -> None:
        """Drop every token: one of them was not accepted."""
        self._tokens.clear()
        self._source = self._make_source()  # azure-identity caches too, and has no way to be told

    async def close(self) -> None:
        """End the flights; nobody can be waiting any more."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def __aenter__(self) -> "SingleFlight":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """The SDKs' clients close their credential; this one is shared, and closed by its owner."""

    def _flight(self, key: Key) -> "asyncio.Task[AccessToken | AzureProblem]":
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._land(key), name=f"token {key.scopes}")
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return flight

    async def _land(self, key: Key) -> AccessToken | AzureProblem:
        """Fetch a token; a failure is a value, since it has many receivers or, when all were cancelled, none."""
        try:
            async with self._budget.spend():
                return await self._fetch(key)
        except AzureProblem as problem:  # held for longer than a call waits
            return problem

    async def _fetch(self, key: Key) -> AccessToken | AzureProblem:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                token = await self._source.get_token(*key.scopes, claims=key.claims, enable_cae=key.enable_cae)
        except Exception as error:
            failure = understand(self._call, error, self._clock.now())
        else:
            self._count("200", started)
            self._tokens[key.scopes, key.enable_cae] = token
            return token
        if failure.code is not None:
            self._count(failure.code, started)
        if failure.holds is not None:
            self._budget.hold(failure.holds, failure.hold_seconds)
        return failure.problem

    def _count(self, code: str, started: float) -> None:
        seconds = self._clock.monotonic() - started
        self._seen(self._call.service.value, self._call.operation.value, code, seconds)


def object_id_in(token: AccessToken) -> str | None:
    """The `oid` claim of a token, not verified: only what Entra told the operator about itself a moment ago."""
    parts = token.token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    oid = claims.get("oid") if isinstance(claims, dict) else None
    return oid.lower() if isinstance(oid, str) else None
