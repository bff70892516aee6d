"""The story that the demo tells, step by step. Each step raises `NotSeen` at the first check that does not hold."""

import asyncio
import subprocess
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jwt

from entrafed_lab.azure.seed import PARTNER_TENANT
from entrafed_lab.manifests import CONNECTION, FEDERATION, HOST, IDENTITY, PARTNER, SITE, TRUSTED, UNTRUSTED
from entrafed_lab.operator_process import PROGRAM, is_operator_ready
from entrafed_lab.workspace import Workspace

from .checks import Check, Step
from .cluster import User
from .stage import NotSeen, NotYet, Stage
from .tenant import Held, Tenants
from .workload import Refused, Workload, managed_identity_token

APP = "storage-reader"
BLOB = "contosodata/reports/hello.txt"
SECTIONS = ("federatedCredentials", "identityAssignments", "roleAssignments", "tenants")
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
    tenants: Tenants
    app: Workload

    async def meet_the_tenant(self) -> None:
        of_the_app = [item for item in await self.tenants.held() if item.holder == APP and not item.is_ours]
        seen = ", ".join(item.name for item in of_the_app) or f"{APP} has none"
        self.stage.require(Check.FOREIGN_IS_THERE, bool(of_the_app), seen)

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
        await self._sign_in(Check.SIGNED_IN, CONNECTION)
        await self.user.apply("partner.yaml")
        await self._sign_in(Check.PARTNER_SIGNED_IN, PARTNER)

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
        held = await self.tenants.held()
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

    async def be_a_pod(self) -> tuple[str, str]:
        """The pod's token, and the access token that it was exchanged for."""
        await self.stage.begin(Step.POD)
        assertion = await self.user.token(TRUSTED)
        self._show_claims(assertion)
        return assertion, await self._exchange(Check.POD_EXCHANGES, self.app, assertion)

    async def lack(self, assertion: str, access: str) -> None:
        """See what a credential alone does not give."""
        await self.stage.begin(Step.LACKING)
        await self._refused(Check.NO_ROLE, self.app.read(BLOB, access), "the blob was read")
        await self._refused(Check.NO_IDENTITY, self._identity_token(HOST), "a token was given")
        await self._refused(Check.NO_PRINCIPAL, self._partners.exchange(assertion), "a token was given")

    async def assign(self) -> Mapping[str, Any]:
        """The federation, with its status."""
        await self.stage.begin(Step.ASSIGNMENTS)
        manifest = (self.files.manifests / "hosts-roles-tenants.yaml").read_text()
        self.stage.output(manifest[manifest.index("  identityAssignments:") :])
        await self.user.apply("hosts-roles-tenants.yaml")
        federation = await self.stage.until(
            Check.ASSIGNMENTS_READY, self.user.ready_federation, waiting="waiting for the federation to be Ready"
        )
        await self.user.show_assignments()
        states = [row["state"] for section in SECTIONS for row in federation["status"][section]]
        self.stage.require(Check.ASSIGNMENTS_READY, set(states) == {"Synced"}, f"{len(states)} items, all in sync")
        return federation

    async def look_at_the_assignments(self, federation: Mapping[str, Any], before: frozenset[Held]) -> None:
        await self.stage.begin(Step.ASSIGNED)
        new = await self.tenants.held() - before
        self._list(new)
        found, told = {(item.holder, item.name) for item in new}, set(_made(federation["status"]))
        self.stage.require(Check.GIVEN, found == told, f"{len(found)} new in both tenants, {len(told)} in the status")

    async def read_at_last(self, access: str) -> None:
        await self.stage.begin(Step.ROLE)
        await self._read(Check.POD_READS, access)

    async def be_a_vm(self) -> None:
        await self.stage.begin(Step.VM)
        assertion = await self._sign_in_on(HOST, Check.VM_HAS_IDENTITY)
        access = await self._exchange(Check.VM_EXCHANGES, self.app, assertion)
        await self._read(Check.VM_READS, access)

    async def be_an_app_service(self) -> None:
        await self.stage.begin(Step.SITE)
        assertion = await self._sign_in_on(SITE, Check.SITE_HAS_IDENTITY)
        await self._exchange(Check.SITE_EXCHANGES, self.app, assertion)

    async def be_at_the_partner(self, assertion: str) -> None:
        await self.stage.begin(Step.PARTNER)
        access = await self._exchange(Check.PARTNER_EXCHANGES, self._partners, assertion)
        self._show_claims(access)

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
        held = await self.tenants.held()
        self._list(item for item in held if item.holder == APP)
        left = sorted(item.name for item in held - others)
        self.stage.require(Check.NOTHING_LEFT, not left, ", ".join(left) or f"the {len(held)} of the beginning")
        missing = sorted(item.name for item in others - held)
        seen = f"missing or changed: {', '.join(missing)}" if missing else f"all {len(others)} as they were"
        self.stage.require(Check.FOREIGN_UNTOUCHED, not missing, seen)

    async def _sign_in(self, check: Check, connection: str) -> None:
        condition = await self.stage.until(
            check, lambda: self.user.ready_connection(connection), waiting="waiting for the operator to sign in"
        )
        self.stage.require(check, True, condition["message"])

    async def _sign_in_on(self, host: str, check: Check) -> str:
        """A token of the managed identity, from the endpoint of a host that has it."""

        async def token() -> str:
            try:
                return await self._identity_token(host)
            except Refused as refused:
                raise NotYet(str(refused)) from None

        assertion = await self.stage.until(check, token, waiting="waiting for the host to hear of its identity")
        self.stage.require(check, True, f"{IDENTITY}, from the token endpoint of {host}")
        self._show_claims(assertion)
        return assertion

    async def _identity_token(self, host: str) -> str:
        identity = next(item for item in self.azure["identities"] if item["name"] == IDENTITY)
        environment = next(item["environment"] for item in self.azure["hosts"] if item["id"] == host)
        return await managed_identity_token(identity["clientId"], environment)

    @property
    def _partners(self) -> Workload:
        """The app in the partner's tenant."""
        return replace(self.app, tenant_id=PARTNER_TENANT)

    async def _exchange(self, check: Check, app: Workload, assertion: str) -> str:
        async def access_token() -> str:
            try:
                return await app.exchange(assertion)
            except Refused as refused:
                raise NotYet(str(refused.code or refused)) from None

        access = await self.stage.until(check, access_token, waiting=HEARING)
        claims = jwt.decode(access, options={"verify_signature": False})
        right = (claims["appid"], claims["tid"]) == (app.client_id, app.tenant_id)
        self.stage.require(check, right, f"for {claims['aud']}, appid {claims['appid']}, tenant {claims['tid']}")
        return access

    async def _refused(self, check: Check, attempt: Awaitable[str], otherwise: str) -> None:
        try:
            await attempt
        except Refused as refused:
            self.stage.require(check, True, str(refused))
        else:
            raise NotSeen(f"{check}. Seen instead: {otherwise}")

    async def _read(self, check: Check, access: str) -> None:
        async def content() -> str:
            try:
                return await self.app.read(BLOB, access)
            except Refused as refused:
                raise NotYet(str(refused)) from None

        found = await self.stage.until(check, content, waiting="waiting for the role to count")
        self.stage.require(check, bool(found), found.strip())

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
        self.stage.output("\n".join(f"{item.name}: {item.subject or item.holder}" for item in sorted(held)))


def _made(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where and what, of each assignment that a status tells of."""
    for item in status["identityAssignments"]:
        yield from ((row["resourceId"], row["identityId"]) for row in item["resources"])
    for item in status["roleAssignments"]:
        yield from ((row["scope"], row["assignmentName"]) for row in item["assignments"])
    yield from ((item["tenantId"], item["servicePrincipalId"]) for item in status["tenants"])
