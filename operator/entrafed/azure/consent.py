"""Whether an application is in a tenant that the operator has no way into, as that tenant's token endpoint tells.

Nobody but that tenant's own administrators can read its directory. But its token endpoint looks for the client before
it looks at what the client presents. So it is shown an assertion that no application can trust, of an issuer that
cannot exist (https://www.rfc-editor.org/rfc/rfc2606#section-2), and the refusal tells of a client that is not there, or
of one that trusts no such issuer. Each question is a failed sign-in in that tenant's logs, so it is asked rarely.
"""

import base64
import json
from dataclasses import replace
from enum import Enum

from azure.identity.aio import ClientAssertionCredential

from entrafed.api.reasons import Reason
from entrafed.azure.answers import Answer
from entrafed.azure.budgets import Budgets
from entrafed.azure.calls import Call, Operation, Refused, Reply, Service, Unreadable
from entrafed.azure.clock import Clock
from entrafed.azure.exchange import Exchange
from entrafed.azure.graph import graph_scope
from entrafed.azure.transport import USER_AGENT, AzureTransport
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.connections import SignIn
from entrafed.domain.errors import AzureProblem, Problem, ProblemKind

LIFETIME = 300  # seconds that the assertion claims to live: an old one might be refused before the client is looked for
ISSUER = "https://entrafed.invalid"

ABSENT = frozenset({700016, 7000229})
"""No such client, or none with a service principal in the tenant."""
NO_TENANT = frozenset({90002})
PRESENT = frozenset({70021, 70025, 700211, 700212, 700213})
"""None of the client's own credentials fits. Of all other numbers no page tells whether the client was looked for
before them."""


class Presence(Enum):
    """What a refusal tells of an application in a tenant."""

    THERE = "there"
    ABSENT = "absent"
    NO_TENANT = "no such tenant"


class Consents:
    """The token endpoints of any tenants, as one connection's cloud has them; one method is one request."""

    def __init__(
        self, sign_in: SignIn, *, transport: AzureTransport, exchange: Exchange, budgets: Budgets, clock: Clock
    ) -> None:
        self._sign_in = sign_in
        self._transport = transport
        self._exchange = exchange
        self._budgets = budgets
        self._clock = clock

    async def is_provisioned(self, tenant_id: str, client_id: str) -> bool:
        """Whether an application has a service principal in a tenant. `AzureProblem` when it cannot be told."""
        words = f"see whether application {client_id} is in tenant {tenant_id}"
        call = Call(Service.LOGIN, Operation.SEE_WHETHER_PROVISIONED, words)

        async def send() -> Reply[Presence]:
            credential = ClientAssertionCredential(
                tenant_id=tenant_id,
                client_id=client_id,
                func=lambda: untrusted_assertion(CLOUDS[self._sign_in.cloud].exchange_audience, self._clock.now()),
                authority=self._sign_in.login,
                transport=self._transport,
                retry_total=0,
                user_agent=USER_AGENT,
            )
            try:
                await credential.get_token(graph_scope(self._sign_in))
            except Refused as refused:
                told = presence(refused.answer)
                if told is None:
                    raise
                return Reply(refused.answer.status, told)
            raise Unreadable("a token was given for an assertion that nobody can trust")

        client = replace(self._sign_in, tenant_id=tenant_id, client_id=client_id)
        told = await self._exchange.ask(call, self._budgets.login(client), send)
        if told is Presence.NO_TENANT:
            message = f"tenant {tenant_id} does not exist in {self._sign_in.cloud}; mend its tenantId"
            raise AzureProblem(Problem(ProblemKind.TERMINAL, Reason.INVALID_SPEC, message))
        return told is Presence.THERE


def presence(answer: Answer) -> Presence | None:
    """What a refusal tells; None when it tells nothing, or two things."""
    told = {
        found
        for found, numbers in (
            (Presence.THERE, PRESENT),
            (Presence.ABSENT, ABSENT),
            (Presence.NO_TENANT, NO_TENANT),
        )
        if numbers.intersection(answer.aadsts)
    }
    return told.pop() if len(told) == 1 else None


def untrusted_assertion(audience: str, now: float) -> str:
    """A JWT in form, with a signature of zeros, of an issuer that cannot exist; `now` is seconds since the epoch."""
    header = {"alg": "RS256", "typ": "JWT", "kid": "none"}
    claims = {
        "iss": ISSUER,
        "sub": "is-this-application-in-this-tenant",
        "aud": audience,
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now) + LIFETIME,
    }
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), bytes(256))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
