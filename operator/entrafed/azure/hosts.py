"""Azure Resource Manager: resources that identities can be assigned to, through azure-mgmt-core's pipeline.

No SDK of a resource provider: each has its own models of the whole resource, and here only its identity is changed.
https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.mgmt.core import AsyncARMPipelineClient

from entrafed.api.reasons import Reason
from entrafed.azure.answers import LONGEST_TEXT, Answer, clean
from entrafed.azure.budgets import Budget, Budgets, Spend
from entrafed.azure.calls import Call, Operation, Refused, Reply, Service, Unreadable
from entrafed.azure.credential import Signed
from entrafed.azure.pipeline import policies
from entrafed.azure.transport import AzureTransport, is_at
from entrafed.domain.assignments import Running
from entrafed.domain.connections import SignIn
from entrafed.domain.errors import AzureProblem, Problem, ProblemKind
from entrafed.domain.hosts import Host, HostIdentity, HostPath, Provisioning, identity_block

LONGEST_POLL = 60.0  # seconds; a change that is over is not left unseen for longer
MOST = 150  # identities in one request; more are refused (https://github.com/Azure/bicep/issues/16559)
CHANGING = frozenset({"creating", "updating", "deleting", "migrating", "accepted", "inprogress"})
"""Of `provisioningState`: something is under way. Providers have more words than these, all for rest or failure."""
UNTOLD = (403, 404)
"""Statuses that say nothing of a change, only of who asks for it, and where."""
_OVER = {"succeeded": None, "failed": "it failed", "canceled": "it was cancelled"}


class Hosts:
    """Hosts as one connection sees them; one method is one request. `poll` is in seconds, as in `CallTiming`."""

    def __init__(
        self, sign_in: SignIn, *, transport: AzureTransport, signed: Signed, budgets: Budgets, poll: float
    ) -> None:
        self._sign_in = sign_in
        self._poll = poll
        self._signed = signed
        self._budgets = budgets
        self._client: AsyncARMPipelineClient[HttpRequest, AsyncHttpResponse] = AsyncARMPipelineClient(
            sign_in.arm, transport=transport, policies=policies(signed.credential, sign_in)
        )

    async def look(self, path: HostPath) -> Host:
        """Read a host; `NotFound` when it is gone."""
        call = Call(Service.ARM, Operation.READ_HOST, f"read host {path.key}")

        async def send() -> Reply[Host]:
            answer = await self._send("GET", path)
            return Reply(answer.status_code, _host(path, _json(answer)))

        return await self._signed.ask(call, self._budget(path, Spend.GET), send)

    async def change(self, host: Host, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> Running | None:
        """Add identities to a host that was read a moment ago, or remove some; what is else in the host stays.

        The answer is None when that is done, else what tells of it.
        """
        path = host.path
        words = f"{'assign' if add else 'take back'} {', '.join(sorted(_name(key) for key in (add or remove)))}"
        call = Call(Service.ARM, Operation.CHANGE_HOST, f"{words} at host {path.key}")
        block = identity_block(host, add=add, remove=remove)
        named = block.get("userAssignedIdentities")
        if isinstance(named, dict) and len(named) > MOST:
            message = f"Cannot {call.doing}: it would name {len(named)} identities, and Azure takes {MOST} at once"
            raise AzureProblem(Problem(ProblemKind.TERMINAL, Reason.QUOTA_EXCEEDED, message))

        async def send() -> Reply[Running | None]:
            headers = {"If-Match": host.etag} if host.etag else {}
            answer = await self._send("PATCH", path, {"identity": block}, headers)
            return Reply(answer.status_code, self._running(answer))

        return await self._signed.ask(call, self._budget(path, Spend.WRITE), send)

    async def follow(self, path: HostPath, running: Running) -> Running | None:
        """Look how a change goes; None when it is over. Raises what it failed with, as if that had been the answer to
        it; a question that was not let through is raised as not answered.

        Where nothing tells of the change (an old one is forgotten, an address leads elsewhere or may not be read), the
        host itself does.
        """
        if not running.url:
            host = await self.look(path)
            return Running("", self._poll) if host.provisioning is Provisioning.CHANGING else None
        call = Call(Service.ARM, Operation.FOLLOW_CHANGE, f"change the identities of host {path.key}")
        refused: int | None = None

        async def send() -> Reply[Running | None]:
            nonlocal refused
            try:
                answer = await self._client.send_request(HttpRequest("GET", running.url))
            except Refused as refusal:
                refused = refusal.answer.status
                raise
            return Reply(answer.status_code, self._progress(answer, running))

        try:
            return await self._signed.ask(call, self._budget(path, Spend.GET), send)
        except AzureProblem as failure:
            if refused in UNTOLD or failure.problem.reason is Reason.UNEXPECTED_ANSWER:
                return Running("", self._poll)
            failure.answered = failure.answered and refused not in (401, 429)
            raise

    def _running(self, answer: AsyncHttpResponse) -> Running | None:
        """What tells of a change that was accepted: Compute answers 200 and an operation, others 202 and a location."""
        url = answer.headers.get("Azure-AsyncOperation") or (
            answer.headers.get("Location") if answer.status_code in (201, 202) else None
        )
        return Running(self._own(url), self._after(answer)) if url else None

    def _progress(self, answer: AsyncHttpResponse, running: Running) -> Running | None:
        """An operation's resource tells by `status`; a location by the answer's own."""
        if answer.status_code == 202:
            return Running(self._own(answer.headers.get("Location") or running.url), self._after(answer))
        document = _json(answer) if answer.content else {}
        told = document.get("status")
        if not isinstance(told, str):
            return None
        if told.lower() not in _OVER:
            return Running(running.url, self._after(answer))
        failure = _OVER[told.lower()]
        if failure is None:
            return None
        error = _part(document, "error")
        text, code = str(error.get("message") or failure), error.get("code")
        raise Refused(Answer(status=400, code=clean(str(code))[:80] if code else told, text=clean(text, LONGEST_TEXT)))

    def _own(self, url: str) -> str:
        """An address, as long as it is one of Resource Manager: no other is shown a token."""
        return url if is_at(self._sign_in.arm, url) else ""

    def _after(self, answer: AsyncHttpResponse) -> float:
        try:
            seconds = float(answer.headers.get("Retry-After") or self._poll)
        except ValueError:
            return self._poll
        return min(seconds, LONGEST_POLL) if seconds > 0 else self._poll

    async def _send(
        self,
        method: Literal["GET", "PATCH"],
        path: HostPath,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncHttpResponse:
        url = f"{self._sign_in.arm}{path.key}"
        parameters = {"api-version": path.type.api_version}
        request = HttpRequest(method, url, params=parameters, headers=dict(headers or {}), json=body)
        return await self._client.send_request(request)

    def _budget(self, path: HostPath, spend: Spend) -> Budget:
        return self._budgets.resources(self._sign_in, path.subscription, path.key, spend)


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _json(answer: AsyncHttpResponse) -> dict[str, Any]:
    try:
        parsed = json.loads(answer.content)
    except (ValueError, RecursionError):
        raise Unreadable("it is not JSON") from None
    if not isinstance(parsed, dict):
        raise Unreadable("it is no object")
    return parsed


def _host(path: HostPath, body: dict[str, Any]) -> Host:
    identity, properties = _part(body, "identity"), _part(body, "properties")
    kinds = {kind.strip().lower() for kind in str(identity.get("type") or "").split(",")}
    etag, state = body.get("etag"), str(properties.get("provisioningState") or "")
    identities = _part(identity, "userAssignedIdentities")
    return Host(
        path=path,
        has_system_identity="systemassigned" in kinds,
        identities=tuple(_identity(spelled, identities[spelled]) for spelled in identities),
        provisioning=Provisioning.CHANGING if state.lower() in CHANGING else Provisioning.AT_REST,
        instance=str(properties.get("vmId") or "").lower(),
        etag=etag if isinstance(etag, str) else None,
    )


def _part(body: dict[str, Any], name: str) -> dict[str, Any]:
    part = body.get(name)
    if part is not None and not isinstance(part, dict):
        raise Unreadable(f"{name} is no object")
    return part or {}


def _identity(spelled: str, entry: object) -> HostIdentity:
    ids = entry if isinstance(entry, dict) else {}
    principal, client = ids.get("principalId"), ids.get("clientId")
    return HostIdentity(
        spelled=spelled,
        principal_id=str(principal).lower() if principal and client else None,
        client_id=str(client).lower() if client else None,
    )
