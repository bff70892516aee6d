"""The story that the demo tells, step by step. Each step raises `NotSeen` at the first check that does not hold."""

import asyncio
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from entrafed_lab.manifests import FEDERATION, HOST, IDENTITY, TRUSTED, UNTRUSTED
from entrafed_lab.operator_process import PROGRAM, is_operator_ready
from entrafed_lab.workspace import Workspace

from .checks import Check, Step
from .cluster import User
from .stage import NotSeen, NotYet, Stage
from .tenant import Held, credentials
from .workload import Refused, Workload, managed_identity_token

APP = "storage-reader"
BLOB = "contosodata/reports/hello.txt"
HEARING = "waiting for every node of Entra to hear of it"
UNHEARD = frozenset({"AADSTS70025", "AADSTS700211"})
"""What a node of Entra says that has not heard of the federation: no credential at all, or none with the issuer. That
another node has exchanged a token of the issuer proves nothing of this one."""


@dataclass(frozen=True, slots=True)
class Story:
    """The steps after the lab has started. `azure` is the content of azure.json."""

    stage: Stage
    user: User
    files: Workspace
    azure: Mapping[str, Any]
    app: Workload

    async def meet_the_tenant(self) -> frozenset[Held]:
        """What others made before us."""
        others = frozenset(item for item in await self._held() if not item.is_ours)
        of_the_app = [item for item in others if item.holder == APP]
        seen = ", ".join(item.name for item in of_the_app) or f"{APP} has none"
        self.stage.require(Check.FOREIGN_IS_THERE, bool(of_the_app), seen)
        return others

    async def meet_the_operator(self) -> None:
        ready = await is_operator_ready(self.files)
        self.stage.require(Check.OPERATOR_READY, ready, f"/readyz says {'yes' if ready else 'no'}")
        name = await self.user.operator_name()
        wrong = [
            words
            for words, verb, resource, subresource in (
                ("read Secrets", "get", "secrets", ""),
                ("create tokens", "create", "serviceaccounts", "token"),
            )
            if await self.user.operator_may(verb, resource, subresource)
        ]
        seen = f"{name} may {' and '.join(wrong) or 'do neither'}"
        self.stage.require(Check.OPERATOR_HAS_THE_CHARTS_RIGHTS, not wrong, seen)

    async def connect(self) -> None:
        await self.stage.begin(Step.CONNECTION)
        await self.user.apply("connection.yaml")
        condition = await self.stage.until(
            Check.SIGNED_IN, self.user.ready_connection, waiting="waiting for the operator to sign in"
        )
        self.stage.require(Check.SIGNED_IN, True, condition["message"])

    async def federate(self) -> Mapping[str, Any]:
        """The federation, with its status."""
        await self.stage.begin(Step.FEDERATION)
        await self.user.apply("accounts.yaml")
        self.stage.output((self.files.manifests / "federation.yaml").read_text())
        await self.user.apply("federation.yaml")
        federation = await self.stage.until(
            Check.READY, self.user.ready_federation, waiting="waiting for the federation to be Ready"
        )
        await self.user.show_federation()
        summary = federation["status"]["summary"]
        self.stage.require(Check.READY, summary["credentials"] == "3/3", f"{summary['credentials']} in its status")
        return federation

    async def look_at_the_app(self, federation: Mapping[str, Any], others: frozenset[Held]) -> None:
        await self.stage.begin(Step.TENANT)
        held = await self._held()
        self._list(item for item in held if item.holder == APP)
        told = {
            (credential["credentialName"], credential["issuer"], credential["subject"])
            for item in federation["status"]["federatedCredentials"]
            for credential in item["credentials"]
        }
        ours = held - others
        found = {(item.name, item.issuer, item.subject) for item in ours}
        right = found == told and others <= held and {item.holder for item in ours} == {APP}
        self.stage.require(Check.WRITTEN, right, f"{len(ours)} new in the tenant, {len(told)} told in the status")

    async def be_a_pod(self) -> str:
        """The pod's token, which has been exchanged."""
        await self.stage.begin(Step.POD)
        assertion = await self.user.token(TRUSTED)
        self._show_claims(assertion)
        access = await self._exchange(Check.POD_EXCHANGES, assertion)
        await self._read(Check.POD_READS, access)
        return assertion

    async def be_a_vm(self) -> None:
        await self.stage.begin(Step.VM)
        identity = next(item for item in self.azure["identities"] if item["name"] == IDENTITY)
        host = next(item for item in self.azure["hosts"] if item["id"] == HOST)
        try:
            assertion = await managed_identity_token(identity["clientId"], host["environment"])
        except Refused as refused:
            raise NotSeen(f"{Check.VM_HAS_IDENTITY}. Seen instead: {refused}") from None
        self.stage.require(Check.VM_HAS_IDENTITY, True, f"{IDENTITY}, from the metadata endpoint of {HOST}")
        self._show_claims(assertion)
        access = await self._exchange(Check.VM_EXCHANGES, assertion)
        await self._read(Check.VM_READS, access)

    async def be_somebody_else(self) -> None:
        await self.stage.begin(Step.OTHERS)
        assertion = await self.user.token(UNTRUSTED)
        self._show_claims(assertion)

        async def refusal() -> Refused:
            try:
                await self.app.exchange(assertion)
            except Refused as refused:
                if refused.code in UNHEARD:
                    raise NotYet(str(refused)) from None
                return refused
            raise NotSeen(f"{Check.OTHERS_REFUSED}. Seen instead: its token was exchanged")

        refused = await self.stage.until(Check.OTHERS_REFUSED, refusal, waiting=HEARING)
        self.stage.require(Check.OTHERS_REFUSED, refused.code is not None, str(refused))
        await self._explain(str(refused.code))

    async def delete(self) -> None:
        await self.stage.begin(Step.DELETION)
        await self.user.delete_federation()
        await self.stage.until(
            Check.DELETED, self.user.federation_is_gone, waiting="waiting for the operator to clean up"
        )
        self.stage.require(Check.DELETED, True, f"kubectl finds no {FEDERATION}")

    async def come_too_late(self, assertion: str) -> None:
        """Try once more to exchange a token that was good."""
        await self.stage.begin(Step.AFTERWARDS)

        async def refusal() -> str:
            try:
                await self.app.exchange(assertion)
            except Refused as refused:
                if refused.code is None:
                    raise NotYet(str(refused)) from None
                return str(refused)
            raise NotYet("it is still exchanged")

        seen = await self.stage.until(Check.EXCHANGE_ENDS, refusal, waiting=HEARING)
        self.stage.require(Check.EXCHANGE_ENDS, True, seen)

    async def look_at_the_end(self, others: frozenset[Held]) -> None:
        await self.stage.begin(Step.END)
        held = await self._held()
        self._list(item for item in held if item.holder == APP)
        ours = sorted(item.name for item in held if item.is_ours)
        self.stage.require(Check.NOTHING_LEFT, not ours, ", ".join(ours) or "no credential of an operator")
        missing = sorted(item.name for item in others - held)
        seen = f"missing or changed: {', '.join(missing)}" if missing else f"all {len(others)} as they were"
        self.stage.require(Check.FOREIGN_UNTOUCHED, not missing, seen)

    async def _exchange(self, check: Check, assertion: str) -> str:
        async def access_token() -> str:
            try:
                return await self.app.exchange(assertion)
            except Refused as refused:
                raise NotYet(str(refused.code or refused)) from None

        access = await self.stage.until(check, access_token, waiting=HEARING)
        claims = jwt.decode(access, options={"verify_signature": False})
        seen = f"for {claims['aud']}, appid {claims['appid']}"
        self.stage.require(check, claims["appid"] == self.app.client_id, seen)
        return access

    async def _read(self, check: Check, access: str) -> None:
        try:
            content = await self.app.read(BLOB, access)
        except Refused as refused:
            raise NotSeen(f"{check}. Seen instead: {refused}") from None
        self.stage.require(check, bool(content), content.strip())

    async def _explain(self, code: str) -> None:
        self.stage.command(f"entrafed explain {code}")
        process = await asyncio.create_subprocess_exec(PROGRAM, "explain", code, stdout=subprocess.PIPE)
        words = (await process.communicate())[0].decode().strip()
        self.stage.require(Check.REFUSAL_EXPLAINED, process.returncode == 0 and code in words, words)

    def _show_claims(self, token: str) -> None:
        claims = jwt.decode(token, options={"verify_signature": False})
        audience = claims["aud"] if isinstance(claims["aud"], str) else ", ".join(claims["aud"])
        self.stage.output(f"issuer   {claims['iss']}\nsubject  {claims['sub']}\naudience {audience}")

    def _list(self, held: Iterable[Held]) -> None:
        self.stage.output("\n".join(f"{item.name}: {item.subject}" for item in sorted(held)))

    async def _held(self) -> frozenset[Held]:
        return await credentials(self.azure["endpoints"]["admin"])
