"""What admission works in: a connection, a namespace, an Azure that answers as told; nothing is ever written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.domain.asks import Ask
from entrafed.domain.credentials import Pair, Parent, ParentKind, Trust
from entrafed.domain.findings import Outcome
from entrafed.domain.rules import Namespace
from entrafed.domain.targets import ManagedIdentity, ResolvedTarget
from entrafed.engine.absence import Absences
from entrafed.engine.access import Accesses
from entrafed.engine.admission import Admission, Admitter
from entrafed.engine.assignment_admission import AssignmentAdmitter
from entrafed.engine.assignment_table import AssignmentTable
from entrafed.engine.issuers import ClusterIssuers
from entrafed.engine.objects import Objects
from entrafed.engine.reads import Reads
from entrafed.engine.table import Table
from entrafed.engine.timing import Timing
from unit.domain.federations import (
    CLIENT,
    CREATED_AT,
    EVERYTHING,
    IDENTITY,
    ISSUER,
    OBJECT,
    TENANT,
    Manifest,
    connection,
    federation,
)
from unit.engine.port_fakes import AnsweringAzure, HandClock, IssuerOnly

TIMING = Timing()
APP = ResolvedTarget(Parent(ParentKind.APPLICATION, TENANT, OBJECT), CLIENT, OBJECT, None, TENANT)
WEB = ManagedIdentity(IDENTITY, "c0c0c0c0-0000-4000-8000-000000000002", "principal", TENANT)
AUDIENCE = "api://AzureADTokenExchange"
OTHER_OBJECT = OBJECT.replace("0b0b", "0c0c")
NOTHING_ALLOWED: Manifest = {**EVERYTHING, "federatedCredentials": []}
ANOTHER_TARGET: Manifest = {**EVERYTHING, "targets": {"applications": [OTHER_OBJECT]}}
BY_NAME: Manifest = {"application": {"uniqueName": "web"}}
PINNED: Manifest = {"clientId": CLIENT, "objectId": OBJECT, "tenantId": TENANT}


def job(name: str) -> Trust:
    """The trust of the item `oidc(name)`."""
    return Trust(Pair(ISSUER, f"job-{name}"), AUDIENCE)


def record(name: str, item: str = "", origin: str = "Operator") -> Manifest:
    """A credential that a status says stands for `oidc(item)`."""
    return {
        "credentialName": name,
        "issuer": ISSUER,
        "subject": f"job-{item or name}",
        "audience": AUDIENCE,
        "origin": origin,
    }


def row(name: str, *credentials: Manifest, **more: Any) -> Manifest:
    return {
        "name": name,
        "state": "Synced",
        "reason": "Synced",
        "message": "",
        "credentials": list(credentials),
        **more,
    }


def status(*rows: Manifest, target: Mapping[str, Any] | None = PINNED, **more: Any) -> Manifest:
    """What an earlier run has left in an object."""
    return {
        "observedGeneration": 1,
        "federatedCredentials": list(rows),
        **({"target": target} if target else {}),
        **more,
    }


@dataclass
class Admitting:
    """A world in which everything is allowed until a test says otherwise."""

    azure: AnsweringAzure = field(default_factory=AnsweringAzure)
    kube: IssuerOnly = field(default_factory=IssuerOnly)
    clock: HandClock = field(default_factory=lambda: HandClock(CREATED_AT + 3600))
    objects: Objects = field(default_factory=Objects)
    table: Table = field(default_factory=Table)
    assigned: AssignmentTable = field(default_factory=AssignmentTable)

    def __post_init__(self) -> None:
        self.azure.targets[federation().spec.target] = APP
        self.azure.identities[IDENTITY] = WEB
        self.objects.namespaces["payments"] = Namespace("payments", {})
        self.connect(EVERYTHING)
        self.table.listed(frozenset())
        self.absences = Absences(self.clock, TIMING)
        accesses, reads = Accesses(self.objects, allow_endpoints=False), Reads(self.azure, self.clock)
        self.admitter = Admitter(
            objects=self.objects,
            reads=reads,
            issuers=ClusterIssuers(self.kube, self.clock, TIMING, changed=lambda: None),
            table=self.table,
            accesses=accesses,
            assignments=AssignmentAdmitter(
                accesses=accesses, reads=reads, table=self.assigned, clock=self.clock, timing=TIMING
            ),
            absences=self.absences,
            clock=self.clock,
            timing=TIMING,
        )

    def connect(self, *rules: Mapping[str, Any], name: str = "default", **spec: Any) -> None:
        self.objects.connections[name] = connection(*rules, name=name, **spec)

    async def admit(self, one: Federation) -> Admission:
        """Admit an object, reading Azure anew, and let what it asks for stand."""
        admission = await self.admitter.admit(one, self.clock.monotonic())
        self.clock.seconds += 1
        self.assigned.put(one.metadata.uid, admission.assigned)
        if admission.ask is None or admission.parent is None:
            self.table.drop(one.metadata.uid)
        else:
            self.table.put(admission.parent, admission.ask)
        return admission

    async def asked(self, one: Federation) -> Ask:
        """What an object asks for."""
        ask = (await self.admit(one)).ask
        assert ask is not None
        return ask


def outcome(admission: Admission, name: str) -> Outcome:
    return next(one for one in admission.knowledge.outcomes if one.name == name)


def reason(admission: Admission, name: str | None = None) -> Reason | None:
    """Why an item, or the whole, is not as asked for."""
    problem = outcome(admission, name).problem if name else admission.knowledge.problem
    return problem.reason if problem else None
