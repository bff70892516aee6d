"""The adapter to Microsoft in front of a simulated Azure: what a test holds of both."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from entrafed.api.connection import CloudName
from entrafed.api.federation import ApplicationTarget, Target
from entrafed.api.sources import ManagedIdentityRef
from entrafed.azure import BudgetSettings, CallTiming, MicrosoftCloud
from entrafed.azure.clock import Clock
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import NewCredential, Pair, Parent, ParentKind, Trust
from entrafed.domain.errors import WritesStopped
from entrafed.runtime.clock import SystemClock
from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.request_log import RequestRecord
from entrafed_lab.azure.seed import HOME_TENANT, OPERATOR_APP, READER_APP, READER_OBJECT, WEB_IDENTITY

AUDIENCE = "api://AzureADTokenExchange"
ISSUER = "https://issuer.example"
APPLICATION = Parent(ParentKind.APPLICATION, HOME_TENANT, READER_OBJECT)
IDENTITY = Parent(ParentKind.MANAGED_IDENTITY, HOME_TENANT, WEB_IDENTITY.lower())
PARENTS = (APPLICATION, IDENTITY)
"""What carries credentials, one of each kind."""

THE_APPLICATION = Target(application=ApplicationTarget(client_id=READER_APP))
THE_IDENTITY = Target(managed_identity=ManagedIdentityRef(resource_id=WEB_IDENTITY))
CLUSTERS = ("cluster", "former")
"""Marks of role assignments that count as ours."""
UNHURRIED = BudgetSettings(rate_scale=1000.0)
"""Budgets that nobody notices."""


@dataclass
class Gate:
    """Whether writes may start. `asked` counts how often that was asked."""

    is_open: bool = True
    asked: int = 0

    def __call__(self) -> None:
        self.asked += 1
        if not self.is_open:
            raise WritesStopped


@dataclass
class Connected:
    """The adapter, the connection it is used through, and the Azure behind it."""

    cloud: MicrosoftCloud
    sign_in: SignIn
    azure: SimulatedAzure
    token_file: Path
    gate: Gate = field(default_factory=Gate)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    """Service, operation and code of every request, as metrics count them."""

    def requests(self, service: ServiceName | None = None) -> list[RequestRecord]:
        """What reached Graph and ARM, or one service."""
        wanted = (ServiceName.GRAPH, ServiceName.ARM) if service is None else (service,)
        return [record for record in self.azure.log if record.service in wanted]


Connect = Callable[..., "AsyncIterator[Connected]"]


@asynccontextmanager
async def connected(
    azure: SimulatedAzure,
    token_file: Path,
    *,
    budgets: BudgetSettings = UNHURRIED,
    timing: CallTiming | None = None,
    clock: Clock | None = None,
    ca_file: Path | None = None,
    sign_in: SignIn | None = None,
) -> AsyncIterator[Connected]:
    """The adapter as the process makes it, pointed at `azure`."""
    gate, seen = Gate(), list[tuple[str, str, str]]()
    cloud = MicrosoftCloud(
        token_file=token_file,
        clock=clock or SystemClock(),
        may_write=gate,
        seen=lambda service, operation, code, _: seen.append((service, operation, code)),
        log=structlog.stdlib.get_logger("entrafed.azure"),
        timing=timing,
        budgets=budgets,
        clusters=CLUSTERS,
        ca_file=ca_file or azure.ca_file,
    )
    async with cloud:
        yield Connected(cloud, sign_in or sign_in_to(azure), azure, token_file, gate, seen)


def sign_in_to(azure: SimulatedAzure, *, client_id: str = OPERATOR_APP, tenant_id: str = HOME_TENANT) -> SignIn:
    """The operator's connection to its home tenant."""
    return SignIn(
        connection="default",
        cloud=CloudName.AZURE_PUBLIC,
        tenant_id=tenant_id,
        client_id=client_id,
        login=azure.url(ServiceName.LOGIN),
        graph=azure.url(ServiceName.GRAPH),
        arm=azure.url(ServiceName.ARM),
    )


def new_credential(
    name: str = "mif-web", *, subject: str = "job-1", issuer: str = ISSUER, audience: str = AUDIENCE
) -> NewCredential:
    """A credential to be written; name and subject tell it from others."""
    return NewCredential(name, Trust(Pair(issuer, subject), audience), "For tests.")
