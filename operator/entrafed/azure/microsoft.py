"""`MicrosoftCloud`: the engine's port to Azure, over the SDKs."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import aiohttp
import structlog

from entrafed.api.federation import ApplicationTarget, Target
from entrafed.api.reasons import Reason
from entrafed.azure.arm import Arm
from entrafed.azure.assigners import Assigner, HostAssigner, RoleAssigner, TenantAssigner
from entrafed.azure.budgets import Budgets, BudgetSettings, Waited
from entrafed.azure.calls import Operation, Seen
from entrafed.azure.clock import Clock
from entrafed.azure.consent import Consents
from entrafed.azure.credential import Signed, SingleFlight, object_id_in
from entrafed.azure.exchange import CallTiming, Exchange
from entrafed.azure.graph import Graph, graph_scope, http_client
from entrafed.azure.hosts import Hosts
from entrafed.azure.looks import Looks
from entrafed.azure.pipeline import arm_scope
from entrafed.azure.roles import Roles
from entrafed.azure.transport import AzureTransport, Checkpoint, GraphTransport, open_session, tls
from entrafed.azure.workload_identity import TokenFile, workload_identity
from entrafed.domain.assignments import Assignment, ObservedAssignment, ObservedParent, Running
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import NewCredential, ObservedCredential, Parent, ParentKind
from entrafed.domain.errors import AzureProblem
from entrafed.domain.roles import RoleDefinition
from entrafed.domain.targets import ManagedIdentity, OwnIdentity, ResolvedTarget, ServicePrincipal


@dataclass(frozen=True, slots=True)
class Connected:
    """One connection's clients."""

    credential: SingleFlight
    graph: Graph
    arm: Arm
    roles: Roles
    consents: Consents
    assigners: Mapping[ParentKind, Assigner]


