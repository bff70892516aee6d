"""The operator's own sign-in: one token per scope, one request for it however many calls wait."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

from azure.core.credentials import AccessToken

from entrafed.api.reasons import Reason
from entrafed.azure.budgets import Budget
from entrafed.azure.calls import Call, Operation, Reply, Service
from entrafed.azure.clock import Clock
from entrafed.azure.exchange import Exchange
from entrafed.domain.connections import SignIn
from entrafed.domain.errors import AzureProblem

T = TypeVar("T")

Fetch = Callable[[str], Awaitable[AccessToken]]
"""Asks Entra for a token of a scope, by one request; raises whatever azure-identity raises."""


class SingleFlight:
    """Azure's `AsyncTokenCredential`, shared by Graph and ARM.

    azure-identity has no single flight: 200 calls at once are 200 token requests. A flight is a task of its own, so
    that a caller who is cancelled takes nobody with him. `get_token` returns `AccessToken` itself: for any other type
    kiota sends requests without Authorization, silently. Tokens are asked for without continuous access evaluation:
    they live for an hour, and no service answers with a claims challenge. `skew` is how many seconds before its end a
    token is old.
    """

    def __init__(
        self, fetch: Fetch, *, sign_in: SignIn, exchange: Exchange, budget: Budget, clock: Clock, skew: float
    ) -> None:
        self._fetch = fetch
        words = f"sign in to tenant {sign_in.tenant_id} as {sign_in.client_id}"
        self._call = Call(Service.LOGIN, Operation.SIGN_IN, words)
        self._exchange = exchange
        self._budget = budget
        self._clock = clock
        self._skew = skew
        self._tokens: dict[str, AccessToken] = {}
        self._flights: dict[str, asyncio.Task[AccessToken | AzureProblem]] = {}

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **_: Any,
    ) -> AccessToken:
        """A token that lives longer than `skew`, for one scope; there are no other options.

        Raises `AzureProblem`, and always as answered: what the token was for has not been sent.
        """
        (scope,) = scopes
        token = self._tokens.get(scope)
        if token is not None and token.expires_on - self._clock.now() > self._skew:
            return token
        outcome = await asyncio.shield(self._flight(scope))
        if isinstance(outcome, AzureProblem):
            raise AzureProblem(outcome.problem, request_id=outcome.request_id)  # each waiter its own traceback
        return outcome

    def forget(self, token: AccessToken) -> None:
        """Drop a token that was not accepted; a newer one stays."""
        self._tokens = {scope: kept for scope, kept in self._tokens.items() if kept is not token}

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

    def _flight(self, scope: str) -> "asyncio.Task[AccessToken | AzureProblem]":
        flight = self._flights.get(scope)
        if flight is None:
            flight = asyncio.create_task(self._land(scope), name=f"token {scope}")
            self._flights[scope] = flight
            flight.add_done_callback(lambda _: self._flights.pop(scope, None))
        return flight

    async def _land(self, scope: str) -> AccessToken | AzureProblem:
        """Fetch a token; a failure is a value, since it has many receivers or, when all were cancelled, none."""

        async def send() -> Reply[AccessToken]:
            return Reply(200, await self._fetch(scope))

        try:
            token = await self._exchange.ask(self._call, self._budget, send)
        except AzureProblem as problem:
            return problem
        self._tokens[scope] = token
        return token


class Signed:
    """Requests to one service in the operator's name."""

    def __init__(self, credential: SingleFlight, scope: str, exchange: Exchange) -> None:
        self.credential = credential
        self._scope = scope
        self._exchange = exchange

    async def ask(self, call: Call, budget: Budget, send: Callable[[], Awaitable[Reply[T]]]) -> T:
        """As `Exchange.ask`. Signing in comes first, so that no request waits in line for a token."""
        return await self.having_signed_in(lambda: self._exchange.ask(call, budget, send))

    async def having_signed_in(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Sign in, then ask; a token that turns out not to be accepted is not used again."""
        token = await self.credential.get_token(self._scope)
        try:
            return await ask()
        except AzureProblem as problem:
            if problem.problem.reason is Reason.SIGN_IN_FAILED:
                self.credential.forget(token)
            raise


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
