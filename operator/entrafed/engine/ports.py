"""What the engine needs from the world. Every type in a signature is of `api` or `domain`."""

from collections.abc import Mapping
from typing import Protocol

from entrafed.api.connection import Connection, ConnectionStatus
from entrafed.api.federation import Federation, Target
from entrafed.api.metadata import Metadata
from entrafed.api.status import FederationStatus
from entrafed.domain.assignments import Assignment, ObservedAssignment, ObservedParent, Running
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import NewCredential, ObservedCredential, Parent
from entrafed.domain.events import Event, RegardingKind
from entrafed.domain.output_plan import Remove, Write
from entrafed.domain.outputs import ObservedOutput, Output
from entrafed.domain.roles import RoleDefinition
from entrafed.domain.targets import ManagedIdentity, OwnIdentity, ResolvedTarget, ServicePrincipal


class Azure(Protocol):
    """Microsoft Graph and Azure Resource Manager. Every method raises `AzureProblem`; a write `WritesStopped` too.

    Calls wait for the budgets of their tenant, subscription and identity before they are sent. One call is one
    request (a list: one per page): nothing is retried here.
    """

    async def target(self, sign_in: SignIn, target: Target) -> ResolvedTarget:
        """Find the application or identity; `NotFound` when there is none."""
        ...

    async def managed_identity(self, sign_in: SignIn, resource_id: str) -> ManagedIdentity:
        """Read a user-assigned identity; `NotFound` when there is none."""
        ...

    async def credentials(self, sign_in: SignIn, parent: Parent) -> tuple[ObservedCredential, ...]:
        """List all credentials of the parent, foreign ones too; `NotFound` when the parent is gone."""
        ...

    async def create(self, sign_in: SignIn, parent: Parent, credential: NewCredential) -> None:
        """Write a credential that is not there; `AlreadyThere` when its name or pair is."""
        ...

    async def update(self, sign_in: SignIn, parent: Parent, credential: NewCredential) -> None:
        """Replace the content of the credential with this name; `NotFound` when it is gone."""
        ...

    async def delete(self, sign_in: SignIn, parent: Parent, name: str) -> None:
        """Delete a credential by name; `NotFound` when there was none (ARM's 204, Graph's 404)."""
        ...

    async def service_principal(self, sign_in: SignIn, client_id: str) -> ServicePrincipal:
        """What an application is in the connection's tenant; `NotFound` when it is nothing there."""
        ...

    async def is_provisioned(self, sign_in: SignIn, tenant_id: str, client_id: str) -> bool:
        """Whether an application has a service principal in a tenant that the operator has no connection to.

        It shows there as a failed sign-in of the application, so it is asked rarely. Raises `AzureProblem` also when
        the answer does not tell.
        """
        ...

    async def role_definitions(self, sign_in: SignIn, scope: str, name: str) -> tuple[RoleDefinition, ...]:
        """The roles of this name that can be given at a scope; `NotFound` when the scope is gone."""
        ...

    async def own_identity(self, sign_in: SignIn) -> OwnIdentity:
        """Sign in and read the operator's own service principal: proof that this tenant answers us truthfully."""
        ...


class Assignments(Protocol):
    """Hosts, scopes and tenants, and what is assigned there; as `Azure` otherwise."""

    async def assignments(self, sign_in: SignIn, parent: Parent, keys: frozenset[str]) -> ObservedParent:
        """What is assigned at a host, a scope or in a tenant, of much only what these keys are about; `NotFound` when
        the parent is gone."""
        ...

    async def assign(
        self, sign_in: SignIn, parent: Parent, assignments: tuple[Assignment, ...], description: str
    ) -> Running | None:
        """Make assignments by one request, of which one may fail all; None when that is done. `AlreadyThere` when one
        stands under another name."""
        ...

    async def unassign(self, sign_in: SignIn, parent: Parent, gone: tuple[ObservedAssignment, ...]) -> Running | None:
        """Take assignments back by one request; None when that is done, `NotFound` when there was nothing."""
        ...

    async def follow(self, sign_in: SignIn, parent: Parent, running: Running) -> Running | None:
        """How a change goes that was accepted; None when it is done. Raises what it failed with as if that had been the
        answer to it."""
        ...


class Kube(Protocol):
    """The API server, as far as the engine writes to it; one call is one request, and nothing is retried here.

    Every write raises `KubeConflict` when the object moved on, `KubeGone` when it is gone, `WritesStopped` when none
    may start any more, and otherwise `KubeProblem`. It answers with the object as it is now, to replace the cached one.
    """

    async def add_finalizer(self, federation: Federation) -> Federation:
        """Add our finalizer by one JSON patch that tests the resourceVersion; one that is there costs no request."""
        ...

    async def remove_finalizer(self, federation: Federation) -> Federation | None:
        """Remove our finalizer; None when the object is gone, by this or already."""
        ...

    async def write_status(self, federation: Federation, status: FederationStatus) -> Federation:
        """Apply the whole status with the resourceVersion that was read: what it leaves out goes."""
        ...

    async def write_connection_status(self, metadata: Metadata, status: ConnectionStatus) -> Connection:
        """Apply the whole status of an EntraConnection."""
        ...

    async def set_connection_finalizer(self, metadata: Metadata, finalizers: tuple[str, ...]) -> Connection:
        """Replace the finalizers of an EntraConnection, testing the resourceVersion."""
        ...

    async def output(self, federation: Metadata, output: Output) -> ObservedOutput | None:
        """Read a service account or ConfigMap of the federation's namespace; None when there is none.

        Raises `KubeForbidden` when the operator has not the right, otherwise `KubeProblem`.
        """
        ...

    async def change_output(
        self, federation: Metadata, output: Output, observed: ObservedOutput | None, step: Write | Remove
    ) -> None:
        """Take one step at an output, None where there is none; it answers nothing.

        Raises `KubeConflict` unless it is still as it was observed, `KubeForbidden` when the right is missing.
        """
        ...

    async def event(self, event: Event) -> None:
        """Record an event; never raises: an event that is lost is lost."""
        ...

    async def cluster_issuer(self) -> str:
        """The issuer of this cluster's service account tokens, spelled as its discovery document spells it.

        Raises `KubeProblem` when the document cannot be read.
        """
        ...


class Clock(Protocol):
    """Time. `now` is seconds since the epoch; `monotonic` seconds that never go back."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Measure(Protocol):
    """What the process shows of the engine's work. Words that become labels are few and fixed: never an object's."""

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """Count one run: `kind` is admit, settle or report."""
        ...

    def queue(self, depth: int, oldest_seconds: float) -> None:
        """Set how much work is due and waits for its turn, and for how long the oldest of it has been due."""
        ...

    def time_to_ready(self, seconds: float) -> None:
        """Observe the time from the creation of an object to its first Ready."""
        ...

    def drift_repaired(self, count: int) -> None:
        """Count credentials and outputs that were set right."""
        ...

    def orphans(self, parent: Parent, count: int) -> None:
        """Set the number of orphans under one parent."""
        ...

    def states(self, counts: Mapping[tuple[RegardingKind, str, str], int]) -> None:
        """Set how many objects there are per (kind, status of Ready, its reason); those left out are none."""
        ...