class MicrosoftCloud:
    """Microsoft Graph and Azure Resource Manager, for every connection; an asynchronous context manager.

    `may_write` is called in the instant before a write is sent, after every wait, and raises `WritesStopped` when no
    write may start any more. `token_file` is the operator's projected service account token. `ca_file` adds trusted
    authorities. `clusters` are the marks that count as ours, the present cluster's first. `seen` is told of every
    request, `waited` of how long each waited for its budget. AZURE_* and proxy variables of the environment are not
    heeded.
    """

    def __init__(
        self,
        *,
        token_file: Path,
        clock: Clock,
        may_write: Callable[[], None],
        seen: Seen,
        log: structlog.stdlib.BoundLogger,
        clusters: tuple[str, ...] = (),
        timing: CallTiming | None = None,
        budgets: BudgetSettings | None = None,
        waited: Waited = lambda _service, _seconds: None,
        ca_file: Path | None = None,
    ) -> None:
        self._token_file = TokenFile(token_file)
        self._clock = clock
        self._may_write = may_write
        self._log = log
        self._clusters = clusters
        self._timing = timing or CallTiming()
        self._exchange = Exchange(clock=clock, timeout=self._timing.request_timeout, seen=seen)
        self._budgets = Budgets(clock, budgets or BudgetSettings(), waited)
        self._tls: ssl.SSLContext = tls(ca_file)
        self._session: aiohttp.ClientSession | None = None
        self._connected: dict[SignIn, Connected] = {}

    async def __aenter__(self) -> "MicrosoftCloud":
        self._session = open_session(self._tls)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for connected in self._connected.values():
            await connected.graph.close()
            await connected.credential.close()
        self._connected.clear()
        if self._session is not None:
            await self._session.close()

    async def target(self, sign_in: SignIn, target: Target) -> ResolvedTarget:
        """Find the application or identity; `NotFound` when there is none."""
        if target.managed_identity is not None:
            arm = self._connect(sign_in).arm
            return self._identity_target(
                sign_in, await arm.identity(target.managed_identity.resource_id, Operation.READ_TARGET)
            )
        application = await self._connect(sign_in).graph.application(target.application or ApplicationTarget())
        parent = Parent(ParentKind.APPLICATION, sign_in.tenant_id, application.object_id)
        return ResolvedTarget(
            parent=parent,
            client_id=application.client_id,
            object_id=application.object_id,
            principal_id=None,
            tenant_id=sign_in.tenant_id,
            multi_tenant=application.multi_tenant,
        )

    async def managed_identity(self, sign_in: SignIn, resource_id: str) -> ManagedIdentity:
        """Read a user-assigned identity; `NotFound` when there is none."""
        return await self._connect(sign_in).arm.identity(resource_id, Operation.READ_IDENTITY)

    async def credentials(self, sign_in: SignIn, parent: Parent) -> tuple[ObservedCredential, ...]:
        """List all credentials of the parent, foreign ones too; `NotFound` when the parent is gone."""
        return await self._of(sign_in, parent).credentials(parent)

    async def create(self, sign_in: SignIn, parent: Parent, credential: NewCredential) -> None:
        """Write a credential that is not there; `AlreadyThere` when its name or pair is."""
        await self._of(sign_in, parent).create(parent, credential)

    async def update(self, sign_in: SignIn, parent: Parent, credential: NewCredential) -> None:
        """Replace the content of the credential with this name; `NotFound` when it is gone."""
        await self._of(sign_in, parent).update(parent, credential)

    async def delete(self, sign_in: SignIn, parent: Parent, name: str) -> None:
        """Delete a credential by name; `NotFound` when there was none."""
        await self._of(sign_in, parent).delete(parent, name)

    async def own_identity(self, sign_in: SignIn) -> OwnIdentity:
        """Sign in and read the operator's own service principal.

        Where reading it is not permitted, the token's own claims stand in: they prove the sign-in, not the tenant's
        directory. A log line says so.
        """
        connected = self._connect(sign_in)
        try:
            found = await connected.graph.own_service_principal()
            return OwnIdentity(client_id=found.client_id, object_id=found.object_id)
        except AzureProblem as problem:
            denied = problem
        object_id = None
        if denied.problem.reason is Reason.ACCESS_DENIED:
            object_id = object_id_in(await connected.credential.get_token(graph_scope(sign_in)))
        if object_id is None:
            raise denied
        self._log.info("own_identity_from_token", connection=sign_in.connection, cause=denied.problem.message)
        return OwnIdentity(client_id=sign_in.client_id, object_id=object_id, from_directory=False)

    async def service_principal(self, sign_in: SignIn, client_id: str) -> ServicePrincipal:
        """What an application is in the connection's tenant; `NotFound` when it is nothing there."""
        return await self._connect(sign_in).graph.service_principal(client_id)

    async def is_provisioned(self, sign_in: SignIn, tenant_id: str, client_id: str) -> bool:
        """Whether an application is in a tenant that the operator has no connection to."""
        return await self._connect(sign_in).consents.is_provisioned(tenant_id, client_id)

    async def role_definitions(self, sign_in: SignIn, scope: str, name: str) -> tuple[RoleDefinition, ...]:
        """The roles of this name that can be given at a scope; `NotFound` when the scope is gone."""
        return await self._connect(sign_in).roles.definitions(scope, name)

    async def assignments(self, sign_in: SignIn, parent: Parent, keys: frozenset[str]) -> ObservedParent:
        """What is assigned at a host, a scope or in a tenant, of much only what these keys are about."""
        return await self._connect(sign_in).assigners[parent.kind].look(parent, keys)

    async def assign(
        self, sign_in: SignIn, parent: Parent, assignments: tuple[Assignment, ...], description: str
    ) -> Running | None:
        """Make assignments, of which one may fail all; None when that is done."""
        return await self._connect(sign_in).assigners[parent.kind].assign(parent, assignments, description)

    async def unassign(self, sign_in: SignIn, parent: Parent, gone: tuple[ObservedAssignment, ...]) -> Running | None:
        """Take assignments back; None when that is done, `NotFound` when there was nothing."""
        return await self._connect(sign_in).assigners[parent.kind].unassign(parent, gone)

    async def follow(self, sign_in: SignIn, parent: Parent, running: Running) -> Running | None:
        """How a change goes that was accepted; None when it is done. What it failed with is raised."""
        return await self._connect(sign_in).assigners[parent.kind].follow(parent, running)

    def _identity_target(self, sign_in: SignIn, identity: ManagedIdentity) -> ResolvedTarget:
        return ResolvedTarget(
            parent=Parent(ParentKind.MANAGED_IDENTITY, sign_in.tenant_id, identity.resource_id),
            client_id=identity.client_id,
            object_id=None,
            principal_id=identity.principal_id,
            tenant_id=identity.tenant_id,
        )

    def _of(self, sign_in: SignIn, parent: Parent) -> Graph | Arm:
        connected = self._connect(sign_in)
        return connected.graph if parent.kind is ParentKind.APPLICATION else connected.arm

    def _connect(self, sign_in: SignIn) -> Connected:
        connected = self._connected.get(sign_in)
        if connected is None:
            connected = self._connected[sign_in] = self._make(sign_in)
        return connected

    def _make(self, sign_in: SignIn) -> Connected:
        if self._session is None:
            raise RuntimeError("MicrosoftCloud is used outside of its context")
        session = self._session
        login = AzureTransport(session, Checkpoint(sign_in.login, self._clock))
        credential = SingleFlight(
            workload_identity(sign_in, self._token_file, login),
            sign_in=sign_in,
            exchange=self._exchange,
            budget=self._budgets.login(sign_in),
            clock=self._clock,
            skew=self._timing.token_skew,
        )
        graph = Graph(
            sign_in,
            client=http_client(
                GraphTransport(session, self._tls, Checkpoint(sign_in.graph, self._clock, self._may_write))
            ),
            signed=Signed(credential, graph_scope(sign_in), self._exchange),
            budgets=self._budgets,
            exchange=self._exchange,
            clock=self._clock,
        )
        manager = AzureTransport(session, Checkpoint(sign_in.arm, self._clock, self._may_write))
        signed = Signed(credential, arm_scope(sign_in), self._exchange)
        looks = Looks(self._clock, self._timing.look)
        arm = Arm(sign_in, transport=manager, signed=signed, budgets=self._budgets, looks=looks)
        roles = Roles(sign_in, transport=manager, signed=signed, budgets=self._budgets)
        hosts = Hosts(sign_in, transport=manager, signed=signed, budgets=self._budgets, poll=self._timing.poll)
        consents = Consents(sign_in, transport=login, exchange=self._exchange, budgets=self._budgets, clock=self._clock)
        assigners: dict[ParentKind, Assigner] = {
            ParentKind.HOST: HostAssigner(hosts, self._clock, self._timing.look),
            ParentKind.SCOPE: RoleAssigner(roles, self._clusters),
            ParentKind.TENANT_APP: TenantAssigner(graph),
        }
        return Connected(credential, graph, arm, roles, consents, assigners)
